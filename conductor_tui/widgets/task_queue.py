"""The tasks of a run, one row each: what each is at, how often it was tried, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static

from conductor_tui.domain.values import TaskStatus
from conductor_tui.domain.views import TaskView
from conductor_tui.widgets import plain, words
from conductor_tui.widgets.pane import LineInput, Pane
from conductor_tui.widgets.rows import EMPTY, Row, RowView

NOTHING = "No tasks yet.\n\nPress a to add one,\nor start with `conductor PLAN`."
URGENCY = {status: place for place, status in enumerate(words.TASK_SIGNS)}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the list, left out where the pane is narrower than ``least``."""

    title: str
    cells: int
    least: int
    right: bool = False


COLUMNS = (
    Column("state", 10, 28),
    Column("try", 4, 44, right=True),
    Column("agent", 9, 68),
    Column("age", 6, 36, right=True),
    Column("cost", 8, 52, right=True),
)


def columns_for(width: int) -> list[tuple[int, Column]]:
    """Return the columns a width has room for, with their places in ``COLUMNS``."""
    return [(place, column) for place, column in enumerate(COLUMNS) if width >= column.least]


def title_cells(width: int) -> int:
    """Return the cells left for a task's title."""
    return max(6, width - 2 - sum(column.cells + 1 for _, column in columns_for(width)))


def heading(width: int) -> str:
    """Return the line of column titles."""
    parts = ["  " + plain.fit("task", title_cells(width))]
    parts += [plain.fit(c.title, c.cells, right=c.right) for _, c in columns_for(width)]
    return " ".join(parts)


def task_row(task: TaskView, width: int, now: datetime) -> Row:
    """Return a task's row for a width in cells."""
    sign = words.TASK_SIGNS[task.status]
    cells = (
        state_word(task),
        f"{len(task.attempts) - task.budget_from}/{task.spec.attempts}" if task.attempts else "",
        plain.line(task.spec.agent),
        words.task_age(task, now),
        words.money([task.usage]) if task.attempts else "",
    )
    label = task_label(task, title_cells(width))
    title_look = {"warn": "warn", "bad": "bad"}.get(sign.look, "")
    if task.status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED):
        title_look = "dim"
    spans = [(f"{sign.glyph} ", sign.look), (label, title_look)]
    for place, column in columns_for(width):
        look = sign.look if place == 0 else "dim"
        spans.append((" " + plain.fit(cells[place], column.cells, right=column.right), look))
    return Row(tuple(spans))


def task_label(task: TaskView, cells: int) -> str:
    """Return a task's id, and its title where there is room for both."""
    title = plain.line(task.spec.title)
    if not title or title == task.id:
        return plain.fit(task.id, cells)
    if plain.width(task.id) + 10 > cells:
        return plain.fit(title if len(task.id) > cells else task.id, cells)
    return plain.fit(f"{task.id}  {title}", cells)


def state_word(task: TaskView) -> str:
    """Return what a task is at, in a word: the phase of a running one, why another waits."""
    if task.status is TaskStatus.RUNNING and task.phase is not None:
        return task.phase.value
    if task.status is TaskStatus.WAITING and task.waiting is not None:
        return "asks you" if task.waiting.value == "breakpoint" else f"for {task.waiting.value}"
    return words.TASK_SIGNS[task.status].word


