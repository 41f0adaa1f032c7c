"""How the Messages API looks on the wire: requests and answers of HTTP, events of a stream.

Just so much of HTTP/1.1 as one client needs that keeps its connections open and sends its bodies
with a length; what is sent back comes in chunks, so a stream can be followed and can be cut.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.support.model_script import Json, ToolCall, Usage

PIECE = 40  # characters of a text, or of a tool's input, in one event
SIGNATURE = "c2lnbmF0dXJl"
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True)
class Reply:
    """One finished message of the model, ready to be sent."""

    id: str
    model: str
    text: str
    calls: tuple[tuple[str, ToolCall], ...]
    thinking: str
    usage: Usage
    stop_reason: str

    def message(self) -> Json:
        """The message as one object, for a client that did not ask for a stream."""
        content: list[Json] = []
        if self.thinking:
            content.append({"type": "thinking", "thinking": self.thinking, "signature": SIGNATURE})
        if self.text:
            content.append({"type": "text", "text": self.text})
        for identifier, call in self.calls:
            content.append(
                {"type": "tool_use", "id": identifier, "name": call.name, "input": call.input}
            )
        usage = {**self._usage_before(), "output_tokens": self.usage.output}
        return {
            **self._frame(),
            "content": content,
            "stop_reason": self.stop_reason,
            "usage": usage,
        }

    def events(self) -> Iterator[Json]:
        """The message as the events of a stream."""
        yield {"type": "message_start", "message": {**self._frame(), "usage": self._usage_before()}}
        for index, (block, deltas) in enumerate(self._blocks()):
            yield {"type": "content_block_start", "index": index, "content_block": block}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": self.stop_reason, "stop_sequence": None},
            "usage": {"output_tokens": self.usage.output},
        }
        yield {"type": "message_stop"}

    def _frame(self) -> Json:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _usage_before(self) -> Json:
        return {
            "input_tokens": self.usage.input,
            "cache_read_input_tokens": self.usage.cache_read,
            "cache_creation_input_tokens": self.usage.cache_creation,
            "output_tokens": 1,
        }

    def _blocks(self) -> Iterator[tuple[Json, list[Json]]]:
        if self.thinking:
            deltas: list[Json] = [{"type": "thinking_delta", "thinking": self.thinking}]
            deltas.append({"type": "signature_delta", "signature": SIGNATURE})
            yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
        if self.text:
            parts = [{"type": "text_delta", "text": piece} for piece in _pieces(self.text)]
            yield {"type": "text", "text": ""}, parts
        for identifier, call in self.calls:
            whole = json.dumps(call.input)
            yield (
                {"type": "tool_use", "id": identifier, "name": call.name, "input": {}},
                [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(whole)],
            )


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


@dataclass(frozen=True)
class RawRequest:
    """A request before anybody has looked into its body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Json:
        """The body as an object; empty where there is none."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Connection:
    """One open connection, read and written a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the two ends that the loop hands over."""
        self._reader = reader
        self._writer = writer

    async def receive(self) -> RawRequest | None:
        """The next request, or None when the client has hung up."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            fields = _fields(head)
            body = await self._reader.readexactly(int(fields.get("content-length", "0")))
        except asyncio.IncompleteReadError:
            return None
        method, path, _ = head.decode("latin-1").split(" ", 2)
        return RawRequest(method, path, fields, body)

    async def send_json(
        self, status: int, body: Json, headers: Mapping[str, str] | None = None
    ) -> None:
        """An answer of one object."""
        data = json.dumps(body).encode()
        size = {"content-type": "application/json", "content-length": str(len(data))}
        self._writer.write(_head(status, {**size, **(headers or {})}) + data)
        await self._writer.drain()

    async def send_stream(self, events: Iterator[Json], *, only: int | None = None) -> None:
        """An answer of server-sent events; `only` so many of them, and then the line is cut."""
        kind = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
        self._writer.write(_head(200, kind))
        for number, event in enumerate(events):
            if number == only:
                raise ConnectionAbortedError("cut, as the script says")
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await self._writer.drain()
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def gone(self) -> None:
        """Return once the client has hung up; it says nothing while it waits for an answer."""
        if await self._reader.read(1):
            raise ConnectionAbortedError("the client spoke before it had its answer")

    async def close(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


def _fields(head: bytes) -> dict[str, str]:
    """The header fields of a request, their names in lower case."""
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def error_body(kind: str, message: str) -> Json:
    """The API's form of an error."""
    return {"type": "error", "error": {"type": kind, "message": message}}
