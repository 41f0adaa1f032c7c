"""A program behind its runner, as the engine holds it: everything goes over the runner's socket.

No task of its own: whoever awaits ``chunks()`` or ``wait()`` reads the socket there and then. A
request (input, signal, end) has a connection of its own, so that an end is never stuck behind
input that the program does not read. Where the runner is gone, the spool has the rest.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from conductor_tui.domain.errors import HostError
from conductor_tui.domain.ports.hosts import Chunk, Exit
from conductor_tui.hosts import spool as spools
from conductor_tui.hosts.sweeping import sweep

MARK = "CONDUCTOR_SPOOL"
"""The variable that every process of exactly one program carries."""

ASK_S = 10.0
"""How long a runner may take to answer; it never waits for anything itself."""

SETTLE_S = 5.0
"""How long a runner that closed its socket may take to be gone."""

INPUT = 1 << 18
"""Bytes of input sent at once, at most what a runner takes (1 MiB with its header)."""

BUFFER = 1 << 20
"""Bytes of output read ahead of whoever awaits it."""

RETRY_S = 0.05
"""Pause before a living runner that dropped us is called again."""

LOST = Exit(None, "lost")
"""The runner was killed: nobody saw how the program ended."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class LocalProcess:
    """A program on this machine, attached through its runner's socket and spool.

    Args:
        spool: the folder in which the runner keeps the streams.
        record: who runs it.
        positions: from which offset each stream is wanted.
        lifeline: the socket whose closing tells the runner that we are gone; None if not ours.
        gone: called when the program is known to have ended, or was let go of.
    """

    def __init__(
        self,
        spool: str,
        record: spools.Record,
        positions: dict[str, int],
        lifeline: socket.socket | None = None,
        gone: Callable[[LocalProcess], None] = lambda _: None,
    ) -> None:
        self.spool = spool
        self.record = record
        self._positions = positions
        self._lifeline = lifeline
        self._gone = gone
        self._exit: Exit | None = None
        self._writing = asyncio.Lock()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self.record.program

    def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield what the program writes, from the attached offsets, until it has ended.

        Whoever stops reading before the end closes the generator (``aclosing``).
        """
        return self._follow(dict(self._positions))

    async def wait(self) -> Exit:
        """Return how the program ended, once its whole tree is dead."""
        if self._exit is None:
            async for _ in self._follow({}):
                pass
        return self._exit or LOST

    async def write(self, data: bytes) -> None:
        """Write to the program's standard input; returns when the program's pipe has taken it.

        Raises:
            HostError: the program does not read its input any more, or has ended.
        """
        async with self._writing:
            for start in range(0, len(data), INPUT):
                piece = data[start : start + INPUT]
                # No deadline: a program may take its input whenever it likes.
                answer = await self._ask({"op": "input", "n": len(piece)}, piece)
                if not answer.get("ok"):
                    raise HostError(answer.get("error") or "the program has ended")

    async def close_input(self) -> None:
        """Close the program's standard input; nothing happens where that is done already."""
        async with self._writing:
            await self._ask({"op": "eof"})

    async def signal(self, number: int) -> None:
        """Send a signal to the program alone; nothing happens where it has ended."""
        async with asyncio.timeout(ASK_S):
            await self._ask({"op": "signal", "number": int(number)})

    async def end(self) -> Exit:
        """End the program and its whole tree; return when all of it is dead.

        Raises:
            HostError: something of it cannot even be killed.
        """
        try:
            async with asyncio.timeout(2 * self.record.grace_s + SETTLE_S):
                if self._exit is None:
                    await self._ask({"op": "end"})
                return await self.wait()
        except TimeoutError:  # the runner hangs (it was stopped, say): it dies with its program
            await asyncio.to_thread(self.record.kill)
        try:
            async with asyncio.timeout(SETTLE_S):
                return await self.wait()
        except TimeoutError as error:
            raise HostError(f"process {self.pid} cannot be ended: stuck in the kernel") from error

    async def release(self) -> None:
        """Let go of the program without ending it.

        Raises:
            HostError: it was not started detached.
        """
        if not self.record.detach:
            raise HostError("the program was not started detached", "end it instead")
        self._let_go()

    async def settle(self) -> None:
        """Look once whether the program has ended; sweep its tree if its runner was killed."""
        # In this order: a runner writes its last word before it is gone.
        alive = await asyncio.to_thread(self.record.alive)
        self._exit = await asyncio.to_thread(spools.read_exit, self.spool)
        if self._exit is None and not alive:
            await sweep({MARK: self.spool})
            await asyncio.to_thread(Path(self.record.socket).unlink, missing_ok=True)
            self._exit = LOST

    def _let_go(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        self._gone(self)

    async def _follow(self, positions: dict[str, int]) -> AsyncGenerator[Chunk, None]:
        """Yield the named streams from their positions on; at the end, the exit is known."""
        while self._exit is None:
            async with aclosing(self._live(positions)) as live:
                async for chunk in live:
                    positions[chunk.stream] = chunk.offset + len(chunk.data)
                    yield chunk
            if self._exit is None:
                await self.settle()
            if self._exit is None:
                await asyncio.sleep(RETRY_S)
        for stream, offset in positions.items():
            rest = offset
            while piece := await asyncio.to_thread(spools.read_piece, self.spool, stream, rest):
                rest += len(piece.data)
                yield piece
        self._let_go()

    async def _live(self, positions: dict[str, int]) -> AsyncGenerator[Chunk, None]:
        """Yield what the runner sends, until it tells the exit or is gone."""
        async with self._connected() as streams:
            if streams is None:
                return
            reader, writer = streams
            writer.write(_line({"op": "attach", **positions}))
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while line := await reader.readline():
                    head = json.loads(line)
                    if "exit" in head:
                        self._exit = Exit(head["exit"]["code"], head["exit"]["reason"])
                        return
                    yield Chunk(head["s"], head["off"], await reader.readexactly(head["n"]))

    async def _ask(self, request: dict[str, Any], payload: bytes = b"") -> dict[str, Any]:
        """Have the runner carry out a request; return its answer, empty where it is gone."""
        line = b""
        async with self._connected() as streams:
            if streams is not None:
                reader, writer = streams
                with suppress(ConnectionError):
                    writer.write(_line(request) + payload)
                    line = await reader.readline()
        answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        return answer

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Streams | None]:
        """Connect to the runner's socket; None where nobody listens there any more."""
        try:
            streams = await asyncio.open_unix_connection(self.record.socket, limit=BUFFER)
        except (FileNotFoundError, ConnectionRefusedError):
            streams = None
        try:
            yield streams
        finally:
            if streams is not None:
                streams[1].close()
                with suppress(ConnectionError):
                    await streams[1].wait_closed()


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
