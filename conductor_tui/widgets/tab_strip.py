"""Tabs in one row: names, one of them shown; clicks choose, and what does not fit is counted."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from conductor_tui.widgets import plain

LONGEST_NAME = 20


class TabStrip(Widget):
    """A row of names."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tab-strip--shown", "tab-strip--other"}

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, strip: TabStrip, name: str) -> None:
            super().__init__()
            self.strip = strip
            self.name = name

        @property
        def control(self) -> TabStrip:
            """The row of tabs."""
            return self.strip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs: list[tuple[str, str]] = []
        self._shown = ""
        self._spans: list[tuple[int, int, str]] = []

    def show_tabs(self, tabs: list[tuple[str, str]], shown: str) -> None:
        """Show names with their labels, one of them as the one that is looked at."""
        if (tabs, shown) != (self._tabs, self._shown):
            self._tabs, self._shown = tabs, shown
            self.refresh()

    def render(self) -> Content:
        """Draw as many as fit, the shown one always among them."""
        labels = [
            (name, f" {plain.cut(plain.line(label), LONGEST_NAME)} ") for name, label in self._tabs
        ]
        place = next((n for n, (name, _) in enumerate(labels) if name == self._shown), 0)
        first = 0
        while first < place and sum(plain.width(t) for _, t in labels[first : place + 1]) > (
            self.size.width - 4
        ):
            first += 1
        parts: list[Content] = []
        self._spans, at = [], 0
        for number, (name, text) in enumerate(labels[first:]):
            cells = plain.width(text)
            left = len(labels) - first - number
            if at + cells > self.size.width - (4 if left > 1 else 0):
                parts.append(Content.styled(f"+{left}", self._style("other")))
                break
            look = "shown" if name == self._shown else "other"
            parts.append(Content.styled(text, self._style(look)))
            self._spans.append((at, at + cells, name))
            at += cells
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Choose the tab that was clicked."""
        for start, end, name in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(self, name))

    def _style(self, look: str) -> Style:
        return self.get_visual_style(f"tab-strip--{look}")
