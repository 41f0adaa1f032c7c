"""One line about the whole run: agents, queue, cost, judge, the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from conductor_tui.domain.values import RunStatus, TaskStatus
from conductor_tui.domain.views import BreakpointView, RunView, TaskView
from conductor_tui.widgets import plain, words

Part = tuple[int, tuple[tuple[str, str], ...]]
"""How important a part is (0 stays longest), and its text with looks."""

LOOKS = ("plain", "dim", "ok", "bad", "warn", "info", "strong", "alarm")


class StatusBar(Widget):
    """The line; the least important parts go first where it is narrow."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"status-bar--{look}" for look in LOOKS}

    tasks: reactive[tuple[TaskView, ...]] = reactive[tuple[TaskView, ...]](())
    points: reactive[tuple[BreakpointView, ...]] = reactive[tuple[BreakpointView, ...]](())
    run_view: reactive[RunView | None] = reactive[RunView | None](None)
    now: reactive[datetime | None] = reactive[datetime | None](None)

    def __init__(self, repository: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._repository = repository

    def render(self) -> Content:
        """Draw the parts there is room for, the counts without words where that saves others."""
        room = self.size.width - 2
        parts = self.parts(short=False)
        if _cells(parts) > room:
            parts = fitting(self.parts(short=True), room)
        pieces: list[Content] = [Content(" ")]
        for number, (_, spans) in enumerate(parts):
            if number:
                pieces.append(Content.styled(" │ ", self._style("dim")))
            pieces += [Content.styled(text, self._style(look)) for text, look in spans]
        return Content.assemble(*pieces)

    def parts(self, *, short: bool) -> list[Part]:
        """Return what there is to say, from left to right."""
        parts: list[Part] = [(6, ((plain.line(self._repository), "strong"),))]
        if self.points:
            text = f" ◆ {words.plural(len(self.points), 'breakpoint')} waiting · b "
            parts.append((0, ((text, "alarm"),)))
        if self.run_view is None:
            parts.append((1, (("no run yet", "dim"),)))
        else:
            parts += self._run_parts(self.run_view, short)
        if self.now is not None:
            parts.append((3, ((self.now.strftime("%H:%M:%S"), "dim"),)))
        return parts

    def _run_parts(self, run: RunView, short: bool) -> list[Part]:
        sign = words.RUN_SIGNS[run.status]
        parts: list[Part] = []
        if run.paused:
            parts.append((1, (("‖ paused · P", "warn"),)))
        elif run.status is not RunStatus.RUNNING:
            parts.append((4, ((f"{sign.glyph} {sign.word}", sign.look),)))
        parts.append((1, ((f"agents {agents_busy(self.tasks, run)}", "plain"),)))
        parts.append((2, counts(self.tasks, short=short)))
        parts.append((1, ((words.money(task.usage for task in self.tasks), "plain"),)))
        parts.append((5, ((f"judge {judge_name(run)}", "dim"),)))
        parts.append((7, ((run.id, "dim"),)))
        return parts

    def _style(self, look: str) -> Style:
        return self.get_visual_style(f"status-bar--{look}")


def agents_busy(tasks: Sequence[TaskView], run: RunView) -> str:
    """Return how many slots are taken, of how many where that is known."""
    busy = sum(task.status is TaskStatus.RUNNING for task in tasks)
    most = run.settings.get("max_agents")
    return f"{busy}/{most}" if isinstance(most, int) else str(busy)


def counts(tasks: Sequence[TaskView], *, short: bool) -> tuple[tuple[str, str], ...]:
    """Return the number of tasks in each state that has any."""
    held = Counter(task.status for task in tasks)
    spans = [
        (f"{sign.glyph} {held[status]}" + ("" if short else f" {sign.word}"), sign.look)
        for status, sign in words.TASK_SIGNS.items()
        if held[status]
    ]
    parts: list[tuple[str, str]] = []
    for number, span in enumerate(spans):
        if number:
            parts.append(("  ", "plain"))
        parts.append(span)
    return tuple(parts) or (("no tasks", "dim"),)


def judge_name(run: RunView) -> str:
    """Return who judges, in short."""
    model = run.judge.get("model")
    return plain.line(str(model or run.judge.get("provider") or "none"))


def fitting(parts: list[Part], cells: int) -> list[Part]:
    """Return the parts that fit in a width, the important ones first, in their own order."""
    kept = list(parts)
    while len(kept) > 1 and _cells(kept) > cells:
        kept.remove(max(kept, key=lambda part: part[0]))
    return kept


def _cells(parts: list[Part]) -> int:
    return sum(plain.width(text) for _, spans in parts for text, _ in spans) + 3 * (len(parts) - 1)
