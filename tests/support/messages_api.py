"""A loopback server that speaks the Messages API, so that the real `claude` can be driven offline.

It answers what a `ModelScript` says, over the wire format that the program expects (server-sent
events, token counts, errors with their headers), and keeps everything it was asked, so a test can
prove what the model was shown. It runs a loop of its own in a thread: a synchronous test, an
asyncio test and a child process may all use it.

    with MessagesServer(ModelScript({"slugify": [tool("Write", ...), say("Done.")]})) as server:
        subprocess.run(["claude", "-p", ...], env=claude_environment(server, home))
        assert server.tool_results("slugify")
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.support.messages_wire import Connection, RawRequest, Reply, error_body
from tests.support.model_script import (
    Conversation,
    Fault,
    Json,
    ModelScript,
    Place,
    Step,
    ToolCall,
    ToolResult,
    filled,
    say,
)

T = TypeVar("T")
START_S = 10.0


@dataclass
class Request:
    """One request as it came in, and which answer it got."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json
    at: float  # time.monotonic() of its arrival
    conversation: Conversation
    task: str = ""  # "" for what belongs to no script: side questions, token counts, faults
    place: Place | None = None
    status: int = 0

    @property
    def session(self) -> str:
        """The session's id, as the program names it in a header."""
        return self.headers.get("x-claude-code-session-id", "")


