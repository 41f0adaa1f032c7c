"""This machine as a host: programs behind runners, short commands, the sweep of strays."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from conductor_tui.domain.errors import HostError
from conductor_tui.domain.ports.hosts import Completed, ProcessSpec
from conductor_tui.hosts import commands, runtime, sweeping
from conductor_tui.hosts import spool as spools
from conductor_tui.hosts.process import MARK, LocalProcess

RUNNER = Path(__file__).with_name("runner.py")

LAUNCH = "import sys; sys.path.append(sys.argv[1]); import runner; runner.main()"
"""Imported, not run as a script: its bytecode is kept, which saves a fifth of the start."""

START_S = 20.0
"""How long a runner may take to start its program (40 ms on a quiet machine)."""

INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What the runner itself needs of our environment; its program gets exactly what is given."""


class LocalHost:
    """Runs programs on this machine; as a context manager it ends at its exit what is left."""

    name = "local"

    def __init__(self) -> None:
        self._processes: set[LocalProcess] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every program started here that has not ended; let go of the detached ones."""
        async with asyncio.TaskGroup() as group:
            for process in list(self._processes):
                group.create_task(_leave(process))

    async def start(self, spec: ProcessSpec) -> LocalProcess:
        """Start a program behind a runner and attach to it.

        The program's environment is exactly that of the spec, and ``CONDUCTOR_SPOOL``.

        Raises:
            HostError: the program, its folder or its spool is not there or not usable.
        """
        wanted = await asyncio.to_thread(_wanted, spec)
        ours, theirs = socket.socketpair()
        try:
            async with asyncio.timeout(START_S):
                record = await _launch(wanted, ours, theirs)
        except BaseException as error:
            ours.close()  # by which a runner knows to end what it may have started
            await asyncio.to_thread(Path(wanted["socket"]).unlink, missing_ok=True)
            if isinstance(error, TimeoutError):
                raise HostError(f"no runner came up within {START_S:.0f} s") from error
            raise
        finally:
            theirs.close()
        positions = {"out": 0, "err": 0}
        process = LocalProcess(wanted["spool"], record, positions, ours, self._processes.discard)
        self._processes.add(process)
        return process

    async def attach(self, spool: str, out: int = 0, err: int = 0) -> LocalProcess | None:
        """Attach to a program started before, by whomever, at these offsets of its streams.

        Where it has ended, its chunks and its exit come from the spool. Where its runner was
        killed, what is left of it is ended first, and its exit is ``lost``. None if no program
        was started there.
        """
        spool = await asyncio.to_thread(os.path.abspath, spool)
        record = await asyncio.to_thread(spools.read_record, spool)
        if record is None:
            return None
        process = LocalProcess(spool, record, {"out": out, "err": err})
        await process.settle()
        return process

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        """Run a short command to its end and return all it printed.

        Args:
            argv: the program and its arguments.
            cwd: the folder it runs in.
            env: its whole environment; None: our own.
            stdin: what it reads.
            timeout_s: after which its whole process group is killed.

        Raises:
            HostError: the program or the folder is not there.
        """
        return await commands.execute(argv, cwd, env, stdin, timeout_s)

    async def sweep(self, marks: Mapping[str, str]) -> list[int]:
        """End every process whose environment carries all these variables; return their ids."""
        return await sweeping.sweep(marks)


def watch_children_by_pidfd() -> None:
    """Have asyncio wait for children by pidfd instead of one thread each; for ``bootstrap``.

    Only Python 3.11 has to be told; later ones do so by themselves. Call it before the loop runs.
    """
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


async def _leave(process: LocalProcess) -> None:
    # What cannot be ended must not keep the others from being ended.
    with suppress(HostError):
        if process.record.detach:
            await process.release()
        else:
            await process.end()


def _wanted(spec: ProcessSpec) -> dict[str, Any]:
    """Write down for the runner what it has to do (see ``runner.main``)."""
    spool = os.path.abspath(spec.spool)
    return {
        "argv": list(spec.argv),
        "cwd": os.path.abspath(spec.cwd),
        "env": {**spec.env, MARK: spool},
        "spool": spool,
        "socket": runtime.socket_path(),
        "detach": spec.detach,
        "lease_s": spec.lease_s,
        "grace_s": spec.grace_s,
        "lifeline": True,
        "background": True,
    }


async def _launch(
    wanted: dict[str, Any], ours: socket.socket, theirs: socket.socket
) -> spools.Record:
    """Start the runner on one end of a socket; return who it is once its program runs."""
    loop = asyncio.get_running_loop()
    ours.setblocking(False)
    launcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-X", "utf8", "-c", LAUNCH, str(RUNNER.parent)),
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        stderr=theirs.fileno(),
        env={name: os.environ[name] for name in INHERITED if name in os.environ},
        cwd="/",
        start_new_session=True,
    )
    theirs.close()
    told, answer = b"", None
    try:
        with suppress(ConnectionError):  # it broke; what it said before counts
            await loop.sock_sendall(ours, json.dumps(wanted).encode() + b"\n")
            while answer is None and (data := await loop.sock_recv(ours, 1 << 16)):
                told += data
                answer = _answer(told)
    finally:
        if answer is None and launcher.returncode is None:
            launcher.kill()
        await launcher.wait()
    if answer is None:
        await sweeping.sweep({MARK: wanted["spool"]})
        raise HostError(f"the runner broke: {told.decode(errors='replace')[-2000:].strip()}")
    if "error" in answer:
        program = wanted["argv"][0]
        raise HostError(f"cannot start {program} in {wanted['cwd']}: {answer['error']}")
    if wanted["detach"]:
        await loop.sock_sendall(ours, b"\n")
    return spools.to_record(answer["ready"])


def _answer(told: bytes) -> dict[str, Any] | None:
    """Return the runner's one line of JSON, whatever Python itself printed before it."""
    for line in told.splitlines(keepends=True):
        if line.startswith((b'{"ready"', b'{"error"')) and line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
    return None
