"""What the scripted model says: the words a test uses to write its answers down.

The server in `messages_api` is asked the same question that a real model is asked: here is a
conversation, what comes next? It keeps no thread of its own. The place in a script is read off
the conversation, so a program that was killed and resumed, or that asks twice after a network
fault, is answered as a model would answer it.

How the place is found (`TaskScript.place`):

* a task is known by its marker, a text in the first prompt of the conversation;
* a step is behind us when the conversation holds its tool calls (their ids name round and step),
  or its text, whole, where it calls no tool;
* a prompt begins the next round only if the round before was played to its end, so "go on where
  you left off" after a kill is no new round, while feedback after a finished attempt is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]

WORKING_DIRECTORY = re.compile(r"Primary working directory: (.+)")
TOOL_ID = re.compile(r"^toolu_(?P<round>\d+)_(?P<step>\d+)_\d+_\d+$")
# What the program itself puts into the mouth of its user; none of it asks for work.
NOT_A_PROMPT = re.compile(
    r"\s*(<(system-reminder|task-notification|command-|local-command-|bash-)"
    r"|\[Request interrupted by user|Stop hook feedback|Output token limit hit"
    r"|Your response (above )?was (cut off|stopped)|Continue from where you left off)"
)


@dataclass(frozen=True)
class Usage:
    """The token counts that a reply reports, from which the program reckons its cost."""

    input: int = 100
    output: int = 20
    cache_read: int = 0
    cache_creation: int = 0


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in place of an answer, `times` times (0: for ever)."""

    status: int = 200
    error_type: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    stop_reason: str = ""
    cut: bool = False
    times: int = 1


def rate_limited(times: int = 1, *, retry_after: float = 1) -> Fault:
    """429 with `retry-after`, as a busy service answers."""
    headers = {"retry-after": f"{retry_after:g}"}
    return Fault(429, "rate_limit_error", "Rate limited.", headers, times=times)


def overloaded(times: int = 1) -> Fault:
    """529, which the program retries less often than the others."""
    return Fault(529, "overloaded_error", "Overloaded", times=times)


def server_error(times: int = 1) -> Fault:
    """500."""
    return Fault(500, "api_error", "Internal server error", times=times)


def unauthorized(times: int = 0) -> Fault:
    """401, by default for ever, as a wrong key is."""
    return Fault(401, "authentication_error", "invalid x-api-key", times=times)


def usage_limit(resets_at: int, times: int = 0, *, window: str = "five_hour") -> Fault:
    """A subscription's limit; seen as such only under `claude_environment(..., oauth=True)`."""
    prefix = "anthropic-ratelimit-unified"
    short = {"five_hour": "5h", "seven_day": "7d"}[window]
    headers = {
        f"{prefix}-status": "rejected",
        f"{prefix}-reset": str(resets_at),
        f"{prefix}-representative-claim": window,
        f"{prefix}-overage-status": "rejected",
        f"{prefix}-{short}-status": "rejected",
        f"{prefix}-{short}-reset": str(resets_at),
        f"{prefix}-{short}-utilization": "1.0",
    }
    return Fault(429, "rate_limit_error", "Usage limit reached.", headers, times=times)


def cut_stream(times: int = 1) -> Fault:
    """The connection breaks in the middle of the answer."""
    return Fault(cut=True, times=times)


def refused(times: int = 1) -> Fault:
    """The answer ends with the stop reason `refusal`."""
    return Fault(stop_reason="refusal", times=times)


def out_of_tokens(times: int = 1) -> Fault:
    """The answer ends with the stop reason `max_tokens`."""
    return Fault(stop_reason="max_tokens", times=times)


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool; `{cwd}` in any text of its input stands for the agent's folder."""

    name: str
    input: Json


