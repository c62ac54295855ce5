"""Opens recorded files and gives their columns in batches: CSV, CSV in gzip, Parquet.

Whatever is wrong with a file is a ConfigError, when it is opened or in the middle of it.
"""

import csv
import gzip
import importlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import ConfigError
from agent.replay.values import number, unix_s, word

CUT = "cut"
"""What ``Source.faults`` calls a row with more or fewer fields than the header has."""
_BATCH = 8192
_DAY_S = 86400.0
_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_OTHERS = {
    b"PK\x03\x04": "is a spreadsheet or another archive; save the table as CSV in UTF-8",
    b"PAR1": "is a Parquet file; name it .parquet",
    b"\x1f\x8b": "is compressed by gzip; name it .csv.gz",
    b"\xff\xfe": "is UTF-16; save it as CSV in UTF-8",
    b"\xfe\xff": "is UTF-16; save it as CSV in UTF-8",
}
"""How files begin that are no CSV, and what to do with them."""
_UNREADABLE = (OSError, EOFError, zlib.error)

Column = list[Any]
Batches = Iterator[dict[str, Column]]


@dataclass(frozen=True, slots=True)
class Source:
    """An open recording: its columns in order, its number of rows if known, and its batches.

    ``read`` gives the named columns of every row; ``faults`` counts what it meets meanwhile.
    """

    names: list[str]
    rows: int | None
    read: Callable[[Sequence[str]], Batches]
    faults: Counter[str] = field(default_factory=Counter)


def read_source(path: Path) -> Source:
    """Open ``path``, by its name a Parquet file or CSV. Raises ConfigError."""
    try:
        return _parquet(path) if path.suffix == ".parquet" else _csv(path)
    except _UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read: {_why(error)}") from error


def _why(error: BaseException) -> str:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(told.split()).rstrip(".")


def _csv(path: Path) -> Source:
    reader = _Csv(path)
    faults: Counter[str] = Counter()
    names = reader.head()
    return Source(names, None, lambda wanted: reader.batches(names, wanted, faults), faults)


@dataclass(frozen=True, slots=True)
class _Csv:
    """A CSV file, perhaps in gzip, perhaps with the mark that spreadsheets put in front."""

    path: Path

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Give each row with the number of its last line.

        A byte that is no UTF-8 costs its own field: what counts is digits.
        """
        opener = gzip.open if self.path.suffix == ".gz" else open
        line = 0
        try:
            with opener(
                self.path, "rt", encoding="utf-8-sig", errors="replace", newline=""
            ) as file:
                reader = csv.reader(file, skipinitialspace=True)
                for row in reader:
                    line = reader.line_num
                    yield line, row
        except csv.Error as error:
            raise ConfigError(
                f"{self.path}: line {line + 1}: {error}; is a quote not closed there? Mend it"
            ) from error
        except _UNREADABLE as error:
            why = f"cannot be read: {_why(error)}"
            if line > 0:
                why = f"is damaged or cut behind line {line}: {_why(error)}; copy it once more"
            raise ConfigError(f"{self.path}: {why}") from error

    def head(self) -> list[str]:
        """Give the names of the columns. Raises ConfigError where there cannot be any."""
        with self.path.open("rb") as file:
            begins = file.read(4)
        if self.path.suffix != ".gz":
            for magic, told in _OTHERS.items():
                if begins.startswith(magic):
                    raise ConfigError(f"{self.path}: {told}")
        names = [name.strip() for name in next((row for _, row in self._lines()), [])]
        if not any(names):
            raise ConfigError(
                f"{self.path}: line 1: is empty; the names of the columns belong there"
            )
        if any("\ufffd" in name or "\0" in name for name in names):
            raise ConfigError(f"{self.path}: line 1: is no text; save it as CSV in UTF-8")
        return names

    def batches(self, names: list[str], columns: Sequence[str], faults: Counter[str]) -> Batches:
        """Give the rows behind the first; one that was cut has no time that could be trusted."""
        wanted = [(name, names.index(name)) for name in columns]
        width = len(names)
        cut = [""] * width
        rows: list[list[str]] = []
        lines = self._lines()
        next(lines, None)
        for _, row in lines:
            if row:
                faults[CUT] += len(row) != width
                rows.append(row if len(row) == width else cut)
            if len(rows) == _BATCH:
                yield {name: _column(name, [row[at] for row in rows]) for name, at in wanted}
                rows = []
        if rows:
            yield {name: _column(name, [row[at] for row in rows]) for name, at in wanted}


def _column(name: str, values: list[Any]) -> Column:
    """Give the column ``name`` as the estimator takes it."""
    if name == "state":
        return [word(value).lower() for value in values]
    as_number = unix_s if name == "time_s" else number
    return [as_number(value) for value in values]


def _parquet(path: Path) -> Source:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigError(
            f"{path}: Parquet files need the extra 'parquet': pip install 'bbu-agent[parquet]'"
        ) from error
    arrow = importlib.import_module("pyarrow")
    try:
        file = parquet.ParquetFile(path)
    except arrow.ArrowException as error:
        raise ConfigError(
            f"{path}: is no Parquet file: {error}; CSV is named .csv or .csv.gz"
        ) from error

    def read(columns: Sequence[str]) -> Batches:
        done = 0
        try:
            for batch in file.iter_batches(batch_size=_BATCH, columns=list(columns)):
                yield {name: _values(arrow, name, batch.column(name)) for name in columns}
                done += batch.num_rows
        except (arrow.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
            raise ConfigError(
                f"{path}: is damaged behind row {done}: {_why(error)}; copy it once more"
            ) from error

    return Source(list(file.schema_arrow.names), file.metadata.num_rows, read)


def _values(arrow: Any, name: str, column: Any) -> Column:  # noqa: ANN401 - an optional library
    """Give a column of Parquet as the estimator takes it; times count from 1970, UTC."""
    kind, types = column.type, arrow.types
    if types.is_float32(kind) or types.is_float64(kind) or types.is_integer(kind):
        return list(column.to_pylist())
    if name == "time_s" and types.is_timestamp(kind):
        return _since_1970(column.cast(arrow.int64()), 1.0 / _TICKS[kind.unit])
    if name == "time_s" and types.is_date(kind):
        days = column.cast(arrow.date32()).cast(arrow.int32())
        return _since_1970(days, _DAY_S)
    return _column(name, column.to_pylist())


def _since_1970(counts: Any, step_s: float) -> Column:  # noqa: ANN401 - an optional library
    return [None if count is None else count * step_s for count in counts.to_pylist()]
