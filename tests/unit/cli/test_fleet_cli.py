"""The list of the fleet, from the answers of a store that a test makes up."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from click.testing import CliRunner, Result

from agent.cli import fleet as command
from agent.cli.access import Access
from agent.cli.central import Central, CentralError, Labels

SERIES: list[tuple[str, Labels, float]] = [
    ("bbu_health_verdict", {"unit": "a", "bbu_health_verdict": "degraded"}, 1),
    ("bbu_health_verdict", {"unit": "a", "bbu_health_verdict": "ok"}, 0),
    ("bbu_health_verdict", {"unit": "b", "bbu_health_verdict": "replace"}, 1),
    ("bbu_health_verdict", {"unit": "c", "bbu_health_verdict": "ok"}, 1),
    ("bbu_health_verdict", {"unit": "d", "bbu_health_verdict": "degraded"}, 1),
    *[("bbu_up", {"unit": unit}, int(unit != "b")) for unit in "abcd"],
    *[("bbu_unit_info", {"unit": unit, "rack": "r1", "shelf": "s"}, 1) for unit in "abcd"],
    ("bbu_health_reason", {"unit": "b", "reason": "cell_weak", "cell": "4"}, 1),
    ("bbu_health_reason", {"unit": "b", "reason": "not_answering"}, 1),
    ("bbu_ride_through_lower_seconds", {"unit": "a"}, 50),
    ("bbu_ride_through_required_seconds", {"unit": "a"}, 90),
    ("bbu_ride_through_probability_ratio", {"unit": "a"}, 0.2),
    ("bbu_ride_through_probability_ratio", {"unit": "d"}, 0.1),
    ("bbu_end_of_life_timestamp_seconds", {"unit": "a"}, 1.8e9),
    ("bbu_state_of_health_ratio", {"unit": "a"}, 0.71),
]


class Store:
    """Answers a query with the series of its first metric and its own matchers and value."""

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.series = SERIES

    def ask(self, query: str) -> Iterator[tuple[Labels, float]]:
        self.queries.append(query)
        counted = query.startswith("count(")
        name = re.search(r"bbu_\w+", query)
        assert name is not None
        wanted = re.search(r'bbu_health_verdict=~?"([a-z|]+)"', query)
        verdicts = set(wanted[1].split("|")) if wanted else set()
        found = []
        for metric, labels, value in self.series:
            if metric != name[0]:
                continue
            if metric == "bbu_health_verdict" and (
                value != 1 or labels["bbu_health_verdict"] not in verdicts
            ):
                continue
            found.append((labels | {"job": "j", "site": "ams"}, float(value)))
        yield from [({}, float(len(found)))] if counted else found


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(Central, "ask", lambda _central, query: made.ask(query))
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(command.fleet, ["--prometheus", "http://central:9090", *words])


def test_the_worst_come_first_with_what_is_known(store: Store) -> None:
    result = run()
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["b", "d", "a"]
    assert re.match(r"b +ams +r1/s +replace, silent +cell_weak", lines[1])
    assert "cell_weak (cell 4), not_answering" in lines[1]
    assert re.search(r"71 %\s+2027-01-15\s+-40 s\s+20 %$", lines[3])
    assert "4 units, 1 replace, 2 degraded" in lines[-1]
    assert all('bbu_health_verdict=~"replace|degraded"' in q for q in store.queries[-1:])


def test_of_two_ends_of_life_the_first_is_shown(store: Store) -> None:
    by_ride = "bbu_end_of_life_by_ride_through_timestamp_seconds"
    ends = [(by_ride, {"unit": "a"}, 1.79e9), (by_ride, {"unit": "d"}, 1.78e9)]
    store.series = [*SERIES, *ends]
    found = {row["unit"]: row for row in json.loads(run("--format", "json").stdout)["units"]}
    assert [found[unit]["end_of_life_s"] for unit in "abd"] == [1.79e9, None, 1.78e9]
    store.series = [*SERIES, (by_ride, {"unit": "a"}, 1.9e9)]
    found = {row["unit"]: row for row in json.loads(run("--format", "json").stdout)["units"]}
    assert found["a"]["end_of_life_s"] == 1.8e9


def test_absent_is_absent(store: Store) -> None:
    del store
    found = json.loads(run("--format", "json").stdout)
    row = next(unit for unit in found["units"] if unit["unit"] == "b")
    assert (row["margin_s"], row["state_of_health"], row["answers"]) == (None, None, False)
    assert next(u for u in found["units"] if u["unit"] == "a")["margin_s"] == -40


def test_csv_has_a_column_for_each_key_and_no_formulas(store: Store) -> None:
    store.series = [*SERIES, ("bbu_unit_info", {"unit": "a", "model": "=HYPERLINK(1)"}, 1)]
    rows = list(csv.DictReader(io.StringIO(run("--format", "csv").stdout)))
    assert [row["unit"] for row in rows] == ["b", "d", "a"]
    assert rows[0]["reasons"] == "cell_weak (cell 4); not_answering"
    assert rows[2]["model"] == "'=HYPERLINK(1)"
    assert rows[2]["margin_s"] == "-40.0"
    assert rows[0]["margin_s"] == ""


def test_a_limit_says_what_it_left_out(store: Store) -> None:
    del store
    assert "... and 2 more; --limit 0 shows all" in run("--limit", "1").stdout


def test_a_scope_is_compared_as_text_and_not_as_an_expression(store: Store) -> None:
    run("--site", 'a"} or vector(1', "--rack", "r.*")
    assert all(r'site="a\"} or vector(1"' in query for query in store.queries)
    chosen = store.queries[-1]
    assert 'bbu_unit_info{rack="r.*"}' in chosen
    assert " == 1 and on (job, instance, site, unit)" in chosen


def test_nothing_to_replace_exits_0(store: Store) -> None:
    fine = [each for each in SERIES if each[1]["unit"] == "c"]
    store.series = fine
    result = run()
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "nothing to replace")


def test_a_store_without_units_is_no_healthy_fleet(store: Store) -> None:
    store.series = []
    result = run("--site", "ams")
    assert result.exit_code == 3
    assert "knows no units in the site ams; does a collector write into it?" in result.stderr


class Opener:
    """Answers every request alike."""

    def __init__(self, answer: Callable[[], io.BytesIO]) -> None:
        self.answer = answer

    def open(self, *_: object, **__: object) -> io.BytesIO:
        return self.answer()


def failing(error: Exception) -> Callable[[], io.BytesIO]:
    def answer() -> io.BytesIO:
        raise error

    return answer


def refusal(code: int, body: bytes) -> HTTPError:
    return HTTPError("http://central", code, "No", None, io.BytesIO(body))  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (failing(URLError("refused")), "no store answers at http://central: refused"),
        (
            failing(URLError(ConnectionRefusedError(111, "Connection refused"))),
            "no store answers at http://central: Connection refused",
        ),
        (failing(refusal(401, b"")), "(401): it asks for a login; --auth-file"),
        (failing(refusal(404, b"<html>")), "is the URL that of Prometheus"),
        (failing(refusal(422, b'{"error": "too many"}')), "refuses the question: too many"),
        (lambda: io.BytesIO(b"<html>"), "not as Prometheus does"),
        (lambda: io.BytesIO(b"[]"), "not as Prometheus does"),
        (
            lambda: io.BytesIO(b'{"data": {"resultType": "matrix", "result": []}}'),
            "not as Prometheus does",
        ),
    ],
)
def test_what_goes_wrong_is_said_without_the_password(
    answer: Callable[[], io.BytesIO], words: str
) -> None:
    central = Central("http://ops:hunter2@central", Opener(answer))  # type: ignore[arg-type]
    with pytest.raises(CentralError) as caught:
        list(central.ask("up"))
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_login_comes_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "auth"
    file.write_text("ops:hunter2\n")
    headers = dict(Access(auth_file=file).opener().addheaders)
    assert headers["Authorization"] == "Basic b3BzOmh1bnRlcjI="
    file.write_text("hunter2")
    with pytest.raises(Exception, match="does not hold one line USER:PASSWORD") as caught:
        Access(auth_file=file).opener()
    assert "hunter2" not in str(caught.value)
