import re
from html import unescape
from pathlib import Path

import pytest

from agent.export.site.prose import prose
from agent.export.site.runbooks import runbooks

SOURCE = Path(__file__).parents[4] / "docs" / "runbooks"
ALERTS = Path(__file__).parents[4] / "deploy" / "prometheus" / "source" / "alerts.yaml"


def words(text: str) -> list[str]:
    return re.findall(r"[\w@{}=<>/-]+", text)


def test_every_alert_has_its_runbook_in_the_package() -> None:
    named = set(re.findall(r"alert: (\w+)", ALERTS.read_text("utf-8")))
    assert named
    assert named <= set(runbooks())
    assert set(runbooks()) == {path.stem for path in SOURCE.glob("*.md")}


@pytest.mark.parametrize("name", sorted(runbooks()))
def test_a_page_says_all_that_is_written_and_in_its_order(name: str) -> None:
    written = re.sub(r"^```\w*$|^#+ |^\d+\. ", "", runbooks()[name], flags=re.MULTILINE)
    written = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", written).replace("`", "").replace("**", "")
    page = "".join(f"{part}\n" for part in prose(runbooks()[name], str))
    parted = re.sub(r"</(li|p|h\d|pre)>", " ", page)
    assert words(unescape(re.sub(r"<[^>]+>", "", parted))) == words(written)
    assert "```" not in page
    assert "](" not in page


def test_markup_in_a_text_stays_text() -> None:
    (made,) = prose("a <script>x</script> `<b>` **<i>** [<u>](x.md)", lambda to: f"to/{to}")
    assert made == (
        "<p>a &lt;script&gt;x&lt;/script&gt; <code>&lt;b&gt;</code> <strong>&lt;i&gt;</strong> "
        '<a href="to/x.md">&lt;u&gt;</a></p>'
    )


def test_steps_and_code_keep_their_lines_together() -> None:
    made = prose("## Do\n1. one\n   more\n2. two\n\n```sh\na\n\n  b\n```\n", str)
    assert made == [
        "<h2>Do</h2>",
        "<ol><li>one more</li><li>two</li></ol>",
        '<pre tabindex="0"><code>a\n\n  b</code></pre>',
    ]
