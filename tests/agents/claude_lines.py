"""Lines of Claude Code, written by hand where no recording has them."""

from __future__ import annotations

import json
from typing import Any

from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.protocol import Reply
from conductor_tui.domain.ports.agents import Signal

Json = dict[str, Any]
MODEL = "claude-sonnet-5"


def feed(protocol: ClaudeProtocol, *messages: Json) -> list[Signal | Reply]:
    """What a protocol makes of some lines."""
    return [
        signal for message in messages for signal in protocol.receive(json.dumps(message).encode())
    ]


def state(name: str) -> Json:
    return {"type": "system", "subtype": "session_state_changed", "state": name}


def result(text: str = "Done.", **more: Any) -> Json:
    told = {"type": "result", "subtype": "success", "is_error": False, "result": text}
    return {**told, "terminal_reason": "completed", **more}


def models(input: int, output: int, cost: float, basis: str = "list") -> Json:
    tokens = {"inputTokens": input, "outputTokens": output, "costUSD": cost, "costBasis": basis}
    return {MODEL: tokens}


def can_use(tool: str, given: Json, request: str = "r1", call: str = "t1") -> Json:
    asked = {"subtype": "can_use_tool", "tool_name": tool, "input": given, "tool_use_id": call}
    return {"type": "control_request", "request_id": request, "request": asked}


def hook(tool: str, given: Json, request: str = "h1", call: str = "t1") -> Json:
    told = {
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": given,
        "tool_use_id": call,
    }
    asked = {"subtype": "hook_callback", "callback_id": "x", "input": told}
    return {"type": "control_request", "request_id": request, "request": asked}


def answer(lines: list[bytes]) -> Json:
    """The body of the one response that was written."""
    (line,) = lines
    found: Json = json.loads(line)["response"]["response"]
    return found


def called(tool: str, **given: Any) -> Json:
    block = {"type": "tool_use", "id": "t1", "name": tool, "input": given}
    return {"type": "assistant", "message": {"content": [block]}}
