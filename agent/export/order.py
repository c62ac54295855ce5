"""The order in which people look for names with numbers in them."""

from functools import lru_cache
from itertools import takewhile

NameOrder = tuple[bool, tuple[tuple[int, str], ...]]


def slot_order(name: str | None) -> NameOrder:
    """Give a sort key that puts slot 10 after slot 2, and what has no name last."""
    return name is None, natural(name or "")


@lru_cache(maxsize=1 << 14)
def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Give a sort key for names with numbers in them."""
    parts: list[tuple[int, str]] = []
    rest = name
    while rest:
        digits = "".join(takewhile(lambda c: c.isascii() and c.isdecimal(), rest))
        words = "".join(takewhile(lambda c: not (c.isascii() and c.isdecimal()), rest))
        parts.append((int(digits[:18]), "") if digits else (-1, words))
        rest = rest[len(digits or words) :]
    return tuple(parts)
