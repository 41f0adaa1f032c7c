"""The rows of one ring of the log: they follow the end until one looks back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from zlib import crc32

from textual import events
from textual.geometry import Size
from textual.message import Message

from conductor_tui.widgets import plain, terminal, words
from conductor_tui.widgets.log_book import ALL, Ring, entry_lines
from conductor_tui.widgets.log_entries import Entry
from conductor_tui.widgets.rows import Row, RowView

TIME_FROM = 96
"""Cells from which on each entry has its time of day."""


class LogRows(RowView):
    """One ring's rows. It follows the end until one looks back."""

    class Followed(Message):
        """Following began or ended, or more lines came below."""

    class Folded(Message):
        """An entry was folded or unfolded."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self) -> None:
        super().__init__(id="log-rows")
        self.ring = Ring(ALL)
        self.following = True
        self.unseen = 0
        self.current: Entry | None = None
        self.now: datetime | None = None
        self._news = False
        self._dropped = 0

    def show_ring(self, ring: Ring) -> None:
        """Show another ring, from its end."""
        self.ring = ring
        self.current, self._dropped = None, ring.dropped_rows
        self._made.clear()
        self.follow()

    def tell(self, *, older: bool) -> None:
        """Take note of news, to be shown with the next frame."""
        self._news = True
        if older:
            self._made.clear()
        if self.ring.dropped_rows != self._dropped:
            # What the place in sight points to is gone: a repaint before the next frame is blank.
            self.show_news(at_once=True)

    def show_news(self, *, at_once: bool = False) -> None:
        """Show what came since the last frame; not while the terminal is busy with the last one."""
        if not self._news or (not at_once and terminal.busy(self.app)):
            return
        self._news = False
        before, fell = self.virtual_size.height, self.ring.dropped_rows - self._dropped
        self._dropped = self.ring.dropped_rows
        count = self.row_count()
        self.virtual_size = Size(self.body_width, count)
        if self.following:
            self.scroll_to(y=count, animate=False)
        else:
            self.unseen += max(0, count - before + fell)
            if fell:
                self.scroll_to(y=self.scroll_offset.y - fell, animate=False)
        self.refresh()
        self.report(self.Followed)

    def row_count(self) -> int:
        """Return how many rows the ring has at this width."""
        return self.ring.count(self._text_width(self.body_width))

    def origin(self) -> int:
        """Return how many rows were dropped."""
        return self.ring.dropped_rows

    def row(self, index: int, width: int) -> Row:
        """Return one row of an entry, with its mark, and its task where all are shown."""
        entry, within = self.ring.at(index)
        text, look = entry_lines(entry, self._text_width(width))[within]
        spans: list[tuple[str, str]] = []
        first = within == 0
        if time := time_cells(width):
            said = words.time_of_day(entry.ts, self.now) if first and self.now else ""
            spans.append((plain.fit(said, time), "dim"))
        tag = tag_cells(self.ring, width)
        if tag:
            name = plain.fit(entry.task if first else "", tag - 1)
            spans.append((name + " ", f"tag-{crc32(entry.task.encode()) % 6}"))
        spans.append((f"{entry.mark} " if first else "  ", entry.look))
        spans.append((text, look))
        band = look if look in ("add", "del") else ""
        return Row(tuple(spans), band, joined=not first and entry.wraps and not entry.open)

    def band(self, index: int) -> str:
        """Return the look of the entry one stands on."""
        if self.current is None or self.ring.at(index)[0] is not self.current:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred"

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow at the end, and stop following where one looks back."""
        super().watch_scroll_y(old_value, new_value)
        following = new_value >= self.max_scroll_y - 0.5
        if following != self.following:
            self.following = following
            if following:
                self.unseen, self.current = 0, None
            self.report(self.Followed)

    def on_resize(self) -> None:
        """Count again for the new width, and stay at the end."""
        following = self.following
        self.changed()
        if following:
            self.follow()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following, self.unseen, self.current = True, 0, None
        self.virtual_size = Size(self.body_width, self.row_count())
        self.scroll_to(y=self.virtual_size.height, animate=False)
        self.refresh()
        self.report(self.Followed)

    def step(self, step: int) -> None:
        """Stand on the next entry up or down."""
        if not self.ring.entries:
            return
        if self.current is None:
            last = min(self.row_count(), self.scroll_offset.y + self.size.height) - 1
            found = self.ring.at(last)[0]
        else:
            place = self.current.places[self.ring.name] - self.ring.first + step
            found = self.ring.entries[max(0, min(len(self.ring.entries) - 1, place))]
        self.stand_on(found)

    def fold(self) -> None:
        """Unfold or fold the entry one stands on: else the last with a body that is in sight."""
        entry = self.current or self._last_foldable()
        if entry is None or not entry.body:
            return
        entry.open = not entry.open
        self.report(partial(self.Folded, entry))

    def find(self, needle: str, start: int, step: int) -> int | None:
        """Return the next row that holds a casefolded needle; a folded entry that does unfolds."""
        width, entries = self._text_width(self.body_width), self.ring.entries
        entry, within = self.ring.at(start % self.row_count())
        place = entry.places[self.ring.name] - self.ring.first
        for distance in range(len(entries) + 1):
            entry = entries[(place + step * distance) % len(entries)]
            if not any(needle in text.casefold() for text, _ in entry.lines()):
                continue
            if not any(needle in text.casefold() for text, _ in entry_lines(entry, width)):
                entry.open = True
                self.report(partial(self.Folded, entry))
                self.ring.changed(entry)
            held = [
                n for n, (t, _) in enumerate(entry_lines(entry, width)) if needle in t.casefold()
            ]
            if distance == 0:
                held = [n for n in held if (n - within) * step >= 0]
            if held:
                self.changed()
                return (self.ring.top_of(entry) or 0) + held[0 if step > 0 else -1]
        return None

    def visible_text(self) -> str:
        """Return the entry one stands on, folded parts too; else all rows in sight."""
        if self.current is not None:
            return "\n".join(text for text, _ in self.current.lines())
        top = self.scroll_offset.y
        rows = range(top, min(self.row_count(), top + self.size.height))
        return "\n".join(self.row(index, self.body_width).text.rstrip() for index in rows)

    def on_click(self, event: events.Click) -> None:
        """Stand on what was clicked; a second click folds it."""
        if self.scroll_by_click(event):
            return
        index = event.y + self.scroll_offset.y
        if index < self.row_count():
            self.stand_on(self.ring.at(index)[0])
            if event.chain == 2:
                self.fold()

    def stand_on(self, entry: Entry) -> None:
        """Stand on an entry, and bring it into sight; following ends."""
        self.current = entry
        top = self.ring.top_of(entry)
        if top is not None:
            if top < self.scroll_offset.y or top >= self.scroll_offset.y + self.size.height:
                self.show_row(top)
            self.following = False
        self.refresh()
        self.report(self.Followed)

    def _last_foldable(self) -> Entry | None:
        bottom = min(self.row_count(), self.scroll_offset.y + self.size.height) - 1
        for index in range(bottom, self.scroll_offset.y - 1, -1):
            entry, _ = self.ring.at(index)
            if entry.body:
                return entry
        return None

    def _text_width(self, width: int) -> int:
        return max(8, width - time_cells(width) - tag_cells(self.ring, width) - 2)


def time_cells(width: int) -> int:
    """Return the cells of the column with the time of day."""
    return 9 if width >= TIME_FROM else 0


def tag_cells(ring: Ring, width: int) -> int:
    """Return the cells of the column with the task: only where all tasks are shown."""
    if ring.name:
        return 0
    return 17 if width >= TIME_FROM else 11
