"""An agent at work: a process that `hosts` runs, spoken to in the language of a protocol.

process ─ chunks ─▶ StreamReader ─▶ protocol ─▶ signals, each with its position
        ◀─ write ──────────────────────┘ replies, and the answers of whoever reads
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

from conductor_tui.agents.protocol import AgentProtocol, Reply
from conductor_tui.agents.reader import StreamReader
from conductor_tui.domain.errors import AgentError, HostError
from conductor_tui.domain.ports.agents import Arrival, Permission
from conductor_tui.domain.ports.hosts import Chunk, Exit, Process

INBOX = 64
"""Chunks read ahead; then the program's output waits in its spool."""

WRITE_S = 30.0
"""How long a program may take to read what it is told; one that has stopped never does."""

Item = Chunk | Exit


class ProtocolSession:
    """Implements the port `AgentSession` for every protocol.

    Args:
        process: the program, attached at the beginning of its streams.
        protocol: a fresh one.
        position: how much of standard output was consumed before; only for attaching.
        err_position: the same of standard error.
        attached: the program was started before, perhaps by another conductor.
    """

    def __init__(
        self,
        process: Process,
        protocol: AgentProtocol,
        *,
        position: int = 0,
        err_position: int = 0,
        attached: bool = False,
    ) -> None:
        self._process = process
        self._protocol = protocol
        self._attached = attached
        self._writing = asyncio.Lock()
        self._reader = StreamReader(
            protocol,
            position=position,
            err_position=err_position,
            attached=attached,
            now=_now(),
        )

    @property
    def pid(self) -> int:
        """The program's process id on its host."""
        return self._process.pid

    async def signals(self) -> AsyncIterator[Arrival]:
        """Yield what the agent says and asks, until its program has ended.

        The work begins with the first look, so that its reader can record first that it does. The
        last signal is an ``AgentExited`` event. To be read once, by one reader.
        """
        if not self._attached:
            await self._send_quietly(self._protocol.opening())
        inbox: asyncio.Queue[Item] = asyncio.Queue(INBOX)
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump(inbox))
            try:
                item = None
                while not isinstance(item, Exit):
                    item = await self._next(inbox)
                    for one in self._read(item):
                        if isinstance(one, Reply):
                            await self._send_quietly([one.data])
                        else:
                            yield one
            except GeneratorExit:
                # The reader has gone; returning lets the group end without an error of its own.
                return
            finally:
                pump.cancel()

    async def permit(self, request: str, permission: Permission) -> None:
        """Answer a ToolIntent or PermissionAsked; one no longer asked is passed over.

        Raises:
            ValueError: a decision that this request does not take.
        """
        await self._send_quietly(self._protocol.permit(request, permission))

    async def answer(self, request: str, text: str | None) -> None:
        """Answer a QuestionAsked; None declines it. For a plan, an empty text approves."""
        await self._send_quietly(self._protocol.answer(request, text))

    async def say(self, text: str) -> None:
        """Give the agent a further message.

        Raises:
            AgentError: its program takes no more input.
        """
        await self._send(self._protocol.say(text))

    async def interrupt(self) -> None:
        """Stop what the agent does now; its turn ends, its session lives on."""
        await self._send_quietly(self._protocol.interrupt())

    async def close(self, grace_s: float = 5.0) -> None:
        """Let the program end by itself (end of input); after the grace, end it."""
        await self._send_quietly(self._protocol.closing())
        try:
            async with asyncio.timeout(grace_s):
                await self._process.close_input()
                await self._process.wait()
        except (TimeoutError, HostError, OSError):
            await self._process.end()

    async def end(self) -> None:
        """End the program and its whole tree now."""
        await self._process.end()

    async def release(self) -> None:
        """Let go of a detached program without ending it."""
        await self._process.release()

    async def _pump(self, inbox: asyncio.Queue[Item]) -> None:
        chunks = self._process.chunks()
        try:
            async for chunk in chunks:
                await inbox.put(chunk)
            ended = await self._process.wait()
        except HostError as lost:
            note = f"{lost}\n".encode()
            await inbox.put(Chunk("err", 0, note))
            ended = Exit(None, "lost")
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        await inbox.put(ended)

    async def _next(self, inbox: asyncio.Queue[Item]) -> Item | None:
        """Return the next item, None where a silence has a meaning."""
        try:
            async with asyncio.timeout_at(self._reader.deadline()):
                return await inbox.get()
        except TimeoutError:
            return None

    def _read(self, item: Item | None) -> Iterable[Arrival | Reply]:
        match item:
            case None:
                return self._reader.silence(_now())
            case Chunk():
                return self._reader.feed(item, _now())
            case Exit():
                return self._reader.end(item)

    async def _send_quietly(self, lines: list[bytes]) -> None:
        """Write lines; to a program that is gone nothing is told, its end is told anyway."""
        try:
            await self._send(lines)
        except AgentError:
            return

    async def _send(self, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            async with asyncio.timeout(WRITE_S), self._writing:
                await self._process.write(b"".join(lines))
        except TimeoutError as stuck:
            raise AgentError(f"the agent's program read nothing for {WRITE_S:.0f} s") from stuck
        except (HostError, OSError) as gone:
            raise AgentError(f"the agent's program takes no more input: {gone}") from gone


def _now() -> float:
    return asyncio.get_running_loop().time()
