"""Runs one check of a task: ``sh -c CHECK`` in its workspace, to its end or its time limit."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import PurePath

from conductor_tui.checks.tail import Tail
from conductor_tui.domain.errors import CheckError, HostError
from conductor_tui.domain.ports.hosts import Exit, Host, Process, ProcessSpec
from conductor_tui.domain.ports.work import CheckResult, Workspace
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Scope

WRAPPER = 'exec 2>&1 </dev/null; exec sh -c "$1"'
"""Both streams into one, so that their order is kept; nothing to read."""


class ShellChecker:
    """Runs checks on a host, each behind a runner of its own.

    Args:
        host: where the workspaces are.
        environment: the clean environment checks get, before the task's own variables.
        folder: says for a run and a task where the task's folder is; the whole output of each
            check is kept below it, in ``checks/``.
    """

    def __init__(
        self, host: Host, environment: Mapping[str, str], folder: Callable[[str, str], str]
    ) -> None:
        self._host = host
        self._environment = dict(environment)
        self._folder = folder

    async def run(
        self, run: str, task: Task, workspace: Workspace, check: str, on: Scope
    ) -> CheckResult:
        """Run one check to its end or its time limit; its whole tree is dead afterwards.

        Raises:
            CheckError: it could not be started.
        """
        spec = self._spec(run, task, workspace, check)
        started = time.monotonic()
        try:
            process = await self._host.start(spec)
        except HostError as error:
            raise CheckError(f"cannot run the check {check!r}: {error.message}") from error
        tail = Tail()
        late = False
        try:
            async with asyncio.timeout(task.check_timeout_s):
                await _read(process, tail)
        except TimeoutError:
            late = True
        finally:
            end = await process.end()
        return CheckResult(
            check=check,
            on=on,
            ok=end == Exit(0, "exited") and not late,
            exit_code=None if late else end.code,
            duration_s=time.monotonic() - started,
            output=tail.text() + _verdict(tail, end, task.check_timeout_s if late else None),
        )

    def _spec(self, run: str, task: Task, workspace: Workspace, check: str) -> ProcessSpec:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}"
        return ProcessSpec(
            argv=("sh", "-c", WRAPPER, "sh", check),
            cwd=workspace.path,
            env={
                **self._environment,
                **task.env,
                # Without its own .git a workspace would pass for a part of the repository above.
                "GIT_CEILING_DIRECTORIES": str(PurePath(workspace.path).parent),
                "CONDUCTOR_RUN_ID": run,
                "CONDUCTOR_TASK_ID": task.id,
            },
            spool=str(PurePath(self._folder(run, task.id), "checks", name)),
        )


async def _read(process: Process, tail: Tail) -> None:
    async for chunk in process.chunks():
        tail.add(chunk.data)


def _verdict(tail: Tail, end: Exit, limit_s: float | None) -> str:
    """Return the line that says why there is no exit code of the check's own; mostly empty."""
    if limit_s is not None:
        words = f"time limit of {limit_s:g} s reached: ended with all it had started"
    elif end.reason != "exited":
        words = f"ended before it was done: {end.reason}"
    else:
        return ""
    gap = "" if tail.seen == 0 or tail.text().endswith("\n") else "\n"
    return f"{gap}[{words}]\n"
