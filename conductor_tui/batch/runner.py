"""A run without a screen: start or resume it, print what happens, end with the right code."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from conductor_tui.batch.printers import Printer
from conductor_tui.domain.commands import AddTasks
from conductor_tui.domain.errors import (
    EXIT_LIMIT,
    EXIT_SIGINT,
    EXIT_SIGTERM,
    NotFound,
    UsageError,
)
from conductor_tui.domain.events import Recorded, RunFinished, RunInterrupted
from conductor_tui.domain.task import Task
from conductor_tui.engine.commands import Commands
from conductor_tui.engine.conductor import Conductor

_SIGNALS = {signal.SIGINT: EXIT_SIGINT, signal.SIGTERM: EXIT_SIGTERM, signal.SIGHUP: EXIT_SIGTERM}


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a headless run is asked to do."""

    tasks: Sequence[Task] | None
    """The plan; None to go on with what is there."""
    resume: bool = False
    timeout_s: float | None = None
    """The whole run's time limit."""


async def run_batch(conductor: Conductor, request: BatchRequest, printer: Printer) -> int:
    """Run a plan to its end and return the exit code.

    Raises:
        UsageError: a run is open already, or there is none to resume.
    """
    check_request(conductor, request)
    if request.tasks is None and not conductor.has_open_run:
        return await _show_end(conductor, printer)
    since = conductor.snapshot.seq if conductor.has_open_run else 0
    with _signals_end(conductor):
        async with asyncio.TaskGroup() as group:
            async with conductor.running():
                await _open_run(conductor, request)
                events = conductor.tools.state.events(since)
                printing = group.create_task(_print(events, printer))
                await _until_end(conductor, request)
            return await printing


async def _show_end(conductor: Conductor, printer: Printer) -> int:
    """Print how the newest run, which is closed, ended; return its exit code."""
    run = conductor.snapshot.run
    if run is None:
        return EXIT_LIMIT
    ends = await conductor.tools.state.history(run.id, types=(RunFinished.type,))
    for recorded in ends[-1:]:
        printer.show(recorded)
    return EXIT_LIMIT if run.exit_code is None else run.exit_code


def check_request(conductor: Conductor, request: BatchRequest) -> None:
    """Refuse what cannot be meant.

    Raises:
        UsageError: with the mend.
    """
    run = conductor.snapshot.run
    if request.resume:
        if run is None and request.tasks is None:
            raise UsageError("there is no run to resume", "start one: conductor --batch PLAN")
        return
    if request.tasks is None:
        raise UsageError("--batch needs a PLAN, or --resume", "see `conductor --help`")
    if conductor.has_open_run and run is not None:
        raise UsageError(
            f"run {run.id} is {run.status} and not at its end",
            "go on with `conductor --batch --resume`, or end it with `conductor cancel --run`",
        )


async def _open_run(conductor: Conductor, request: BatchRequest) -> None:
    if not conductor.has_open_run:
        if request.tasks is None:
            raise NotFound("there is no run to resume")
        await conductor.begin(request.tasks)
        return
    await conductor.resume()
    if request.tasks:
        await Commands(conductor).send(AddTasks(tuple(request.tasks), known="skip"))


async def _until_end(conductor: Conductor, request: BatchRequest) -> None:
    """Wait until the run settles, a signal comes, or time or money is used up."""
    try:
        async with asyncio.timeout(request.timeout_s):
            await conductor.settled()
    except TimeoutError:
        conductor.end_with(EXIT_LIMIT, f"the run's time limit of {request.timeout_s:g} s")
    if conductor.dispatcher.over_budget:
        conductor.end_with(EXIT_LIMIT, conductor.dispatcher.over_budget)


@contextmanager
def _signals_end(conductor: Conductor) -> Iterator[None]:
    """Let a signal end the run in order; a second one changes nothing, the end is bounded."""
    loop = asyncio.get_running_loop()
    for number, code in _SIGNALS.items():
        loop.add_signal_handler(number, conductor.end_with, code, f"interrupted by {number.name}")
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def _print(events: AsyncIterator[Recorded], printer: Printer) -> int:
    """Print events up to the last one of this process; return the exit code it holds.

    Where nobody reads any more, or the disk is full, the run goes on without being printed.
    """
    heard = True
    async for recorded in events:
        try:
            if heard:
                printer.show(recorded)
        except OSError as error:
            heard = False
            logging.getLogger(__name__).warning("standard output was lost: %s", error)
        if isinstance(recorded.event, (RunFinished, RunInterrupted)):
            return recorded.event.exit_code
    return EXIT_LIMIT
