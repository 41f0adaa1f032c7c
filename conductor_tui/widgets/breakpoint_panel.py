"""The questions that wait for a human: the oldest first, each answered by one key.

A key counts as an answer only when the question has been in sight and in focus for half a second:
what was typed for something else just as it appeared answers nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static, TextArea

from conductor_tui.domain.values import ANSWERS, Answer
from conductor_tui.domain.views import BreakpointView
from conductor_tui.widgets import plain
from conductor_tui.widgets.evidence import breakpoint_rows
from conductor_tui.widgets.pane import LineInput, Pane
from conductor_tui.widgets.rows import Rows

GRACE_S = 0.5
"""Seconds a question has to be in sight and in focus before a key answers it."""

NOTHING = "Nothing waits for you.\n\nPermissions, questions and results in doubt appear here."

WITH_TEXT = frozenset({Answer.REJECT, Answer.RETRY, Answer.ANSWER})
"""Answers that take words; only ``answer`` needs them."""

PROMPTS = {
    Answer.REJECT: "why not? (may be empty) · Enter sends · Esc goes back",
    Answer.RETRY: "what to do better (may be empty) · Enter sends · Esc goes back",
    Answer.ANSWER: "your answer · Enter sends · Esc goes back",
}


def answers_of(point: BreakpointView) -> tuple[Answer, ...]:
    """Return the answers a breakpoint takes, in the order of the contract, ``cancel`` last."""
    named = [answer for answer in Answer if answer.value in point.options]
    taken = named or list(ANSWERS[point.kind])
    return (*(answer for answer in taken if answer is not Answer.CANCEL), Answer.CANCEL)


class EditArea(TextArea):
    """A changed input as JSON: Ctrl+S sends it, Escape leaves it."""

    BINDINGS: ClassVar = [("ctrl+s", "send", "Send"), ("escape", "leave", "Back")]

    @dataclass
    class Sent(Message):
        """The text was sent; None where it was left."""

        text: str | None

    def action_send(self) -> None:
        """Send what is written."""
        self.post_message(self.Sent(self.text))

    def action_leave(self) -> None:
        """Give up what was written."""
        self.post_message(self.Sent(None))


class BreakpointPanel(Pane):
    """The pane: one question at a time, its evidence, and the keys that answer it."""

    NUMBER = 4
    TITLE = "Breakpoints"
    ANSWER_KEYS: ClassVar[Mapping[Answer, tuple[str, str]]] = {}
    """Answer → key and word, given by the table of actions."""

    points: var[tuple[BreakpointView, ...]] = var[tuple[BreakpointView, ...]](())
    """The open ones, oldest first."""
    now: var[datetime | None] = var[datetime | None](None)

    @dataclass
    class Answered(Message):
        """A human answered."""

        point: str
        answer: Answer
        text: str | None = None
        changed: Mapping[str, Any] | None = None

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._monotonic = monotonic
        self._since = monotonic()
        self._current: str | None = None
        self._sent: set[str] = set()
        self._asked: Answer | None = None

    def compose(self) -> ComposeResult:
        """Put the pane together."""
        yield Rows(id="breakpoint-rows")
        yield Static(NOTHING, classes="empty", markup=False)
        yield EditArea(classes="pane-area", soft_wrap=True, compact=True)
        yield LineInput(classes="pane-input", compact=True)
        yield Static(id="breakpoint-keys", markup=False)

    @property
    def current(self) -> BreakpointView | None:
        """The question in sight."""
        return next((point for point in self.points if point.id == self._current), None)

    def watch_points(self) -> None:
        """Show the newest state; go on to the next question where this one is answered."""
        self._sent.intersection_update({point.id for point in self.points})
        self._go_on()

    def watch_now(self) -> None:
        """Let ages grow."""
        self._draw()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Begin the grace: the focus came here."""
        if event.widget is self.rows():
            self._since = self._monotonic()

    def show_next(self, point_id: str | None = None) -> None:
        """Show a named question, or the one after that in sight."""
        waiting = self._waiting()
        if not waiting:
            return
        ids = [point.id for point in waiting]
        if point_id is None:
            place = ids.index(self._current) if self._current in ids else -1
            point_id = ids[(place + 1) % len(ids)]
        self._show(point_id)

    def release(self, point_id: str, *, show: bool) -> None:
        """Let a breakpoint be answered again: its answer failed, or leaves it open."""
        self._sent.discard(point_id)
        if show:
            self._show(point_id)
        else:
            self._go_on()

    def action_answer(self, word: str) -> None:
        """Take an answer, or ask for the words that go with it."""
        point, answer = self.current, Answer(word)
        if point is None or answer not in answers_of(point):
            return
        if self._monotonic() - self._since < GRACE_S:
            self.say_hint("it has just appeared: press again")
            return
        if answer in WITH_TEXT or answer is Answer.EDIT:
            self._open_input(point, answer)
        else:
            self._send(answer)

    @on(Input.Submitted, ".pane-input")
    def _take_text(self, event: Input.Submitted) -> None:
        event.stop()
        answer, text = self._asked, event.value.strip()
        if answer is None or (answer is Answer.ANSWER and not text):
            return
        self._close_inputs()
        self._send(answer, text or None)

    @on(LineInput.Left)
    def _drop_text(self, event: LineInput.Left) -> None:
        event.stop()
        self._close_inputs()

    @on(EditArea.Sent)
    def _take_edit(self, event: EditArea.Sent) -> None:
        event.stop()
        if event.text is None:
            self._close_inputs()
            return
        try:
            changed = json.loads(event.text)
        except ValueError as error:
            self.notify(f"That is not JSON: {error}", severity="error", markup=False)
            return
        if not isinstance(changed, dict):
            self.notify("The input has to be a JSON object.", severity="error")
            return
        self._close_inputs()
        self._send(Answer.EDIT, changed=changed)

    def _open_input(self, point: BreakpointView, answer: Answer) -> None:
        self._asked = answer
        field: Input | TextArea
        if answer is Answer.EDIT:
            field = area = self.query_one(EditArea)
            area.text = "\n".join(plain.lines(json.dumps(asked_input(point), indent=2)))
        else:
            field = line = self.query_one(LineInput)
            line.value, line.placeholder = "", PROMPTS[answer]
        field.add_class("-asked")
        field.focus()

    def _close_inputs(self) -> None:
        self._asked = None
        self.query_one(LineInput).remove_class("-asked")
        self.query_one(EditArea).remove_class("-asked")
        self.take_focus()

    def _send(
        self, answer: Answer, text: str | None = None, changed: Mapping[str, Any] | None = None
    ) -> None:
        if self._current is None:
            return
        self._sent.add(self._current)
        self.post_message(self.Answered(self._current, answer, text, changed))
        self._go_on()

    def _waiting(self) -> list[BreakpointView]:
        return [point for point in self.points if point.id not in self._sent]

    def _go_on(self) -> None:
        if not self.is_mounted or self._asked is not None:
            return
        waiting = self._waiting()
        if self._current in {point.id for point in waiting}:
            self._draw()
        else:
            self._show(waiting[0].id if waiting else None)

    def _show(self, point_id: str | None) -> None:
        self._current = point_id
        self._since = self._monotonic()
        self._draw(top=True)

    def _draw(self, *, top: bool = False) -> None:
        if not self.is_mounted:
            return
        point, waiting = self.current, self._waiting()
        self.set_class(point is None, "-empty")
        rows = self.query_one("#breakpoint-rows", Rows)
        if point is None or self.now is None:
            rows.show(lambda width: [], top=True)
            self.query_one("#breakpoint-keys", Static).update("")
            self.say_title("")
            self.say_hint("")
            return
        now = self.now
        rows.show(lambda width: breakpoint_rows(point, width, now), top=top)
        place = next((n for n, p in enumerate(waiting, 1) if p.id == point.id), 1)
        self.say_title(f"{place} of {len(waiting)} waiting")
        self.say_hint("b next" if len(waiting) > 1 else "")
        self.query_one("#breakpoint-keys", Static).update(key_line(point, self.ANSWER_KEYS))


def key_line(point: BreakpointView, keys: Mapping[Answer, tuple[str, str]]) -> Content:
    """Return the keys that answer a breakpoint, each with its word."""
    pieces: list[Content] = []
    for answer in answers_of(point):
        if answer in keys:
            key, word = keys[answer]
            word = word.replace(" ", "\u00a0")
            pieces.append(Content.assemble((f" {key} ", "reverse"), f"\u00a0{word}  "))
    return Content.assemble(*pieces)


def asked_input(point: BreakpointView) -> Mapping[str, Any]:
    """Return the input of the tool call a permission breakpoint is about."""
    given = point.evidence.get("input")
    return given if isinstance(given, Mapping) else {}