class Record:
    """All that was asked. The server's thread writes it; a test reads it at any time."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.max_concurrent = 0
        """The highest number of sessions in a turn (neither ended nor gone) at the same time."""
        self._requests: list[Request] = []
        self._live: Counter[str] = Counter()
        self._changed = threading.Condition()

    @property
    def requests(self) -> list[Request]:
        """Every request in order of arrival."""
        return list(self._requests)

    @property
    def unscripted(self) -> list[Request]:
        """Requests for a message that no script had an answer for; they were answered with 400."""
        return [request for request in self.requests if request.status == 400]

    def asked(self, task: str) -> list[Request]:
        """The requests for one task."""
        return [request for request in self.requests if request.task == task]

    def sessions(self, task: str) -> list[str]:
        """The sessions that worked on a task, oldest first."""
        return list(dict.fromkeys(request.session for request in self.asked(task)))

    def prompts(self, task: str) -> list[str]:
        """The prompts of a task, session after session."""
        return [text for found in self._of(task, lambda c: c.prompts) for text in found]

    def tool_results(self, task: str) -> list[ToolResult]:
        """What the model was shown as outcomes of its calls for a task, in order, each once."""
        every = self._of(task, lambda conversation: conversation.tool_results)
        return list({result.id: result for found in every for result in found}.values())

    def wait_for(self, task: str, requests: int = 1, timeout: float = 30) -> None:
        """Block until so many requests for a task have come (in asyncio: by `to_thread`)."""
        self._wait(lambda: len(self.asked(task)) >= requests, timeout, f"{requests} for {task}")

    def wait_idle(self, timeout: float = 30) -> None:
        """Block until no session is in a turn."""
        self._wait(lambda: not self._live, timeout, "the end of every turn")

    def _enter(self, request: Request) -> None:
        with self._changed:
            if request.task:
                self._live[request.session] = 1
                self.max_concurrent = max(self.max_concurrent, len(self._live))
            self._changed.notify_all()

    def _leave(self, session: str) -> None:
        with self._changed:
            self._live.pop(session, None)
            self._changed.notify_all()

    def _wait(self, happened: Callable[[], bool], timeout: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(happened, timeout):
                raise TimeoutError(f"waited {timeout:g} s in vain: {what}")

    def _of(self, task: str, part: Callable[[Conversation], Iterable[T]]) -> Iterator[list[T]]:
        """For each session of a task the longest list that any of its requests showed."""
        for session in self.sessions(task):
            shown = [list(part(r.conversation)) for r in self.asked(task) if r.session == session]
            yield max(shown, key=len)


class MessagesServer(Record):
    """The server: started by `with` or `async with`, stopped with all its connections."""

    def __init__(self, script: ModelScript) -> None:
        """Make a server that will play this script; nothing listens yet."""
        super().__init__()
        self.script = script
        self.url = ""
        self._played: Counter[tuple[str, Place, int]] = Counter()
        self._gates: dict[str, asyncio.Event] = {}
        self._open: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="messages-api")

    def __enter__(self) -> Self:
        """Start the thread and wait until the port is open."""
        self._thread.start()
        if not self._ready.wait(START_S):
            raise TimeoutError("the Messages API server did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection, end the loop and its thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)

    async def __aenter__(self) -> Self:
        """Start without holding up the caller's loop."""
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop without holding up the caller's loop."""
        await asyncio.to_thread(self.__exit__, kind, error, traceback)

    def open(self, gate: str) -> None:
        """Let the steps that stand `behind` this gate be answered, now and later."""
        if self._loop:
            self._loop.call_soon_threadsafe(lambda: self._gate(gate).set())

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._talk(Connection(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, connection: Connection) -> None:
        """Answer one request after the other until the client hangs up."""
        sessions: set[str] = set()
        try:
            while raw := await connection.receive():
                request = self._note(raw)
                if request.session not in sessions:
                    sessions.add(request.session)
                    self._open[request.session] += 1
                await self._answer(request, connection)
        except ConnectionError:
            return
        finally:
            await connection.close()
            for session in sessions:
                self._hang_up(session)

    def _hang_up(self, session: str) -> None:
        """A session whose last connection is closed has no program any more."""
        self._open[session] -= 1
        if not self._open[session]:
            self._leave(session)

    def _note(self, raw: RawRequest) -> Request:
        body = raw.json()
        conversation, at = Conversation.read(body), time.monotonic()
        request = Request(raw.method, raw.path, raw.headers, body, at, conversation)
        self._requests.append(request)
        return request

    async def _answer(self, request: Request, connection: Connection) -> None:
        endpoint = request.method, request.path.partition("?")[0]
        if endpoint == ("POST", "/v1/messages/count_tokens"):
            request.status = 200
            tokens = len(str(request.body)) // 4
            await connection.send_json(200, {"input_tokens": tokens})
        elif endpoint != ("POST", "/v1/messages"):
            request.status = 404
            await connection.send_json(404, error_body("not_found_error", request.path))
        else:
            await self._play(request, connection)

    async def _play(self, request: Request, connection: Connection) -> None:
        """Answer with the step at which the conversation stands."""
        step = self._step(request)
        if step is None:
            request.status = 400
            words = f"no script goes on here: task {request.task!r}, {request.place}, prompts "
            words += str([prompt[:80] for prompt in request.conversation.prompts])
            await connection.send_json(400, error_body("invalid_request_error", words))
            return
        self._enter(request)
        await self._pause(step, connection)
        fault = self._fault(request, step)
        request.status = fault.status
        if fault.error_type:
            body = error_body(fault.error_type, fault.message)
            await connection.send_json(fault.status, body, fault.headers)
            return
        reply = self._reply(request, step, fault)
        if request.body.get("stream"):
            await connection.send_stream(reply.events(), only=3 if fault.cut else None)
        elif fault.cut:
            raise ConnectionAbortedError("cut, as the script says")
        else:
            await connection.send_json(200, reply.message())
        if reply.stop_reason == "end_turn" and request.task:
            self._leave(request.session)

    def _step(self, request: Request) -> Step | None:
        """What is to be said; a question without tools is an aside and gets a polite word."""
        if not request.body.get("tools"):
            return say("Fine.")
        request.task = self.script.find(request.conversation) or ""
        if not request.task:
            return None
        task = self.script.tasks[request.task]
        request.place = task.place(request.conversation)
        return task.step(request.place)

    def _fault(self, request: Request, step: Step) -> Fault:
        """The next fault of a step that has not been played often enough yet, or none."""
        for number, fault in enumerate(step.faults):
            key = request.task, request.place or Place(0, 0), number
            if not fault.times or self._played[key] < fault.times:
                self._played[key] += 1
                return fault
        return Fault()

    async def _pause(self, step: Step, connection: Connection) -> None:
        """Wait as the step says, but not for a client that has hung up meanwhile."""
        if not step.delay_s and not step.gate:
            return
        pause = asyncio.create_task(self._wait_out(step))
        gone = asyncio.create_task(connection.gone())
        try:
            await asyncio.wait({pause, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not pause.done():
                raise ConnectionResetError("the client did not wait")
        finally:
            pause.cancel()
            gone.cancel()
            await asyncio.gather(pause, gone, return_exceptions=True)

    async def _wait_out(self, step: Step) -> None:
        await asyncio.sleep(step.delay_s)
        if step.gate:
            await self._gate(step.gate).wait()

    def _reply(self, request: Request, step: Step, fault: Fault) -> Reply:
        place, cwd = request.place or Place(0, 0), request.conversation.cwd
        text = str(filled(step.text, cwd))
        calls = tuple(
            (
                f"toolu_{place.round}_{place.step}_{number}_{next(self._ids)}",
                ToolCall(call.name, filled(call.input, cwd)),
            )
            for number, call in enumerate(step.calls)
        )
        if fault.stop_reason or fault.cut:
            text, calls = text[: len(text) // 2] or "I will", ()
        return Reply(
            id=f"msg_{next(self._ids):06d}",
            model=str(request.body.get("model", "")),
            text=text,
            calls=calls,
            thinking=step.thinking,
            usage=step.usage or self.script.usage,
            stop_reason=fault.stop_reason or ("tool_use" if calls else "end_turn"),
        )


def claude_environment(
    server: MessagesServer, home: Path, *, oauth: bool = False, **more: str
) -> dict[str, str]:
    """The environment in which the real `claude` speaks to this server and to nobody else.

    Args:
        server: the running server.
        home: a folder of the test; HOME, settings and temporary files lie in it.
        oauth: log in as a subscriber would (with an invented token) instead of by a key.
        more: variables that are added or that override.
    """
    config, temporary = home / ".claude-config", home / "tmp"
    for folder in (home, config, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    login = "CLAUDE_CODE_OAUTH_TOKEN" if oauth else "ANTHROPIC_API_KEY"
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "CLAUDE_CODE_TMPDIR": str(temporary),
        "CLAUDE_CONFIG_DIR": str(config),
        "ANTHROPIC_BASE_URL": server.url,
        login: "sk-test",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        "CLAUDE_CODE_MAX_RETRIES": "3",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        **more,
    }
