"""The panes with their keys: widgets do not know the table of actions, screens give it to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import BindingType

from conductor_tui.domain.values import Answer
from conductor_tui.screens.actions import (
    AGENTS,
    BREAKPOINTS,
    DIFF,
    TASKS,
    answer_keys,
    bindings,
    hint,
)
from conductor_tui.widgets.agent_log import AgentLog
from conductor_tui.widgets.breakpoint_panel import BreakpointPanel
from conductor_tui.widgets.diff_view import DiffView
from conductor_tui.widgets.task_queue import TaskQueue


class QueuePane(TaskQueue):
    """The task queue with its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TASKS)]
    HINT: ClassVar[str] = hint(TASKS)


class LogPane(AgentLog):
    """The agents' log with its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(AGENTS)]
    HINT: ClassVar[str] = hint(AGENTS)


class DiffPane(DiffView):
    """The diff with its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(DIFF)]
    HINT: ClassVar[str] = hint(DIFF)


class BreakpointPane(BreakpointPanel):
    """The breakpoints with their keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(BREAKPOINTS)]
    ANSWER_KEYS: ClassVar[Mapping[Answer, tuple[str, str]]] = answer_keys()
