"""Whether a user's password is right: bcrypt in a thread of its own, its verdicts remembered."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from agent.targets import Secret

_REMEMBERED = 128
_WAITING = 16
"""More logins than this at once are somebody who guesses."""
_LONGEST = 72
"""bcrypt looks at no more bytes of a password."""
_COST = slice(4, 6)
_NOBODY = "." * 53

Check = Callable[[bytes, bytes], bool]


class Busy(Exception):  # noqa: N818 - not an error of ours
    """So many logins are being checked that this one is not even begun."""


class Users:
    """The users of one web configuration. ``check`` compares a password with a hash."""

    def __init__(self, hashes: Mapping[str, Secret], check: Check = bcrypt.checkpw) -> None:
        self._hashes = {name: secret.reveal() for name, secret in hashes.items()}
        # A user that does not exist costs as much time as the dearest one that does.
        cost = max((each[_COST] for each in self._hashes.values()), default="10")
        self._nobody = f"$2b${cost}${_NOBODY}"
        self._check = check
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, bool] = OrderedDict()
        self._wrong: OrderedDict[bytes, bool] = OrderedDict()
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="login")

    def __bool__(self) -> bool:
        """Tell whether anybody has to sign in at all."""
        return bool(self._hashes)

    async def admits(self, header: str | None) -> bool:
        """Tell whether the ``Authorization`` of a request is that of a user.

        Raises:
            Busy: too many others are being checked.
        """
        if not self:
            return True
        found = _basic(header)
        if found is None:
            return False
        user, password = found
        asked = hmac.digest(self._key, len(user).to_bytes(4, "big") + user + password, "sha256")
        for verdicts in (self._right, self._wrong):
            if asked in verdicts:
                verdicts.move_to_end(asked)
                return verdicts[asked]
        running = self._running.get(asked)
        if running is None:
            if len(self._running) >= _WAITING:
                raise Busy
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._thread, self._compare, user, password)
            self._running[asked] = running
            running.add_done_callback(lambda done: self._remember(asked, done))
        # Who goes away must not take the verdict from others who wait for it.
        return await asyncio.shield(running)

    def close(self) -> None:
        """Take no more logins; those that are being checked are."""
        self._thread.shutdown(wait=False)

    def _compare(self, user: bytes, password: bytes) -> bool:
        known = self._hashes.get(user.decode("utf-8", "replace"))
        try:
            right = self._check(password[:_LONGEST], (known or self._nobody).encode())
        except ValueError:  # a NUL in the password
            return False
        return right and known is not None

    def _remember(self, asked: bytes, done: "asyncio.Future[bool]") -> None:
        del self._running[asked]
        if done.cancelled() or done.exception() is not None:
            return
        # Apart, so that wrong guesses never push a right one out.
        verdicts = self._right if done.result() else self._wrong
        verdicts[asked] = done.result()
        if len(verdicts) > _REMEMBERED:
            verdicts.popitem(last=False)


def _basic(header: str | None) -> tuple[bytes, bytes] | None:
    """Take user and password out of ``Basic ...`` (RFC 7617)."""
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(b":")
    return (user, password) if colon else None
