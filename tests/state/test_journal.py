from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_tui.domain.errors import StateError
from conductor_tui.state.journal import Journal
from conductor_tui.state.manager import StateManager
from conductor_tui.state.schema import Migration, migrations
from tests.state.build import RUN, begin

STEPS = migrations()
NEXT = Migration(2, "CREATE TABLE extra (x INTEGER); INSERT INTO extra VALUES (7);")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project" / ".conductor" / "state.db"


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """SQLite's threads are no daemons: one that is left keeps the process alive for ever."""
    before = set(threading.enumerate())
    yield
    left = [each for each in threading.enumerate() if each not in before]
    # Threads of the loop's executor end with the loop, not with the state.
    assert [each.name for each in left if not each.name.startswith("asyncio_")] == []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put(path: Path, data: bytes = b"", folder_mode: int = 0o700) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(folder_mode)
    path.write_bytes(data)
    path.chmod(0o644)


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def content(path: Path) -> bytes:
    return path.read_bytes()


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def filled(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))


async def test_a_new_file_is_private_durable_and_of_the_newest_schema(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        assert mode(path.parent) == 0o700
        assert {file.name: mode(file) for file in path.parent.iterdir()} == {
            "state.db": 0o600,
            "state.db-wal": 0o600,
            "state.db-shm": 0o600,
        }
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    assert query(path, "PRAGMA user_version") == [(STEPS[-1].number,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "PRAGMA foreign_key_check") == []


async def test_a_commit_is_on_the_disk_and_rows_belong_to_runs(path: Path) -> None:
    async with Journal.open(path) as journal:
        for pragma, value in (("synchronous", 2), ("foreign_keys", 1), ("journal_mode", "wal")):
            # Settings of a connection: nobody outside can see them.
            rows = await journal._connection.execute_fetchall(f"PRAGMA {pragma}")
            assert [tuple(row) for row in rows] == [(value,)]


async def test_a_file_that_was_open_to_others_is_closed_to_them(path: Path) -> None:
    put(path, folder_mode=0o755)
    await filled(path)
    assert (mode(path.parent), mode(path)) == (0o700, 0o600)


def test_migrations_are_numbered_from_one_without_a_gap() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


async def test_a_file_that_is_no_database_is_told_with_the_mend(path: Path) -> None:
    put(path, b"these are not the bytes of a database\n" * 200)
    with pytest.raises(StateError, match="not a database") as caught:
        await filled(path)
    assert "move it away" in caught.value.mend
    assert str(path) in caught.value.message
    assert content(path).startswith(b"these are not")


async def test_another_program_s_database_is_left_alone(path: Path) -> None:
    put(path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cats (name TEXT)")
    connection.close()
    before = content(path)
    with pytest.raises(StateError, match="another program") as caught:
        await filled(path)
    assert "move it away" in caught.value.mend
    assert content(path) == before


async def test_a_newer_schema_is_refused(path: Path) -> None:
    await filled(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="newer conductor") as caught:
        await filled(path)
    assert caught.value.mend == "upgrade conductor"
    assert query(path, "SELECT count(*) FROM events") == [(2,)]


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError):
        await filled(tmp_path / "file" / "state.db")


async def test_an_older_file_is_copied_then_migrated(path: Path) -> None:
    await filled(path)
    async with Journal.open(path, steps=[*STEPS, NEXT]):
        pass
    assert query(path, "PRAGMA user_version") == [(2,)]
    assert query(path, "SELECT x FROM extra") == [(7,)]
    assert query(path, "SELECT count(*) FROM events") == [(2,)]
    copy = path.with_name("state.db.schema-1")
    assert mode(copy) == 0o600
    assert query(copy, "PRAGMA user_version") == [(1,)]
    assert query(copy, "SELECT count(*) FROM events") == [(2,)]
    assert query(copy, "PRAGMA integrity_check") == [("ok",)]


async def test_a_file_of_the_newest_schema_is_not_copied(path: Path) -> None:
    await filled(path)
    await filled_again(path)
    assert names(path.parent) == ["state.db"]


async def filled_again(path: Path) -> None:
    async with StateManager.open(path) as state:
        assert set(state.snapshot.tasks) == {"a"}


async def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    await filled(path)
    half = Migration(3, "CREATE TABLE more (x INTEGER); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(StateError, match="could not be brought to 3") as caught:
        await Journal.open(path, steps=[*STEPS, NEXT, half]).__aenter__()
    assert "nothing was changed" in caught.value.mend
    assert query(path, "PRAGMA user_version") == [(1,)]
    assert query(path, "SELECT name FROM sqlite_master WHERE name IN ('extra', 'more')") == []
    await filled_again(path)


async def test_the_connection_is_closed_when_the_block_fails(path: Path) -> None:
    async def fail() -> None:
        async with StateManager.open(path) as state:
            await state.begin(RUN, begin("a"))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    # The last connection folds the log into the file and removes it.
    assert names(path.parent) == ["state.db"]
