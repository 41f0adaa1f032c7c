"""The terminal app over a living engine. It loads textual, so the headless faces leave it alone.

The app is a guest inside the engine's block: whoever opens it here runs it, on a terminal or under
a test's pilot, and nothing of the engine is left when the block ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from conductor_tui.app import TEMPLATE, ConductorApp
from conductor_tui.bootstrap.workshop import RunRequest, Workshop, open_workshop, read_tasks
from conductor_tui.domain.commands import AddTasks
from conductor_tui.domain.task import Task


@asynccontextmanager
async def opened_app(request: RunRequest) -> AsyncIterator[tuple[ConductorApp, Workshop]]:
    """Open the engine, go on with the open run, queue the plan's tasks; yield the app to be run.

    Raises:
        ConductorError: it could not be started.
    """
    async with open_workshop(request) as workshop:
        tasks = [] if request.plan is None else await read_tasks(request, workshop)
        app = ConductorApp(
            workshop.state,
            workshop.commands,
            repository=workshop.repository.name,
            template=replace(TEMPLATE, agent=workshop.settings.default_agent),
            detach=request.detach,
        )
        async with workshop.serving(), workshop.conductor.running():
            await _open_run(workshop, tasks)
            yield app, workshop


async def _open_run(workshop: Workshop, tasks: Sequence[Task]) -> None:
    """Go on with the open run if there is one, and queue the plan's tasks that it does not know."""
    if workshop.conductor.has_open_run:
        await workshop.conductor.resume()
    if tasks:
        await workshop.commands.send(AddTasks(tuple(tasks), known="skip"))
