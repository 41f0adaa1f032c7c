"""How each kind of event reads in the log: one entry, its head always seen, its body on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conductor_tui.domain import agent_events as agent
from conductor_tui.domain import events
from conductor_tui.widgets import plain, words

Line = tuple[str, str]
"""A safe line and its look."""

BODY = 2_000
"""Lines of one entry's body that are kept: a tool's output can be a whole file."""


@dataclass(slots=True)
class Entry:
    """One thing that happened; ``body`` is shown when it is unfolded."""

    mark: str
    look: str
    head: str
    head_look: str = ""
    body: list[Line] = field(default_factory=list)
    wraps: bool = True
    """The head is shown whole over several rows; else cut to one."""
    open: bool = False
    task: str = ""
    ts: str = ""
    places: dict[str, int] = field(default_factory=dict)
    """Buffer → absolute place in it."""

    def lines(self) -> list[Line]:
        """Return all lines, folded parts too: for search and copy."""
        return [(part, self.head_look) for part in self.head.split("\n")] + self.body


def tool_summary(tool: str, given: Mapping[str, Any]) -> str:
    """Return a tool call in one line: the tool and what matters of its input."""
    for key in ("command", "file_path", "path", "pattern", "url", "query", "description", "prompt"):
        value = given.get(key)
        if isinstance(value, str) and value:
            return plain.exact_line(f"{tool}  {value}")
    return plain.exact_line(f"{tool}  {as_json(given, indent=None)}" if given else tool)


def as_json(value: object, indent: int | None = 2) -> str:
    """Return any value of an event as JSON a human can read."""
    return json.dumps(value, indent=indent, ensure_ascii=False, default=str)


def diff_lines(diff: str) -> list[Line]:
    """Return a unified diff as lines with looks."""
    return [(part, diff_look(part)) for part in plain.exact(diff.rstrip("\n"))]


def diff_look(part: str) -> str:
    """Return the look of one line of a unified diff."""
    if part.startswith(("+++", "---", "diff ")):
        return "dim"
    return {"+": "add", "-": "del", "@": "hunk"}.get(part[:1], "")


def entry_of(event: events.Event) -> Entry | None:
    """Return how an event reads in the log; None where other panes tell it."""
    make = _MAKERS.get(type(event))
    return None if make is None else make(event)


def add_result(entry: Entry, result: agent.AgentToolResult) -> None:
    """Complete a tool call's entry by what the tool gave back."""
    entry.mark, entry.look = ("✓", "ok") if result.ok else ("✗", "bad")
    if result.diff:
        changed = diff_lines(result.diff)
        added = sum(1 for text, look in changed if look == "add")
        removed = sum(1 for text, look in changed if look == "del")
        entry.head += f"  +{added} -{removed}"
        entry.body += changed
    elif result.output.strip():
        entry.body += _text(result.output.strip("\n"), "" if result.ok else "bad")
        if not result.ok:
            entry.head += "  → " + plain.line(result.output.strip())
    del entry.body[BODY:]


def _text(text: str, look: str = "") -> list[Line]:
    return [(part, look) for part in plain.lines(text)]


def _said(event: agent.AgentText) -> Entry:
    head = "\n".join(plain.lines(event.text.strip("\n")))
    if event.agent:
        head = f"({plain.line(event.agent)}) {head}"
    return Entry("●", "info", head)


def _called(event: agent.AgentToolCall) -> Entry:
    who = f"({plain.line(event.agent)}) " if event.agent else ""
    head = who + tool_summary(event.tool, event.input)
    given = plain.exact(as_json(event.input)) if event.input else []
    body = [(part, "dim") for part in given]
    return Entry("▸", "tool", head, "tool", body[:BODY], wraps=False)


def _result(event: agent.AgentToolResult) -> Entry:
    entry = Entry("▸", "tool", f"result of {plain.line(event.id)}", "tool", wraps=False)
    add_result(entry, event)
    return entry


def _permission(event: agent.AgentPermission) -> Entry | None:
    allowed = event.decision == "allow"
    if allowed and event.by != "breakpoint":
        return None
    verb = "allowed" if allowed else "denied"
    head = f"{verb} by {_by(event.by)}: {tool_summary(event.tool, event.input)}"
    if event.text:
        head += f" — “{plain.line(event.text)}”"
    return Entry("◇", "ok" if allowed else "bad", head, "" if allowed else "bad")


def _by(by: str) -> str:
    return {"rule": "a rule", "mode": "the mode", "breakpoint": "you"}.get(by, plain.line(by))


def _question(event: agent.AgentQuestion) -> Entry:
    answer = "no answer" if event.answer is None else plain.line(event.answer)
    return Entry("?", "ask", f"{plain.line(event.text)} — {answer}")


def _check_started(event: events.CheckStarted) -> Entry:
    return Entry("…", "dim", f"check {plain.line(event.check)}", "dim", wraps=False)


def _check(event: events.CheckFinished) -> Entry:
    where = " on the merged tree" if event.on.value == "merged" else ""
    if event.ok:
        end = "passed"
    else:
        end = "failed" if event.exit_code is None else f"failed, exit {event.exit_code}"
    head = f"check {plain.line(event.check)}{where}: {end} in {event.duration_s:.1f}s"
    body = _text(event.output.strip("\n")) if event.output.strip() else []
    look = "ok" if event.ok else "bad"
    return Entry("✓" if event.ok else "✗", look, head, "" if event.ok else "bad", body[-BODY:])


