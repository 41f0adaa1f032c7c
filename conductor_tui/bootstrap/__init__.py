"""The only place that names concrete classes: it opens everything, joins it, and closes it.

The command line calls these functions; each runs one face, or carries out one command.
"""

from __future__ import annotations

from conductor_tui.bootstrap.commanding import add_task, carry_out, read_diff
from conductor_tui.bootstrap.doctor import examine
from conductor_tui.bootstrap.faces import run_app, run_batch, run_demo
from conductor_tui.bootstrap.reading import (
    print_log,
    read_breakpoints,
    read_status,
    read_task,
)
from conductor_tui.bootstrap.samples import write_samples
from conductor_tui.bootstrap.workshop import RunRequest

__all__ = [
    "RunRequest",
    "add_task",
    "carry_out",
    "examine",
    "print_log",
    "read_breakpoints",
    "read_diff",
    "read_status",
    "read_task",
    "run_app",
    "run_batch",
    "run_demo",
    "write_samples",
]
