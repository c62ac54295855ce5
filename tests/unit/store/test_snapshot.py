"""A copy of the agent's file: of one moment, and nothing of the file is touched."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import StoreError
from agent.store.database import Database
from agent.store.records import Batch, SavedState
from agent.store.snapshot import snapshot

FEW, MANY = 3, 400


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Database]:
    """What a running agent holds open."""
    database = Database(tmp_path / "bbu-agent.sqlite")
    put(database, FEW)
    yield database
    database.close()


def put(database: Database, count: int) -> None:
    """Write ``count`` units of one number, in one commit: torn if they ever differ."""
    states = {f"u-{n}": SavedState(None, float(count), {"pad": "x" * 500}) for n in range(count)}
    database.commit(Batch(states=states))


def whole(found: dict[str, SavedState]) -> int:
    assert {state.saved_s for state in found.values()} == {float(len(found))}
    return len(found)


def kept(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_the_file_of_a_running_agent_is_read_and_left_as_it_is(
    agent: Database, tmp_path: Path
) -> None:
    put(agent, MANY)
    before = kept(tmp_path)
    with snapshot(tmp_path / "bbu-agent.sqlite") as copy:
        assert whole(copy.states()) == MANY
        put(copy, MANY + 1)
    assert kept(tmp_path) == before


def test_the_file_of_an_agent_that_has_ended_is_read_without_its_log(tmp_path: Path) -> None:
    database = Database(tmp_path / "bbu-agent.sqlite")
    put(database, FEW)
    database.close()
    before = kept(tmp_path)
    assert list(before) == ["bbu-agent.sqlite"]
    with snapshot(tmp_path / "bbu-agent.sqlite") as copy:
        assert whole(copy.states()) == FEW
    assert kept(tmp_path) == before


def meanwhile(monkeypatch: pytest.MonkeyPatch, once: Callable[[], None], *, times: int = 1) -> None:
    """Do ``once`` between the copy of the file and that of the log."""
    copyfile, left = shutil.copyfile, [once] * times

    def copied(source: Path | str, copy: Path) -> None:
        copyfile(source, copy)
        if left and not str(source).endswith("-wal"):
            left.pop()()

    monkeypatch.setattr("agent.store.snapshot.shutil.copyfile", copied)


def pragma(database: Database, words: str) -> None:
    database._connection.execute(f"PRAGMA {words}").fetchall()


def test_what_goes_from_the_log_to_the_file_meanwhile_is_there_once(
    agent: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move() -> None:
        put(agent, MANY)
        pragma(agent, "wal_checkpoint(PASSIVE)")

    meanwhile(monkeypatch, move)
    with snapshot(tmp_path / "bbu-agent.sqlite") as copy:
        assert whole(copy.states()) == MANY


def begin_anew(agent: Database, counts: list[int]) -> Callable[[], None]:
    def move() -> None:
        put(agent, counts[-1])
        pragma(agent, "wal_checkpoint(TRUNCATE)")
        agent.commit(Batch(states={"u-0": SavedState(None, float(counts.pop()), {})}))

    return move


def test_a_log_that_begins_anew_makes_another_copy(
    agent: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, begin_anew(agent, [MANY]))
    with snapshot(tmp_path / "bbu-agent.sqlite") as copy:
        assert whole(copy.states()) == MANY


def test_a_file_that_never_holds_still_is_told(
    agent: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = [MANY + n for n in range(9)]
    meanwhile(monkeypatch, begin_anew(agent, counts), times=9)
    with (
        pytest.raises(StoreError, match="changes while it is copied"),
        snapshot(tmp_path / "bbu-agent.sqlite"),
    ):
        pass
    assert len(counts) == 4, "five tries"


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(b"no database" * 500), "is damaged, or no agent's file"),
        (lambda path: path.unlink(), "is not there any more"),
        (newer, "is of a newer bbu-agent"),
    ],
)
def test_what_cannot_be_read_stays_and_is_told(
    tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "bbu-agent.sqlite"
    Database(path).close()
    spoil(path)
    before = kept(tmp_path)
    with pytest.raises(StoreError, match=said), snapshot(path):
        pass
    assert kept(tmp_path) == before


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "there-wal"), "there-wal: this user may not"),
        (OSError(28, "No space left on device"), "give TMPDIR a folder with room for 1 MiB"),
    ],
)
def test_a_copy_that_fails_says_what_to_do(
    agent: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def fail(_source: object, _copy: object) -> None:
        raise error

    put(agent, FEW)
    monkeypatch.setattr("agent.store.snapshot.shutil.copyfile", fail)
    with pytest.raises(StoreError, match=said), snapshot(tmp_path / "bbu-agent.sqlite"):
        pass
