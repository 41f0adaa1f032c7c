"""What the agents say and do, as it happens: everything, or one task's part of it.

Events only extend a ring and set a flag; a frame clock shows the news thirty times a second at
most, and not at all while the terminal is still busy with the last frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.reactive import var
from textual.widgets import Static

from conductor_tui.domain.events import Recorded
from conductor_tui.widgets import words
from conductor_tui.widgets.log_book import ALL, LogBook
from conductor_tui.widgets.log_rows import LogRows
from conductor_tui.widgets.pane import SearchPane
from conductor_tui.widgets.tab_strip import TabStrip

NOTHING = "Nothing was said yet.\n\nWhat agents say and do is shown here as it happens."
FRAME_S = 1 / 30


class AgentLog(SearchPane):
    """The pane: a tab for everything and one for each task at work."""

    NUMBER = 2
    TITLE = "Agents"

    names: var[tuple[str, ...]] = var[tuple[str, ...]](())
    """Tasks that have a tab: those at work, and the selected one."""
    now: var[datetime | None] = var[datetime | None](None)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.book = LogBook()
        self.shown = ALL

    def compose(self) -> ComposeResult:
        """Put the pane together."""
        yield TabStrip()
        yield LogRows()
        yield Static(NOTHING, classes="empty", markup=False)
        yield self.compose_search()

    def on_mount(self) -> None:
        """Start the frame clock."""
        self.query_one(LogRows).show_ring(self.book.ring(ALL))
        self.set_interval(FRAME_S, self._frame)
        self.add_class("-empty")

    def feed(self, recorded: Iterable[Recorded]) -> None:
        """Take events; they are seen with the next frame."""
        touched = self.book.feed(recorded)
        self.query_one(LogRows).tell(older=self.shown in touched)

    def forget(self) -> None:
        """Begin again: another run."""
        self.book = LogBook()
        self.show_log(ALL)

    def watch_names(self) -> None:
        """Show other tabs."""
        if self.is_mounted:
            self._show_tabs()

    def watch_now(self, now: datetime | None) -> None:
        """Know the zone in which times are told."""
        if self.is_mounted:
            self.query_one(LogRows).now = now

    def show_log(self, name: str) -> None:
        """Show a task's ring, or that of everything."""
        self.shown = name
        self.query_one(LogRows).show_ring(self.book.ring(name))
        self._show_tabs()

    def action_tab(self, step: int) -> None:
        """Show the next or the previous tab."""
        names = (ALL, *self.names)
        place = names.index(self.shown) if self.shown in names else 0
        self.show_log(names[(place + step) % len(names)])

    def action_entry(self, step: int) -> None:
        """Stand on the next entry up or down."""
        self.query_one(LogRows).step(step)

    def action_fold(self) -> None:
        """Unfold or fold an entry."""
        self.query_one(LogRows).fold()

    def action_go(self, where: str) -> None:
        """Go a page ``up`` or ``down``, to the ``top``, or to the ``end`` to follow it."""
        rows = self.query_one(LogRows)
        page = max(1, rows.size.height - 1)
        if where == "end":
            rows.follow()
        elif where == "top":
            rows.scroll_home(animate=False)
        else:
            rows.scroll_relative(y=page if where == "down" else -page, animate=False)

    def action_fold_all(self) -> None:
        """Unfold every entry of this tab, or fold them all."""
        rows = self.query_one(LogRows)
        opened = not any(entry.open for entry in rows.ring.entries)
        for entry in rows.ring.entries:
            if entry.body and entry.open != opened:
                entry.open = opened
                self.book.touch(entry)
        rows.changed()
        if rows.following:
            rows.follow()

    def action_copy(self) -> None:
        """Copy what is selected, else the entry one stands on, else what is in sight."""
        text = self.screen.get_selected_text() or self.query_one(LogRows).visible_text()
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {words.plural(len(text.splitlines()), 'line')}.", timeout=2)

    def go_to(self, index: int) -> None:
        """Stand on what the search found."""
        rows = self.query_one(LogRows)
        rows.stand_on(rows.ring.at(index)[0])
        super().go_to(index)

    def _frame(self) -> None:
        rows = self.query_one(LogRows)
        if rows.size.height and rows.is_on_screen:
            rows.show_news()

    @on(TabStrip.Chosen)
    def _choose(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.show_log(event.name)

    @on(LogRows.Followed)
    def _tell_place(self, event: LogRows.Followed) -> None:
        event.stop()
        rows = self.query_one(LogRows)
        self.set_class(not rows.ring.entries, "-empty")
        if rows.following:
            self.say_hint("")
        else:
            new = f" · {words.plural(rows.unseen, 'new line')}" if rows.unseen else ""
            self.say_hint(f"↓ f follows{new}")

    @on(LogRows.Folded)
    def _refold(self, event: LogRows.Folded) -> None:
        event.stop()
        self.book.touch(event.entry)
        rows = self.query_one(LogRows)
        following = rows.following and rows.current is None
        rows.changed()
        if following:
            rows.follow()

    def _show_tabs(self) -> None:
        names = (
            self.names
            if not self.shown or self.shown in self.names
            else (
                *self.names,
                self.shown,
            )
        )
        self.query_one(TabStrip).show_tabs([(ALL, "All"), *((n, n) for n in names)], self.shown)
