"""Times state transitions while four agents stream, against one bare SQLite transaction.

    python benchmarks/state_transitions.py [--seconds 5] [--rate 1000] [--events 100000]

Prints one line a figure; the ratio is the one of the target (p95 <= 3x).
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import (
    AttemptStarted,
    Draft,
    RunStarted,
    TaskPhase,
    TaskQueued,
    TaskStarted,
)
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Phase
from conductor_tui.state.manager import StateManager

AGENTS = ("one", "two", "three", "four")
LINE = "the quick brown fox jumps over the lazy dog, and then writes a test for it. " * 2
PACE_S = 0.02
"""Time between two transitions; the bare transactions keep the same pace."""
TARGET = 3.0
RUN = "20261120-100000-aaaa"


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of times in seconds, as milliseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def show(name: str, times: Sequence[float]) -> None:
    """Print the percentiles of one measurement."""
    figures = "  ".join(
        f"p{share * 100:.0f} {percentile(times, share):7.2f}" for share in (0.5, 0.95)
    )
    print(f"{name:<46} {figures}  ms  ({len(times)} times)")


def plan() -> list[Draft]:
    """Return the events that open the run with four tasks at work."""
    drafts = [Draft(RunStarted(AGENTS, {}, {}))]
    for name in AGENTS:
        spec = Task(id=name, title=name, prompt=LINE)
        drafts += [
            Draft(TaskQueued(title=name, spec=spec), task=name),
            Draft(TaskStarted(workspace=name, base="0" * 40), task=name),
            Draft(AttemptStarted("claude", name, 1), task=name, attempt=1),
        ]
    return drafts


class Bare:
    """One transaction of the same two rows, by sqlite3 alone, on a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE events (run TEXT, seq INTEGER, data TEXT, PRIMARY KEY (run, seq))",
            "CREATE TABLE tasks (run TEXT, id TEXT, data TEXT, PRIMARY KEY (run, id))",
        ):
            self._connection.execute(statement)
        self._seq = 0

    def transaction(self) -> float:
        """Insert an event, update a task, commit; return the seconds it took."""
        self._seq += 1
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO events VALUES (?, ?, ?)", (RUN, self._seq, LINE))
        self._connection.execute(
            "INSERT INTO tasks VALUES (?, 'one', ?)"
            " ON CONFLICT (run, id) DO UPDATE SET data = excluded.data",
            (RUN, LINE * 5),
        )
        self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


async def stream(state: StateManager, name: str, rate: float, until: float) -> int:
    """Note lines at a steady rate until a moment; return how many."""
    began, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) < until:
        while sent < (now - began) * rate:
            sent += 1
            await state.note(Draft(AgentText(LINE), name, 1, sent * len(LINE)))
        await asyncio.sleep(0.005)
    return sent


async def measure(folder: Path, seconds: float, rate: float) -> tuple[list[float], list[float]]:
    """Return the times of transitions under four streams, and of bare transactions between."""
    bare = Bare(folder / "bare.db")
    ours: list[float] = []
    theirs: list[float] = []
    async with StateManager.open(folder / "state.db") as state, asyncio.TaskGroup() as group:
        await state.begin(RUN, plan())
        until = time.perf_counter() + seconds
        streams = [group.create_task(stream(state, name, rate, until)) for name in AGENTS]
        count = 0
        while time.perf_counter() < until:
            count += 1
            phase = (Phase.WORKING, Phase.CHECKING)[count // len(AGENTS) % 2]
            draft = Draft(TaskPhase(phase), AGENTS[count % len(AGENTS)])
            began = time.perf_counter()
            await state.record(draft)
            ours.append(time.perf_counter() - began)
            await asyncio.sleep(PACE_S / 2)
            theirs.append(bare.transaction())
            await asyncio.sleep(PACE_S / 2)
        lines = sum([await task for task in streams])
    print(f"{'lines noted a second':<46} {lines / seconds:11.0f}")
    bare.close()
    return ours, theirs


async def reopen(folder: Path, events: int) -> tuple[float, float, float]:
    """Write a run of many events; return the seconds for that, to open it, and to read it all."""
    path = folder / "long.db"
    began = time.perf_counter()
    async with StateManager.open(path) as state:
        await state.begin(RUN, plan())
        for count in range(events):
            name = AGENTS[count % len(AGENTS)]
            await state.note(Draft(AgentText(LINE), name, 1, count))
    wrote = time.perf_counter() - began
    began = time.perf_counter()
    async with StateManager.open(path) as state:
        opened = time.perf_counter() - began
        began = time.perf_counter()
        await state.history(RUN)
        read = time.perf_counter() - began
    return wrote, opened, read


def main() -> int:
    """Measure and print; exit 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="lines a second of each agent")
    parser.add_argument("--events", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="conductor-bench-") as name:
        folder = Path(name)
        ours, theirs = asyncio.run(measure(folder, options.seconds, options.rate))
        show("state.record(), four agents streaming", ours)
        show("bare SQLite transaction, FULL, same run", theirs)
        ratio = percentile(ours, 0.95) / percentile(theirs, 0.95)
        print(f"{'ratio of p95 (target <= 3.0)':<46} {ratio:11.2f}")
        wrote, opened, read = asyncio.run(reopen(folder, options.events))
        print(f"{'note() and write, events a second':<46} {options.events / wrote:11.0f}")
        print(f"{f'reopen a run of {options.events} events, ms':<46} {opened * 1000:11.1f}")
        print(f"{'read its whole history, ms':<46} {read * 1000:11.0f}")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
