"""How much to ask of an SNMP agent at once, learnt from the agent: pure, for every engine.

Both policies are generators that yield what to ask next and are sent the answer; a
time-out is thrown into them as ``NoAnswer``. Whoever drives them owns the socket.
Error-status numbers are those of RFC 3416, section 3.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.errors import AuthFailed, BadAnswer, NoAnswer, Refused
from agent.model import Oid, SnmpValue

TOO_BIG = 1
NO_SUCH_NAME = 2
AUTHORIZATION_ERROR = 16
UNTOLD_ERROR = -1  # the engine knows that there was an error or nothing at all, not which

STATUS_NAMES = {1: "tooBig", 2: "noSuchName", 5: "genErr", 6: "noAccess", 13: "resourceUnavailable"}

START_OIDS = 5
MOST_OIDS = 20
MOST_ROWS_PER_PAGE = 10  # larger pages kill weak agents (snmp_exporter#756)
MOST_ROWS = 20_000
MOST_BYTES = 4 << 20
"""Of one walk, object identifiers and texts together: 200 for each of ``MOST_ROWS``."""


class Answer(NamedTuple):
    """An answer to a GET. ``culprit`` is the 1-based place of the variable at fault, or 0."""

    values: Mapping[Oid, SnmpValue | None]
    status: int = 0
    culprit: int = 0


class Step(NamedTuple):
    """The part of a walk to ask for next: up to ``rows`` rows after ``cursor``."""

    root: Oid
    cursor: Oid
    rows: int


class Page(NamedTuple):
    """An answer to a ``Step``. ``ended``: what follows lies outside the root.

    A row without a value (NULL) only moves the walk on.
    """

    rows: Sequence[tuple[Oid, SnmpValue | None]]
    ended: bool
    status: int = 0


@dataclass(slots=True)
class Appetite:
    """How many variables or rows one agent takes in one request.

    ``proven`` have been answered before. Silence at a larger number may mean that it was
    too large or that a packet was lost: it counts when it happens twice.
    """

    size: int
    most: int
    proven: int = 0
    doubted: int = 0

    def took(self, number: int) -> None:
        """An answer to ``number`` came: the next request may be larger."""
        self.proven = max(self.proven, number)
        if number >= self.size:
            self.size = min(self.most, 2 * self.size)

    def too_big(self, number: int) -> None:
        """The agent cannot answer ``number``: never ask so many again."""
        self.size = self.most = max(1, number // 2)
        self.proven = min(self.proven, self.most)

    def silent(self, number: int, *, alive: bool) -> bool:
        """No answer to ``number`` came. Tell whether a smaller request is worth a try."""
        if not alive:
            self.size = max(1, number // 2) if number > 1 else min(START_OIDS, self.most)
            return False
        if number <= max(self.proven, 1):
            return False
        if self.doubted == number:
            self.too_big(number)
        self.doubted = number
        self.size = max(self.proven, 1)
        return True


def _oids() -> Appetite:
    return Appetite(START_OIDS, MOST_OIDS)


def _rows() -> Appetite:
    return Appetite(MOST_ROWS_PER_PAGE, MOST_ROWS_PER_PAGE)


@dataclass(slots=True)
class Manners:
    """What has been learnt about one agent. ``alive``: it answered the last request."""

    agent: str
    oids: Appetite = field(default_factory=_oids)
    rows: Appetite = field(default_factory=_rows)
    alive: bool = False

    def retry(self, appetite: Appetite, number: int) -> bool:
        """Take note of silence; tell whether to ask again for less."""
        self.alive = appetite.silent(number, alive=self.alive)
        return self.alive


@dataclass(slots=True)
class _Work:
    """What is still to be asked, and what has come."""

    pending: list[Oid]
    apart: list[tuple[Oid, ...]] = field(default_factory=list)
    untold: list[tuple[Oid, ...]] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    values: dict[Oid, SnmpValue | None] = field(default_factory=dict)

    def take(self, number: int) -> tuple[Oid, ...]:
        """Give the next batch: one that must be asked apart, or up to ``number`` others."""
        if self.apart:
            return self.apart.pop()
        batch = tuple(self.pending[:number])
        del self.pending[:number]
        return batch

    def part(self, batch: tuple[Oid, ...], answer: Answer) -> None:
        """Part a batch that got an error; drop the variable at fault if the agent names it."""
        if len(batch) == 1:
            self.values[batch[0]] = None
            self.statuses.add(answer.status)
            return
        if answer.status == UNTOLD_ERROR:
            self.untold.append(batch)
        if answer.status == NO_SUCH_NAME and 1 <= answer.culprit <= len(batch):
            self.values[batch[answer.culprit - 1]] = None
            self.apart.append(batch[: answer.culprit - 1] + batch[answer.culprit :])
            return
        half = len(batch) // 2
        self.apart += [batch[half:], batch[:half]]


def gather(
    oids: Iterable[Oid], manners: Manners
) -> Generator[tuple[Oid, ...], Answer, dict[Oid, SnmpValue | None]]:
    """Ask for all of ``oids``, isolating those that spoil an answer for the others.

    A silent agent costs one request, unless it has just answered a smaller one.
    """
    work = _Work(list(dict.fromkeys(oids)))
    while work.pending or work.apart:
        batch = work.take(manners.oids.size)
        try:
            answer = yield batch
        except NoAnswer:
            if not manners.retry(manners.oids, len(batch)):
                raise
            work.pending[:0] = batch
            continue
        manners.alive = True
        if answer.status == 0:
            manners.oids.took(len(batch))
            work.values |= _checked(batch, answer.values, manners)
        elif answer.status == TOO_BIG and len(batch) > 1:
            manners.oids.too_big(len(batch))
            work.pending[:0] = batch
        else:
            _reject_sign_in(answer.status, manners)
            work.part(batch, answer)
    for batch in work.untold:
        if all(work.values[oid] is not None for oid in batch):
            manners.oids.too_big(len(batch))
    _raise_refusal(work, manners)
    return work.values


def collect(
    root: Oid, manners: Manners, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES
) -> Generator[Step, Page, dict[Oid, SnmpValue]]:
    """Ask for everything under ``root``, page after page, in rising order.

    After a page that was too large the walk begins again with smaller ones.
    """
    rows: dict[Oid, SnmpValue] = {}
    cursor, size = root, 0
    while True:
        number = manners.rows.size
        page = None
        try:
            page = yield Step(root, cursor, number)
        except NoAnswer:
            if not manners.retry(manners.rows, number):
                raise
        if page is None or (page.status == TOO_BIG and number > 1):
            if page is not None:
                manners.rows.too_big(number)
            rows, cursor, size = {}, root, 0
            continue
        if page.status != 0:
            _reject_sign_in(page.status, manners)
            raise Refused(f"{manners.agent}: {status_text(page.status)}", page.status)
        manners.alive = True
        manners.rows.took(number)
        cursor = _add_rows(rows, page, root, cursor, manners)
        size += sum(map(_size, page.rows))
        if size > most_bytes:
            raise BadAnswer(
                f"{manners.agent}: the walk of {dotted(root)} holds more than {most_bytes} bytes"
            )
        if page.ended:
            return rows
        if len(rows) > most_rows:
            raise BadAnswer(
                f"{manners.agent}: the walk of {dotted(root)} does not end within {most_rows} rows"
            )


def is_under(oid: Oid, root: Oid) -> bool:
    """Tell whether ``oid`` lies in the subtree of ``root``."""
    return oid[: len(root)] == root


def dotted(oid: Oid) -> str:
    """Write an OID as people do."""
    return ".".join(map(str, oid))


def status_text(status: int) -> str:
    """Name an error-status."""
    return f"error-status {status} ({STATUS_NAMES.get(status, 'see RFC 3416')})"


def _checked(
    batch: tuple[Oid, ...], got: Mapping[Oid, SnmpValue | None], manners: Manners
) -> dict[Oid, SnmpValue | None]:
    strangers = got.keys() - set(batch)
    if strangers:
        raise BadAnswer(
            f"{manners.agent}: the answer holds {dotted(min(strangers))}, which was not asked"
        )
    return {oid: got.get(oid) for oid in batch}


def _add_rows(
    rows: dict[Oid, SnmpValue], page: Page, root: Oid, cursor: Oid, manners: Manners
) -> Oid:
    """Add the rows of a page and give the new place of the walk."""
    if not page.rows and not page.ended:
        raise BadAnswer(f"{manners.agent}: an answer without rows to the walk of {dotted(root)}")
    for oid, value in page.rows:
        if oid <= cursor or not is_under(oid, root):
            raise BadAnswer(
                f"{manners.agent}: the walk of {dotted(root)} goes from {dotted(cursor)} "
                f"to {dotted(oid)}"
            )
        if value is not None:
            rows[oid] = value
        cursor = oid
    return cursor


def _size(row: tuple[Oid, SnmpValue | None]) -> int:
    """Give about the bytes that a row had on the wire: at least one for each of its numbers."""
    oid, value = row
    content = None if value is None else value.value
    return len(oid) + (len(content) if isinstance(content, bytes | tuple) else 0)


def _reject_sign_in(status: int, manners: Manners) -> None:
    if status == AUTHORIZATION_ERROR:
        raise AuthFailed(
            f"{manners.agent}: the agent does not let this user or community read; "
            "check its access rights and the security level"
        )


def _raise_refusal(work: _Work, manners: Manners) -> None:
    """Raise if the agent gave nothing at all and a reason other than absence."""
    reasons = work.statuses - {NO_SUCH_NAME, UNTOLD_ERROR}
    if reasons and all(value is None for value in work.values.values()):
        status = min(reasons)
        raise Refused(f"{manners.agent}: {status_text(status)}", status)
