"""What Claude Code asks over its control protocol, and how it is answered.

A tool call comes up to twice: first as a hook callback (every call, also the allowed ones), then,
where neither the hook nor its own rules settled it, as a permission request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conductor_tui.agents import wire
from conductor_tui.agents.protocol import Reply
from conductor_tui.agents.wire import Json
from conductor_tui.domain.agent_events import AgentLog
from conductor_tui.domain.ports.agents import (
    Permission,
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    Signal,
    ToolIntent,
)

ASK_USER = "AskUserQuestion"
EXIT_PLAN = "ExitPlanMode"
QUESTIONS = frozenset({ASK_USER, EXIT_PLAN})
"""Tools that do nothing but ask a human: no permission, a question."""

DENIED = "This was not allowed. Go on without it."
UNANSWERED = "Nobody is there to answer. Decide by yourself, state what you assumed, and go on."
NO_PLAN = "The plan was not approved."

Request = ToolIntent | PermissionAsked | QuestionAsked


@dataclass(frozen=True, slots=True)
class Open:
    """A request that waits for its answer."""

    signal: Request
    input: Json


class ClaudeRequests:
    """The requests of one program that are not answered yet."""

    def __init__(self) -> None:
        self._open: dict[str, Open] = {}

    def opened(self) -> list[Request]:
        """Return the requests without an answer, oldest first."""
        return [request.signal for request in self._open.values()]

    def control(self, message: Json, plan: str = "") -> list[Signal | Reply]:
        """Read a ``control_request`` of the program.

        Args:
            message: the request.
            plan: what a plan says whose approval is asked without its text.
        """
        request_id = wire.text(message, "request_id")
        request = wire.mapping(message, "request")
        match wire.text(request, "subtype"):
            case "hook_callback":
                return self._hook(request_id, wire.mapping(request, "input"), request)
            case "can_use_tool":
                return self._permission(request_id, request, plan)
            case other:
                refusal = {
                    "subtype": "error",
                    "request_id": request_id,
                    "error": f"Unsupported control request subtype: {other}",
                }
                line = wire.dump({"type": "control_response", "response": refusal})
                return [AgentLog(f"asked for {other!r}, which is not supported"), Reply(line)]

    def withdrawn(self, request_id: str) -> list[Signal]:
        """Take notice that a request is no longer asked."""
        return self._drop(lambda signal: signal.request == request_id)

    def settled(self, tool_id: str) -> list[Signal]:
        """Withdraw what is asked for a tool call that has its result."""
        return self._drop(lambda signal: signal.id == tool_id)

    def clear(self) -> list[Signal]:
        """Withdraw all that is still open: its turn, or the program, has ended."""
        return self._drop(lambda signal: True)

    def permit(self, request: str, permission: Permission) -> list[bytes]:
        """Answer a ToolIntent or PermissionAsked; nothing where it is no longer open.

        Raises:
            ValueError: a decision that this request does not take.
        """
        opened = self._open.get(request)
        if opened is None:
            return []
        if isinstance(opened.signal, ToolIntent):
            answer = _hook_answer(permission)
        else:
            answer = _permission_answer(permission, opened.input)
        del self._open[request]
        return [response(request, answer)]

    def answer(self, request: str, text: str | None) -> list[bytes]:
        """Answer a QuestionAsked; nothing where it is no longer open."""
        opened = self._open.get(request)
        if opened is None or not isinstance(opened.signal, QuestionAsked):
            return []
        del self._open[request]
        if opened.signal.plan:
            return [response(request, _plan_answer(opened.input, text))]
        return [response(request, _question_answer(opened.input, text))]

    def _hook(self, request_id: str, data: Json, request: Json) -> list[Signal | Reply]:
        tool = wire.text(data, "tool_name")
        if wire.text(data, "hook_event_name") != "PreToolUse" or tool in QUESTIONS:
            return [Reply(response(request_id, {}))]
        tool_id = wire.text(data, "tool_use_id") or wire.text(request, "tool_use_id", request_id)
        given = wire.mapping(data, "tool_input")
        signal = ToolIntent(request_id, tool_id, tool, given)
        self._open[request_id] = Open(signal, given)
        return [signal]

    def _permission(self, request_id: str, request: Json, plan: str) -> list[Signal | Reply]:
        tool = wire.text(request, "tool_name")
        tool_id = wire.text(request, "tool_use_id", request_id)
        given = wire.mapping(request, "input")
        earlier = self._drop(lambda one: isinstance(one, ToolIntent) and one.id == tool_id)
        signal: Request
        if tool == ASK_USER:
            text, choices = question(given)
            signal = QuestionAsked(request_id, tool_id, text, choices)
        elif tool == EXIT_PLAN:
            text = wire.text(given, "plan") or plan or "The agent's plan is ready."
            signal = QuestionAsked(request_id, tool_id, text, (), plan=True)
        else:
            signal = PermissionAsked(request_id, tool_id, tool, given)
        self._open[request_id] = Open(signal, given)
        return [*earlier, signal]

    def _drop(self, matches: Callable[[Request], bool]) -> list[Signal]:
        gone = [request for request, one in self._open.items() if matches(one.signal)]
        for request in gone:
            del self._open[request]
        return [RequestWithdrawn(request) for request in gone]


def response(request_id: str, answer: Mapping[str, Any]) -> bytes:
    """Return the line that answers a control request."""
    body = {"subtype": "success", "request_id": request_id, "response": answer}
    return wire.dump({"type": "control_response", "response": body})


def question(given: Json) -> tuple[str, tuple[str, ...]]:
    """Return the text and the choices of an AskUserQuestion.

    Several questions in one request become one text with a numbered line each; then the choices
    stand in it, since a list of choices could only belong to one.
    """
    asked = list(wire.items(given, "questions"))
    if len(asked) == 1:
        return wire.text(asked[0], "question"), _labels(asked[0])
    lines = []
    for number, one in enumerate(asked, 1):
        choices = " | ".join(_labels(one))
        lines.append(f"{number}. {wire.text(one, 'question')}" + (f" ({choices})" * bool(choices)))
    return "\n".join([*lines, "(answer with one line for each)"]), ()


def _labels(asked: Json) -> tuple[str, ...]:
    labels = (wire.text(option, "label") for option in wire.items(asked, "options"))
    return tuple(label for label in labels if label)


def _hook_answer(permission: Permission) -> Json:
    if permission.decision == "pass":
        return {}
    if permission.decision not in ("allow", "deny", "ask"):
        raise ValueError(f"no decision on a tool call: {permission.decision!r}")
    output: Json = {"hookEventName": "PreToolUse", "permissionDecision": permission.decision}
    if permission.decision == "deny":
        output["permissionDecisionReason"] = permission.message or DENIED
    elif permission.message:
        output["permissionDecisionReason"] = permission.message
    if permission.decision == "allow" and permission.input is not None:
        output["updatedInput"] = dict(permission.input)
    return {"hookSpecificOutput": output}


def _permission_answer(permission: Permission, given: Json) -> Json:
    if permission.decision == "allow":
        changed = given if permission.input is None else dict(permission.input)
        return {"behavior": "allow", "updatedInput": changed}
    if permission.decision == "deny":
        return {"behavior": "deny", "message": permission.message or DENIED}
    raise ValueError(f"no answer to a permission request: {permission.decision!r}")


def _plan_answer(given: Json, text: str | None) -> Json:
    if text == "":
        return {"behavior": "allow", "updatedInput": given}
    return {"behavior": "deny", "message": text or NO_PLAN}


def _question_answer(given: Json, text: str | None) -> Json:
    if text is None:
        return {"behavior": "deny", "message": UNANSWERED}
    asked = list(wire.items(given, "questions"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    separate = len(asked) > 1 and len(lines) == len(asked)
    answers = {
        wire.text(one, "question"): _chosen(one, lines[index] if separate else text)
        for index, one in enumerate(asked)
    }
    return {"behavior": "allow", "updatedInput": {**given, "answers": answers}}


def _chosen(asked: Json, text: str) -> str:
    """Return the choice that is meant, else the text itself; no text takes the first choice."""
    labels = _labels(asked)
    if not text.strip():
        return labels[0] if labels else "Yes."
    meant = text.strip().casefold()
    return next((label for label in labels if label.casefold() == meant), text)