@dataclass(frozen=True)
class Step:
    """One message of the model. `say("...") + tool(...)` makes one message of two blocks."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    thinking: str = ""
    usage: Usage | None = None
    delay_s: float = 0.0
    gate: str = ""
    faults: tuple[Fault, ...] = ()

    def __add__(self, other: Step) -> Step:
        """Both contents in one message; the numbers of the left one hold unless it has none."""
        return replace(
            self,
            text="\n".join(filter(None, (self.text, other.text))),
            calls=self.calls + other.calls,
            usage=self.usage or other.usage,
            delay_s=self.delay_s or other.delay_s,
            gate=self.gate or other.gate,
            faults=self.faults + other.faults,
        )

    def costing(self, usage: Usage) -> Step:
        """The same step, reporting these token counts."""
        return replace(self, usage=usage)

    def after(self, delay_s: float) -> Step:
        """The same step, answered only after a delay."""
        return replace(self, delay_s=delay_s)

    def behind(self, gate: str) -> Step:
        """The same step, answered only once the test has called `server.open(gate)`."""
        return replace(self, gate=gate)

    def failing(self, *faults: Fault) -> Step:
        """The same step, answered only after these faults, in this order."""
        return replace(self, faults=self.faults + faults)


def say(text: str, *, thinking: str = "") -> Step:
    """A message that is only text; as the last of a round it ends the turn."""
    return Step(text=text, thinking=thinking)


def tool(name: str, **arguments: Any) -> Step:
    """A message that calls one tool."""
    return Step(calls=(ToolCall(name, arguments),))


@dataclass(frozen=True)
class Place:
    """Where a conversation stands: the round (from 1) and the step in it (from 0)."""

    round: int
    step: int


@dataclass(frozen=True)
class TaskScript:
    """The answers for one task: rounds of steps, one round for each prompt that asks for work."""

    rounds: tuple[tuple[Step, ...], ...]
    marker: str

    def place(self, conversation: Conversation) -> Place:
        """Read off the conversation what comes next; `step == len(round)` is its end."""
        place = Place(0, 0)
        for turn in conversation.turns:
            if turn.role == "user":
                if place.round == 0 or self._is_over(place):
                    place = Place(place.round + 1, 0)
            else:
                place = self._after(place, turn, conversation.cwd)
        return place

    def step(self, place: Place) -> Step | None:
        """The step at a place; a closing word where a round ends with a tool; None past the end."""
        if place.round > len(self.rounds):
            return None
        steps = self.rounds[place.round - 1]
        return steps[place.step] if place.step < len(steps) else say("Done.")

    def _is_over(self, place: Place) -> bool:
        return place.round > len(self.rounds) or place.step >= len(self.rounds[place.round - 1])

    def _after(self, place: Place, turn: Turn, cwd: str) -> Place:
        for identifier in turn.tool_ids:
            if match := TOOL_ID.match(identifier):
                return Place(int(match["round"]), int(match["step"]) + 1)
        if place.round == 0 or self._is_over(place):
            return place
        step = self.rounds[place.round - 1][place.step]
        said = not step.calls and filled(step.text, cwd).strip() == turn.text.strip()
        return Place(place.round, place.step + 1) if said else place


class ModelScript:
    """Which answers belong to which conversation: task scripts by the marker in a first prompt."""

    def __init__(
        self,
        tasks: Mapping[str, TaskScript | Sequence[Step] | Sequence[Sequence[Step]]],
        *,
        usage: Usage | None = None,
    ) -> None:
        """Take scripts by task name; the name is the marker unless a `TaskScript` says another."""
        self.tasks = {name: _as_task(name, script) for name, script in tasks.items()}
        self.usage = usage or Usage()

    def find(self, conversation: Conversation) -> str | None:
        """The task whose marker comes first in the first prompt, of several there the longest."""
        prompt = conversation.prompts[0] if conversation.prompts else ""
        found = [
            (prompt.index(task.marker), -len(task.marker), name)
            for name, task in self.tasks.items()
            if task.marker in prompt
        ]
        return min(found)[2] if found else None


def script(*rounds: Sequence[Step], marker: str = "") -> TaskScript:
    """A task script of one or more rounds, with a marker of its own where the name will not do."""
    return TaskScript(tuple(tuple(steps) for steps in rounds), marker)


def _as_task(
    name: str, value: TaskScript | Sequence[Step] | Sequence[Sequence[Step]]
) -> TaskScript:
    if isinstance(value, TaskScript):
        return value if value.marker else replace(value, marker=name)
    loose = [item for item in value if isinstance(item, Step)]
    rounds = [loose] if loose else [item for item in value if not isinstance(item, Step)]
    return script(*rounds, marker=name)


def filled(value: Any, cwd: str) -> Any:
    """The value with `{cwd}` replaced in every text of it."""
    if isinstance(value, str):
        return value.replace("{cwd}", cwd)
    if isinstance(value, Mapping):
        return {key: filled(item, cwd) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, cwd) for item in value]
    return value


@dataclass(frozen=True)
class ToolResult:
    """What the model was shown as the outcome of one of its calls."""

    id: str
    tool: str
    text: str
    is_error: bool


@dataclass(frozen=True)
class Turn:
    """One message of a conversation, as far as it matters to a script."""

    role: str
    text: str
    tool_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """A request's body, read as a script needs it."""

    cwd: str
    turns: tuple[Turn, ...]
    tool_results: tuple[ToolResult, ...]

    @property
    def prompts(self) -> list[str]:
        """The texts of the user that ask for work."""
        return [turn.text for turn in self.turns if turn.role == "user"]

    @classmethod
    def read(cls, body: Json) -> Conversation:
        """Read the body of a request to the Messages API."""
        messages: list[Json] = body.get("messages", [])
        return cls(_cwd(body), tuple(_turns(messages)), tuple(_tool_results(messages)))


def _blocks(content: object) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []


def _text(content: object) -> str:
    return "\n".join(str(b.get("text", "")) for b in _blocks(content) if b.get("type") == "text")


def _cwd(body: Json) -> str:
    said = [_text(m.get("content")) for m in body.get("messages", []) if m.get("role") == "system"]
    found = WORKING_DIRECTORY.findall("\n".join([_text(body.get("system")), *said]))
    return str(found[-1]).strip() if found else ""


def _turns(messages: list[Json]) -> Iterator[Turn]:
    for message in messages:
        blocks = _blocks(message.get("content"))
        texts = [str(block["text"]) for block in blocks if block.get("type") == "text"]
        if message.get("role") == "assistant":
            calls = (str(block["id"]) for block in blocks if block.get("type") == "tool_use")
            yield Turn("assistant", "\n".join(texts), tuple(calls))
        elif message.get("role") == "user":
            asked = [text for text in texts if not NOT_A_PROMPT.match(text) and text.strip()]
            if asked:
                yield Turn("user", "\n".join(asked))


def _tool_results(messages: list[Json]) -> Iterator[ToolResult]:
    names: dict[str, str] = {}
    for message in messages:
        for block in _blocks(message.get("content")):
            if block.get("type") == "tool_use":
                names[block["id"]] = block["name"]
            elif block.get("type") == "tool_result":
                identifier = str(block["tool_use_id"])
                text, error = _text(block.get("content")), bool(block.get("is_error"))
                yield ToolResult(identifier, names.get(identifier, ""), text, error)
