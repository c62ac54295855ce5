"""TLS and users: curl and Prometheus meet the agent behind its web configuration."""

import os
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import Awaitable, Callable
from pathlib import Path

import bcrypt
import yaml

from tests.end_to_end.bench import UNITS, Agent, Rack, command, free_port, until
from tests.unit.export.webconfig.conftest import certificate

USERS = {"prometheus": "scrape it", "alice": "let me in"}
CURL = ("curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}")
Ask = Callable[..., Awaitable[tuple[int, str]]]


def web_config(folder: Path, *names: str, **tls: str) -> Path:
    """Write a web configuration with our users, or some of them; give its path."""
    hashes = {
        name: bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()
        for name, password in USERS.items()
        if name in (names or USERS)
    }
    content = {
        "tls_server_config": {"cert_file": "server.crt", "key_file": "server.key", **tls},
        "http_server_config": {"headers": {"Strict-Transport-Security": "max-age=300"}},
        "basic_auth_users": hashes,
    }
    # As an editor does: the agent never sees half a file.
    path, new = folder / "web.yml", folder / "web.yml.new"
    new.write_text(yaml.safe_dump(content), "utf-8")
    new.replace(path)
    return path


def asking(folder: Path, agent: Agent) -> Ask:
    """Give a function that asks the agent by curl: the status, 0 for no TLS, and the text."""

    async def ask(path: str, *more: str, user: str | None = "alice") -> tuple[int, str]:
        login = () if user is None else ("--user", f"{user}:{USERS.get(user, USERS['alice'])}")
        trust = ("--cacert", str(folder / "server.crt"))
        address = f"https://{agent.base.removeprefix('http://')}{path}"
        words = (*CURL, *(more or trust), *login, address)
        process = await create_subprocess_exec(*words, stdout=PIPE)
        text, _, status = (await process.communicate())[0].decode().rpartition("\n")
        return int(status), text

    return ask


def prometheus_config(folder: Path, agent: Agent) -> Path:
    """Write what scrapes the agent, and finds its targets, by TLS with a password."""
    login = {
        "basic_auth": {"username": "prometheus", "password": USERS["prometheus"]},
        "tls_config": {"ca_file": str(folder / "server.crt")},
    }
    discovery = {"url": f"https://{agent.base.removeprefix('http://')}/sd", **login}
    job = {"job_name": "bbu", "scheme": "https", "http_sd_configs": [discovery], **login}
    path = folder / "prometheus.yml"
    content = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [job | {"honor_labels": True}],
    }
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


async def start(rack: Rack, folder: Path) -> tuple[Agent, Ask]:
    """Start an agent behind a web configuration; give it and how to ask it."""
    certificate(folder, "server")
    path = rack.write(rack.document())
    agent = await rack.launch(path, BBU_AGENT_WEB_CONFIG=str(web_config(folder)))
    ask = asking(folder, agent)

    async def ready() -> bool:
        return (await ask("/-/ready"))[0] == 200

    await until(ready, "the agent is ready")
    return agent, ask


async def test_nobody_gets_in_without_tls_and_a_password(rack: Rack, tmp_path: Path) -> None:
    agent, ask = await start(rack, tmp_path)
    status, text = await ask("/metrics")
    assert (status, "bbu_up{" in text) == (200, True)
    for path in ("/metrics", "/-/healthy", "/-/ready", "/", "/assets/none", "/gone"):
        assert (await ask(path, user=None))[0] == 401
    assert (await ask("/-/healthy"))[0] == 200
    status, text = await ask("/metrics", user="mallory")
    assert (status, "bbu_up" in text) == (401, False)
    head = ("--cacert", str(tmp_path / "server.crt"), "--head")
    assert "strict-transport-security: max-age=300" in (await ask("/", *head))[1].lower()
    assert "WWW-Authenticate: Basic" in (await ask("/", *head, user=None))[1]

    assert (await ask("/metrics", "--capath", os.devnull))[0] == 0, "another certificate"
    old = ("--insecure", "--tls-max", "1.1")
    assert (await ask("/metrics", *old))[0] == 0, "an old version of TLS"
    plain = await create_subprocess_exec(*CURL, f"{agent.base}/metrics", stdout=PIPE)
    assert (await plain.communicate())[0] == b"\n000", "no TLS at all"
    shown = agent.log.read_text() + text
    assert not any(password in shown or "$2b$" in shown for password in USERS.values())


async def test_prometheus_finds_and_scrapes_its_targets(rack: Rack, tmp_path: Path) -> None:
    agent, _ = await start(rack, tmp_path)
    port = free_port()
    config = prometheus_config(tmp_path, agent)
    process = await create_subprocess_exec(
        *("prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"),
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    query = f"http://127.0.0.1:{port}/api/v1/query?query=count(bbu_up)"

    async def all_there() -> bool:
        asked = await create_subprocess_exec("curl", "-s", query, stdout=PIPE)
        return f'"{len(UNITS)}"' in (await asked.communicate())[0].decode()

    try:
        await until(all_there, "every unit is scraped", within_s=60)
    finally:
        process.terminate()
        await process.wait()


async def test_what_changes_is_taken_up_without_a_restart(rack: Rack, tmp_path: Path) -> None:
    agent, ask = await start(rack, tmp_path)
    certificate(tmp_path, "next")

    # A wrong file changes nothing and is told of.
    good = (tmp_path / "web.yml").read_text()
    (tmp_path / "web.yml").write_text(good.replace("cert_file", "cert_fil"))

    async def told() -> bool:
        return bool(agent.lines("web configuration not reloaded", "web.yml:"))

    await until(told, "the mistake is in the log")
    assert (await ask("/-/healthy"))[0] == 200
    taken = "bbu_agent_web_config_last_reload_successful"
    assert f"\n{taken} 0\n" in (await ask("/metrics"))[1]

    # A certificate that is renewed in place, and a user who goes.
    for kind in ("crt", "key"):
        (tmp_path / f"next.{kind}").replace(tmp_path / f"server.{kind}")
    web_config(tmp_path, "alice")

    async def renewed() -> bool:
        return (await ask("/-/healthy"))[0] == 200

    await until(renewed, "the new certificate is shown")
    assert (await ask("/-/healthy", user="prometheus"))[0] == 401

    # Clients need a certificate from now on; the server's vouches for itself here.
    asked = {"client_ca_file": "server.crt", "client_auth_type": "RequireAndVerifyClientCert"}
    web_config(tmp_path, **asked)

    async def refused() -> bool:
        return (await ask("/-/healthy"))[0] == 0

    await until(refused, "who shows no certificate is refused")
    trust = ("--cacert", str(tmp_path / "server.crt"))
    shown = ("--cert", str(tmp_path / "server.crt"), "--key", str(tmp_path / "server.key"))
    assert (await ask("/-/healthy", *trust, *shown))[0] == 200
    assert agent.process.returncode is None


async def test_a_wrong_file_starts_nothing(rack: Rack, tmp_path: Path) -> None:
    path = rack.write(rack.document())
    web = tmp_path / "web.yml"
    web.write_text("basic_auth_users:\n  alice: let me in\n")
    ended = await command("bbu-agent", "run", "--config.file", path, "--web.config.file", web)
    assert ended.code == 2
    assert ended.err.splitlines()[0].startswith(
        f"{web}:2: basic_auth_users.alice: the value is not"
    )
    assert "let me in" not in ended.err
    checked = await command("bbu-agent", "check", path, "--web.config.file", web)
    assert (checked.code, "basic_auth_users.alice" in checked.err) == (2, True)
