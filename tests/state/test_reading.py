from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from conductor_tui.domain.errors import NotFound, StateError
from conductor_tui.domain.events import Draft, Notice
from conductor_tui.domain.views import Snapshot
from conductor_tui.state import reading
from conductor_tui.state.manager import StateManager
from conductor_tui.state.schema import Migration, migrations
from tests.state.build import OTHER_RUN, RUN, at_work, begin

NEXT = (*migrations(), Migration(2, ""))
HELLO = Draft(Notice("info", "hello"))

READ_IN_ANOTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from conductor_tui.state.manager import StateManager

async def main():
    async with StateManager.read(Path(sys.argv[1])) as state:
        run = state.snapshot.run.id
        print(run, state.snapshot.seq, len(await state.history(run)), len(await state.runs()))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder?with#odd%20signs" / "state.db"


async def read(path: Path) -> Snapshot:
    async with StateManager.read(path) as state:
        return state.snapshot


def make_empty(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()


def make_garbage(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database " * 500)


async def test_a_missing_state_is_told(path: Path) -> None:
    with pytest.raises(NotFound, match="no state") as caught:
        await read(path)
    assert caught.value.mend


async def test_an_empty_file_is_no_state_yet(path: Path) -> None:
    make_empty(path)
    with pytest.raises(NotFound, match="empty"):
        await read(path)


async def test_a_damaged_file_is_told_with_the_mend(path: Path) -> None:
    make_garbage(path)
    with pytest.raises(StateError, match="not a database") as caught:
        await read(path)
    assert "move it away" in caught.value.mend


@pytest.mark.parametrize(("version", "word"), [(99, "newer"), (1, "older")])
async def test_another_schema_is_told(
    path: Path, version: int, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with StateManager.open(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    monkeypatch.setattr(reading, "migrations", lambda: NEXT)
    with pytest.raises(StateError, match=f"by an? {word} conductor") as caught:
        await read(path)
    assert caught.value.mend


async def test_a_state_without_runs_is_empty(path: Path) -> None:
    async with StateManager.open(path):
        pass
    async with StateManager.read(path) as state:
        assert state.snapshot == Snapshot()
        assert await state.runs() == []
        assert await state.history(RUN) == []


async def test_an_unknown_run_is_told(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        with pytest.raises(NotFound, match="no run nothing"):
            await state.load("nothing")


async def test_reading_while_another_writes(path: Path) -> None:
    async with StateManager.open(path) as writing:
        await writing.begin(RUN, begin("a"))
        await writing.record(*at_work("a"))
        async with StateManager.read(path) as other:
            assert other.snapshot == writing.snapshot
            await writing.record(HELLO)
            assert other.snapshot.seq == 4
            assert await other.load(RUN) == writing.snapshot
            assert len(await other.history(RUN)) == 5
            await writing.begin(OTHER_RUN, begin("b"))
            assert [run.id for run in await other.runs()] == [OTHER_RUN, RUN]
        assert not hasattr(other, "record")


async def test_reading_from_another_process_while_this_one_writes(path: Path) -> None:
    async with StateManager.open(path) as writing:
        await writing.begin(RUN, begin("a"))
        assert in_another_process(path) == f"{RUN} 2 2 1"
        await writing.record(*at_work("a"))
        assert in_another_process(path) == f"{RUN} 4 4 1"
    assert in_another_process(path) == f"{RUN} 4 4 1"


def in_another_process(path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", READ_IN_ANOTHER_PROCESS, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return done.stdout.strip()
