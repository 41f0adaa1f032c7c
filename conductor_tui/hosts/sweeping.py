"""Ends processes that nobody owns any more, found by the variables they carry.

The second net under the runner: where the runner itself was killed, what its program had started
is recognised by the environment every descendant inherits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping

import psutil

TERM_S = 1.0
"""How long marked processes have between SIGTERM and SIGKILL."""
KILL_S = 3.0
"""What SIGKILL has not ended by then is stuck in the kernel."""
TICK_S = 0.03
"""How often the processes are looked over meanwhile."""


def marked(marks: Mapping[str, str]) -> list[psutil.Process]:
    """Return all living processes but our own whose environment holds all of the marks."""
    found = []
    for process in psutil.process_iter():
        # Zombies are dead; the processes of other users do not show their environment.
        with contextlib.suppress(psutil.Error, OSError):
            environ = process.environ() if process.pid != os.getpid() else {}
            carries = all(environ.get(name) == value for name, value in marks.items())
            if carries and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


async def sweep(marks: Mapping[str, str]) -> list[int]:
    """End every process that carries all of the marks: SIGTERM, then SIGKILL until none is left.

    Args:
        marks: variables and their values; at least one.

    Returns:
        The ids of the processes found, in order.

    Raises:
        ValueError: no marks, which every process would carry.
    """
    if not marks:
        raise ValueError("a sweep needs at least one mark")
    ended: set[int] = set()
    loop = asyncio.get_running_loop()
    for number, wait in ((signal.SIGTERM, TERM_S), (signal.SIGKILL, KILL_S)):
        deadline = loop.time() + wait
        while found := await asyncio.to_thread(_strike, marks, number):
            ended |= found
            if loop.time() >= deadline:
                break
            await asyncio.sleep(TICK_S)
        else:
            break
    return sorted(ended)


def _strike(marks: Mapping[str, str], number: int) -> set[int]:
    found = marked(marks)
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
    return {process.pid for process in found}
