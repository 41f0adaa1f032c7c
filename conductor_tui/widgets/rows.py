"""A pane of rows that are made only when they are seen: the base of every long list here.

A row is text with looks; looks are component classes of the stylesheet. Finished rows are kept,
and drawn past Textual's cache of borders (the frame around is the pane's), so a pane costs what is
visible, not what is stored. The last column shows the place in the whole instead of a scrollbar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.containers import ScrollableContainer
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import SELECT_ALL, Selection
from textual.strip import Strip

from conductor_tui.widgets import plain

LOOKS = (
    *("strong", "dim", "ok", "bad", "warn", "info", "tool", "ask", "match", "thumb", "track"),
    *("add", "del", "hunk", "file", "cursor", "cursor-blurred", "heading"),
    *("tag-0", "tag-1", "tag-2", "tag-3", "tag-4", "tag-5"),
)
"""Every look a row or a part of it may have; ``rows--NAME`` in the stylesheet."""

KEPT = 600
"""Finished rows kept: several screens full, about 1 MB."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: parts of safe text with their looks, over the look of the whole."""

    spans: tuple[tuple[str, str], ...]
    band: str = ""
    joined: bool = False
    """Goes on the row above: copied without a line break."""

    @property
    def text(self) -> str:
        """The row without looks."""
        return "".join(text for text, _ in self.spans)


EMPTY = Row((("", ""),))


class RowView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows ``row_count()`` rows, each from ``row()``; subclasses say which."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{look}" for look in LOOKS}
    ALLOW_SELECT = True

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._made: dict[tuple[object, ...], Strip] = {}
        self._looks: dict[tuple[str, str], Style] = {}
        self.needle = ""
        """What is searched for, casefolded; shown in each row that holds it."""

    # -- what subclasses say ---------------------------------------------------------------------

    def row_count(self) -> int:
        """Return how many rows there are."""
        return 0

    def row(self, index: int, width: int) -> Row:
        """Return one row for a width in cells."""
        return EMPTY

    def origin(self) -> int:
        """Return how many rows were dropped from the top: what makes row numbers absolute."""
        return 0

    def band(self, index: int) -> str:
        """Return a look that lies over a whole row now, such as the cursor; or nothing."""
        return ""

    def row_width(self) -> int:
        """Return the cells a row needs where it may be wider than the pane."""
        return self.body_width

    # -- what they use -----------------------------------------------------------------------------

    @property
    def body_width(self) -> int:
        """The cells left of the place mark."""
        return max(1, self.size.width - 1)

    def changed(self, *, keep: bool = False) -> None:
        """Draw again; ``keep`` where only rows were added, and finished ones stay as they are."""
        if not keep:
            self._made.clear()
        size = Size(self.row_width(), self.row_count())
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def report(self, make: Callable[[], Message]) -> None:
        """Post a message as this widget's own, whoever called.

        Textual does not hand a message on to a parent in whose name it was made, and panes call
        their rows.
        """
        self.call_next(lambda: self.post_message(make()))

    def show_row(self, index: int) -> None:
        """Scroll as little as needed for a row to be seen."""
        top, height = self.scroll_offset.y, self.size.height
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)

    def find(self, needle: str, start: int, step: int) -> int | None:
        """Return the next row from ``start`` on that holds a casefolded needle, going round."""
        count, width = self.row_count(), self.body_width
        for distance in range(count):
            index = (start + step * distance) % count
            if needle in self.row(index, width).text.casefold():
                return index
        return None

    # -- drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Return one visible row, finished."""
        index = y + self.scroll_offset.y
        if index >= self.row_count():
            return filtered(self, Strip.blank(self.size.width, self._style("", "")))
        band = self.band(index)
        key = (
            index + self.origin(),
            self.size.width,
            self.scroll_offset.x,
            band,
            place_mark(self, y),
            self.needle,
        )
        strip = None if self.text_selection else self._made.get(key)
        if strip is None:
            if len(self._made) > KEPT:
                self._made.clear()
            strip = self._made[key] = self._finish(index, band, y)
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the visible rows of a region, past the cache of borders this widget has not."""
        strips = [self.render_line(y) for y in crop.line_range]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def notify_style_update(self) -> None:
        """Forget what was drawn with the old styles."""
        super().notify_style_update()
        self._made.clear()
        self._looks.clear()

    def on_resize(self) -> None:
        """Measure again."""
        self.changed()

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self._made.clear()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """Return the selected text, its wrapped rows joined again, and its ending."""
        origin, last = self.origin(), self.row_count() - 1
        first_row = (selection.start.y if selection.start else origin) - origin
        last_row = min(last, (selection.end.y if selection.end else last + origin) - origin)
        text = ""
        for index in range(max(0, first_row), last_row + 1):
            row = self.row(index, self.body_width)
            span = selection.get_span(index + origin)
            start, end = span if span is not None else (0, -1)
            part = row.text[start : None if end == -1 else end].rstrip()
            if text and row.joined:
                text += " " + part.lstrip()
            else:
                text += ("\n" if index > first_row else "") + part
        return text, "\n"

    def _style(self, band: str, look: str) -> Style:
        style = self._looks.get((band, look))
        if style is None:
            style = self.rich_style
            for name in (band, look):
                if name:
                    style += self.get_component_rich_style(f"rows--{name}", partial=True)
            self._looks[band, look] = style
        return style

    def _finish(self, index: int, band: str, y: int) -> Strip:
        width, left, thumb = self.body_width, self.scroll_offset.x, place_mark(self, y)
        row = self.row(index, width)
        band = band or row.band
        number = index + self.origin()
        parts = [Segment(text, self._style(band, look)) for text, look in row.spans]
        for start, end in found_at(row.text, self.needle):
            parts = painted(parts, start, end, self._style(band, "match"))
        selection = self.text_selection
        span = selection.get_span(number) if selection is not None else None
        if span is not None:
            end = len(row.text) if span[1] == -1 else span[1]
            parts = painted(parts, span[0], end, self.selection_style)
        body = Strip(parts)
        body = body.crop_extend(left, left + width, self._style(band, ""))
        body = body.apply_offsets(left, number)
        edge = Segment({"thumb": "┃", "track": "│"}.get(thumb, " "), self._style("", thumb))
        return filtered(self, Strip([*body, edge], self.size.width))

    def scroll_by_click(self, event: events.Click) -> bool:
        """Go where a click on the place mark says; return whether it was one."""
        count, height = self.row_count(), self.size.height
        if event.x < self.body_width or count <= height:
            return False
        self.scroll_to(y=event.y * (count - height) / max(1, height - 1), animate=False)
        return True


def place_mark(view: RowView, y: int) -> str:
    """Return the look of the place mark in a visible row; empty where all rows are seen."""
    height, count = view.size.height, view.row_count()
    if count <= height or not height:
        return ""
    length = max(1, height * height // count)
    top = round(view.scroll_offset.y * (height - length) / (count - height))
    return "thumb" if top <= y < top + length else "track"


def filtered(view: RowView, strip: Strip) -> Strip:
    """Return a row as the app's filters want it: without colour where NO_COLOR is set."""
    for line_filter in view.get_line_filters():
        strip = strip.apply_filter(line_filter, view.background_colors[1])
    return strip


