"""The other end of the socket: how the command line reaches a running conductor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from conductor_tui.control.server import CONTROL_FILE
from conductor_tui.control.wire import LINE_LIMIT, read_answer, request_line
from conductor_tui.domain.codec import dumps, from_line
from conductor_tui.domain.commands import Command
from conductor_tui.domain.errors import StateError
from conductor_tui.domain.events import Recorded

ANSWER_DEADLINE_S = 600.0
"""How long a command may take; ``cancel`` waits for processes to die, ``land`` for git."""


class NoConductor(StateError):
    """No conductor runs on this repository."""


async def ask(folder: Path, command: Command) -> Mapping[str, Any]:
    """Have the running conductor carry out a command.

    Args:
        folder: ``.conductor``.
        command: what is wanted.

    Raises:
        NoConductor: none runs here.
        ConductorError: it could not carry it out.
    """
    reader, writer = await _connect(folder)
    try:
        writer.write(request_line(1, command))
        await writer.drain()
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            line = await reader.readline()
    except ConnectionError:
        line = b""
    finally:
        writer.close()
    if not line:
        raise StateError("the running conductor ended before it answered", "ask again")
    return read_answer(line)


async def follow(folder: Path, run: str, since: int) -> AsyncIterator[Recorded]:
    """Yield the events of a run from the running conductor, until it ends.

    Raises:
        NoConductor: none runs here.
    """
    reader, writer = await _connect(folder)
    try:
        request = {"id": 1, "command": "events", "args": {"run": run, "since": since}}
        writer.write((dumps(request) + "\n").encode())
        await writer.drain()
        while line := await reader.readline():
            yield from_line(line)
    finally:
        writer.close()


async def _connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        told = json.loads(await asyncio.to_thread((folder / CONTROL_FILE).read_text))
        return await asyncio.open_unix_connection(str(told["socket"]), limit=LINE_LIMIT)
    except (OSError, ValueError, KeyError) as error:
        raise NoConductor("no conductor runs on this repository") from error
