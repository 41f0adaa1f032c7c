"""The frame of a pane: its title with its number, its hints, and an input line at its foot."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from conductor_tui.widgets import plain
from conductor_tui.widgets.rows import RowView


class LineInput(Input):
    """A one-line input that Escape leaves."""

    BINDINGS: ClassVar = [("escape", "leave", "Back")]

    class Left(Message):
        """The input was left without an answer."""

        def __init__(self, line_input: LineInput) -> None:
            super().__init__()
            self.line_input = line_input

        @property
        def control(self) -> LineInput:
            """The input."""
            return self.line_input

    def action_leave(self) -> None:
        """Give up what was typed."""
        self.post_message(self.Left(self))


class Pane(Vertical):
    """One of the numbered parts of the dashboard."""

    NUMBER: ClassVar[int] = 0
    TITLE: ClassVar[str] = ""
    HINT: ClassVar[str] = ""
    """A few keys, shown in the frame while the pane has the keyboard."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said = ""

    def on_mount(self) -> None:
        """Write the title into the frame."""
        self.say_title("")
        self.say_hint("")

    def say_title(self, detail: str) -> None:
        """Show the pane's name and what it shows at the moment."""
        name = f"{self.NUMBER} {self.TITLE}"
        self.border_title = plain.content(f"{name} · {detail}" if detail else name).markup

    def say_hint(self, hint: str) -> None:
        """Show a short hint at the foot of the frame, and the pane's keys where it is worked in."""
        self._said = hint
        parts = [part for part in (hint, self.HINT if self.has_focus_within else "") if part]
        self.border_subtitle = plain.content(" · ".join(parts)).markup

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the keys."""
        self.say_hint(self._said)

    def on_descendant_blur(self) -> None:
        """Hide the keys."""
        self.say_hint(self._said)

    def rows(self) -> RowView:
        """Return the part that takes the focus."""
        return self.query_one(RowView)

    def take_focus(self) -> None:
        """Give the keyboard to this pane."""
        self.rows().focus()


class SearchPane(Pane):
    """A pane whose rows can be searched: ``/`` asks, ``n`` and ``N`` go on."""

    def compose_search(self) -> LineInput:
        """Return the input line of the search, hidden until it is wanted."""
        return LineInput(placeholder="search", classes="pane-input", compact=True)

    def action_search(self) -> None:
        """Ask what to search for."""
        field = self.query_one(LineInput)
        field.add_class("-asked")
        field.focus()

    def action_match(self, step: int) -> None:
        """Go to the next or the previous row that holds what is searched for."""
        rows = self.rows()
        if not rows.needle:
            self.action_search()
            return
        at = rows.scroll_offset.y
        found = rows.find(rows.needle, at + step, step) if rows.row_count() else None
        if found is None:
            self.notify("Not found.", severity="warning", timeout=2)
            return
        self.go_to(found)

    def go_to(self, index: int) -> None:
        """Bring a found row to the top of the pane."""
        self.rows().scroll_to(y=index, animate=False)

    @on(Input.Submitted, ".pane-input")
    def _search(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_search(event.value.casefold())
        if event.value:
            self.action_match(1)

    @on(LineInput.Left)
    def _give_up(self, event: LineInput.Left) -> None:
        event.stop()
        self._close_search("")

    def _close_search(self, needle: str) -> None:
        rows = self.rows()
        rows.needle = needle
        field = self.query_one(LineInput)
        field.remove_class("-asked")
        rows.focus()
        rows.refresh()
