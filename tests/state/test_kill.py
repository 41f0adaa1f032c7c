from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conductor_tui.domain.errors import StateError
from conductor_tui.domain.events import Draft, Notice, TaskPhase
from conductor_tui.domain.views import Snapshot
from conductor_tui.state.manager import StateManager
from conductor_tui.state.snapshot import reduce
from tests.state.build import RUN, begin

ROOT = Path(__file__).parents[2]
ROUNDS = 15


@contextmanager
def writers(path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program that forks writers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.state.killed_writer", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=ROOT,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def killed(server: subprocess.Popen[str], after_s: float) -> list[tuple[int, int, str]]:
    """Let a writer work, kill it a moment after its first word, return what it said is safe."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("go\n")
    born, pid = server.stdout.readline().split()
    assert born == "born"
    lines = [server.stdout.readline()]
    time.sleep(after_s)  # the moment of death is what this test varies
    os.kill(int(pid), signal.SIGKILL)
    while not lines[-1].startswith("dead"):
        lines.append(server.stdout.readline())
    assert lines.pop() == "dead -9\n"
    told = [line.split() for line in lines]
    return [(int(one), int(two), text) for one, two, text in told]


async def verify(path: Path, safe: list[tuple[int, int, str]]) -> int:
    """Look at what the dead left; return how many events there are."""
    async with StateManager.open(path) as state:
        told = await state.history(RUN)
        assert [each.seq for each in told] == list(range(1, len(told) + 1))
        assert state.snapshot == reduce(Snapshot(), told)
        for one, two, text in safe:
            assert isinstance(told[one - 1].event, TaskPhase)
            assert told[two - 1].event == Notice("info", text)
        pairs = [each for each in told if isinstance(each.event, TaskPhase)]
        for each in pairs:  # never half of an operation
            assert isinstance(told[each.seq].event, Notice)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    return len(told)


def test_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    chance = random.Random(20261120)
    safe: list[tuple[int, int, str]] = []
    events = 0
    with writers(path) as server:
        for _ in range(ROUNDS):
            safe += killed(server, chance.uniform(0.0, 0.05))
            before, events = events, asyncio.run(verify(path, safe))
            assert events > before
    assert len(safe) > 5 * ROUNDS


@contextmanager
def no_room(path: Path) -> Iterator[None]:
    """Let no file grow beyond what the log has now, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    big = Draft(Notice("info", "x" * 100_000))
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        await state.record(Draft(Notice("info", "before")))
        before = state.snapshot
        with no_room(path):
            with pytest.raises(StateError) as caught:
                await state.record(big)
            assert "disk" in caught.value.mend
            assert state.snapshot is before
        (recorded,) = await state.record(big)
        assert recorded.seq == 4
    async with StateManager.open(path) as state:
        told = await state.history(RUN)
        assert [each.seq for each in told] == [1, 2, 3, 4]
        assert state.snapshot == reduce(Snapshot(), told)
