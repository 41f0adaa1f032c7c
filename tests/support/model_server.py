"""What the loopback model servers share: a thread with a port, a script of replies, a record.

A server lives in a thread of the test's process, so synchronous tests, asyncio tests and child
processes may all use it. Which API it speaks is said by a subclass.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.messages_wire import Connection, RawRequest
from tests.support.model_replies import Asked, Json, Reply, Respond

T = TypeVar("T")
PATIENCE_S = 10.0


class Record:
    """All that was asked. The server's thread writes it; a test reads it at any time."""

    chat: str
    """The path of a question."""

    def __init__(self) -> None:
        self.most_at_once = 0
        """The highest number of questions that were open at the same time."""
        self._requests: list[Asked] = []
        self._at_once = 0
        self._changed = threading.Condition()

    @property
    def requests(self) -> list[Asked]:
        """Every request in order of arrival."""
        return list(self._requests)

    @property
    def chats(self) -> list[Asked]:
        """Every question in order of arrival."""
        return [asked for asked in self.requests if asked.path == self.chat]

    def wait_for(self, happened: Callable[[], bool], what: str = "it") -> None:
        """Block until something holds, looked at whenever a request comes or ends.

        In asyncio: by `to_thread`.
        """
        with self._changed:
            if not self._changed.wait_for(happened, PATIENCE_S):
                raise TimeoutError(f"waited {PATIENCE_S:g} s in vain for {what}")

    def _enter(self, raw: RawRequest) -> Asked:
        path = raw.path.partition("?")[0]
        asked = Asked(raw.method, path, raw.headers, raw.json(), time.monotonic())
        with self._changed:
            self._requests.append(asked)
            self._at_once += asked.path == self.chat
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
        return asked

    def _leave(self, asked: Asked, outcome: str) -> None:
        with self._changed:
            asked.outcome = outcome
            self._at_once -= asked.path == self.chat
            self._changed.notify_all()


class Api(ABC):
    """What an API says; a subclass of the server fills it."""

    @abstractmethod
    def fixed(self, asked: Asked) -> tuple[int, Json | str]:
        """The answer to anything but a question: status and body."""

    @abstractmethod
    def refusal(self, asked: Asked) -> Reply | None:
        """The reply to a question that cannot be asked here, such as a model that is missing."""

    @abstractmethod
    def error(self, status: int, words: str) -> Json:
        """The API's form of an error."""

    @abstractmethod
    def stream(self, asked: Asked, reply: Reply) -> Iterator[bytes]:
        """The pieces of a reply, then its end."""

    @abstractmethod
    def whole(self, asked: Asked, reply: Reply) -> Json:
        """A reply to a client that wants no stream."""


