"""``bbu-agent top``: the running agent on the terminal, live."""

import re
import sys
from pathlib import Path

import click

from agent.cli.remote import EXIT_NO_AGENT, access, agent_options, checked_url

_SIZE = re.compile(r"([1-9]\d{1,2})x([1-9]\d{1,2})")


def _size(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no size such as 120x32")
    return int(found[1]), int(found[2])


@click.command()
@click.argument("unit", required=False)
@agent_options
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two drawings, at least; more for a slow line.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the screen to this file as SVG and end.",
)
@click.option("--size", default="120x32", show_default=True, callback=_size, help="Of the picture.")
def top(
    *, unit: str | None, base: str, every: float, picture: Path | None, size: tuple[int, int]
) -> None:
    """Show the running agent on the terminal, live: the fleet, or UNIT with its cells.

    Needs the extra "top". The key ? lists all keys. NO_COLOR=1 leaves colours out.

    \b
    Examples:
      bbu-agent top
      bbu-agent top r12-a-3
      bbu-agent top --agent https://10.1.2.3:9877 --ca-file ca.pem --auth-file me.txt
      bbu-agent top --every 10                     # over a slow line
      bbu-agent top r12-a-3 --picture r12-a-3.svg
    \b
    Exit codes: 0 left by the user, 2 wrong use, 3 no agent answered (with --picture).
    An agent that goes away does not end it: it says since when, and tries again.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    base = checked_url(base)
    if picture is None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            "it draws on a terminal, and there is none; --picture writes a file, "
            "bbu-agent status a table"
        )
    try:
        from agent.top import app, client  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise click.UsageError(
            f"{error.name} is not installed; pip install 'bbu-agent[top]' brings it. "
            "bbu-agent status needs nothing"
        ) from None
    who = access()
    user, password = who.login() or (None, None)
    where = client.Where(base, user, password, who.trust())
    if picture is None:
        app.run(where, every, unit)
    else:
        try:
            app.picture(where, unit, size, picture)
        except client.AgentGoneError as error:
            click.echo(f"bbu-agent: {error}", err=True)
            sys.exit(EXIT_NO_AGENT)
        except OSError as error:
            raise click.UsageError(
                f"cannot write {picture}: {error.strerror}; name another file"
            ) from None