class QueueRows(RowView):
    """The rows, and the one of them that is selected: it keeps its task, not its place."""

    @dataclass
    class Selected(Message):
        """Another task is selected; ``task`` is None where there is none."""

        task: str | None

    @dataclass
    class Opened(Message):
        """More is wanted of a task."""

        task: str

    def __init__(self) -> None:
        super().__init__(id="queue-rows")
        self.shown: list[TaskView] = []
        self.chosen: str | None = None
        self.now: datetime | None = None
        self._places: dict[str, int] = {}

    def show_tasks(self, tasks: list[TaskView], now: datetime) -> None:
        """Show these tasks in this order."""
        self.now = now
        before = self._places.get(self.chosen or "", 0)
        self.shown = tasks
        self._places = {task.id: place for place, task in enumerate(tasks)}
        self.changed()
        if self.chosen not in self._places:
            near = tasks[min(before, len(tasks) - 1)].id if tasks else None
            self.choose(near)

    def choose(self, task: str | None) -> None:
        """Select a task and bring it into sight."""
        if task == self.chosen:
            return
        self.chosen = task
        self._made.clear()
        self.refresh()
        if task in self._places:
            self.show_row(self._places[task])
        self.report(lambda: self.Selected(task))

    def row_count(self) -> int:
        """Return how many tasks are shown."""
        return len(self.shown)

    def row(self, index: int, width: int) -> Row:
        """Return a task's row."""
        return EMPTY if self.now is None else task_row(self.shown[index], width, self.now)

    def band(self, index: int) -> str:
        """Return the look of the selected row."""
        if self.shown[index].id != self.chosen:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred"

    def step(self, step: int) -> None:
        """Select a row further up or down; 10 is a page."""
        if not self.shown:
            return
        place = self._places.get(self.chosen or "", 0)
        if abs(step) == 10:
            step = step // 10 * max(1, self.size.height - 1)
        self.choose(self.shown[max(0, min(len(self.shown) - 1, place + step))].id)

    def open_task(self) -> None:
        """Ask for the details of the selected task."""
        if self.chosen is not None:
            chosen = self.chosen
            self.report(lambda: self.Opened(chosen))

    def on_click(self, event: events.Click) -> None:
        """Select by one click, open by two."""
        if self.scroll_by_click(event):
            return
        index = event.y + self.scroll_offset.y
        if index < len(self.shown):
            self.choose(self.shown[index].id)
            if event.chain == 2:
                self.open_task()


class TaskQueue(Pane):
    """The pane: a heading, the rows, a filter."""

    NUMBER = 1
    TITLE = "Tasks"

    tasks: var[tuple[TaskView, ...]] = var[tuple[TaskView, ...]](())
    now: var[datetime | None] = var[datetime | None](None)
    by_state: var[bool] = var(False)
    needle: var[str] = var("")

    LABELS: ClassVar[Mapping[bool, str]] = {False: "plan order", True: "by state"}

    def compose(self) -> ComposeResult:
        """Put the pane together."""
        yield Static(id="queue-heading", markup=False)
        yield QueueRows()
        yield Static(NOTHING, id="queue-empty", classes="empty", markup=False)
        yield LineInput(placeholder="filter", classes="pane-input", compact=True)

    def on_resize(self) -> None:
        """Fit the heading."""
        self.query_one("#queue-heading", Static).update(heading(max(1, self.size.width - 1)))

    def watch_tasks(self) -> None:
        """Show the newest tasks."""
        self._arrange()

    def watch_now(self) -> None:
        """Let ages grow."""
        self._arrange()

    def watch_by_state(self) -> None:
        """Show them in another order."""
        self._arrange()

    def watch_needle(self) -> None:
        """Show those that match."""
        self._arrange()

    def action_step(self, step: int) -> None:
        """Select a task further up or down; 10 is a page."""
        self.query_one(QueueRows).step(step)

    def action_edge(self, end: int) -> None:
        """Select the first or the last task."""
        self.query_one(QueueRows).step(len(self.tasks) if end else -len(self.tasks))

    def action_sort(self) -> None:
        """Change between the plan's order and the most urgent first."""
        self.by_state = not self.by_state

    def action_filter(self) -> None:
        """Ask for a part of an id, a title, an agent or a state."""
        field = self.query_one(LineInput)
        field.add_class("-asked")
        field.focus()

    @on(Input.Changed, ".pane-input")
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self.needle = event.value.casefold()

    @on(Input.Submitted, ".pane-input")
    def _keep(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(keep=bool(event.value))

    @on(LineInput.Left)
    def _drop(self, event: LineInput.Left) -> None:
        event.stop()
        self._close(keep=False)

    def _close(self, *, keep: bool) -> None:
        field = self.query_one(LineInput)
        field.set_class(keep, "-asked")
        if not keep:
            field.value = ""
        self.take_focus()

    def _arrange(self) -> None:
        if not self.is_mounted or self.now is None:
            return
        shown = [task for task in self.tasks if not self.needle or self.needle in _haystack(task)]
        if self.by_state:
            shown.sort(key=lambda task: URGENCY[task.status])
        self.query_one(QueueRows).show_tasks(shown, self.now)
        self.set_class(not self.tasks, "-empty")
        detail = f"{len(shown)} of {len(self.tasks)}" if self.needle else str(len(self.tasks))
        self.say_title(detail if self.tasks else "")
        self.say_hint(self.LABELS[self.by_state] if len(self.tasks) > 1 else "")


def _haystack(task: TaskView) -> str:
    parts = (task.id, task.spec.title, task.spec.agent, task.status.value, state_word(task))
    return " ".join(parts).casefold()
