"""Texts of devices and names of units where another program could take them for more."""

_LONGEST_LABEL = 256
_REPLACEMENT = "\ufffd"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_NAME = 120
"""Leaves room for an ending in the 255 bytes that a file system gives a name."""


def clean(text: str, *, longest: int = _LONGEST_LABEL) -> str:
    """Make a device's text safe to show: no control characters, no half surrogates, not long.

    Parsers of the formats split lines at characters that a device may send, and a half
    surrogate cannot be encoded at all: either would cost the whole scrape.
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _REPLACEMENT for c in text)


def disarmed(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def file_name(text: str) -> str:
    """Make ``text`` a part of a file's name: it names no folder and fits into a header."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in text[:_LONGEST_NAME]
    )