def found_at(text: str, needle: str) -> list[tuple[int, int]]:
    """Return where a casefolded needle stands in a text; nowhere where folding moves letters."""
    folded = text.casefold()
    if not needle or len(folded) != len(text):
        return []
    return [(hit.start(), hit.end()) for hit in re.finditer(re.escape(needle), folded)]


def painted(parts: list[Segment], start: int, end: int, style: Style) -> list[Segment]:
    """Return segments with a style laid over the characters from ``start`` to ``end``."""
    painted: list[Segment] = []
    place = 0
    for text, own, _ in parts:
        low, high = max(0, start - place), max(0, end - place)
        for piece, inside in ((text[:low], False), (text[low:high], True), (text[high:], False)):
            if piece:
                painted.append(Segment(piece, (own or Style()) + style if inside else own))
        place += len(text)
    return painted


class Rows(RowView):
    """Rows that are made all at once for the width there is: a breakpoint, a page of help."""

    BINDINGS: ClassVar[list[BindingType]] = [*ScrollableContainer.BINDINGS]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: list[Row] = []
        self._maker: Callable[[int], list[Row]] | None = None

    def show(self, make: Callable[[int], list[Row]], *, top: bool = False) -> None:
        """Show what is made for a width in cells; ``top`` goes to its beginning."""
        self._maker = make
        self.on_resize()
        if top:
            self.scroll_to(y=0, animate=False)

    def on_resize(self) -> None:
        """Make the rows for the new width."""
        if self._maker is not None and self.size.width:
            self._rows = self._maker(self.body_width)
            self.changed()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int) -> Row:
        """Return one row."""
        return self._rows[index]

    def whole_text(self) -> str:
        """Return all rows as text."""
        return self.get_selection(SELECT_ALL)[0]


def text_rows(
    text: str, width: int, look: str = "", indent: str = "", *, exact: bool = False
) -> list[Row]:
    """Return untrusted text as wrapped rows of one look; ``exact`` where it is judged by."""
    rows: list[Row] = []
    for part in plain.exact(text) if exact else plain.lines(text):
        for number, piece in enumerate(plain.wrap(part, max(4, width - len(indent)))):
            rows.append(Row(((indent, ""), (piece, look)), joined=number > 0))
    return rows
