"""What Claude Code's messages say: prose, tool calls, and results with their diffs."""

from __future__ import annotations

from collections.abc import Iterator

from conductor_tui.agents import diffs, wire
from conductor_tui.agents.wire import Json
from conductor_tui.domain.agent_events import AgentLog, AgentText, AgentToolCall, AgentToolResult
from conductor_tui.domain.ports.agents import Signal

DELEGATES = frozenset({"Agent", "Task"})
"""Tools that start a sub-agent."""


class MessageReader:
    """Reads the messages of one session; it knows the sub-agents by the calls that made them."""

    def __init__(self, folder: str) -> None:
        self._folders = {folder}
        self._names: dict[str, str] = {}
        self._plan = ""
        self._words = ""

    def works_in(self, folder: str) -> None:
        """Learn what the program calls its folder; links may have led there."""
        self._folders.add(folder)

    def plan(self) -> str:
        """Return the plan the agent wrote last, else its last words.

        The request for approval itself seldom holds it: the plan lies in a file of the program's.
        """
        return self._plan or self._words

    def assistant(self, message: Json) -> list[Signal]:
        """Return the prose and the tool calls; thinking stays with the agent."""
        agent = self._agent(message)
        signals: list[Signal] = []
        for block in _blocks(message):
            kind = wire.text(block, "type")
            if kind == "text" and (said := wire.text(block, "text")):
                signals.append(AgentText(said, agent))
                self._words = said
            elif kind == "tool_use":
                signals.append(self._call(block, agent))
        return signals

    def user(self, message: Json) -> list[Signal]:
        """Return the tool results, and what the program itself said to the agent."""
        results = [block for block in _blocks(message) if block.get("type") == "tool_result"]
        signals: list[Signal] = [self._result(block, message, len(results)) for block in results]
        if not results and not self._agent(message) and message.get("isReplay") is not True:
            # Said to the agent by its own program: "[Request interrupted by user]" and the like.
            signals += [AgentLog(text) for text in [words(message)] if text]
        return signals

    def _call(self, block: Json, agent: str | None) -> AgentToolCall:
        call = AgentToolCall(
            wire.text(block, "id"), wire.text(block, "name"), wire.mapping(block, "input"), agent
        )
        given = wire.mapping(block, "input")
        written = wire.text(given, "content") if _is_plan(given) else ""
        self._plan = wire.text(given, "plan") or written or self._plan
        if call.tool in DELEGATES:
            self._names[call.id] = _name(given, wire.text(given, "description"))
        return call

    def _result(self, block: Json, message: Json, of: int) -> AgentToolResult:
        failed = block.get("is_error") is True
        details = wire.mapping(message, "tool_use_result")
        diff = self._diff(details) if of == 1 and not failed else ""
        return AgentToolResult(
            wire.text(block, "tool_use_id"), not failed, _output(block), diff or None
        )

    def _diff(self, details: Json) -> str:
        path = diffs.shown(wire.text(details, "filePath"), self._folders)
        if not path:
            return ""
        hunks = list(wire.items(details, "structuredPatch"))
        if hunks:
            return diffs.from_hunks(path, hunks)
        if wire.text(details, "type") == "create":
            return diffs.unified(path, None, wire.text(details, "content"))
        return ""

    def _agent(self, message: Json) -> str | None:
        parent = wire.text(message, "parent_tool_use_id")
        if not parent:
            return None
        told = _name(message, wire.text(message, "task_description"))
        return told or self._names.get(parent) or "sub-agent"


def _is_plan(given: Json) -> bool:
    path = wire.text(given, "file_path")
    return path.endswith(".md") and "/.claude" in path and "/plans/" in path


def result_ids(message: Json) -> Iterator[str]:
    """Yield the ids of the tool calls that a message of type ``user`` answers."""
    for block in _blocks(message):
        if block.get("type") == "tool_result":
            yield wire.text(block, "tool_use_id")


def words(message: Json) -> str:
    """Return the text of a message."""
    return "\n".join(
        wire.text(block, "text") for block in _blocks(message) if block.get("type") == "text"
    )


def _blocks(message: Json) -> Iterator[Json]:
    body = wire.mapping(message, "message")
    content = body.get("content")
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    else:
        yield from wire.items(body, "content")


def _output(block: Json) -> str:
    content = block.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(_shown(part) for part in wire.items(block, "content"))


def _shown(part: Json) -> str:
    """Return the text of a part; a picture is named, its bytes are nothing to read."""
    if wire.text(part, "type") == "text":
        return wire.text(part, "text")
    source = wire.mapping(part, "source")
    kind = wire.text(source, "media_type") or wire.text(part, "type", "something")
    size = len(wire.text(source, "data")) * 3 // 4
    return f"[{kind}, {size} bytes]" if size else f"[{kind}]"


def _name(source: Json, description: str) -> str:
    kind = wire.text(source, "subagent_type")
    return ": ".join(part for part in (kind, description) if part)
