"""The order in which people look for names with numbers in them."""

import re
from functools import lru_cache

_PARTS = re.compile(r"[0-9]+|[^0-9]+")
_MOST_DIGITS = 18
NameOrder = tuple[bool, tuple[tuple[int, str], ...]]


def slot_order(name: str | None) -> NameOrder:
    """Give a sort key that puts slot 10 after slot 2, and what has no name last."""
    return name is None, natural(name or "")


@lru_cache(maxsize=1 << 14)
def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Give a sort key for names with numbers in them."""
    return tuple(
        (int(part[:_MOST_DIGITS]), "") if part.isdecimal() else (-1, part)
        for part in _PARTS.findall(name)
    )
