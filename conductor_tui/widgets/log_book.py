"""What was said and done, kept in rings: one of everything, and one for each task.

A ring takes an entry for little more than a list's append; rows are counted when a ring is looked
at, and made only where they are seen. The numbers of rows and entries never change, even when
the oldest are dropped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from conductor_tui.domain.agent_events import AgentToolCall, AgentToolResult
from conductor_tui.domain.events import Recorded
from conductor_tui.widgets import plain
from conductor_tui.widgets.log_entries import Entry, Line, add_result, entry_of

ALL = ""
"""The ring of everything; the others are called by their task."""

MOST = 50_000
"""Entries kept of a ring."""


class Ring:
    """The newest entries, and how many rows each takes at the width last asked for."""

    def __init__(self, name: str, most: int = MOST) -> None:
        self.name = name
        self.most = most
        self.entries: list[Entry] = []
        self.first = 0
        """Absolute number of the oldest entry kept."""
        self.dropped_rows = 0
        self._ends: list[int] = []
        """Absolute number of the row after each counted entry."""
        self._width = 0

    def add(self, entry: Entry) -> None:
        """Take a new entry; the oldest go in slices of an eighth, so that it is cheap."""
        entry.places[self.name] = self.first + len(self.entries)
        self.entries.append(entry)
        if len(self.entries) > self.most + self.most // 8:
            self._drop(len(self.entries) - self.most)

    def changed(self, entry: Entry) -> None:
        """Count an entry's rows again, and so those below it."""
        place = entry.places.get(self.name, -1) - self.first
        if place >= 0:
            del self._ends[place:]

    def count(self, width: int) -> int:
        """Return how many rows there are at a width in cells."""
        if width != self._width:
            self._width = width
            self._ends.clear()
        end = self._ends[-1] if self._ends else self.dropped_rows
        for entry in self.entries[len(self._ends) :]:
            end += height(entry, width)
            self._ends.append(end)
        return end - self.dropped_rows

    def at(self, row: int) -> tuple[Entry, int]:
        """Return the entry at a row, counted from the oldest kept, and the row within it."""
        row += self.dropped_rows
        place = bisect_right(self._ends, row)
        start = self._ends[place - 1] if place else self.dropped_rows
        return self.entries[place], row - start

    def top_of(self, entry: Entry) -> int | None:
        """Return the row an entry begins at; None where it was dropped."""
        place = entry.places.get(self.name, -1) - self.first
        if place < 0:
            return None
        start = self._ends[place - 1] if place else self.dropped_rows
        return start - self.dropped_rows

    def _drop(self, count: int) -> None:
        if self._ends:
            self.dropped_rows = self._ends[min(count, len(self._ends)) - 1]
        del self._ends[:count]
        del self.entries[:count]
        self.first += count


class LogBook:
    """The rings, fed by events."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.rings: dict[str, Ring] = {ALL: Ring(ALL, most)}
        self._calls: dict[tuple[str, str], Entry] = {}

    def ring(self, name: str) -> Ring:
        """Return a task's ring, or that of everything."""
        if name not in self.rings:
            self.rings[name] = Ring(name, self._most)
        return self.rings[name]

    def feed(self, events: Iterable[Recorded]) -> set[str]:
        """Take events in their order; return the rings in which an older entry changed."""
        touched: set[str] = set()
        for recorded in events:
            event, task = recorded.event, recorded.task or ""
            if isinstance(event, AgentToolResult):
                call = self._calls.pop((task, event.id), None)
                if call is not None:
                    add_result(call, event)
                    self.touch(call)
                    touched.update(call.places)
                    continue
            entry = entry_of(event)
            if entry is None:
                continue
            entry.task, entry.ts = task, recorded.ts
            self.rings[ALL].add(entry)
            if task:
                self.ring(task).add(entry)
            if isinstance(event, AgentToolCall):
                self._calls[task, event.id] = entry
        return touched

    def touch(self, entry: Entry) -> None:
        """Tell every ring that holds an entry that it changed."""
        for name in entry.places:
            self.rings[name].changed(entry)


def height(entry: Entry, width: int) -> int:
    """Return how many rows an entry takes at a width in cells."""
    if not entry.wraps and not entry.open:
        return 1
    head = entry.head
    if head.isascii() and len(head) <= width and "\n" not in head and not entry.open:
        return 1
    return len(entry_lines(entry, width))


def entry_lines(entry: Entry, width: int) -> list[Line]:
    """Return the rows of an entry at a width in cells."""
    rows: list[Line] = []
    if entry.wraps:
        for part in entry.head.split("\n"):
            rows += [(piece, entry.head_look) for piece in plain.wrap(part, width)]
    else:
        rows.append((head_line(entry, width), entry.head_look))
    if entry.open:
        for part, look in entry.body:
            rows += [("  " + piece, look) for piece in plain.wrap(part, max(2, width - 2))]
    return rows


def head_line(entry: Entry, width: int) -> str:
    """Return a head of one row, with the number of folded lines at its end."""
    if not entry.body:
        return plain.cut(entry.head, width)
    note = f"  ▾ {len(entry.body)}" if entry.open else f"  ▸ {len(entry.body)}"
    return plain.cut(entry.head, max(4, width - len(note))) + note
