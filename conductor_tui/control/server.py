"""The socket of a running conductor: JSON lines in, answers and events out.

Contract, section 10.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from conductor_tui.control.pictures import status_picture, task_picture
from conductor_tui.control.wire import (
    LINE_LIMIT,
    Request,
    answer_line,
    error_line,
    parse_command,
    parse_request,
    parse_since,
    prepare,
)
from conductor_tui.domain.codec import dumps, to_line
from conductor_tui.domain.errors import ConductorError, NotFound
from conductor_tui.domain.ports.faces import CommandSink, Feed
from conductor_tui.state.runfiles import write_atomic

CONTROL_FILE = "control.json"


class ControlServer:
    """Answers the clients of one running conductor.

    Args:
        feed: what is shown to them.
        sink: where their commands go.
    """

    def __init__(self, feed: Feed, sink: CommandSink) -> None:
        self._feed = feed
        self._sink = sink

    @asynccontextmanager
    async def serving(self, folder: Path, socket: Path) -> AsyncIterator[None]:
        """Listen as long as the block is open.

        Args:
            folder: ``.conductor``; ``control.json`` there tells clients the socket's path.
            socket: where to listen; in a private folder, as its path may not exceed 100 bytes.
        """
        await asyncio.to_thread(socket.unlink, missing_ok=True)
        await asyncio.to_thread(prepare)
        async with asyncio.TaskGroup() as group:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                client = group.create_task(self._serve(reader, writer))
                clients.add(client)
                client.add_done_callback(clients.discard)

            clients: set[asyncio.Task[None]] = set()
            server = await asyncio.start_unix_server(accept, str(socket), limit=LINE_LIMIT)
            await asyncio.to_thread(socket.chmod, 0o600)
            told = {"socket": str(socket), "pid": os.getpid()}
            await write_atomic(folder / CONTROL_FILE, dumps(told))
            try:
                yield
            finally:
                server.close()
                for client in tuple(clients):
                    client.cancel()
                await asyncio.to_thread(_withdraw, folder, socket)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await self._answer(line, writer)
        except (ConnectionError, ValueError):
            return  # the client went away, or sent a line beyond the limit
        finally:
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        request: Request | None = None
        try:
            request = parse_request(line)
            if request.command == "events":
                await self._stream(request, writer)
                return
            result = await self._carry_out(request)
        except ConductorError as error:
            writer.write(error_line(request.id if request else None, error))
        else:
            writer.write(answer_line(request.id, result))
        await writer.drain()

    async def _carry_out(self, request: Request) -> Mapping[str, Any]:
        snapshot = self._feed.snapshot
        if request.command == "status":
            return status_picture(snapshot)
        if request.command == "show":
            task = snapshot.tasks.get(str(request.args.get("task")))
            if task is None:
                raise NotFound(f"there is no task {request.args.get('task')} in this run")
            return task_picture(snapshot, task)
        return await self._sink.send(parse_command(request.command, request.args))

    async def _stream(self, request: Request, writer: asyncio.StreamWriter) -> None:
        since = parse_since(request.args)
        run = request.args.get("run")
        async for recorded in self._feed.events(since):
            if run is None or recorded.run == run:
                writer.write((to_line(recorded) + "\n").encode())
                await writer.drain()


def _withdraw(folder: Path, socket: Path) -> None:
    (folder / CONTROL_FILE).unlink(missing_ok=True)
    socket.unlink(missing_ok=True)
