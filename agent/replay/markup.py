"""Small pieces of HTML for the pages of ``replay``; every text is escaped here."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from agent.export.lives import not_within
from agent.health.forecast import HORIZON_YEARS
from agent.model import Interval

ALREADY = "already"
"""What stands where an end of life is over."""
_LATEST_S = 4.0e9
_DAY_S = 86400.0
_YEAR_S = 365.25 * _DAY_S


def document(title: str, body: Iterable[str]) -> str:
    """Give a whole page that needs nothing from elsewhere."""
    style = (files("agent.replay") / "report.css").read_text(encoding="utf-8")
    head = [
        "<!doctype html>",
        "<html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>",
    ]
    return "\n".join([*head, *body, "</main></body></html>"]) + "\n"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *texts: int) -> str:
    """Give a table of ready cells; the columns numbered in ``texts`` hold words."""

    def css(place: int) -> str:
        return " class='text'" if place in texts else ""

    top = "".join(f"<th scope='col'{css(n)}>{escape(word)}</th>" for n, word in enumerate(head))
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td{css(n)}>{cell}</td>" for n, cell in enumerate(rest, start=1))
        lines.append(f"<tr><th scope='row'>{first}</th>{cells}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "\n".join(lines)
    return (
        f"<div class='wide'><table>{title}<thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Give pairs of a name and a text as a table."""
    lines = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td class='text'>{escape(text)}</td></tr>"
        for name, text in pairs
    )
    return f"<div class='wide'><table><tbody>{lines}</tbody></table></div>"


def items(texts: Iterable[str], nothing: str) -> str:
    """Give a list, or a sentence where there is nothing."""
    found = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{found}</ul>" if found else f"<p>{escape(nothing)}</p>"


def badge(verdict: str) -> str:
    """Give a verdict as a word in its colour."""
    return f"<span class='badge {escape(verdict)}'>{escape(verdict)}</span>"


def spread(interval: Interval, scale: float = 1.0, digits: int = 0, unit: str = "") -> str:
    """Give an estimate with its interval in small print."""
    # Rounded first, so that nothing reads as minus zero.
    estimate, lower, upper = (f"{round(v * scale, digits) + 0.0:.{digits}f}" for v in interval)
    return f"{estimate}{unit} <small>({lower} to {upper})</small>"


def enough(probability: float | None, required_s: float) -> str:
    """Say how sure it is that a unit lasts ``required_s``; nothing where nobody knows."""
    if probability is None:
        return ""
    return f"chance to last {required_s:.0f} s: {probability * 100:.0f} %"


def life(interval: Interval | None, now_s: float, years: float = HORIZON_YEARS) -> str:
    """Say when an end comes, by the month: nobody knows a day of 2031.

    ``years`` is how far ahead was looked, in which None says that there is no end.
    """
    if interval is None:
        return not_within(years)

    when, lower, upper = (
        ALREADY if is_over(end_s, now_s) else f"{beyond(end_s, now_s, years)}{date(end_s)[:7]}"
        for end_s in interval
    )
    return when if lower == upper == when else f"{when} <small>({lower} to {upper})</small>"


def is_over(end_s: float, now_s: float) -> bool:
    """Whether an end that was looked for from ``now_s`` on is there already."""
    return end_s <= now_s + _DAY_S


def beyond(end_s: float, now_s: float, years: float) -> str:
    """Give ``after `` for an end at the last of the ``years`` that were looked through."""
    return "after " if end_s - now_s >= years * _YEAR_S - _DAY_S else ""


def date(time_s: float) -> str:
    """Give the day of a unix time, kept within what a calendar can show."""
    held = min(max(time_s, 0.0), _LATEST_S)
    return datetime.fromtimestamp(held, tz=UTC).date().isoformat()


def moment(time_s: float) -> str:
    """Give a unix time to the minute, UTC."""
    held = min(max(time_s, 0.0), _LATEST_S)
    return datetime.fromtimestamp(held, tz=UTC).strftime("%Y-%m-%d %H:%M")
