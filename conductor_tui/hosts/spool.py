"""What a runner leaves in its spool, read without the runner. These calls block: use a thread."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from conductor_tui.domain.ports.hosts import Chunk, Exit

NAMES = {"out": "stdout", "err": "stderr"}
"""The files in which a runner keeps the streams."""

PIECE = 1 << 18
"""Bytes read from a spool file at once."""


@dataclass(frozen=True, slots=True)
class Record:
    """Who runs a program, as ``runner.json`` tells."""

    runner: int
    program: int
    runner_started: int
    """Clock ticks since boot, by which a reused process id is recognised; 0 where unknown."""
    socket: str
    detach: bool
    grace_s: float

    def alive(self) -> bool:
        """Tell whether the runner lives."""
        try:
            with open(f"/proc/{self.runner}/stat", "rb") as file:
                fields = file.read().rsplit(b")", 1)[1].split()
        except FileNotFoundError:
            return not self.runner_started and psutil.pid_exists(self.runner)
        except (OSError, IndexError):
            return False
        return fields[0] not in (b"Z", b"X") and int(fields[19]) == self.runner_started

    def kill(self) -> None:
        """Kill the runner, with which its program dies."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.runner, signal.SIGKILL)


def read_record(spool: str) -> Record | None:
    """Return who runs the program of a spool; None if none was started there."""
    value = _read(Path(spool, "runner.json"))
    return None if value is None else to_record(value)


def to_record(value: dict[str, Any]) -> Record:
    """Make a record of what ``runner.json`` and the runner's ready line hold."""
    return Record(
        runner=value["pid"],
        program=value["program"],
        runner_started=value["started"][0],
        socket=value["socket"],
        detach=value["detach"],
        grace_s=value["grace_s"],
    )


def read_exit(spool: str) -> Exit | None:
    """Return how the program of a spool ended; None if it has not, or nobody saw it."""
    value = _read(Path(spool, "exit.json"))
    return None if value is None else Exit(value["code"], value["reason"])


def read_piece(spool: str, stream: str, offset: int) -> Chunk | None:
    """Return the bytes of a stream from an offset on, at most PIECE; None at its end."""
    try:
        with open(Path(spool, NAMES[stream]), "rb") as file:
            file.seek(offset)
            data = file.read(PIECE)
    except FileNotFoundError:
        return None
    return Chunk(stream, offset, data) if data else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return value
