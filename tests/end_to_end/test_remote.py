"""Commands ask an agent that wants TLS and a password; a wrong answer tells what to do."""

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

import bcrypt
import pytest

from tests.end_to_end.bench import BIN, Rack, command, free_port, until

USER, PASSWORD = "ops", "correct horse"


@pytest.fixture
def secured(tmp_path: Path) -> Path:
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    named = ("-nodes", "-subj", "/CN=agent", "-addext", "subjectAltName=IP:127.0.0.1")
    out = ("-keyout", tmp_path / "agent.key", "-out", tmp_path / "agent.pem")
    subprocess.run([*made, *named, *out], check=True, capture_output=True)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    file = tmp_path / "web.yaml"
    file.write_text(
        "tls_server_config: {cert_file: agent.pem, key_file: agent.key}\n"
        f"basic_auth_users: {{{USER}: {hashed}}}\n"
    )
    (tmp_path / "who").write_text(f"{USER}:{PASSWORD}\n")
    (tmp_path / "other").write_text(f"{USER}:wrong\n")
    return file


async def test_status_and_top_over_tls_with_a_password(rack: Rack, secured: Path) -> None:
    folder, port = secured.parent, free_port()
    config = rack.write(rack.document())
    served = ("--web.config.file", secured, "--web.listen-address", f"127.0.0.1:{port}")
    agent = await asyncio.create_subprocess_exec(
        BIN / "bbu-agent", "run", "--config.file", config, *served, "--log.level", "error"
    )
    where = ("--agent", f"https://127.0.0.1:{port}")
    trust, who = ("--ca-file", folder / "agent.pem"), ("--auth-file", folder / "who")
    try:

        async def listens() -> bool:
            with suppress(OSError):
                _, stream = await asyncio.open_connection("127.0.0.1", port)
                stream.close()
                return True
            return False

        async def answers() -> bool:
            assert agent.returncode is None
            ended = await command("bbu-agent", "status", *where, *trust, *who)
            return "11 units" in ended.out

        await until(listens, "the agent serves", within_s=60)
        await until(answers, "status is told", within_s=60)
        picture = folder / "top.svg"
        ended = await command("bbu-agent", "top", *where, *trust, *who, "--picture", picture)
        assert ended.code == 0, ended.err
        assert "a-2" in picture.read_text()

        ended = await command("bbu-agent", "status", *where, *who)
        assert (ended.code, "--ca-file" in ended.err) == (3, True), ended.err
        ended = await command("bbu-agent", "top", *where, *who, "--picture", folder / "no.svg")
        assert (ended.code, "--ca-file" in ended.err) == (3, True), ended.err
        wrong = ("--auth-file", folder / "other")
        for name in ("status", "top"):
            more = () if name == "status" else ("--picture", folder / "no.svg")
            ended = await command("bbu-agent", name, *where, *trust, *wrong, *more)
            assert (ended.code, "USER:PASSWORD" in ended.err) == (3, True), ended.err
            assert "wrong" not in ended.err
        assert not (folder / "no.svg").exists()
    finally:
        agent.terminate()
        await agent.wait()
