"""What is wrong with a configuration, with its place in the file, for people to read."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import ConfigError

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.<?-]{1,64}")
_LONGEST_SHOWN = 60
_MOST_OPTIONS = 500
_MOST_GUESSES = 200


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One sentence about one place. ``line`` counts from 1."""

    line: int
    path: str
    message: str

    def located(self, file: Path) -> str:
        """Give the one-line form ``file:line: path: message``."""
        return f"{file}:{self.line}: {self.path}: {self.message}"


class InvalidConfig(ConfigError):  # noqa: N818 - its base has the suffix
    """Every error of one file. The text holds one ``file:line: path: message`` a line."""

    def __init__(
        self, file: Path, errors: tuple[Problem, ...], warnings: tuple[Problem, ...]
    ) -> None:
        super().__init__("\n".join(error.located(file) for error in errors))
        self.file = file
        self.errors = errors
        self.warnings = warnings


@dataclass(slots=True)
class Problems:
    """Collects what is found wrong, so that one run tells everything."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    guesses: int = 0

    def guess(self, word: str, options: Iterable[str]) -> str:
        """Do as ``did_you_mean``, a bounded number of times for one file."""
        self.guesses += 1
        return did_you_mean(word, options) if self.guesses <= _MOST_GUESSES else ""

    def error(self, line: int, path: str, message: str) -> None:
        """Note something that makes the file unusable."""
        self.errors.append(Problem(line, path or TOP, message))

    def warn(self, line: int, path: str, message: str) -> None:
        """Note something that is probably not meant."""
        self.warnings.append(Problem(line, path or TOP, message))


TOP = "top level"
"""What the path says where the whole file is meant."""


def shown(text: str) -> str:
    """Quote ``text`` on one line, cut to a readable length."""
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 1] + "…"
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() else json.dumps(text)


def below(path: str, key: str | int) -> str:
    """Extend ``path`` by a key or a list index (from 0)."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = key if _PLAIN_KEY.fullmatch(key) else shown(key)
    return f"{path}.{name}" if path else name


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Give ``; did you mean "x"?`` where an option is close to ``word``, else nothing."""
    # Both are bounded: a hostile file must not buy a long comparison.
    word = word[:64].casefold()
    by_folded = {option.casefold(): option for option in sorted(options)[:_MOST_OPTIONS]}
    close = difflib.get_close_matches(word, by_folded, n=1)
    return f'; did you mean "{by_folded[close[0]]}"?' if close else ""
