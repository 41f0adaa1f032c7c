"""Short commands, run directly: no runner, no spool, all output in memory."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from io import FileIO

from conductor_tui.domain.errors import HostError
from conductor_tui.domain.ports.hosts import Completed

STRAGGLERS_S = 1.0
"""How long output is read on that a background child of an ended command holds open."""

PIECE = 1 << 16
"""Bytes read at once."""


async def execute(
    argv: Sequence[str], cwd: str, env: Mapping[str, str] | None, stdin: bytes, timeout_s: float
) -> Completed:
    """Run a command to its end or its time limit, when its whole process group is killed.

    Raises:
        HostError: the program or the folder is not there.
    """
    with ExitStack() as stack:
        ends = [os.pipe(), os.pipe()]
        ours = [stack.enter_context(os.fdopen(reading, "rb", 0)) for reading, _ in ends]
        theirs = [stack.enter_context(os.fdopen(writing, "wb", 0)) for _, writing in ends]
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=theirs[0],
                stderr=theirs[1],
                cwd=cwd,
                env=None if env is None else dict(env),
                start_new_session=True,
            )
        except OSError as error:
            raise HostError(f"cannot start {argv[0]} in {cwd}: {error}") from error
        for end in theirs:
            end.close()
        kept = [bytearray(), bytearray()]
        timed_out = False
        try:
            async with asyncio.timeout(timeout_s):
                await _collect(process, stdin, list(zip(ours, kept, strict=True)))
        except TimeoutError:
            timed_out = True
        finally:
            await _kill(process)
    code = process.returncode or 0
    return Completed(128 - code if code < 0 else code, bytes(kept[0]), bytes(kept[1]), timed_out)


async def _collect(
    process: asyncio.subprocess.Process, stdin: bytes, outputs: list[tuple[FileIO, bytearray]]
) -> None:
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(_read(pipe, into)) for pipe, into in outputs]
        group.create_task(_feed(process.stdin, stdin))
        await process.wait()
        await asyncio.wait(readers, timeout=STRAGGLERS_S)
        for reader in readers:
            reader.cancel()


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _read(pipe: FileIO, into: bytearray) -> None:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: protocol, pipe)
    try:
        while data := await reader.read(PIECE):
            into += data
    finally:
        transport.close()


async def _feed(stdin: asyncio.StreamWriter | None, data: bytes) -> None:
    if stdin is None:
        return
    with suppress(ConnectionError):  # it need not read what it is given
        stdin.write(data)
        await stdin.drain()
    # Not waited for: a cancelled wait would leave a future behind that asyncio trips over.
    stdin.close()
