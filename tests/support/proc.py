"""Conductor as another process: what it prints while it runs, and which processes are its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Json = dict[str, Any]

COMMAND = (sys.executable, "-m", "conductor_tui")
TICK_S = 0.03


class Batch:
    """A headless run that prints JSON lines; a test waits for them while it goes on.

    Args:
        folder: the repository.
        environment: all of the process's environment.
        words: the command line behind ``conductor --batch --json``.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], *words: str) -> None:
        self.events: list[Json] = []
        self._changed = threading.Condition()
        self._errors = folder.parent / f"stderr-{time.monotonic_ns()}"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, "--batch", "--json", *words],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                event = json.loads(line)
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def stderr(self) -> str:
        """What it said besides."""
        return self._errors.read_text(errors="replace")

    def of(self, kind: str, task: str | None = None) -> list[Json]:
        """The events of a type so far, of one task where it is named."""
        with self._changed:
            return of(self.events, kind, task)

    def wait_for(
        self,
        kind: str,
        task: str | None = None,
        *,
        where: Callable[[Json], bool] = lambda data: True,
        timeout: float = 30,
    ) -> Json:
        """Return the first event of a type whose data are as wanted, as soon as it is printed."""

        def found() -> list[Json]:
            return [event for event in of(self.events, kind, task) if where(event["data"])]

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, timeout)
            if hits := found():
                return hits[0]
        raise AssertionError(f"no {kind} of {task} in {timeout:g} s: {self._last()}")

    def end(self, number: signal.Signals | None = None, timeout: float = 30) -> int:
        """Send it a signal, if one is named; return its exit code once it has ended."""
        if number is not None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"still running: {self._last()}") from late
        self._reader.join(timeout)
        return code

    def _last(self) -> str:
        """What it printed last, for a failure's words."""
        told = [json.dumps([e["type"], e["task"], e["data"]])[:300] for e in self.events[-25:]]
        return "\n".join([*told, self.stderr])


@contextmanager
def batch(folder: Path, environment: Mapping[str, str], *words: str) -> Iterator[Batch]:
    """Run conductor headless as long as the block is open; nothing of it is left behind."""
    started = Batch(folder, environment, *words)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.end(signal.SIGKILL)
        for event in started.of("run.started") + started.of("run.resumed"):
            for pid in carriers("CONDUCTOR_RUN_ID", event["run"]):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def conductor(
    folder: Path, environment: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    """Run one command of conductor to its end."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def of(events: Sequence[Json], kind: str, task: str | None = None) -> list[Json]:
    """Return the events of a type, of one task where it is named."""
    return [e for e in events if e["type"] == kind and task in (None, e["task"])]


def require_gapless(events: Sequence[Json], first: int = 1) -> None:
    """Assert that the sequence numbers go up by one, from the first."""
    assert [event["seq"] for event in events] == list(range(first, first + len(events)))


def carriers(name: str, value: str) -> dict[int, str]:
    """Return the living processes whose environment holds a variable, with their command lines."""
    wanted = f"{name}={value}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            # Gone meanwhile, or another user's. A zombie's environment is empty.
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    found[int(folder.name)] = b" ".join(words).decode("utf-8", "replace")
    return found


def wait_until(happened: Callable[[], object], what: str, timeout: float = 20) -> None:
    """Block until something outside of this process is so."""
    deadline = time.monotonic() + timeout
    while not happened():
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout:g} s in vain: {what}")
        time.sleep(TICK_S)
