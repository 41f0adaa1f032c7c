"""How a turn of Claude Code ended, and what it cost.

`subtype: "success"` is no success: a failed call to the model ends so, with `is_error`. Totals run
on over the whole session, also over `--resume`; what is booked is the difference.
"""

from __future__ import annotations

from datetime import UTC, datetime

from conductor_tui.agents import wire
from conductor_tui.agents.wire import Json
from conductor_tui.domain.agent_events import AgentLimit, AgentUsage
from conductor_tui.domain.ports.agents import TurnEnded
from conductor_tui.domain.values import Usage

LOGIN = "login"
LIMIT = "limit"
UNKNOWN_SESSION = "unknown_session"
NO_CONVERSATION = "No conversation found"
USAGE_LIMIT = "usage_limit_reached"
NOT_LOGGED_IN = "authentication_failed"
BAD_LOGIN = 401

LOGIN_MEND = "run `claude` once and log in, or set ANTHROPIC_API_KEY"

_BY_SUBTYPE = {
    "error_max_turns": "max_turns",
    "error_max_budget_usd": "max_budget",
    "error_max_structured_output_retries": "structured_output",
}
_BY_TERMINAL = {
    "max_turns": "max_turns",
    "budget_exhausted": "max_budget",
    "structured_output_retry_exhausted": "structured_output",
    "aborted_streaming": "aborted",
    "aborted_tools": "aborted",
    "api_error": "api_error",
}
_WORDS = {
    "aborted": "interrupted before it was done",
    "refused": "the model refused to go on",
    "error": "the program reported an error",
    "api_error": "the model could not be reached",
}


def outcome(result: Json, *, api_error: str = "", limited: bool = False) -> TurnEnded:
    """Return how a turn ended by its ``result``.

    Args:
        result: the line of type ``result``.
        api_error: the kind of error of the last message that stood for a failed call.
        limited: a usage limit was reported in this turn.
    """
    reason = _reason(result, api_error, limited)
    ok = reason == "completed"
    return TurnEnded(ok, reason, _words(result, reason))


def denied(result: Json) -> set[str]:
    """Return the ids of the tool calls that were denied in the turn."""
    found = (wire.text(call, "tool_use_id") for call in wire.items(result, "permission_denials"))
    return {tool_id for tool_id in found if tool_id}


def limit(info: Json, text: str = "") -> AgentLimit:
    """Return the event of a usage limit from its ``rate_limit_info``."""
    kind = wire.text(info, "rateLimitType").replace("_", " ")
    return AgentLimit(_time(wire.number(info, "resetsAt")), text or f"{kind} limit".strip())


def is_limit(info: Json) -> bool:
    """Tell whether a ``rate_limit_info`` says that nothing more is served.

    Its ``overageStatus`` is of another account and does not count, except that work that is
    being paid from it goes on.
    """
    return wire.text(info, "status") == "rejected" and info.get("isUsingOverage") is not True


class Booking:
    """Turns the totals of one session into what was used since the last time."""

    def __init__(self, booked: Usage) -> None:
        self._last = booked
        self._first = True

    def book(self, result: Json) -> AgentUsage | None:
        """Return what a result adds, None where that is nothing."""
        if "modelUsage" in result:
            total = _total(result)
            used = total.since(self._baseline(result, total))
            if total.input or total.output:  # a turn that reached no model tells no total
                self._last, self._first = total, False
        else:
            used = _of_turn(result)
        if not used.input and not used.output and not used.cost_usd:
            return None
        return AgentUsage(used.input, used.output, used.cost_usd, _model(result))

    def _baseline(self, result: Json, total: Usage) -> Usage:
        """Return the earlier total; nothing where the program began to count anew."""
        restarted = total.input < self._last.input or total.output < self._last.output
        if self._first and not restarted and "model_usage_since_last_result" in result:
            since = _sum(wire.mapping(result, "model_usage_since_last_result"))
            restarted = (since.input, since.output) == (total.input, total.output)
        return Usage() if restarted else self._last


def _reason(result: Json, api_error: str, limited: bool) -> str:
    failed = result.get("is_error") is True
    ours = _failure(result, api_error, limited) if failed else ""
    terminal = wire.text(result, "terminal_reason", "completed")
    known = _BY_SUBTYPE.get(wire.text(result, "subtype")) or _BY_TERMINAL.get(terminal)
    if not ours and wire.text(result, "stop_reason") == "refusal":
        return "refused"
    if ours or known:
        return ours or known or ""
    if failed:
        return "api_error" if api_error or wire.text(result, "subtype") == "success" else "error"
    return terminal


def _failure(result: Json, api_error: str, limited: bool) -> str:
    """Return the reasons that need a hand from outside; they go before the program's own word."""
    if limited or wire.text(result, "api_error") == USAGE_LIMIT:
        return LIMIT
    if result.get("api_error_status") == BAD_LOGIN or api_error == NOT_LOGGED_IN:
        return LOGIN
    unknown = any(NO_CONVERSATION in text for text in _errors(result))
    return UNKNOWN_SESSION if unknown else ""


def _words(result: Json, reason: str) -> str:
    said = wire.text(result, "result")
    if reason == LOGIN:
        return f"{said or 'Not logged in'} ({LOGIN_MEND})"
    if said:
        return said
    errors = [text for text in _errors(result) if not text.startswith("[ede_diagnostic]")]
    return "; ".join(errors) or _WORDS.get(reason, "")


def _errors(result: Json) -> list[str]:
    value = result.get("errors")
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _total(result: Json) -> Usage:
    usage = _sum(wire.mapping(result, "modelUsage"))
    if usage.cost_usd is None and not wire.mapping(result, "modelUsage"):
        return Usage(usage.input, usage.output, wire.number(result, "total_cost_usd"))
    return usage


def _sum(models: Json) -> Usage:
    total = Usage()
    for name in models:
        used = wire.mapping(models, name)
        tokens = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        known = wire.text(used, "costBasis", "list") != "unknown"
        total += Usage(
            sum(wire.count(used, key) for key in tokens),
            wire.count(used, "outputTokens"),
            wire.number(used, "costUSD") if known else None,
        )
    return total


def _of_turn(result: Json) -> Usage:
    """Return the usage of a dialect without totals by model; its price is unknown."""
    used = wire.mapping(result, "usage")
    tokens = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Usage(sum(wire.count(used, key) for key in tokens), wire.count(used, "output_tokens"))


def _model(result: Json) -> str | None:
    """Return the model that wrote most since the last result."""
    models = wire.mapping(result, "model_usage_since_last_result") or wire.mapping(
        result, "modelUsage"
    )
    return max(
        models,
        key=lambda name: wire.count(wire.mapping(models, name), "outputTokens"),
        default=None,
    )


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
