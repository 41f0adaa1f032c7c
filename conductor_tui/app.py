"""The terminal app: its frame, its themes, and what holds on every screen.

It knows a run only as a feed and a sink. Whoever opens it owns the agents, outside of it:
``async with engine: await ConductorApp(feed, sink, ...).run_async()``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from textual.app import App, SystemCommand
from textual.screen import Screen

from conductor_tui.domain.ports.faces import CommandSink, Feed
from conductor_tui.domain.task import Task
from conductor_tui.screens.actions import ACTIONS
from conductor_tui.screens.dashboard import Dashboard
from conductor_tui.widgets import plain, terminal, themes, words
from conductor_tui.widgets.pane import Pane

TEMPLATE = Task(id="", title="", prompt="")


def local_time() -> datetime:
    """Return the time with the zone of this machine."""
    return datetime.now().astimezone()


class ConductorApp(App[None]):
    """The app over one repository.

    Args:
        feed: what happens.
        sink: where commands go.
        repository: its name, for the title.
        template: a task with the defaults of the settings, for tasks that are added here.
        detach: whether agents go on when the app ends: it is said at quit.
        theme: ``conductor-dark``, ``conductor-light`` or ``conductor-contrast``.
        clock: tells the time with its zone.
        monotonic: seconds for measuring how long a question has been in sight.
    """

    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True
    TITLE = "conductor"

    def __init__(
        self,
        feed: Feed,
        sink: CommandSink,
        *,
        repository: str,
        template: Task = TEMPLATE,
        detach: bool = False,
        theme: str = themes.DARK.name,
        clock: words.Clock = local_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._dashboard = Dashboard(
            feed,
            sink,
            repository=repository,
            clock=clock,
            template=template,
            detach=detach,
            monotonic=monotonic,
        )
        for known in themes.THEMES:
            self.register_theme(known)
        self.theme = theme
        self.sub_title = plain.line(repository)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return our own colours for themes that do not define them."""
        return dict(themes.DARK.variables)

    def on_mount(self) -> None:
        """Show the dashboard."""
        if not self.is_headless:
            terminal.calm_collector()
        self.push_screen(self._dashboard)

    async def action_quit(self) -> None:
        """Leave, after a question while agents work."""
        self._dashboard.action_do("quit")

    def action_help_quit(self) -> None:
        """Take Ctrl+C as the wish to leave where nothing is selected."""
        self._dashboard.action_do("quit")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer the table of actions, each where it can be done."""
        for action in ACTIONS:
            if action.palette:
                yield SystemCommand(
                    action.label, f"{action.help}  ({action.shown_keys})", self._doer(action.action)
                )

    def _doer(self, action: str) -> Callable[[], object]:
        async def do() -> None:
            for node in (*self._dashboard.query(Pane), self._dashboard):
                name = action.split("(", 1)[0]
                if hasattr(node, f"action_{name}"):
                    await self.run_action(action, default_namespace=node)
                    return

        return do
