"""Walk along the models that a SunSpec device lists, and make its profile concrete."""

import logging
from collections.abc import Awaitable, Callable

from agent.errors import BadAnswer, NoAnswer, Refused, Unidentified
from agent.model import Table
from agent.poll.beside import beside
from agent.profiles.schema import Profile, SunSpec
from agent.profiles.sunspec import (
    END,
    HEAD_WORDS,
    MARKER,
    MOST_FIELDS,
    MOST_MODELS,
    Model,
    knows_battery,
    needed,
    resolve,
)
from agent.transport.base import ModbusLink

log = logging.getLogger(__name__)

_LAST = 0x10000
Read = Callable[[int, int], Awaitable[list[int] | None]]
"""Reads so many holding registers from an address on; None where the device refuses."""


async def settled(link: ModbusLink, unit_id: int, profile: Profile, *, timeout_s: float) -> Profile:
    """Give ``profile`` with its fields at the registers where this unit has them.

    Raises:
        Unidentified: the unit lists no models, or none of a battery.
        TransportError: the unit did not answer.
    """
    spec = profile.sunspec
    if spec is None:
        return profile

    silent: list[NoAnswer] = []

    async def read(address: int, count: int) -> list[int] | None:
        try:
            return await link.read(unit_id, Table.HOLDING, address, count, timeout_s=timeout_s)
        except Refused:
            return None
        except BadAnswer:
            return await link.read(unit_id, Table.HOLDING, address, count, timeout_s=timeout_s)

    async def look(address: int, count: int) -> list[int] | None:
        try:
            return await read(address, count)
        except NoAnswer as silence:
            # Some devices are silent where they have nothing.
            silent.append(silence)
            return None

    chain = await find_chain(read, spec, look)
    if chain is None and len(silent) == len(spec.markers):
        raise silent[0]
    if chain is None:
        raise Unidentified(
            f"unit id {unit_id} has no SunSpec marker at {', '.join(map(str, spec.markers))}"
        )
    if not knows_battery(spec, chain):
        listed = ", ".join(str(model.number) for model in chain) or "none"
        raise Unidentified(f"unit id {unit_id} lists no SunSpec battery model, only: {listed}")
    words = sum(model.words for model in chain)
    resolved = await beside(lambda: resolve(profile, chain), words)
    _tell_if_full(unit_id, resolved)
    return resolved


def _tell_if_full(unit_id: int, profile: Profile) -> None:
    if len(profile.fields) >= MOST_FIELDS:
        log.warning(
            "unit id %d: its SunSpec models list %d fields or more; those beyond are not read",
            *(unit_id, MOST_FIELDS),
        )


async def find_chain(
    read: Read, spec: SunSpec, look: Read | None = None
) -> tuple[Model, ...] | None:
    """Give the models behind the first marker that is found; None without a marker.

    ``look`` reads where a marker may be, in place of ``read``.

    The chain ends at its end mark, at a refusal, at the end of the address space or where
    it becomes nonsense; what came before is kept. Addresses only rise, so it cannot loop.
    """
    for marker in spec.markers:
        if await (look or read)(marker, len(MARKER)) == list(MARKER):
            return await _models(read, spec, marker + len(MARKER))
    return None


async def _models(read: Read, spec: SunSpec, address: int) -> tuple[Model, ...]:
    models: list[Model] = []
    while len(models) < MOST_MODELS and address + HEAD_WORDS <= _LAST:
        head = await read(address, HEAD_WORDS)
        if head is None or head[0] in (0, END):
            break
        number, words = head
        following = address + HEAD_WORDS + words
        if following > _LAST:
            break
        told: dict[int, int] = {}
        for at in needed(spec, number):
            got = await read(address + at, 1) if at < HEAD_WORDS + words else None
            if got is not None:
                told[at] = got[0]
        models.append(Model(number, address, words, told))
        address = following
    return tuple(models)
