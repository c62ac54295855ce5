"""What is wrong at the start gets one sentence that says what to do; the rest goes on."""

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.bench import UNITS, Agent, Rack, command

WRONG = """\
listen: 127.0.0.1
buses:
  line: {serial: /dev/ttyS99, baudrat: 9600}
units:
  - {name: a, bus: lin, unit_id: 1, profile: orv3-hpr-bbu}
  - {name: a, bus: line, unit_id: 300}
"""


async def test_a_wrong_configuration_starts_nothing_and_says_all(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(WRONG + f"state_dir: {tmp_path / 'state'}\n", encoding="utf-8")
    ran = await command("bbu-agent", "run", "--config.file", path)
    checked = await command("bbu-agent", "check", path)
    assert (ran.code, ran.out, checked.code) == (2, "", 2)
    assert ran.err == checked.err
    assert [line.split(": ")[:2] for line in ran.err.splitlines()] == [
        [f"{path}:1", "listen"],
        [f"{path}:3", "buses.line.baudrat"],
        [f"{path}:5", "units[0].bus"],
        [f"{path}:6", "units[1].name"],
        [f"{path}:6", "units[1].unit_id"],
    ]
    assert os.listdir(tmp_path) == ["agent.yaml"]  # noqa: PTH208 - names alone


async def test_a_profile_of_the_other_protocol_is_a_mistake_of_the_file(rack: Rack) -> None:
    document = rack.document()
    document["units"][0]["profile"] = "rfc1628-ups"
    path = rack.write(document)
    lines = path.read_text(encoding="utf-8").splitlines()
    place = next(n for n, line in enumerate(lines, 1) if "rfc1628-ups" in line)
    for words in (("check", path), ("run", "--config.file", path)):
        ended = await command("bbu-agent", *words)
        assert (ended.code, ended.err) == (
            2,
            (
                f'{path}:{place}: units[0].profile: "rfc1628-ups" is for units over snmp; '
                "this unit has bus. Leave profile out to let the agent find it\n"
            ),
        )


async def test_a_busy_port_ends_the_start_with_one_sentence(rack: Rack) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        path = rack.write(rack.document() | {"listen": f"127.0.0.1:{port}"})
        ended = await command("bbu-agent", "run", "--config.file", path)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"bbu-agent: cannot listen on 127.0.0.1:{port}: another program, perhaps another "
        "bbu-agent, holds the port; stop it, or choose another port with listen: or "
        "--web.listen-address\n"
    )


@contextlib.asynccontextmanager
async def all_up(rack: Rack, document: dict[str, Any], units: set[str]) -> AsyncIterator[Agent]:
    """Run an agent that must reach exactly ``units``."""
    agent = await rack.agent(document)
    await agent.when(lambda page: page.up() == units, f"{sorted(units)} are up")
    yield agent


def no_folder(rack: Rack) -> Path:
    (rack.folder / "file").write_text("", encoding="utf-8")
    return rack.folder / "file" / "state"


def no_permission(rack: Rack) -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (rack.folder / "locked").mkdir(mode=0o500)
    return rack.folder / "locked" / "state"


@pytest.mark.parametrize("place", [no_folder, no_permission])
async def test_a_state_directory_that_cannot_be_written_stops_nothing(
    rack: Rack, place: Callable[[Rack], Path]
) -> None:
    folder = place(rack)
    document = rack.document() | {"state_dir": str(folder)}
    async with all_up(rack, document, {*UNITS}) as agent:
        page = await agent.scrape()
        assert page.one("bbu_agent_store_problem") == 1
        told = agent.lines(str(folder))
        assert len(told) == 1, told
        assert "give a state_dir that the agent's user can write" in told[0]
        assert await agent.stop() == 0


async def test_two_agents_do_not_share_one_state_directory(rack: Rack) -> None:
    document = rack.document()
    document["units"] = document["units"][3:]  # a serial line has one master
    async with all_up(rack, document, {*UNITS[3:]}) as first:
        second = await rack.agent(document)
        await second.when(
            lambda page: page.one("bbu_agent_store_problem") == 1, "the second one says so"
        )
        assert (await first.scrape()).one("bbu_agent_store_problem") == 0
        told = second.lines("bbu-agent.sqlite")
        assert len(told) == 1, told
        assert "locked by another program, perhaps another bbu-agent" in told[0]


async def test_a_missing_serial_line_leaves_the_other_lines_alone(rack: Rack) -> None:
    document = rack.document()
    document["buses"]["line"]["serial"] = "/dev/ttyUSB99"
    async with all_up(rack, document, {*UNITS[3:]}) as agent:
        page = await agent.scrape()
        for unit in ("a-1", "a-2", "a-3"):
            assert (page.one("bbu_poll_errors_total", unit=unit, cause="Unreachable") or 0) > 0
            told = await agent.unit(unit)
            assert told["last_error"] == (
                "/dev/ttyUSB99: there is no such serial line; check the adapter and the path"
            )


async def test_a_serial_line_that_comes_later_is_taken(rack: Rack) -> None:
    document = rack.document()
    real = Path(document["buses"]["line"]["serial"])
    later = rack.folder / "later"
    document["buses"]["line"]["serial"] = str(later)
    async with all_up(rack, document, {*UNITS[3:]}) as agent:
        later.symlink_to(real)
        await agent.when(lambda page: page.up() == {*UNITS}, "the line is in use")


SECRETS = {
    "no-community": ("NoAnswer", "the community is wrong (an agent does not answer that)"),
    "no-auth": ("AuthFailed", "check user, protocols and passwords"),
    "no-privacy": ("AuthFailed", "check user, protocols and passwords"),
    "no-user": ("AuthFailed", "check user, protocols and passwords"),
}


async def test_wrong_secrets_get_a_sentence_each(rack: Rack) -> None:
    document = rack.document()
    ups, v3 = document["units"][-2:]
    credentials = document["credentials"]
    wrong = rack.folder / "wrong"
    wrong.write_text("wrong-secret\n", encoding="utf-8")
    wrong.chmod(0o600)
    credentials |= {
        "no-community": credentials["ups-1"] | {"community_file": str(wrong)},
        "no-auth": credentials["ups-2"] | {"auth_file": str(wrong)},
        "no-privacy": credentials["ups-2"] | {"privacy_file": str(wrong)},
        "no-user": credentials["ups-2"] | {"user": "nobody"},
    }
    for name in SECRETS:
        unit = ups if name == "no-community" else v3
        document["units"].append(unit | {"name": name, "credentials": name, "location": {}})
    async with all_up(rack, document, {*UNITS}) as agent:
        page = await agent.scrape()
        for name, (cause, sentence) in SECRETS.items():
            counts = page.of("bbu_poll_errors_total", unit=name)
            assert {dict(key)["cause"] for key, count in counts.items() if count} == {cause}
            assert sentence in (await agent.unit(name))["last_error"]
            assert len(agent.lines("level=warning", f"unit {name} ")) == 1
        assert "wrong-secret" not in agent.log.read_text(encoding="utf-8")


async def test_sigterm_during_the_start_is_heard(rack: Rack) -> None:
    agent = await rack.agent(ready=False)
    agent.process.send_signal(signal.SIGINT)
    assert await agent.process.wait() == 0
