"""The app over the real engine, with a scripted agent: opened, used through the socket, closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from conductor_tui.bootstrap import RunRequest
from conductor_tui.bootstrap.app_face import opened_app
from conductor_tui.bootstrap.workshop import Workshop
from conductor_tui.control.client import NoConductor, ask
from conductor_tui.domain.commands import Land
from conductor_tui.domain.values import RunStatus

SETTINGS = """
version: 1
agents: {fake: {kind: scripted, script: fake.yaml}}
judge: {provider: none}
permissions: {allow: [Edit]}
"""
SCRIPT = "steps: [{say: I write it.}, {write: {path: made.txt, text: made}}]\n"
PLAN = (
    "version: 1\ntasks: [{id: make, title: Make it, prompt: Make., checks: [test -s made.txt]}]\n"
)


async def test_a_plan_is_done_and_landed_while_the_loop_is_never_held_up(repo: Path) -> None:
    for name, text in (("conductor.yaml", SETTINGS), ("fake.yaml", SCRIPT), ("plan.yaml", PLAN)):
        (repo / name).write_text(text)
    request = RunRequest(repo, plan=str(repo / "plan.yaml"), agent="fake")
    async with opened_app(request) as (app, workshop), app.run_test(), asyncio.timeout(30):
        async with aclosing(statuses(workshop)) as followed:
            async for status in followed:
                if status not in (None, RunStatus.RUNNING):
                    break
        assert workshop.state.snapshot.tasks["make"].merged
        landed = await ask(repo / ".conductor", Land())
        assert landed["files"] == ["made.txt"]
    assert (repo / "made.txt").read_text() == "made"
    assert (repo / ".git" / "refs" / "heads" / "main").read_text().strip() == landed["commit"]
    with pytest.raises(NoConductor):
        await ask(repo / ".conductor", Land())


async def statuses(workshop: Workshop) -> AsyncGenerator[RunStatus | None, None]:
    """Yield how the run stands, now and after each change."""
    async for picture in workshop.state.follow():
        yield None if picture.run is None else picture.run.status
