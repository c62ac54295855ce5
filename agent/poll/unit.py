"""One unit being polled: its profile, its schedule and its status from pass to pass."""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.decode.frozen import Stillness
from agent.errors import AgentError, InternalError, Refused
from agent.model import FaultReason, Sample, UnitInfo, UnitState, UnitStatus
from agent.poll.beside import beside
from agent.poll.reader import Pass, Reader
from agent.poll.schedule import Turn
from agent.poll.selection import Selection, Wanted, select
from agent.profiles.schema import Cadence, Profile
from agent.store.live import MOST_KEYS

log = logging.getLogger(__name__)

_UNSOUND = frozenset(
    {
        FaultReason.IMPLAUSIBLE,
        FaultReason.UNDECODABLE,
        FaultReason.MISSING,
        FaultReason.FROZEN,
    }
)
_SILENT = frozenset({UnitState.DOWN, UnitState.DORMANT})


class Sink(Protocol):
    """Takes what polling brings. Called on the event loop; must not block."""

    def found(self, unit: str, profile: Profile) -> None:
        """A unit has been identified; called again when it turns out to be another."""
        ...

    def sample(self, sample: Sample, profile: Profile) -> None:
        """One pass over a unit brought values: show them."""
        ...

    def learn(self, sample: Sample) -> None:
        """Make of the values what can be made; an error here costs no unit its values."""
        ...

    def glance(self, sample: Sample) -> None:
        """Current and voltage alone, read between two passes of a shelf under load."""
        ...

    def status(self, unit: str, status: UnitStatus) -> None:
        """How polling a unit goes, after each pass."""
        ...


Finder = Callable[[], Awaitable[tuple[Profile, Reader]]]
"""Opens a unit: identifies it where its profile is not fixed. Raises ``AgentError``."""


_GLANCE = Wanted(glance=True)