class ModelServer(Record, Api):
    """The server: started by `with` or `async with`, stopped with all its connections.

    What a chat is answered: the next reply that was `play`ed, else what `respond` says.
    """

    def __init__(self, respond: Respond | Reply | str = "{}") -> None:
        super().__init__()
        self.respond: Respond = respond if callable(respond) else (lambda asked: respond)
        self.url = ""
        self._port = 0
        self._scripts: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self._always: dict[str, Reply] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._faults: list[Exception] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    # What a test says and asks.

    def play(self, *replies: Reply | str, path: str = "") -> None:
        """Answer the next requests to a path (default: questions) so, one after the other."""
        self._scripts[path or self.chat].extend(_reply(reply) for reply in replies)

    def always(self, reply: Reply | None, path: str) -> None:
        """Answer every request to a path so, until told otherwise by None."""
        if reply is None:
            self._always.pop(path, None)
        else:
            self._always[path] = reply

    def open(self, gate: str) -> None:
        """Let the replies behind a gate go on, now and later."""
        self._loop.call_soon_threadsafe(lambda: self._gate(gate).set())

    def down(self) -> None:
        """Hang up everywhere and stop listening: whoever comes is refused."""
        self._do(self._stop())

    def up(self) -> None:
        """Listen again, on the same port."""
        self._do(self._start())

    # Its life.

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__)
        self._thread.start()
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()
        if self._faults and error is None:
            raise ExceptionGroup("the test's own function failed", self._faults)

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, traceback)

    # The thread's own.

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(Talk(self, Connection(reader, writer), writer).run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    def _script(self, asked: Asked) -> Reply | None:
        """The reply that was scripted for a path; to a question there always is one."""
        script = self._scripts[asked.path]
        if script:
            return script.popleft()
        if asked.path in self._always:
            return self._always[asked.path]
        if asked.path != self.chat:
            return None
        if refusal := self.refusal(asked):
            return refusal
        try:
            return _reply(self.respond(asked))
        except Exception as error:  # noqa: BLE001  (told to the test when it ends)
            self._faults.append(error)
            return Reply(status=500, error=repr(error))


class Talk:
    """One connection of a client."""

    def __init__(
        self, server: ModelServer, connection: Connection, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._connection = connection
        self._writer = writer

    async def run(self) -> None:
        """Answer one request after the other until either side hangs up."""
        try:
            while raw := await self._connection.receive():
                asked = self._server._enter(raw)
                outcome = "cut"
                try:
                    await self._answer(asked)
                    outcome = "answered"
                except ConnectionAbortedError:
                    return
                except ConnectionError:
                    outcome = "gone"
                    return
                finally:
                    self._server._leave(asked, outcome)
        finally:
            with suppress(ConnectionError):
                await self._connection.close()

    async def _answer(self, asked: Asked) -> None:
        reply = self._server._script(asked)
        if reply is None:
            asked.status, body = self._server.fixed(asked)
            await self._send(asked.status, body)
            return
        asked.reply, asked.status = reply, reply.status
        if not reply.gate_after:
            await self._pause(reply.first_s, reply.gate)
        else:
            await self._pause(reply.first_s)
        if reply.cut == 0:
            raise ConnectionAbortedError("cut, as the script says")
        if reply.status != 200:
            error = self._server.error(reply.status, reply.error)
            await self._send(reply.status, error, dict(reply.headers))
        elif asked.path != self._server.chat:
            await self._send(200, "\n".join(reply.raw or ()))
        elif asked.body.get("stream", True) is False:
            await self._send(200, self._server.whole(asked, reply))
        else:
            await self._stream(asked, reply)

    async def _stream(self, asked: Asked, reply: Reply) -> None:
        self._writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for number, data in enumerate(self._lines(asked, reply)):
            if number:
                gate = reply.gate if number == reply.gate_after else ""
                await self._pause(reply.every_s, gate)
            if number == reply.cut:
                raise ConnectionAbortedError("cut, as the script says")
            self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await self._writer.drain()
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def _lines(self, asked: Asked, reply: Reply) -> Iterator[bytes]:
        if reply.raw is not None:
            return (f"{line}\n".encode() for line in reply.raw)
        return self._server.stream(asked, reply)

    async def _send(
        self, status: int, body: Json | str, headers: dict[str, str] | None = None
    ) -> None:
        if isinstance(body, str):
            data = body.encode()
            size = f"content-length: {len(data)}\r\ncontent-type: text/plain"
            self._writer.write(f"HTTP/1.1 {status} Said\r\n{size}\r\n\r\n".encode() + data)
            await self._writer.drain()
        else:
            await self._connection.send_json(status, body, headers)

    async def _pause(self, seconds: float, gate: str = "") -> None:
        """Wait as the script says, but not for a client that has hung up meanwhile."""
        if not seconds and not gate:
            return
        loop = self._server._loop
        pause = loop.create_task(self._wait_out(seconds, gate))
        gone = loop.create_task(self._connection.gone())
        try:
            await asyncio.wait({pause, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not pause.done():
                raise ConnectionResetError("the client did not wait")
        finally:
            pause.cancel()
            gone.cancel()
            await asyncio.gather(pause, gone, return_exceptions=True)

    async def _wait_out(self, seconds: float, gate: str) -> None:
        await asyncio.sleep(seconds)
        if gate:
            await self._server._gate(gate).wait()


def _reply(said: Reply | str) -> Reply:
    return Reply(said) if isinstance(said, str) else said
