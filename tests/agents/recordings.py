"""Recordings of real programs, replayed against a protocol as if it drove them.

Lines the program wrote are fed in; at each line that the recorded host wrote, our protocol is made
to do the same, and what it would write is kept beside what was written then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.protocol import Reply
from conductor_tui.agents.reader import StreamReader
from conductor_tui.domain.ports.agents import Arrival, Permission, Signal
from conductor_tui.domain.ports.hosts import Chunk, Exit
from conductor_tui.domain.values import Usage

FOLDER = Path(__file__).parents[1] / "recordings"
CLAUDE = sorted(path.stem.removeprefix("claude-2.1.328-") for path in FOLDER.glob("claude-*"))

Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One line of a recording."""

    at: float
    direction: str
    line: bytes


@dataclass
class Replay:
    """What a protocol made of a recording."""

    arrivals: list[Arrival] = field(default_factory=list)
    replies: list[Json] = field(default_factory=list)
    written: list[tuple[Json, Json]] = field(default_factory=list)
    """What the recorded host wrote, and what we write in its place."""

    @property
    def signals(self) -> list[Signal]:
        return [arrival.signal for arrival in self.arrivals]

    def of(self, *kinds: type) -> list[Any]:
        """The signals of some kinds, in order."""
        return [signal for signal in self.signals if isinstance(signal, kinds)]


def load(name: str) -> list[Entry]:
    """The lines of a recording of Claude Code."""
    text = (FOLDER / f"claude-2.1.328-{name}.jsonl").read_text("utf-8")
    entries = (json.loads(line) for line in text.splitlines())
    return [Entry(one["t"], one["dir"], one["line"].encode()) for one in entries]


def output(entries: list[Entry]) -> bytes:
    """All that the program wrote on its standard output."""
    return b"".join(entry.line + b"\n" for entry in entries if entry.direction == "out")


def ended(entries: list[Entry]) -> Exit:
    """How the program ended."""
    assert entries[-1].direction == "exit"
    return Exit(int(entries[-1].line), "exited")


def replay(name: str, booked: Usage | None = None) -> Replay:
    """Drive a protocol through a recording."""
    entries = load(name)
    ids = _ids(entries)
    protocol = ClaudeProtocol(folder="/w/repo", booked=booked, new_id=lambda: next(ids))
    reader = StreamReader(protocol)
    found = Replay()
    for entry in entries:
        if entry.direction in ("out", "err"):
            chunk = Chunk(entry.direction, 0, entry.line + b"\n")
            _keep(found, reader.feed(chunk, entry.at))
        elif entry.direction == "in":
            then = json.loads(entry.line)
            found.written += [(then, json.loads(line)) for line in _do(protocol, then)]
        else:
            _keep(found, reader.end(Exit(int(entry.line), "exited")))
    return found


def _ids(entries: list[Entry]) -> Iterator[str]:
    """The ids the recorded host gave its messages; others where it gave none."""
    for entry in entries:
        if entry.direction == "in":
            message = json.loads(entry.line)
            if message["type"] == "user":
                yield message.get("uuid", "no-id")
            elif message.get("request", {}).get("subtype") == "interrupt":
                yield message["request_id"]
    while True:
        yield "later"


def _keep(found: Replay, output: Iterable[Arrival | Reply]) -> None:
    for one in output:
        if isinstance(one, Reply):
            found.replies.append(json.loads(one.data))
        else:
            found.arrivals.append(one)


def _do(protocol: ClaudeProtocol, then: Json) -> list[bytes]:
    """Make our protocol do what the recorded host did."""
    if then["type"] == "user":
        return protocol.say(then["message"]["content"])
    if then["type"] == "control_response":
        return _answer(protocol, then["response"]["request_id"], then["response"]["response"])
    if then["request"]["subtype"] == "interrupt":
        return protocol.interrupt()
    assert then["request"]["subtype"] == "initialize"
    return ClaudeProtocol().opening()[:1]


def _answer(protocol: ClaudeProtocol, request: str, answer: Json) -> list[bytes]:
    if "hookSpecificOutput" in answer:
        hook = answer["hookSpecificOutput"]
        said = hook["permissionDecisionReason"]
        return protocol.permit(request, Permission(hook["permissionDecision"], said))
    if answer["behavior"] == "deny":
        return protocol.permit(request, Permission("deny", answer["message"]))
    given = answer["updatedInput"]
    if "answers" in given:
        return protocol.answer(request, next(iter(given["answers"].values())))
    return protocol.permit(request, Permission("allow", input=given))
