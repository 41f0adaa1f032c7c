"""One task in full, kept up to date while it is looked at."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from conductor_tui.domain.ports.faces import Feed
from conductor_tui.screens.detail_rows import detail_rows
from conductor_tui.widgets import plain, words
from conductor_tui.widgets.rows import Rows

REFRESH_S = 0.5


class TaskDetail(ModalScreen[None]):
    """The page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,enter", "close", "Close"),
        ("c", "copy", "Copy"),
    ]

    def __init__(self, feed: Feed, subject: str, clock: words.Clock) -> None:
        super().__init__()
        self._feed, self._subject, self._clock = feed, subject, clock

    def compose(self) -> ComposeResult:
        """Put the page together."""
        with Vertical(classes="dialog page"):
            yield Label(plain.content(self._subject), classes="dialog-title")
            yield Rows(id="detail-rows")
            yield Static("↑ ↓ scroll · c copies · Esc closes", classes="dialog-hint")

    def on_mount(self) -> None:
        """Begin to follow the task."""
        self.query_one(Rows).focus()
        self._follow_task()

    @work
    async def _follow_task(self) -> None:
        async for picture in self._feed.follow(REFRESH_S):
            task = picture.tasks.get(self._subject)
            if task is not None:
                self.query_one(Rows).show(partial(detail_rows, task, now=self._clock()))

    def action_close(self) -> None:
        """Close the page."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy what is selected, else the whole page."""
        rows = self.query_one(Rows)
        text = self.get_selected_text() or rows.whole_text()
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {words.plural(len(text.splitlines()), 'line')}.", timeout=2)
