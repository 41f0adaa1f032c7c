"""Which pane is in sight at which width, and what the dashboard derives from a picture."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Input, TextArea

from conductor_tui.domain.values import RunStatus, TaskStatus
from conductor_tui.domain.views import RunView, TaskView
from conductor_tui.widgets import words
from conductor_tui.widgets.pane import Pane
from conductor_tui.widgets.tab_strip import TabStrip

WIDTHS: list[tuple[int, str]] = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
"""Cells from which on each layout holds: one pane, three panes in two columns, all in three."""

PANES = ("queue", "log", "diff", "breakpoints")


class Panes(Container):
    """The grid of panes."""


def go_to(screen: Screen[None], pane_id: str) -> None:
    """Bring a pane into sight and give it the keyboard."""
    set_active(screen, pane_id)
    # The stylesheet has to show the pane first: what is hidden takes no focus.
    screen.call_after_refresh(screen.query_one(f"#{pane_id}", Pane).take_focus)


def set_active(screen: Screen[None], pane_id: str) -> None:
    """Mark a pane as the one that is worked in."""
    for name in PANES:
        screen.set_class(name == pane_id, f"-on-{name}")
    if pane_id in ("diff", "breakpoints"):
        screen.set_class(pane_id == "breakpoints", "-asks")
    show_tabs(screen, pane_id)


def active(screen: Screen[None]) -> str:
    """Return the pane that is worked in."""
    return next((name for name in PANES if screen.has_class(f"-on-{name}")), "queue")


def show_tabs(screen: Screen[None], pane_id: str) -> None:
    """Write the tabs that stand for the panes where only one is in sight."""
    panes = {pane.id: pane for pane in screen.query(Pane)}
    tabs = []
    for name in sorted(PANES, key=lambda name: panes[name].NUMBER if name in panes else 0):
        if name in panes:
            mark = " ◆" if name == "breakpoints" and screen.has_class("-waiting") else ""
            tabs.append((name, f"{panes[name].NUMBER} {panes[name].TITLE}{mark}"))
    screen.query_one("#pane-tabs", TabStrip).show_tabs(tabs, pane_id)


def place_breakpoints(screen: Screen[None], *, new: bool, waiting: bool) -> None:
    """Bring new breakpoints into sight, unless a human is writing or reads the diff beside them."""
    was_waiting = screen.has_class("-waiting")
    screen.set_class(waiting, "-waiting")
    narrow = screen.app.size.width < WIDTHS[1][0]
    if new and not isinstance(screen.focused, (Input, TextArea)):
        if narrow and not screen.has_class("-zoom"):
            go_to(screen, "breakpoints")
        elif active(screen) != "diff":
            screen.add_class("-asks")
    elif was_waiting and not waiting:
        screen.remove_class("-asks")
        if active(screen) == "breakpoints":
            go_to(screen, "queue")
    if was_waiting != waiting:
        show_tabs(screen, active(screen))


def log_names(tasks: Sequence[TaskView], chosen: str | None) -> tuple[str, ...]:
    """Return the tasks that have a tab in the log: those at work or asking, and the selected."""
    return tuple(
        task.id
        for task in tasks
        if task.status in (TaskStatus.RUNNING, TaskStatus.WAITING) or task.id == chosen
    )


def file_state(tasks: Sequence[TaskView], chosen: str | None) -> object:
    """Return what the selected task's diff depends on: the same as long as the diff is."""
    task = next((task for task in tasks if task.id == chosen), None)
    return None if task is None else (dict(task.files), task.status, task.base, task.commit)


def may_differ(task: TaskView | None) -> bool:
    """Return whether a task can have a diff: it has a workspace, or had one."""
    return task is not None and bool(task.workspace or task.commit or task.attempts)


def summary(run: RunView | None, tasks: Sequence[TaskView]) -> str:
    """Return the end of a run in a line; empty while it goes on."""
    if run is None or run.status is RunStatus.RUNNING:
        return ""
    done = sum(task.status is TaskStatus.COMPLETED for task in tasks)
    parts = [f"Run {words.RUN_SIGNS[run.status].word}: {done} of {len(tasks)} done"]
    for status in (TaskStatus.FAILED, TaskStatus.BLOCKED, TaskStatus.CANCELLED, TaskStatus.WAITING):
        count = sum(task.status is status for task in tasks)
        if count:
            parts.append(f"{count} {words.TASK_SIGNS[status].word}")
    parts.append(words.money(task.usage for task in tasks))
    if run.landed:
        parts.append(f"landed on {run.landed}")
    elif done:
        parts.append("press L to land")
    return " · ".join(parts)
