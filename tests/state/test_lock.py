from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conductor_tui.domain.errors import LockHeld, StateError
from conductor_tui.state import lock
from conductor_tui.state.lock import RepositoryLock

ROOT = Path(__file__).parents[2]

HOLD = """
import os, subprocess, sys
from pathlib import Path
from conductor_tui.state.lock import RepositoryLock

with RepositoryLock(Path(sys.argv[1])):
    child = 0
    if sys.argv[2] == "fork":      # a child without exec: it has the file open, too
        child = os.fork()
        if child == 0:
            os.close(0); os.close(1)
            import time
            time.sleep(60)
            os._exit(0)
    elif sys.argv[2] == "program":  # a program started with everything open that may be
        child = subprocess.Popen(["sleep", "60"], close_fds=False, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL).pid
    print(child, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "project" / ".conductor"


@contextmanager
def held(folder: Path, child: str = "alone") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that holds the lock; with the id of a child of its own, if it has one."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), child],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    try:
        yield process, pid
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        if pid:
            os.kill(pid, 9)


def test_the_lock_says_who_holds_it_and_is_private(folder: Path) -> None:
    with RepositoryLock(folder):
        told = json.loads((folder / "lock").read_text())
        assert told["pid"] == os.getpid()
        assert stat.S_IMODE((folder / "lock").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "lock").read_text() == ""


def test_a_second_one_in_this_process_is_refused(folder: Path) -> None:
    with RepositoryLock(folder), pytest.raises(LockHeld) as caught:
        RepositoryLock(folder).acquire()
    assert caught.value.pid == os.getpid()
    assert str(folder.parent) in caught.value.message
    with RepositoryLock(folder):
        pass


def test_a_living_holder_is_named(folder: Path) -> None:
    with held(folder) as (process, _):
        with pytest.raises(LockHeld) as caught:
            RepositoryLock(folder).acquire()
        assert caught.value.pid == process.pid
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("child", ["alone", "fork", "program"])
def test_children_do_not_keep_what_their_parent_gave_back(folder: Path, child: str) -> None:
    with held(folder, child) as (process, _):
        process.communicate("\n", timeout=30)
        with RepositoryLock(folder):
            pass


def test_a_program_started_meanwhile_does_not_have_the_file(folder: Path) -> None:
    with RepositoryLock(folder):
        program = subprocess.Popen(["sleep", "60"], close_fds=False)
        try:
            files = [os.readlink(file) for file in Path(f"/proc/{program.pid}/fd").iterdir()]
        finally:
            program.kill()
            program.wait()
    assert str(folder / "lock") not in files


@pytest.mark.parametrize("child", ["alone", "fork", "program"])
def test_a_killed_holder_is_taken_over_at_once(folder: Path, child: str) -> None:
    with held(folder, child) as (process, _):
        process.kill()
        process.wait()
        with RepositoryLock(folder):
            assert json.loads((folder / "lock").read_text())["pid"] == os.getpid()
            with pytest.raises(LockHeld):
                RepositoryLock(folder).acquire()


def test_a_holder_nobody_has_buried_is_dead_too(folder: Path) -> None:
    with held(folder, "fork") as (process, _):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with RepositoryLock(folder):
            pass


def test_another_process_with_the_same_id_is_not_the_holder(folder: Path) -> None:
    with held(folder, "fork") as (process, _):
        process.kill()
        process.wait()
        told = json.loads((folder / "lock").read_text())
        (folder / "lock").write_text(json.dumps(told | {"pid": os.getpid()}))
        with RepositoryLock(folder):
            pass


@pytest.mark.parametrize("key", ["machine", "namespace"])
def test_a_holder_of_another_machine_or_container_is_believed(folder: Path, key: str) -> None:
    with held(folder, "fork") as (process, _):
        process.kill()
        process.wait()
        told = json.loads((folder / "lock").read_text())
        (folder / "lock").write_text(json.dumps(told | {key: "elsewhere"}))
        with pytest.raises(LockHeld) as caught:
            RepositoryLock(folder).acquire()
        assert caught.value.pid == process.pid


def test_a_holder_that_does_not_say_who_it_is_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.05)
    with held(folder):
        (folder / "lock").write_text("")
        with pytest.raises(LockHeld) as caught:
            RepositoryLock(folder).acquire()
        assert caught.value.pid == 0


def test_a_file_left_over_is_no_lock(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "lock").write_text('{"pid": 1, "started": "1"}')
    with RepositoryLock(folder):
        pass


def test_a_file_that_was_judged_is_not_removed_under_its_new_owner(folder: Path) -> None:
    with held(folder, "fork") as (process, _):
        process.kill()
        process.wait()
        late = RepositoryLock(folder)
        judged = os.open(folder / "lock", os.O_RDWR)
        with RepositoryLock(folder):
            late._remove(judged)
            assert (folder / "lock").exists()
        os.close(judged)


def test_a_folder_nobody_may_write_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError) as caught:
        RepositoryLock(tmp_path / "file" / ".conductor").acquire()
    assert caught.value.mend


async def test_it_does_not_hold_up_the_loop(folder: Path) -> None:
    async with RepositoryLock(folder):
        with pytest.raises(LockHeld):
            await RepositoryLock(folder).__aenter__()
    async with RepositoryLock(folder):
        pass


def test_releasing_twice_is_harmless(folder: Path) -> None:
    mine = RepositoryLock(folder)
    mine.acquire()
    mine.release()
    mine.release()
