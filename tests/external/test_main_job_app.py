"""The main job through the app: the same plan, the same facts, every answer by a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot

from conductor_tui.bootstrap import RunRequest
from conductor_tui.bootstrap.app_face import opened_app
from conductor_tui.bootstrap.workshop import Workshop
from conductor_tui.domain.codec import to_line
from conductor_tui.domain.values import RunStatus
from conductor_tui.domain.views import BreakpointView, Snapshot
from conductor_tui.screens.actions import ACTIONS
from conductor_tui.screens.dashboard import Dashboard
from conductor_tui.screens.dialogs import Confirm
from conductor_tui.state.manager import StateManager
from conductor_tui.widgets.breakpoint_panel import GRACE_S
from tests.external import main_job, survival_job
from tests.support.external import external
from tests.support.fingerprint import fingerprint
from tests.support.messages_api import MessagesServer
from tests.support.proc import Json, batch, of, require_gapless

pytestmark = [pytest.mark.external, pytest.mark.timeout(120)]

SIZE = (120, 40)
ANSWERS = {
    "manual": ("approve", None),
    "guard": ("reject", main_job.NO_PUSH),
    "ask": ("answer", "Dot"),
}
"""Task → the answer its breakpoint gets, and the words that go with it."""


@dataclass
class Face:
    """The app under a pilot, over a living engine."""

    pilot: Pilot[None]
    workshop: Workshop

    @property
    def dashboard(self) -> Dashboard:
        """The dashboard, whatever lies over it."""
        found = self.pilot.app.screen_stack[1]
        assert isinstance(found, Dashboard)
        return found

    async def run_is(self, happened: Callable[[Snapshot], bool]) -> None:
        """Wait until the run is so."""
        async with asyncio.timeout(60), aclosing(pictures(self.workshop)) as followed:
            async for picture in followed:
                if happened(picture):
                    return

    async def shows(self, happened: Callable[[], bool]) -> None:
        """Wait until the screen is so: it follows the run with a clock of its own."""
        async with asyncio.timeout(20):
            while not happened():
                await self.pilot.pause(0.05)

    async def dialog(self) -> None:
        """Wait until the app asks whether to do what a key said."""
        await self.shows(lambda: isinstance(self.pilot.app.screen, Confirm))

    async def write(self, text: str) -> None:
        """Type a text and send it."""
        await self.pilot.press(*("space" if letter == " " else letter for letter in text), "enter")

    async def answer(self) -> str:
        """Answer the breakpoint in sight, as a human does; return whose it was."""
        panel = self.dashboard.breakpoints
        await self.shows(lambda: panel.current is not None)
        await self.pilot.press("b")
        point = panel.current
        assert isinstance(point, BreakpointView)
        assert point.task is not None
        answer, words = ANSWERS[point.task]
        await self.pilot.pause(GRACE_S + 0.1)  # a key typed as it appears is no answer
        await self.pilot.press(key_of(answer))
        if words is not None:
            await self.write(words)
        await self.run_is(lambda picture: not picture.breakpoints[point.id].open)
        return point.task


async def pictures(workshop: Workshop) -> AsyncGenerator[Snapshot, None]:
    """Yield the newest picture, now and after each change."""
    async for picture in workshop.state.follow():
        yield picture


def key_of(answer: str) -> str:
    """Return the key of an answer, from the table that the app is made from."""
    (found,) = [action for action in ACTIONS if action.action == f"answer('{answer}')"]
    return found.keys.split(",")[0]


@asynccontextmanager
async def face(repo: Path, *, detach: bool = False) -> AsyncIterator[Face]:
    """Open the app on a repository with its plan."""
    request = RunRequest(repo, plan=str(repo / "plan.yaml"), detach=detach)
    async with (
        opened_app(request) as (app, workshop),
        app.run_test(size=SIZE) as pilot,
    ):
        yield Face(pilot, workshop)


async def history(repo: Path) -> list[Json]:
    """Return the events of the run as the state has them."""
    async with StateManager.read(repo / ".conductor" / "state.db") as state:
        run = state.snapshot.run
        assert run is not None
        return [json.loads(to_line(one)) for one in await state.history(run.id)]


def surround(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Let the app find itself in an environment; it runs in our own process."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


async def test_eight_tasks_in_the_app(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main_job.prepare(repo, external("claude"))
    before = fingerprint(repo)
    async with MessagesServer(main_job.model()) as server:
        surround(monkeypatch, main_job.environment(server, tmp_path))
        async with face(repo) as seen:
            for task in main_job.FIRST:
                await asyncio.to_thread(server.wait_for, task)
            server.open(main_job.GATE)
            answered = [await seen.answer() for _ in ANSWERS]
            await seen.run_is(ended)
            await seen.shows(lambda: seen.dashboard.has_class("-ended"))
            assert fingerprint(repo) == before
            await seen.pilot.press("L")
            await seen.dialog()
            await seen.pilot.press("y")
            await seen.shows((repo / "REPORT.md").is_file)
            await seen.pilot.press("q")
            await seen.shows(lambda: not seen.pilot.app.is_running)
        events = await history(repo)
        main_job.require_the_facts(events, server)
    assert sorted(answered) == sorted(ANSWERS)
    require_gapless(events)
    (finished,) = of(events, "run.finished")
    assert finished["data"]["exit_code"] == 0
    assert {event["data"]["by"] for event in of(events, "breakpoint.resolved")} == {"app"}
    assert {name: (repo / name).read_text() for name in main_job.FILES} == main_job.FILES


def ended(picture: Snapshot) -> bool:
    """Return whether the run completed."""
    return picture.run is not None and picture.run.status is RunStatus.COMPLETED


@pytest.mark.parametrize("detach", [False, True])
async def test_quit_in_the_middle(
    detach: bool, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main_job.prepare(
        repo,
        external("claude"),
        tasks=survival_job.TASKS,
        permissions=survival_job.PERMISSIONS,
    )
    async with MessagesServer(survival_job.model()) as server:
        environment = main_job.environment(server, tmp_path)
        surround(monkeypatch, environment)
        async with face(repo, detach=detach) as seen:
            await seen.run_is(lambda picture: picture.tasks["early"].merged)
            await asyncio.to_thread(server.wait_for, "left", 2)
            await asyncio.to_thread(server.wait_for, "right", 2)
            run = seen.workshop.state.snapshot.run
            assert run is not None
            await seen.shows(lambda: "sleep 300" in survival_job.living(run.id))
            await seen.pilot.press("q")
            await seen.dialog()
            await seen.pilot.press("y")
            await seen.shows(lambda: not seen.pilot.app.is_running)
        assert bool(survival_job.living(run.id)) is detach
        assert (await history(repo))[-1]["type"] == "run.interrupted"
        server.open(survival_job.GATE)
        code = await asyncio.to_thread(resume, repo, environment)
        assert code == 0
        assert not server.unscripted
    events = await history(repo)
    require_gapless(events)
    survival_job.require_all_done_once(repo, events)
    for task in ("left", "right"):
        assert len(of(events, "attempt.started", task)) == (1 if detach else 2)
    assert survival_job.living(run.id) == []


def resume(repo: Path, environment: dict[str, str]) -> int:
    """Go on with the run, headless; return the exit code."""
    with batch(repo, environment, "--resume") as resumed:
        return resumed.end(timeout=50)
