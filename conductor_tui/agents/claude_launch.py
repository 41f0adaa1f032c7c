"""How Claude Code is started: its command line and the first lines of its input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from conductor_tui.agents.agent_settings import AgentSettings
from conductor_tui.domain.ports.agents import Assignment
from conductor_tui.domain.values import PermissionMode

PROGRAM = "claude"
MEND = "install it by `npm install -g @anthropic-ai/claude-code`, or name it by `command:`"

INITIALIZE = "conductor-initialize"
"""Id of our first request; fixed, so that it is known again in a stream that is replayed."""

HOOK = "conductor-pre-tool-use"
HOOK_TIMEOUT_S = 7 * 24 * 3600
"""A hook that is not answered in time counts as passed; a detached agent waits for us instead."""

HOST = (
    "-p",
    "--input-format", "stream-json",
    "--output-format", "stream-json",
    "--verbose",
    "--permission-prompt-tool", "stdio",
)  # fmt: skip

OVERRIDES: Mapping[str, Any] = {"attribution": {"commit": "", "pr": ""}}
"""Settings above the user's own: commits are the user's, without a trailer for the program."""

_MODE_NAMES = {PermissionMode.MANUAL: "default"}
"""Every version takes `default`; only newer ones take `manual`."""


def argv(settings: AgentSettings, assignment: Assignment) -> tuple[str, ...]:
    """Return the command line for an assignment."""
    session = "--resume" if assignment.resume else "--session-id"
    return (
        *(settings.command or (PROGRAM,)),
        *HOST,
        session,
        assignment.session,
        *(("--model", settings.model) if settings.model else ()),
        "--permission-mode",
        _MODE_NAMES.get(settings.permission_mode, settings.permission_mode.value),
        "--setting-sources",
        settings.setting_sources,
        "--settings",
        json.dumps(OVERRIDES, separators=(",", ":")),
        *settings.args,
    )


def initialize(instructions: str = "") -> dict[str, Any]:
    """Return the request that has every tool call shown to us before it runs.

    Args:
        instructions: text added to the system prompt.
    """
    hook = {"matcher": "*", "hookCallbackIds": [HOOK], "timeout": HOOK_TIMEOUT_S}
    request: dict[str, Any] = {"subtype": "initialize", "hooks": {"PreToolUse": [hook]}}
    if instructions:
        request["appendSystemPrompt"] = instructions
    return {"type": "control_request", "request_id": INITIALIZE, "request": request}


def user_message(text: str, uuid: str) -> dict[str, Any]:
    """Return a message to the agent; its uuid is told back when it is taken up."""
    return {
        "type": "user",
        "message": {"role": "user", "content": text},
        "parent_tool_use_id": None,
        "session_id": "",
        "uuid": uuid,
    }