def _decision(event: events.DecisionMade) -> Entry:
    score = "" if event.score is None else f" (score {event.score:.0f})"
    look = {"accept": "ok", "retry": "warn", "ask": "warn"}.get(event.action.value, "bad")
    head = f"{event.action.value}{score}: {plain.line(event.reason)}"
    return Entry("⇒", look, head, "strong")


def _raised(event: events.BreakpointRaised) -> Entry:
    return Entry(
        "◆", "warn", f"asks you ({event.kind.value}): {plain.exact_line(event.ask)}", "warn"
    )


def _resolved(event: events.BreakpointResolved) -> Entry:
    text = f" — “{plain.line(event.text)}”" if event.text else ""
    forced = " although a check is red" if event.force else ""
    return Entry("◇", "info", f"answered {event.answer.value}{forced} by {event.by}{text}")


def _notice(event: events.Notice) -> Entry:
    look = {"error": "bad", "warning": "warn"}.get(event.level, "info")
    return Entry("!", look, plain.line(event.text), look if look != "info" else "")


def _retry(event: agent.AgentRetry) -> Entry:
    status = "" if event.status is None else f" {event.status}"
    error = f": {plain.line(event.error)}" if event.error else ""
    head = f"model call failed{status}{error}, again in {event.delay_s:.0f}s"
    return Entry("↻", "warn", head)


def _limit(event: agent.AgentLimit) -> Entry:
    until = f"until {event.resets_at}" if event.resets_at else "no reset time given"
    return Entry("◷", "warn", f"usage limit, {until} {plain.line(event.text)}".rstrip(), "warn")


def _started(event: events.AttemptStarted) -> Entry:
    verb = "goes on" if event.resumed else "starts"
    return Entry("┄", "dim", f"{plain.line(event.agent)} {verb}", "strong")


def _finished(event: events.AttemptFinished) -> Entry:
    cost = "" if event.cost_usd is None else f", ${event.cost_usd:.2f}"
    files = words.plural(event.files_changed, "file")
    head = f"agent finished: {files} changed{cost} {plain.line(event.reason)}".rstrip()
    return Entry("┄", "dim" if event.ok else "bad", head, "" if event.ok else "bad")


def _message(event: agent.MessageSent) -> Entry:
    return Entry("▹", "info", f"you: {plain.line(event.text)}", "strong")


def _log(event: agent.AgentLog) -> Entry:
    return Entry(" ", "dim", plain.line(event.line), "dim")


def _exited(event: agent.AgentExited) -> Entry | None:
    if event.code == 0:
        return None
    code = "" if event.code is None else f", exit {event.code}"
    return Entry("✗", "bad", f"agent's program ended: {plain.line(event.reason)}{code}", "bad")


def _completed(event: events.TaskCompleted) -> Entry:
    return Entry("✓", "ok", f"done ({event.outcome.value}), commit {event.commit[:10]}", "ok")


def _failed(event: events.TaskFailed) -> Entry:
    return Entry("✗", "bad", f"failed: {plain.line(event.reason)}", "bad")


def _cancelled(event: events.TaskCancelled) -> Entry:
    return Entry("○", "warn", f"cancelled: {plain.line(event.reason)}")


def _blocked(event: events.TaskBlocked) -> Entry:
    return Entry("⊘", "bad", f"blocked by {plain.line(event.by)}")


def _waiting(event: events.TaskWaiting) -> Entry | None:
    if event.reason.value == "breakpoint":
        return None
    until = f" until {event.until}" if event.until else ""
    return Entry("◷", "warn", f"waits for {event.reason.value}{until}")


def _conflict(event: events.MergeConflict) -> Entry:
    return Entry("✗", "bad", "merge conflict in " + plain.line(", ".join(event.files)), "bad")


def _merged(event: events.MergeDone) -> Entry:
    return Entry("✓", "ok", f"merged into {plain.line(event.branch)} as {event.commit[:10]}")


def _landed(event: events.LandDone) -> Entry:
    return Entry("✓", "ok", f"landed on {plain.line(event.branch)} as {event.commit[:10]}", "ok")


def _unlanded(event: events.LandRefused) -> Entry:
    return Entry("✗", "bad", f"not landed: {plain.line(event.reason)}", "bad")


_MAKERS: dict[type[events.Event], Callable[[Any], Entry | None]] = {
    agent.AgentText: _said,
    agent.AgentToolCall: _called,
    agent.AgentToolResult: _result,
    agent.AgentPermission: _permission,
    agent.AgentQuestion: _question,
    agent.AgentRetry: _retry,
    agent.AgentLimit: _limit,
    agent.AgentLog: _log,
    agent.AgentExited: _exited,
    agent.MessageSent: _message,
    events.CheckStarted: _check_started,
    events.CheckFinished: _check,
    events.DecisionMade: _decision,
    events.BreakpointRaised: _raised,
    events.BreakpointResolved: _resolved,
    events.Notice: _notice,
    events.AttemptStarted: _started,
    events.AttemptFinished: _finished,
    events.TaskCompleted: _completed,
    events.TaskFailed: _failed,
    events.TaskCancelled: _cancelled,
    events.TaskBlocked: _blocked,
    events.TaskWaiting: _waiting,
    events.MergeConflict: _conflict,
    events.MergeDone: _merged,
    events.LandDone: _landed,
    events.LandRefused: _unlanded,
}
