import json
from pathlib import Path

import pytest

from agent.model import Event
from agent.store.history import HistoryStore
from agent.store.records import SavedState


def write(folder: Path, name: str, content: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))


PAST = {
    "unit": "a",
    "saved_at": 500,
    "serial": "SN1",
    "state": {"x": 1},
    "events": [{"kind": "discharge", "start_s": 100, "end_s": 160, "detail": {"energy_wh": 9.5}}],
}


async def test_import_takes_states_and_events_in_once(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    write(folder, "a.json", PAST)
    store = HistoryStore(tmp_path / "history.db")
    assert await store.import_folder(folder) == (("a",), ())
    assert await store.import_folder(folder) == ((), ())
    assert await store.load_states() == {"a": SavedState("SN1", 500, {"x": 1})}
    assert await store.events() == [Event("a", "discharge", 100, 160, {"energy_wh": 9.5})]
    assert [file.name for file in folder.iterdir()] == ["a.json.done"]
    await store.close()


async def test_import_without_a_folder_is_nothing(tmp_path: Path) -> None:
    store = HistoryStore(None)
    assert await store.import_folder(tmp_path / "import") == ((), ())
    await store.close()


async def test_import_does_not_overwrite_a_newer_state(tmp_path: Path) -> None:
    write(tmp_path / "import", "a.json", PAST)
    store = HistoryStore(None)
    await store.save({"a": ("SN1", {"x": 2})}, saved_s=501)
    imported = await store.import_folder(tmp_path / "import")
    assert (imported.units, "older than the state of a" in imported.problems[0]) == ((), True)
    assert (await store.load_states())["a"].body == {"x": 2}
    assert len(await store.events()) == 1
    await store.close()


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        PAST | {"state": 5},
        PAST | {"unit": 5},
        PAST | {"saved_at": "yesterday"},
        PAST | {"saved_at": float("nan")},
        PAST | {"saved_at": float("inf")},
        PAST | {"saved_at": 10**400},
        PAST | {"unit": "\ud800"},
        PAST | {"events": [{"kind": "\ud800", "start_s": 1}]},
        PAST | {"events": [{"kind": "discharge", "start_s": float("nan")}]},
        PAST | {"events": [{"kind": "discharge", "start_s": 1, "end_s": -(10**400)}]},
        PAST | {"events": [{"kind": "discharge"}]},
        PAST | {"events": [{"kind": "discharge", "start_s": 1, "end_s": "x"}]},
        PAST | {"events": ["x"]},
    ],
)
async def test_import_sets_a_bad_file_aside_and_says_which(tmp_path: Path, content: object) -> None:
    folder = tmp_path / "import"
    write(folder, "bad.json", content)
    write(folder, "good.json", PAST)
    store = HistoryStore(None)
    imported = await store.import_folder(folder)
    assert (imported.units, len(imported.problems)) == (("a",), 1)
    assert str(folder / "bad.json") in imported.problems[0]
    assert {file.name for file in folder.iterdir()} == {"bad.json.bad", "good.json.done"}
    await store.close()


async def test_a_bad_file_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    write(tmp_path / "import", "bad.json", PAST | {"saved_at": float("nan")})
    write(tmp_path / "import", "worse.json", PAST | {"unit": "\ud800"})
    store = HistoryStore(tmp_path / "history.db")
    imported = await store.import_folder(tmp_path / "import")
    assert (imported.units, len(imported.problems)) == ((), 2)
    assert (store.problem, store.failures) == (None, 0)
    await store.close()
