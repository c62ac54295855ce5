"""What is said where no agent answers, or somebody else does."""

import io
import ssl
from email.message import Message
from http.client import HTTPException, RemoteDisconnected
from urllib.error import HTTPError, URLError

import pytest

from agent.cli import remote
from agent.cli.access import Access

BASE = "http://10.1.2.3:9877"


def ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] words")
    error.reason = reason
    return error


def answered(status: int, words: str, body: bytes) -> HTTPError:
    return HTTPError(f"{BASE}/api/v1/units", status, words, Message(), io.BytesIO(body))


class Raising:
    """An opener that meets ``error``, or a body that is no JSON."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def open(self, _url: str, timeout: float) -> io.BytesIO:
        assert timeout > 0
        if self._error is not None:
            raise self._error
        return io.BytesIO(b"<html>")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (URLError(ssl_error("WRONG_VERSION_NUMBER")), 3, "speaks no TLS: --agent names it with ht"),
        (RemoteDisconnected("closed"), 3, "If it speaks TLS, --agent names it with https://"),
        (answered(404, "Not Found", b"<html>"), 2, "seems to be no bbu-agent (404 Not Found)"),
        (answered(404, "Not Found", b'{"detail": "no unit x"}'), 2, "no unit x (bbu-agent status"),
        (answered(502, "Bad Gateway", b"<html>"), 3, "answers 502 Bad Gateway; its log tells why"),
        (None, 3, "seems to be no bbu-agent (no JSON: Expecting value"),
        (URLError(ConnectionRefusedError(111, "Connection refused")), 3, "refused. Is it running?"),
        (HTTPException("half an answer"), 3, "half an answer. Is it running?"),
    ],
)
def test_who_answers_in_place_of_an_agent_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception | None,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(Access, "opener", lambda _self: Raising(error))
    with pytest.raises(SystemExit) as ended:
        remote.fetch(BASE, "/api/v1/units")
    told = capsys.readouterr().err
    assert (ended.value.code, said in told) == (code, True), told
