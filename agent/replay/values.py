"""Values of a recorded file as numbers, whatever type the file gave them."""

import math
from datetime import UTC, datetime
from decimal import Decimal


def number(value: object) -> float:
    """Give ``value`` as a number, NaN where it is none."""
    if isinstance(value, str | bytes | int | float | Decimal):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return math.nan
    return math.nan


def unix_s(value: object) -> float:
    """Give a time as unix seconds, NaN where it is none; ISO 8601 without a zone is UTC."""
    told = number(value)
    if not math.isnan(told):
        return told
    text = word(value)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def word(value: object) -> str:
    """Give ``value`` as a word without spaces around it; empty where it is none."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip() if isinstance(value, str) else ""
