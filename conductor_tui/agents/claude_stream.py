"""Reading Claude Code's output: one line in, signals out.

    stdout ─ system ── init · session_state_changed · api_retry · task_* …
           ├ assistant  text · tool_use          ├ rate_limit_event
           ├ user       tool_result with diff    ├ control_request  (`claude_requests`)
           └ result     (`claude_results`), which ends a turn only with what `turns` says

Measured on versions 2.1.197 and 2.1.328; what a version does not tell is not relied upon.
"""

from __future__ import annotations

from collections.abc import Callable

from conductor_tui.agents import claude_launch, claude_messages, claude_results, wire
from conductor_tui.agents.claude_requests import ClaudeRequests
from conductor_tui.agents.protocol import Reply
from conductor_tui.agents.turns import Turns
from conductor_tui.agents.wire import Json
from conductor_tui.domain.agent_events import AgentLimit, AgentLog, AgentRetry, AgentState
from conductor_tui.domain.ports.agents import SessionOpened, Signal, TurnEnded
from conductor_tui.domain.values import Usage

Signals = list[Signal | Reply]
Reader = Callable[[Json, bytes], Signals]

SILENT = frozenset(
    {
        "stream_event",
        "keep_alive",
        "tool_progress",
        "system/status",
        "system/thinking_tokens",
        "system/hook_started",
        "system/hook_progress",
        "system/hook_response",
        "system/task_progress",
        "system/task_updated",
        "system/compact_boundary",
        "system/model_refusal_no_fallback",
    }
)
"""What says nothing besides what other lines say: pieces of texts that come whole later."""

NOTES = ("model_fallback", "model_refusal_fallback", "notification", "informational")

RAW_LIMIT = 64 << 10
"""Characters kept of a line whose type is unknown."""


