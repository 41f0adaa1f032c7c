"""How the app looks: its main states, at three sizes, dark and light."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from conductor_tui.app import ConductorApp
from conductor_tui.domain.events import Recorded
from conductor_tui.domain.views import Snapshot
from tests.support.desk import TEMPLATE
from tests.support.faces import FakeClock, FakeFeed, FakeSink
from tests.support.pictures import (
    finished_run,
    four_at_work,
    snapshot_of,
    some_talk,
    waiting_run,
)

SIZES = {"narrow": (80, 24), "normal": (120, 36), "wide": (200, 60)}
STATES: dict[str, tuple[Snapshot, list[Recorded]]] = {
    "empty": (Snapshot(), []),
    "running": (snapshot_of(*four_at_work()), some_talk()),
    "breakpoint": (waiting_run(), some_talk()),
    "finished": (finished_run(), some_talk()),
}

pytestmark = pytest.mark.snapshot


def app_on(state: str, theme: str) -> ConductorApp:
    """Return the app on a state, with a clock that stands."""
    snapshot, said = STATES[state]
    clock = FakeClock()
    return ConductorApp(
        FakeFeed(snapshot, said),
        FakeSink(),
        repository="textkit",
        template=TEMPLATE,
        clock=clock,
        monotonic=clock.monotonic,
        theme=f"conductor-{theme}",
    )


async def at_rest(pilot: Pilot[None]) -> None:
    """Wait for the diff and the log to be drawn, and let no cursor blink."""
    for field in (*pilot.app.screen.query(Input), *pilot.app.screen.query(TextArea)):
        field.cursor_blink = False
    for _ in range(3):
        await pilot.pause(0.15)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("state", STATES)
def test_normal(snap_compare, state: str, theme: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    app = app_on(state, theme)
    assert snap_compare(app, terminal_size=SIZES["normal"], run_before=at_rest)


@pytest.mark.parametrize("size", ["narrow", "wide"])
@pytest.mark.parametrize("state", STATES)
def test_other_sizes(snap_compare, state: str, size: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    app = app_on(state, "dark")
    assert snap_compare(app, terminal_size=SIZES[size], run_before=at_rest)


@pytest.mark.parametrize("keys", ["enter", "question_mark", "a"])
def test_pages(snap_compare, keys: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    async def open_page(pilot: Pilot[None]) -> None:
        await at_rest(pilot)
        await pilot.press("down", "down", keys)
        await at_rest(pilot)

    app = app_on("running", "dark")
    assert snap_compare(app, terminal_size=SIZES["normal"], run_before=open_page)
