"""Questions to a central store that speaks Prometheus's HTTP API (VictoriaMetrics does too)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import OpenerDirector

from agent.errors import AgentError

_TIMEOUT_S = 60.0
_REFUSED = {
    401: "it asks for a login; --auth-file or --token-file gives one",
    403: "this login may not ask; use another",
}
Labels = dict[str, str]


class CentralError(AgentError):
    """The central store gives no answer that can be used. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Central:
    """A central store at ``base``; queries go by POST, so that long ones fit."""

    base: str
    opener: OpenerDirector

    def ask(self, query: str) -> Iterator[tuple[Labels, float]]:
        """Give the labels and the value, now, of each series of an instant query.

        Raises:
            CentralError: there is no answer.
        """
        body = self._answer(query)
        try:
            if body["data"]["resultType"] != "vector":
                raise self._stranger()
            rows = [(dict(row["metric"]), float(row["value"][1])) for row in body["data"]["result"]]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._stranger() from error
        yield from rows

    def _answer(self, query: str) -> Any:  # noqa: ANN401 - JSON
        url = self.base.rstrip("/") + "/api/v1/query"
        try:
            data = urlencode({"query": query}).encode()
            with self.opener.open(url, data, timeout=_TIMEOUT_S) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise self._refusal(error) from None
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            reason = getattr(reason, "strerror", None) or reason
            raise CentralError(
                f"no store answers at {self.shown}: {reason}. Does it run, and is the URL right?"
            ) from None
        except ValueError:
            raise self._stranger() from None

    def _refusal(self, error: HTTPError) -> CentralError:
        if error.code in _REFUSED:
            return CentralError(f"{self.shown} ({error.code}): {_REFUSED[error.code]}")
        try:
            detail = str(json.load(error)["error"])
        except (ValueError, KeyError, TypeError, OSError):
            return CentralError(
                f"{self.shown} answers {error.code} {error.reason} to /api/v1/query; "
                "is the URL that of Prometheus, with its path if it has one?"
            )
        return CentralError(f"{self.shown} refuses the question: {detail}")

    def _stranger(self) -> CentralError:
        return CentralError(f"{self.shown} answers, and not as Prometheus does; is the URL right?")

    @property
    def shown(self) -> str:
        """The address without a login that somebody wrote into it."""
        parts = urlsplit(self.base)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
