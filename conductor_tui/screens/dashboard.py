"""The control room: the queue, the agents, the diff and the breakpoints, on one screen.

Feed.follow() ─ Snapshot ─► tasks, points, run_view, now ─ data_bind ─► panes
Feed.events() ─ Recorded ─► the log
key ─► pane's message or action ─► flow ─► Command ─► CommandSink.send()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Footer, Static

from conductor_tui.domain.commands import Command, Land, ShowDiff
from conductor_tui.domain.errors import ConductorError
from conductor_tui.domain.ports.faces import CommandSink, Feed
from conductor_tui.domain.task import Task
from conductor_tui.domain.views import BreakpointView, RunView, Snapshot, TaskView
from conductor_tui.screens import flows, layout
from conductor_tui.screens.actions import EVERYWHERE, bindings
from conductor_tui.screens.detail import TaskDetail
from conductor_tui.screens.dialogs import Tell
from conductor_tui.screens.help import Help
from conductor_tui.screens.panes import BreakpointPane, DiffPane, LogPane, QueuePane
from conductor_tui.widgets import themes, words
from conductor_tui.widgets.breakpoint_panel import BreakpointPanel
from conductor_tui.widgets.pane import Pane
from conductor_tui.widgets.status_bar import StatusBar
from conductor_tui.widgets.tab_strip import TabStrip
from conductor_tui.widgets.task_queue import QueueRows

FOLLOW_S = 0.1
"""Seconds between two pictures of the run at least; the log has a quicker clock of its own."""
DIFF_PAUSE_S = 0.2
"""Seconds in which changes of files, or of the selection, are gathered before a diff is asked."""
EVENTS_AT_ONCE = 500
"""Events taken before others have their turn."""


class Dashboard(Screen[None]):
    """Owns what the panes share; turns what they post into commands."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]
    HORIZONTAL_BREAKPOINTS = layout.WIDTHS

    tasks: var[tuple[TaskView, ...]] = var[tuple[TaskView, ...]](())
    points: var[tuple[BreakpointView, ...]] = var[tuple[BreakpointView, ...]](())
    run_view: var[RunView | None] = var[RunView | None](None)
    now: var[datetime | None] = var[datetime | None](None)
    names: var[tuple[str, ...]] = var[tuple[str, ...]](())
    """Tasks with a tab in the log."""

    queue = getters.query_one(QueuePane)
    log_pane = getters.query_one(LogPane)
    diff_pane = getters.query_one(DiffPane)
    breakpoints = getters.query_one(BreakpointPane)

    def __init__(
        self,
        feed: Feed,
        sink: CommandSink,
        *,
        repository: str,
        clock: words.Clock,
        template: Task,
        detach: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._feed, self._sink, self._clock = feed, sink, clock
        self._repository, self._template, self._agents_go_on = repository, template, detach
        self._monotonic = monotonic
        self._chosen: str | None = None
        self._run_id: str | None = None
        self._diff_wanted = asyncio.Event()

    def compose(self) -> ComposeResult:
        """Put the screen together; the stylesheet says where each part goes."""
        yield StatusBar(self._repository).data_bind(
            Dashboard.tasks, Dashboard.points, Dashboard.run_view, Dashboard.now
        )
        yield TabStrip(id="pane-tabs")
        with layout.Panes():
            yield QueuePane(id="queue").data_bind(Dashboard.tasks, Dashboard.now)
            yield LogPane(id="log").data_bind(Dashboard.names, Dashboard.now)
            yield BreakpointPane(id="breakpoints", monotonic=self._monotonic).data_bind(
                Dashboard.points, Dashboard.now
            )
            yield DiffPane(id="diff")
        yield Static(id="summary", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to follow the run and the time."""
        self.now = self._clock()
        self.set_interval(1.0, self._tick)
        self.queue.take_focus()
        self._follow_feed()
        self._follow_diff()

    # -- up: what happens ------------------------------------------------------------------------

    @work
    async def _follow_feed(self) -> None:
        async for picture in self._feed.follow(FOLLOW_S):
            self._show(picture)

    def _show(self, picture: Snapshot) -> None:
        """Give the panes their parts of a new picture."""
        run = picture.run
        if run is not None and run.id != self._run_id:
            self._run_id = run.id
            self._follow_events()
        before = layout.file_state(self.tasks, self._chosen)
        self.now = self._clock()
        self.run_view = run
        self.tasks = picture.in_order()
        self.names = layout.log_names(self.tasks, self._chosen)
        new = {point.id for point in picture.open_breakpoints} - {p.id for p in self.points}
        self.points = picture.open_breakpoints
        layout.place_breakpoints(self, new=bool(new), waiting=bool(self.points))
        self._tell_end()
        if layout.file_state(self.tasks, self._chosen) != before:
            self._diff_wanted.set()

    @work(exclusive=True, group="events")
    async def _follow_events(self) -> None:
        self.log_pane.forget()
        taken = 0
        async for recorded in self._feed.events():
            self.log_pane.feed((recorded,))
            taken += 1
            if taken % EVENTS_AT_ONCE == 0:
                await asyncio.sleep(0)

    @work
    async def _follow_diff(self) -> None:
        """Ask for the selected task's diff whenever it may be another than the one in sight."""
        while True:
            await self._diff_wanted.wait()
            await asyncio.sleep(DIFF_PAUSE_S)
            self._diff_wanted.clear()
            chosen = self._chosen
            text = ""
            if chosen is not None and layout.may_differ(self._feed.snapshot.tasks.get(chosen)):
                try:
                    result = await self._sink.send(ShowDiff(chosen))
                    text = str(result.get("diff") or "")
                except ConductorError as error:
                    text = f"{error}"
            if chosen == self._chosen:
                self.diff_pane.show_text(chosen, text)

    def _tick(self) -> None:
        self.now = self._clock()

    def _tell_end(self) -> None:
        text = layout.summary(self.run_view, self.tasks)
        self.set_class(bool(text), "-ended")
        self.query_one("#summary", Static).update(text)

    # -- down: what is wanted --------------------------------------------------------------------

    def action_do(self, name: str) -> None:
        """Do what the table of actions names."""
        if name in flows.FLOWS:
            self._run_flow(name)
        elif name.startswith("pane_"):
            layout.go_to(self, name.removeprefix("pane_"))
        elif name == "breakpoints":
            again = self.breakpoints.has_focus_within
            layout.go_to(self, "breakpoints")
            if again:
                self.breakpoints.show_next()
        elif name == "details" and self._chosen is not None:
            self.app.push_screen(TaskDetail(self._feed, self._chosen, self._clock))
        elif name == "zoom":
            self.toggle_class("-zoom")
        elif name == "theme":
            self.app.theme = themes.next_theme(self.app.theme)
        elif name == "help":
            self.app.push_screen(Help())
        elif name == "quit":
            self._ask_to_leave()

    @work(exclusive=True, group="flow")
    async def _run_flow(self, name: str) -> None:
        desk = self._desk()
        command = await flows.FLOWS[name](desk)
        if command is not None:
            await self._send(desk, command)

    @work
    async def _resolve(self, given: BreakpointPanel.Answered) -> None:
        desk = self._desk()
        command = await flows.resolve(desk, given)
        if command is None or not await self._send(desk, command):
            self.breakpoints.release(given.point, show=True)
        elif given.answer in flows.STAYS_OPEN:
            self.breakpoints.release(given.point, show=False)

    @work(exclusive=True, group="leave")
    async def _ask_to_leave(self) -> None:
        if await flows.leave(self._desk(), detach=self._agents_go_on):
            self.app.exit()

    async def _send(self, desk: flows.Desk, command: Command) -> bool:
        """Send a command and say what came of it; return whether it was carried out."""
        try:
            result = await self._sink.send(command)
        except ConductorError as error:
            text = f"{error.message}\n{error.mend}".strip()
            if isinstance(command, Land):
                await self.app.push_screen_wait(Tell("Not landed", text, error.mend))
            else:
                self.notify(text, severity="error", timeout=10, markup=False)
            return False
        await flows.tell_result(desk, command, result)
        return True

    def _desk(self) -> flows.Desk:
        return flows.Desk(self.app, self._feed.snapshot, self._chosen, self._template)

    # -- what the panes post ---------------------------------------------------------------------

    @on(QueueRows.Selected)
    def _select(self, event: QueueRows.Selected) -> None:
        self._chosen = event.task
        self.names = layout.log_names(self.tasks, self._chosen)
        self._diff_wanted.set()

    @on(QueueRows.Opened)
    def _open(self, event: QueueRows.Opened) -> None:
        self.app.push_screen(TaskDetail(self._feed, event.task, self._clock))

    @on(BreakpointPanel.Answered)
    def _take_answer(self, event: BreakpointPanel.Answered) -> None:
        self._resolve(event)

    @on(TabStrip.Chosen, "#pane-tabs")
    def _choose_pane(self, event: TabStrip.Chosen) -> None:
        layout.go_to(self, event.name)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the pane one works in: it is the one in sight where there is room for one."""
        pane = next((n for n in event.widget.ancestors if isinstance(n, Pane)), None)
        if pane is not None and pane.id is not None:
            layout.set_active(self, pane.id)