class ClaudeStream:
    """Follows one session by its output.

    Args:
        folder: the workspace; diffs name files relative to it.
        booked: what was booked for this session before.
        interruption: makes the line that stops the program's work.
    """

    def __init__(self, folder: str, booked: Usage, interruption: Callable[[], bytes]) -> None:
        self.requests = ClaudeRequests()
        self.turns = Turns()
        self._interruption = interruption
        self._booking = claude_results.Booking(booked)
        self._reader = claude_messages.MessageReader(folder)
        self._session = ""
        self._api_error = ""
        self._limited = False
        self.heard = False
        """The program has spoken."""
        self._seen: set[str] = set()
        self._readers: dict[str, Reader] = {
            "assistant": self._assistant,
            "user": self._user,
            "result": self._result,
            "control_request": self._asked,
            "control_cancel_request": self._cancelled,
            "control_response": self._response,
            "rate_limit_event": self._limit,
            "command_lifecycle": self._taken_up,
            "system/init": self._init,
            "system/session_state_changed": self._state,
            "system/api_retry": self._retry,
            "system/permission_denied": self._denied,
            "system/background_tasks_changed": self._helpers,
            "system/task_started": self._helpers,
            "system/task_notification": self._helpers,
            **{f"system/{note}": self._note for note in NOTES},
        }

    def receive(self, line: bytes) -> Signals:
        """Read a line of the program's standard output."""
        if not line.strip():
            return []
        message = wire.parse(line)
        if message is None:
            return [AgentLog(wire.decode(line))]
        self.heard = True
        kind = wire.text(message, "type")
        if kind == "system":
            kind = f"system/{wire.text(message, 'subtype')}"
        reader = self._readers.get(kind)
        if reader:
            return reader(message, line)
        if kind in SILENT or kind in self._seen:
            return []
        self._seen.add(kind)
        return [AgentLog(wire.decode(line)[:RAW_LIMIT])]

    def over(self, ended: TurnEnded | None) -> Signals:
        """Return the end of a turn, where it is one, with what no longer holds."""
        if ended is None:
            return []
        self._api_error, self._limited = "", False
        return [*self.requests.clear(), ended]

    def _assistant(self, message: Json, _: bytes) -> Signals:
        error = wire.text(message, "error")
        if not error and message.get("is_api_error_message") is not True:
            return [*self._reader.assistant(message)]
        self._api_error = error or "unknown"
        words = claude_messages.words(message)
        signals: Signals = [AgentLog(words)] if words else []
        if wire.text(message, "api_error") == claude_results.USAGE_LIMIT:
            info = wire.mapping(wire.mapping(message, "api_error_params"), "rate_limit_info")
            signals += self._reach(claude_results.limit(info, words))
        return signals

    def _user(self, message: Json, _: bytes) -> Signals:
        results = self._reader.user(message)
        settled = [self.requests.settled(call) for call in claude_messages.result_ids(message)]
        return [*(signal for signals in settled for signal in signals), *results]

    def _asked(self, message: Json, _: bytes) -> Signals:
        return self.requests.control(message, self._reader.plan())

    def _cancelled(self, message: Json, _: bytes) -> Signals:
        return [*self.requests.withdrawn(wire.text(message, "request_id"))]

    def _taken_up(self, message: Json, _: bytes) -> Signals:
        self.turns.taken_up(wire.text(message, "command_uuid"), wire.text(message, "state"))
        return []

    def _denied(self, message: Json, _: bytes) -> Signals:
        self.turns.deny({wire.text(message, "tool_use_id")} - {""})
        return []

    def _note(self, message: Json, _: bytes) -> Signals:
        said = wire.text(message, "content") or wire.text(message, "text")
        return [AgentLog(f"{wire.text(message, 'subtype')}: {said}")]

    def _init(self, message: Json, _: bytes) -> Signals:
        self.turns.begun()
        self._reader.works_in(wire.text(message, "cwd"))
        self._api_error = ""
        session = wire.text(message, "session_id")
        if session == self._session or not session:
            return []
        self._session = session
        return [SessionOpened(session)]

    def _state(self, message: Json, _: bytes) -> Signals:
        state = wire.text(message, "state")
        return [AgentState(state), *self.over(self.turns.state(state))]

    def _retry(self, message: Json, _: bytes) -> Signals:
        status, error = wire.number(message, "error_status"), wire.text(message, "error")
        delay_s = (wire.number(message, "retry_delay_ms") or 0.0) / 1000
        retry = AgentRetry(None if status is None else int(status), delay_s, error)
        if status != claude_results.BAD_LOGIN or self.turns.ended:
            return [retry]
        text = f"the login is not accepted ({claude_results.LOGIN_MEND})"
        return [retry, *self._cut_short(claude_results.LOGIN, text)]

    def _result(self, message: Json, _: bytes) -> Signals:
        used = self._booking.book(message)
        self.turns.deny(claude_results.denied(message))
        ended = claude_results.outcome(message, api_error=self._api_error, limited=self._limited)
        return [*([used] if used else []), *self.over(self.turns.result(ended))]

    def _limit(self, message: Json, _: bytes) -> Signals:
        info = wire.mapping(message, "rate_limit_info")
        return self._reach(claude_results.limit(info)) if claude_results.is_limit(info) else []

    def _reach(self, reached: AgentLimit) -> Signals:
        first, self._limited = not self._limited, True
        return [reached] if first else []

    def _response(self, message: Json, _: bytes) -> Signals:
        response = wire.mapping(message, "response")
        if wire.text(response, "subtype") != "error":
            return []
        text = wire.text(response, "error", "unknown error")
        if wire.text(response, "request_id") != claude_launch.INITIALIZE:
            return [AgentLog(f"a request of ours was refused: {text}")]
        return self._cut_short("protocol", f"the program takes no hooks: {text}")

    def _cut_short(self, reason: str, text: str) -> Signals:
        ended = self.turns.cut_short(TurnEnded(False, reason, text))
        return [*self.over(ended), Reply(self._interruption())]

    def _helpers(self, message: Json, _: bytes) -> Signals:
        """Follow the sub-agents in the background; background shells hold no turn open."""
        subtype, task = wire.text(message, "subtype"), wire.text(message, "task_id")
        if subtype == "background_tasks_changed":
            agents = (task for task in wire.items(message, "tasks") if _is_agent(task))
            self.turns.helpers({wire.text(task, "task_id") for task in agents})
        elif subtype == "task_notification":
            self.turns.helper(task, works=False)
        elif _is_agent(message) and message.get("is_backgrounded") is True:
            self.turns.helper(task, works=True)
        return []


def _is_agent(task: Json) -> bool:
    return wire.text(task, "task_type") == "local_agent"
