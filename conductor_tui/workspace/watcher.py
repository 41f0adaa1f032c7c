"""A hint that files changed. Events get lost (measured), so time passing is a hint too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

STEP_MS = 10
"""How long to wait for a further change before telling (performance.md 7: p50 16 ms)."""

DEBOUNCE_MS = 100
"""How long changes that go on are gathered at most."""

RECONCILE_S = 3.0
"""How often a hint is given although nothing was seen."""

POLL_S = 1.5
"""How often a hint is given where the system has no watches left."""

OWN = frozenset({".git", ".conductor"})


async def watch(workspace: str, reconcile_s: float = RECONCILE_S) -> AsyncGenerator[None, None]:
    """Yield at once, whenever files of a workspace may have changed, and every few seconds.

    Where the system's watches are used up it goes on by time alone. Ends promptly when closed or
    cancelled.
    """
    stop = threading.Event()
    # A thread of its own: the default executor has few, and each watch holds one for good.
    pool = ThreadPoolExecutor(1, thread_name_prefix="watch")
    try:
        async for seen in _events(pool, workspace, stop, reconcile_s):
            if seen:
                yield
    except (OSError, WatchfilesRustInternalError):
        while True:
            yield
            await asyncio.sleep(POLL_S)
    finally:
        stop.set()
        pool.shutdown(wait=False)


async def _events(
    pool: ThreadPoolExecutor, workspace: str, stop: threading.Event, reconcile_s: float
) -> AsyncGenerator[bool, None]:
    """Yield for each batch of changes, or silence, whether it is worth a look."""
    loop = asyncio.get_running_loop()
    # Setting a watch on each of 10,000 folders takes a while: not on the loop.
    notify = await loop.run_in_executor(pool, _open, workspace)
    # The first hint: whatever changes from here on is seen.
    yield True
    root = Path(workspace)
    due = loop.time() + reconcile_s
    while True:
        found = await loop.run_in_executor(
            pool, notify.watch, DEBOUNCE_MS, STEP_MS, int(reconcile_s * 1000), stop
        )
        if found in ("stop", "signal"):
            return
        seen = [] if isinstance(found, str) else [path for _, path in found]
        late = loop.time() >= due
        worth = late or found == "timeout" or any(concerns(root, path) for path in seen)
        if worth:
            due = loop.time() + reconcile_s
        yield worth


def _open(workspace: str) -> RustNotify:
    """Watch a folder and all below it."""
    return RustNotify([workspace], False, False, 300, True, True)


def concerns(root: Path, path: str) -> bool:
    """Tell whether a path is one of the task's files, not git's or conductor's own."""
    try:
        return OWN.isdisjoint(Path(path).relative_to(root).parts)
    except ValueError:
        return False
