"""``bbu-agent init`` as a person meets it: questions on a terminal, then a file that works."""

import json
import os
import pty
import stat

from tests.end_to_end.bench import BIN, Rack, command, until

TUNING = ("--addresses", "64-66", "--timeout", "2")


class Talk:
    """One command on a terminal, with which one talks."""

    def __init__(self, *words: str) -> None:
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            os.execv(words[0], words)  # noqa: S606 - the child is the command itself
        os.set_blocking(self._handle, False)
        self.said = ""

    async def hears(self, text: str) -> None:
        async def look() -> bool:
            try:
                self.said += os.read(self._handle, 65536).decode()
            except BlockingIOError:
                pass
            except OSError:  # the end of a terminal
                return text in self.said
            return text in self.said

        await until(look, f"says {text!r}", within_s=60, shown=lambda: self.said)

    def answers(self, text: str) -> None:
        self.said = ""
        os.write(self._handle, f"{text}\n".encode())

    async def ends(self) -> int:
        async def ended() -> tuple[int, int] | None:
            found = os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
            return found if found[0] else None

        _, status = await until(ended, "ends")
        os.close(self._handle)
        return os.waitstatus_to_exitcode(status)


async def test_init_asks_scans_writes_and_the_agent_runs_with_it(rack: Rack) -> None:
    file = rack.folder / "first.yaml"
    gate = json.loads((rack.folder / "endpoints.json").read_text())["gate"]["modbus_tcp"]
    talk = Talk(str(BIN / "bbu-agent"), "init", str(file), *TUNING)
    await talk.hears("Choose")
    talk.answers("2")
    await talk.hears("HOST or HOST:PORT")
    talk.answers(gate)
    await talk.hears("3 found")
    await talk.hears("Choose")
    talk.answers("4")
    await talk.hears(f"bbu-agent run --config.file {file}")
    assert await talk.ends() == 0

    text = file.read_text()
    assert text.startswith("# yaml-language-server: $schema=file://")
    assert text.count("profile: orv3-bbu") == 3
    assert (await command("bbu-agent", "check", file)).code == 0

    text = text.replace('"/var/lib/bbu-agent"', '"state"')
    file.write_text(text)
    agent = await rack.launch(file)

    async def answers() -> bool:
        try:
            return len((await agent.get("/api/v1/units?up=true"))["units"]) == 3
        except OSError:
            return False

    await until(answers, "all three answer")


async def test_init_changes_no_file_and_writes_nothing_for_silence(rack: Rack) -> None:
    folder = rack.folder
    there = folder / "there.yaml"
    there.write_text("mine\n")
    ended = await command("bbu-agent", "init", "--yes", there)
    assert (ended.code, there.read_text()) == (2, "mine\n")
    assert "is there already" in ended.err
    ended = await command(
        "bbu-agent", "init", "--yes", "--modbus", "127.0.0.1:1", folder / "n.yaml"
    )
    assert ended.code == 3
    assert "nothing was written" in ended.err
    assert not (folder / "n.yaml").exists()


async def test_a_community_goes_into_a_file_of_its_owner_alone(rack: Rack) -> None:
    places = json.loads((rack.folder / "endpoints.json").read_text())["ups-1"]
    host, _, port = places["snmp"].partition(":")
    file = rack.folder / "snmp.yaml"
    community = (rack.folder / "ups-1-community").read_text().strip()
    words = ("--yes", "--hosts", host, "--snmp-port", port, "--community", community)
    ended = await command("bbu-agent", "init", *words, "--no-modbus", file)
    assert ended.code == 0, ended.err
    assert "credentials: scanned" in file.read_text()
    assert community not in file.read_text()
    secret = rack.folder / "community.txt"
    assert secret.read_text() == f"{community}\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
