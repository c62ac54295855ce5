"""``bbu-agent status``: ask a running agent what it knows."""

import json
import sys
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import click

from agent.cli.output import duration, table

EXIT_NO_AGENT = 3
_TIMEOUT_S = 10.0
_ORDER = {"replace": 0, "degraded": 1, "unknown": 2, "watch": 3, "ok": 4}


def fetch(base: str, path: str) -> Any:  # noqa: ANN401 - JSON of the agent's API
    """Get ``path`` from the agent at ``base``; ends the program where that fails."""
    return _answer(base, path, json.load)


def fetch_file(base: str, path: str) -> bytes:
    """Get the file ``path`` from the agent at ``base``; ends the program where that fails."""
    body: bytes = _answer(base, path, lambda answer: answer.read())
    return body


def _answer(base: str, path: str, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - see fetch
    url = base.rstrip("/") + path
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--agent is a URL such as http://127.0.0.1:9877, not {base}")
    try:
        # A proxy for the world outside knows no agent on this node or beside it.
        with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT_S) as answer:
            return read(answer)
    except HTTPError as error:
        click.echo(f"bbu-agent: {_detail(error)}", err=True)
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        click.echo(
            f"bbu-agent: no agent answers at {base}: {reason}. Is it running? "
            "bbu-agent run --config.file agent.yaml starts one; --agent names another address",
            err=True,
        )
    sys.exit(EXIT_NO_AGENT)


def _detail(error: HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the agent answers {error.code} {error.reason}"


def summary_row(unit: dict[str, Any]) -> list[str]:
    """Give the row of one unit: name, place, verdict, health, ride-through, first reasons."""
    location = unit["location"]
    place = "/".join(str(part) for part in location.values() if part is not None)
    health, ride = unit["state_of_health"], unit["ride_through_s"]
    reasons = "; ".join(reason["text"] for reason in unit["reasons"])
    return [
        unit["name"],
        place,
        unit["verdict"],
        _percent(health) if health else "",
        f"{duration(ride['estimate'])} (at least {duration(ride['lower'])})" if ride else "",
        reasons,
    ]


def _percent(interval: dict[str, float]) -> str:
    low, high = interval["lower"] * 100, interval["upper"] * 100
    return f"{interval['estimate'] * 100:.0f} % ({low:.0f} to {high:.0f})"


def print_units(units: list[dict[str, Any]]) -> None:
    """Print the table of units, the worst first."""
    ordered = sorted(units, key=lambda unit: _ORDER.get(unit["verdict"], 9))
    columns = ["unit", "place", "verdict", "state of health", "ride-through", "why"]
    table(columns, [summary_row(unit) for unit in ordered], mark=2)
    counts: dict[str, int] = {}
    for unit in ordered:
        counts[unit["verdict"]] = counts.get(unit["verdict"], 0) + 1
    click.echo(f"\n{len(ordered)} units: " + ", ".join(f"{n} {v}" for v, n in counts.items()))


@click.command()
@click.argument("unit", required=False)
@click.option(
    "--agent",
    "base",
    default="http://127.0.0.1:9877",
    show_default=True,
    envvar="BBU_AGENT_URL",
    help="Address of the running agent.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def status(unit: str | None, base: str, form: str) -> None:
    """Show what a running agent knows: all units, or one.

    \b
    Examples:
      bbu-agent status
      bbu-agent status r12-a-1
      bbu-agent status --agent http://10.1.2.3:9877 --format json
    \b
    Exit codes: 0 all is well, 1 a unit needs attention, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if unit is None:
        answer = fetch(base, "/api/v1/units")
        units = answer["units"]
    else:
        answer = fetch(base, f"/api/v1/units/{quote(unit, safe='')}")
        units = [answer]
    if form == "json":
        click.echo(json.dumps(answer, indent=1, ensure_ascii=False))
    elif unit is None:
        print_units(units)
    else:
        _print_unit(answer)
    if any(shown["verdict"] in ("degraded", "replace") for shown in units):
        sys.exit(1)


def _print_unit(unit: dict[str, Any]) -> None:
    identity = ", ".join(f"{key} {value}" for key, value in unit["identity"].items())
    click.echo(f"{unit['name']}: {unit['verdict']} ({unit['state']}, {unit['profile']})")
    if identity:
        click.echo(identity)
    for reason in unit["reasons"]:
        click.echo(f"  - {reason['text']}")
    health = unit["health"]
    if health and health["cells"]:
        click.echo()
        rows = [
            [
                cell["cell"],
                cell["verdict"],
                _percent(cell["state_of_health"]),
                f"{(cell['resistance_growth']['estimate'] - 1) * 100:+.0f} %",
                cell["basis"],
            ]
            for cell in health["cells"]
        ]
        columns = ["cell", "verdict", "state of health", "resistance", "basis"]
        table(columns, rows, mark=1)
    click.echo()
    table(
        ["reading", "index", "value", "unit", "age", "source"],
        [
            [
                row["quantity"],
                row["index"] or "",
                str(row["value"]),
                row["unit"],
                duration(row["age_s"]),
                row["source"],
            ]
            for row in unit["readings"]
            if not (row["quantity"] == "alarm" and row["value"] is False)
        ],
    )