@dataclass(slots=True)
class PolledUnit:
    """One unit of a bus. ``series`` drops cell slots that its battery does not use.

    ``troubles`` are errors of our own that stay, by what they hinder.
    ``glancing``: its last pass or glance was good, so that a glance costs no time-out.
    """

    info: UnitInfo
    turn: Turn
    find: Finder
    sink: Sink
    series: int | None = None
    stillness: Stillness = field(default_factory=Stillness)
    profile: Profile | None = None
    reader: Reader | None = None
    status: UnitStatus = field(default_factory=UnitStatus)
    errors: Counter[str] = field(default_factory=Counter)
    polls: int = 0
    sound: bool = True
    chosen: dict[Wanted, Selection] = field(default_factory=dict)
    told: Sample | None = None
    troubles: dict[str, type[Exception]] = field(default_factory=dict)
    glancing: bool = False

    async def poll(self, *, spare: bool = True) -> str | None:
        """Make one pass and publish it. Gives the cause where it failed.

        ``spare`` says that the line has time for more than what tells of a discharge.
        What is learnt from its values may fail, and the pass is good all the same.
        """
        self.polls += 1
        start_s = time.monotonic()
        with self._guarded("polling", expected=AgentError) as failed:
            error = await self._pass(spare=spare)
        if failed:
            error = failed[0]
        with self._guarded("learning") as failed:
            self._learn()
        self.errors.update(failure.cause for failure in failed)
        self._conclude(error, start_s, time.monotonic())
        return None if error is None else error.cause

    async def glance(self) -> bool:
        """Read current and voltage alone; say whether that was of use.

        It is no pass: where it fails the next pass will say so, and none is tried before.
        """
        profile, reader = self.profile, self.reader
        if profile is None or reader is None or not self.glancing:
            return False
        chosen = await self._chosen(profile, _GLANCE)
        self.glancing = False
        if not chosen.fields:
            return False
        with self._guarded("a glance", expected=AgentError):
            result = await reader.read(chosen.fields)
            if result.error is None:
                self.sink.glance(chosen.decode(self.info.name, result))
                self.glancing = True
        return self.glancing

    def _learn(self) -> None:
        told, self.told = self.told, None
        if told is not None:
            self.sink.learn(told)

    @contextmanager
    def _guarded(
        self, doing: str, *, expected: type[AgentError] | tuple[()] = ()
    ) -> Iterator[list[AgentError]]:
        """Give a list that then holds the error which ended the block, if one did.

        This holds the one broad ``except`` of the program: whatever a device provokes must
        not end the polling of its neighbours. An error that stays is counted each time and
        logged once.
        """
        failed: list[AgentError] = []
        try:
            yield failed
        except expected as failure:
            failed.append(failure)
        except Exception as failure:
            error = InternalError(f"{type(failure).__name__}: {failure}")
            failed.append(error)
            if self.troubles.get(doing) is not type(failure):
                self.troubles[doing] = type(failure)
                log.exception("unit %s: %s met an error of our own", self.info.name, doing)
        else:
            if self.troubles.pop(doing, None) is not None:
                log.info("unit %s: %s goes on again", self.info.name, doing)

    async def _pass(self, *, spare: bool) -> AgentError | None:
        profile, reader = await self._found()
        now_s = time.monotonic()
        wanted = Wanted(
            self.turn.cadences(now_s),
            vital=self.turn.vital(now_s, spare=spare),
            counted=self.turn.counting(now_s),
        )
        if Cadence.ONCE in wanted.cadences:
            reader.forget()
        chosen = await self._chosen(profile, wanted)
        result = await reader.read(chosen.fields)
        size = len(result.raw.words) + len(result.raw.varbinds)
        told = await beside(lambda: _bounded(chosen.decode(self.info.name, result)), size)
        error = self._publish(profile, result, told, wanted)
        if isinstance(error, Refused) and result.error is None:
            # What was refused is not asked again; then nothing would be, and a silence not seen.
            reader.forget()
        return error

    async def _found(self) -> tuple[Profile, Reader]:
        """Give the profile and reader; after a silence the unit may be another."""
        if self.profile is None or self.reader is None or self.status.state in _SILENT:
            before = self.profile
            self.profile, self.reader = await self.find()
            if self.profile is not before:
                self.chosen.clear()
                self.sink.found(self.info.name, self.profile)
        return self.profile, self.reader

    async def _chosen(self, profile: Profile, wanted: Wanted) -> Selection:
        """Give the fields of a pass: always the same tuple for the same wish."""
        found = self.chosen.get(wanted)
        if found is None:
            size = len(profile.fields)
            found = await beside(lambda: select(profile, wanted, self.series), size)
            self.chosen[wanted] = found
        return found

    def _publish(
        self, profile: Profile, result: Pass, told: Sample, wanted: Wanted
    ) -> AgentError | None:
        sample = self.stillness.judge(told)
        if sample.readings or sample.faults:
            self.sink.sample(sample, profile)
            self.told = sample
        if result.error is not None:
            return result.error
        reasons = {fault.reason for fault in sample.faults}
        if not sample.readings and reasons == {FaultReason.REFUSED}:
            return Refused(f"it refuses everything that {profile.name} reads", 0)
        # A unit that answers and gives nothing (it boots) is asked for all again.
        self.turn.answered(
            time.monotonic(),
            wanted.cadences if sample.readings else frozenset(),
            vital=wanted.vital,
            counted=wanted.counted and not wanted.vital,
        )
        self.glancing = True
        faulty = any(fault.reason in _UNSOUND for fault in sample.faults)
        self.sound = bool(sample.readings) and not faulty
        return None

    def _conclude(self, error: AgentError | None, start_s: float, end_s: float) -> None:
        before = self.status
        if error is not None:
            self.errors[error.cause] += 1
            self.turn.failed(end_s, alive=isinstance(error, Refused))
        wall_s = time.time()
        state = self.turn.state(sound=self.sound)
        if error is not None and before.state is UnitState.NEW:
            state = UnitState.DOWN
        self.status = UnitStatus(
            state=state,
            since=before.since if state is before.state else wall_s,
            last_ok=wall_s if error is None else before.last_ok,
            failures=self.turn.failures,
            polls=self.polls,
            errors=dict(self.errors),
            last_error=None if error is None else str(error),
            last_duration_s=end_s - start_s,
            profile=None if self.profile is None else self.profile.name,
        )
        self._log_change(before, error)
        with self._guarded("telling how it goes") as failed:
            self.sink.status(self.info.name, self.status)
        self.errors.update(failure.cause for failure in failed)

    def _log_change(self, before: UnitStatus, error: AgentError | None) -> None:
        where = f"{self.info.bus} {self.info.address}" if self.info.bus else self.info.address
        if self.status.state in _SILENT and before.state not in _SILENT and error is not None:
            how = "refuses everything" if isinstance(error, Refused) else "does not answer"
            log.warning("unit %s (%s) %s: %s: %s", self.info.name, where, how, error.cause, error)
        elif self.status.state not in _SILENT and before.state in _SILENT:
            log.info("unit %s (%s) answers again", self.info.name, where)


def _bounded(sample: Sample) -> Sample:
    """Leave out what the store would not keep: tables of a card that makes up rows."""
    if len(sample.readings) <= MOST_KEYS and len(sample.faults) <= MOST_KEYS:
        return sample
    return replace(sample, readings=sample.readings[:MOST_KEYS], faults=sample.faults[:MOST_KEYS])


def fixed(profile: Profile, reader: Reader) -> Finder:
    """Make a finder for a unit whose profile the configuration states."""

    async def find() -> tuple[Profile, Reader]:
        return profile, reader

    return find
