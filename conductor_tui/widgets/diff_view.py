"""The selected task's change against its base, as it is now."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import ScrollableContainer
from textual.reactive import var
from textual.widgets import Static

from conductor_tui.widgets import plain, words
from conductor_tui.widgets.diff_lines import DiffLine, DiffText, read_diff
from conductor_tui.widgets.pane import SearchPane
from conductor_tui.widgets.rows import Row, RowView

NO_TASK = "No task is selected."
NO_CHANGE = "No change yet.\n\nWhat the task changes against its base is shown here, live."
BOTH_NUMBERS_FROM = 72
"""Cells from which on old and new line numbers are both shown."""
SIGNS = {"add": "+", "del": "-", "same": " "}


class DiffRows(RowView):
    """The rows of a diff; wider than the pane where lines are, scrolled by the arrow keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*ScrollableContainer.BINDINGS]

    def __init__(self) -> None:
        super().__init__(id="diff-rows")
        self.diff = DiffText()
        self._longest = 0
        self._digits = 4

    def show_diff(self, diff: DiffText, *, stay: bool) -> None:
        """Show a diff; ``stay`` keeps the file and line in sight where they are still there."""
        path, below = self._place()
        self.diff = diff
        self._longest = max((plain.width(line.text) for line in diff.lines), default=0)
        last = max((line.new or line.old or 0 for line in diff.lines), default=0)
        self._digits = max(4, len(str(last)))
        self.changed()
        first = next((part.first for part in diff.files if part.path == path), None)
        if not stay:
            self.scroll_to(x=0, y=0, animate=False)
        elif first is not None:
            self.scroll_to(y=first + below, animate=False)

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self.diff.lines)

    def row_width(self) -> int:
        """Return the cells the longest line needs."""
        return max(self.body_width, self._longest + 2 * self._digits + 6)

    def row(self, index: int, width: int) -> Row:
        """Return one line with its numbers and its sign."""
        line = self.diff.lines[index]
        if line.kind == "file":
            return self._header(index)
        if line.kind in ("hunk", "note"):
            look = "hunk" if line.kind == "hunk" else "dim"
            return Row(((" " * (self._digits + 1), ""), (line.text, look)))
        band = line.kind if line.kind in ("add", "del") else ""
        return Row(((self._numbers(line, width), "dim"), (self._sign(line), "")), band)

    def go_file(self, step: int) -> None:
        """Go to the next or the previous file."""
        if not self.diff.files:
            return
        top = self.scroll_offset.y
        place = self.diff.file_at(top)
        if step < 0 and self.diff.files[place].first < top:
            step = 0
        place = max(0, min(len(self.diff.files) - 1, place + step))
        self.scroll_to(y=self.diff.files[place].first, animate=False)

    def on_click(self, event: events.Click) -> None:
        """Go where the place mark was clicked."""
        self.scroll_by_click(event)

    def _place(self) -> tuple[str, int]:
        """Return the file at the top, and how far below its header the top is."""
        if not self.diff.files:
            return "", 0
        top = self.scroll_offset.y
        part = self.diff.files[self.diff.file_at(top)]
        return part.path, max(0, top - part.first)

    def _header(self, index: int) -> Row:
        part = self.diff.files[self.diff.file_at(index)]
        change = f"  +{part.added} -{part.removed}"
        return Row(((f"▌ {part.path}", "strong"), (change, "dim")), "file")

    def _numbers(self, line: DiffLine, width: int) -> str:
        digits = self._digits
        new = plain.fit(str(line.new or ""), digits, right=True)
        old = plain.fit(str(line.old or ""), digits, right=True)
        if width >= BOTH_NUMBERS_FROM:
            return f"{old} {new} "
        return f"{old if line.kind == 'del' else new} "

    def _sign(self, line: DiffLine) -> str:
        return f"{SIGNS[line.kind]} {line.text}"


class DiffView(SearchPane):
    """The pane."""

    NUMBER = 3
    TITLE = "Diff"

    subject: var[str | None] = var[str | None](None)
    """The task whose diff is shown."""

    def compose(self) -> ComposeResult:
        """Put the pane together."""
        yield DiffRows()
        yield Static(NO_TASK, id="diff-empty", classes="empty", markup=False)
        yield self.compose_search()

    def on_mount(self) -> None:
        """Begin empty."""
        self._describe(DiffText())

    def show_text(self, task: str | None, text: str) -> None:
        """Show a task's unified diff; the same task's keeps its place."""
        stay = task == self.subject
        self.subject = task
        diff = read_diff(text)
        self.query_one(DiffRows).show_diff(diff, stay=stay)
        self._describe(diff)

    def action_file(self, step: int) -> None:
        """Go to the next or the previous file."""
        self.query_one(DiffRows).go_file(step)

    def action_copy(self) -> None:
        """Copy what is selected, else the file in sight."""
        rows = self.query_one(DiffRows)
        text = self.screen.get_selected_text() or self._file_text(rows)
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {words.plural(len(text.splitlines()), 'line')}.", timeout=2)

    def _file_text(self, rows: DiffRows) -> str:
        diff = rows.diff
        if not diff.files:
            return ""
        place = diff.file_at(rows.scroll_offset.y)
        first = diff.files[place].first
        last = diff.files[place + 1].first if place + 1 < len(diff.files) else len(diff.lines)
        return "\n".join(SIGNS.get(line.kind, "") + line.text for line in diff.lines[first:last])

    def _describe(self, diff: DiffText) -> None:
        self.set_class(not diff.lines, "-empty")
        empty = NO_TASK if self.subject is None else NO_CHANGE
        self.query_one("#diff-empty", Static).update(empty)
        self.say_title(plain.line(self.subject or ""))
        if diff.files:
            files = words.plural(len(diff.files), "file")
            self.say_hint(f"{files}  +{diff.added} -{diff.removed}")
        else:
            self.say_hint("")
