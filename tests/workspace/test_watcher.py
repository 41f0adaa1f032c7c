"""The watcher hints at once, at changes, and by time; it ends when it is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from watchfiles._rust_notify import WatchfilesRustInternalError

from conductor_tui.workspace import watcher
from conductor_tui.workspace.watcher import concerns, watch
from tests.workspace.conftest import Room, files


async def next_hint(hints: AsyncIterator[None], within_s: float = 5.0) -> None:
    """Wait for one hint."""
    async with asyncio.timeout(within_s):
        await anext(hints)


def watching() -> list[str]:
    """Return the threads that watch."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("watch")]


async def gone() -> None:
    """Wait until no thread watches any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("watch"):
            await asyncio.to_thread(thread.join, 2)
    assert watching() == []


async def test_it_hints_at_once_and_at_every_change(room: Room) -> None:
    workspace = await room.open()
    async with aclosing(room.workspaces.watch(workspace)) as hints:
        await next_hint(hints)
        for name in ("a.txt", "b.txt"):
            waiting = asyncio.ensure_future(next_hint(hints, 2.0))
            (files(workspace) / name).write_text("x\n")
            await waiting
    await gone()


async def test_time_alone_is_a_hint_and_git_alone_is_none(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    loop = asyncio.get_running_loop()
    async with aclosing(watch(str(tmp_path), reconcile_s=0.5)) as hints:
        await next_hint(hints)
        began = loop.time()
        waiting = asyncio.ensure_future(next_hint(hints))
        for number in range(4):
            (tmp_path / ".git" / f"file-{number}").write_text("x\n")
        await waiting
        assert loop.time() - began >= 0.4
    await gone()


async def test_it_ends_promptly_when_cancelled(tmp_path: Path) -> None:
    ready = asyncio.Event()

    async def follow() -> None:
        async for _ in watch(str(tmp_path), reconcile_s=30):
            ready.set()

    task = asyncio.ensure_future(follow())
    await ready.wait()
    task.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task
    await gone()


@pytest.mark.parametrize(
    "error", [OSError("OS file watch limit reached"), WatchfilesRustInternalError("no instances")]
)
async def test_without_watches_time_goes_on_hinting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(workspace: str) -> None:
        raise error

    monkeypatch.setattr(watcher, "_open", refuse)
    monkeypatch.setattr(watcher, "POLL_S", 0.01)
    hints = watch(str(tmp_path))
    for _ in range(3):
        await next_hint(hints)


def test_what_concerns_a_task() -> None:
    root = Path("/r/.conductor/workspaces/one")
    assert concerns(root, str(root / "a" / "b.txt"))
    assert concerns(root, str(root / ".github" / "x"))
    assert not concerns(root, str(root / ".git" / "index"))
    assert not concerns(root, str(root / "inner" / ".git" / "index"))
    assert not concerns(root, str(root / ".conductor" / "x"))
    assert not concerns(root, "/elsewhere")


def test_polling_is_slow_enough() -> None:
    assert watcher.POLL_S >= 1
