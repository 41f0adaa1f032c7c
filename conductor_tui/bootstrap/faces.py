"""The faces: a headless run, the terminal app, the demo. Each is opened, run and closed here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conductor_tui.batch.printers import JsonPrinter, LinePrinter, Paint
from conductor_tui.batch.report import render
from conductor_tui.batch.runner import BatchRequest
from conductor_tui.batch.runner import run_batch as drive_batch
from conductor_tui.bootstrap.loop import run
from conductor_tui.bootstrap.reading import read_status
from conductor_tui.bootstrap.workshop import RunRequest, open_workshop, read_tasks
from conductor_tui.demo import create_sample
from conductor_tui.demo.words import farewell, greeting
from conductor_tui.domain.errors import EXIT_OK, UsageError

FRAMES_A_SECOND = "240"
"""How often Textual may paint: a fine grid lets a key be seen at once, while floods of log lines
have a slower clock of their own."""


def run_batch(request: RunRequest, paint: Paint) -> int:
    """Run a plan headless and return the exit code.

    Raises:
        ConductorError: nothing was started.
    """
    return run(_batch(request, paint))


async def _batch(request: RunRequest, paint: Paint) -> int:
    async with open_workshop(request) as workshop:
        tasks = None if request.plan is None else await read_tasks(request, workshop)
        printer = JsonPrinter(sys.stdout) if request.as_json else LinePrinter(sys.stdout, paint)
        batch = BatchRequest(tasks, request.resume, workshop.settings.timeout)
        async with workshop.serving():
            code = await drive_batch(workshop.conductor, batch, printer)
        if not request.as_json:
            _write(render(workshop.conductor.snapshot))
        return code


def _write(text: str) -> None:
    """Write to standard output; whether anybody reads it does not change how the run ended."""
    with suppress(OSError):
        sys.stdout.write(text)
        sys.stdout.flush()


def run_app(request: RunRequest) -> int:
    """Run the terminal app on a repository, with a plan's tasks queued where one is given.

    Raises:
        ConductorError: it could not be started.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the app needs a terminal on all three of its streams",
            "without one: conductor --batch PLAN (see --help)",
        )
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_A_SECOND)  # read when textual is imported
    return run(_app(request))


async def _app(request: RunRequest) -> int:
    from conductor_tui.bootstrap.app_face import opened_app  # textual: the headless never load it

    async with opened_app(request) as (app, _):
        with _signals_close(app.exit):
            await app.run_async()
    return EXIT_OK


@contextmanager
def _signals_close(close: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP close the app in order, so that the terminal is restored."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, close)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def run_demo(*, batch: bool, as_json: bool, paint: Paint) -> int:
    """Run the whole loop on a sample repository and say where the result lies."""
    sample = create_sample(Path(tempfile.mkdtemp(prefix="conductor-demo-")))
    request = RunRequest(sample.repository, plan=str(sample.plan), batch=batch, as_json=as_json)
    sys.stderr.write(greeting(sample))
    code = run_batch(request, paint) if batch else run_app(request)
    run_picture = read_status(sample.repository)
    sys.stderr.write(farewell(sample, run_picture["branch"]))
    return code
