"""The socket of a running conductor, spoken to over a real Unix socket."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from conductor_tui.control.client import NoConductor, ask, follow
from conductor_tui.control.server import CONTROL_FILE, ControlServer
from conductor_tui.domain.commands import (
    AddTasks,
    CancelTask,
    RetryTask,
    SetDispatch,
    ShowDiff,
)
from conductor_tui.domain.errors import ConductorError, NotFound, Refused, StateError
from conductor_tui.domain.values import TaskStatus
from conductor_tui.engine.commands import Commands
from conductor_tui.hosts.runtime import socket_path
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Until, Write


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


@pytest.fixture
def path() -> Path:
    return Path(socket_path())


@asynccontextmanager
async def served(bench: Bench, path: Path) -> AsyncIterator[None]:
    """A conductor at work on one task that does not end, behind its socket."""
    bench.agent.scripts["a", 1] = [Until(asyncio.Event()), Write("a.txt", "x"), FINISHED]
    async with bench.begun(a_task("a"), a_task("b", "a")) as conductor:
        server = ControlServer(bench.state, Commands(conductor))
        async with server.serving(bench.folder, path):
            await bench.bell.until(lambda: bench.task("a").attempts)
            yield


async def talk(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """Send lines as they are and return as many answers."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        answers = []
        for line in lines:
            writer.write(line + b"\n")
            answers.append(json.loads(await reader.readline()))
        return answers
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_command_is_carried_out(bench: Bench, path: Path) -> None:
    async with served(bench, path):
        assert await ask(bench.folder, SetDispatch(True)) == {"paused": True}
        assert bench.last.run is not None
        assert bench.last.run.paused
        added = await ask(bench.folder, AddTasks((a_task("c", "a"),)))
        assert added["tasks"] == ["c"]
        assert bench.task("c").spec == a_task("c", "a")
        assert (await ask(bench.folder, ShowDiff("b"))) == {"task": "b", "diff": ""}
        assert (await ask(bench.folder, CancelTask("b")))["status"] == "cancelled"
    assert bench.task("b").status is TaskStatus.CANCELLED


ERRORS: list[tuple[Any, type[ConductorError], str]] = [
    (CancelTask("zz"), NotFound, "there is no task zz"),
    (RetryTask("a"), Refused, "only a failed, cancelled or blocked one"),
]


@pytest.mark.parametrize(("command", "kind", "words"), ERRORS)
async def test_an_error_comes_back_as_it_was_raised(
    bench: Bench, path: Path, command: Any, kind: type[ConductorError], words: str
) -> None:
    async with served(bench, path):
        with pytest.raises(kind, match=words) as raised:
            await ask(bench.folder, command)
    assert raised.type is kind


BAD_LINES = [
    (b"{", "not a JSON line"),
    (b"[]", "a request is"),
    (b"null", "a request is"),
    (b'{"id": 3}', "a request is"),
    (b'{"id": 3, "command": "status", "args": [1]}', "args must be an object"),
    (b'{"id": 3, "command": "fly"}', "unknown command 'fly'"),
    (b'{"id": 3, "command": "cancel", "args": {}}', "task: Field required"),
    (b'{"id": 3, "command": "show", "args": {"task": "zz"}}', "there is no task zz"),
    (b'{"id": 3, "command": "events", "args": {"since": "x"}}', "since"),
    (b"[" * 100_000, "not a JSON line"),
    (b"\xff\xfe", "not a JSON line"),
]


@pytest.mark.parametrize(("line", "words"), BAD_LINES, ids=range(len(BAD_LINES)))
async def test_a_bad_line_is_answered_and_the_next_one_too(
    bench: Bench, path: Path, line: bytes, words: str
) -> None:
    async with served(bench, path):
        bad, good = await talk(path, line, b'{"id": "x", "command": "status"}')
    assert (bad["ok"], good["ok"], good["id"]) == (False, True, "x")
    assert words in bad["error"]["message"]
    assert {"code", "message", "mend"} == set(bad["error"])


async def test_status_and_show(bench: Bench, path: Path) -> None:
    async with served(bench, path):
        status, show = await talk(
            path,
            b'{"id": 1, "command": "status"}',
            b'{"id": 2, "command": "show", "args": {"task": "a"}}',
        )
    assert status["result"]["state"] == "running"
    assert [task["id"] for task in status["result"]["tasks"]] == ["a", "b"]
    assert [agent["task"] for agent in status["result"]["agents"]] == ["a"]
    assert show["result"]["attempts"][0]["n"] == 1
    assert show["result"]["title"] == "A"


async def test_events_are_streamed_from_where_one_likes(bench: Bench, path: Path) -> None:
    seen = []
    async with served(bench, path):
        assert bench.last.run is not None
        run, goal = bench.last.run.id, bench.last.seq + 1
        async with asyncio.timeout(10):
            events = follow(bench.folder, run, 2)
            async for recorded in events:
                seen.append(recorded.seq)
                if recorded.seq == goal - 1:
                    await ask(bench.folder, SetDispatch(True))
                if recorded.seq >= goal:
                    break
            await events.aclose()  # type: ignore[attr-defined]
    assert seen == list(range(3, goal + 1))


async def test_only_the_owner_may_speak_to_it_and_it_leaves_nothing(
    bench: Bench, path: Path
) -> None:
    def modes() -> list[str]:
        files = (path, bench.folder / CONTROL_FILE)
        return [oct(stat.S_IMODE(file.stat().st_mode)) for file in files if file.exists()]

    async with served(bench, path):
        assert await asyncio.to_thread(modes) == ["0o600", "0o600"]
    assert await asyncio.to_thread(modes) == []


async def test_a_client_that_goes_away_hurts_nobody(bench: Bench, path: Path) -> None:
    async with served(bench, path):
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"id": 1, "command": "events", "args": {}}\n{"id"')
        writer.close()
        await writer.wait_closed()
        (answer,) = await talk(path, b'{"id": 1, "command": "status"}')
        assert answer["ok"]


async def test_no_conductor_runs(bench: Bench, path: Path) -> None:
    with pytest.raises(NoConductor):
        await ask(bench.folder, SetDispatch(True))
    bench.folder.mkdir(exist_ok=True)
    (bench.folder / CONTROL_FILE).write_text(json.dumps({"socket": str(path)}))
    with pytest.raises(NoConductor):
        await ask(bench.folder, SetDispatch(True))
    (bench.folder / CONTROL_FILE).write_text("{}")
    with pytest.raises(NoConductor):
        await ask(bench.folder, SetDispatch(True))


async def test_a_conductor_that_ends_before_it_answers(bench: Bench, path: Path) -> None:
    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    bench.folder.mkdir()
    (bench.folder / CONTROL_FILE).write_text(json.dumps({"socket": str(path)}))
    server = await asyncio.start_unix_server(hang_up, str(path))
    async with server:
        with pytest.raises(StateError, match="ended before it answered"):
            await ask(bench.folder, SetDispatch(True))
