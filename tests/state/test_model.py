"""Random interleavings of everything the door offers, against a plain list."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import Draft, Recorded
from conductor_tui.domain.views import Snapshot
from conductor_tui.state.legality import check
from conductor_tui.state.manager import StateManager
from conductor_tui.state.snapshot import Fold, reduce
from tests.state.build import at_work, begin, record
from tests.state.legal import any_drafts

Step = tuple[str, list[Draft]]

drafts = st.lists(any_drafts, min_size=1, max_size=3)
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.sampled_from(("record", "record", "note", "note", "gone")), drafts),
    st.tuples(st.just("record"), st.just(at_work("a"))),
    st.tuples(st.sampled_from(("begin", "flush", "reopen", "breathe")), st.just(list[Draft]())),
)


@dataclass
class Model:
    """What must be true: the events of each run, and the picture of the newest."""

    runs: dict[str, list[Draft]] = field(default_factory=dict)
    snapshot: Snapshot = field(default_factory=Snapshot)
    dropped: int = 0

    @property
    def run(self) -> str:
        return f"run-{len(self.runs)}"

    def begin(self) -> tuple[str, list[Draft]]:
        plan = begin("a", "b")
        self.runs[f"run-{len(self.runs) + 1}"] = list(plan)
        self.snapshot = reduce(Snapshot(), record(plan, run=self.run))
        return self.run, plan

    def take(self, operation: list[Draft]) -> bool:
        """Take an operation wholly, or not at all."""
        try:
            check(Fold(self.snapshot), operation, begins=False)
        except IllegalTransition:
            return False
        kept = self.runs[self.run]
        self.snapshot = reduce(self.snapshot, record(operation, len(kept) + 1, self.run))
        kept.extend(operation)
        return True


class Walk:
    """Carries out steps on a real state and on the model."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = Model()
        self.seen: list[tuple[str, int]] = []

    async def go(self, walk: list[Step]) -> None:
        remaining = [("begin", []), *walk]
        while remaining:
            self.model.dropped = 0
            async with asyncio.TaskGroup() as group, StateManager.open(self.path) as state:
                self.agree(state)
                group.create_task(self.follow(state))
                remaining = await self.walk(state, group, remaining)
                await state.flush()
                self.agree(state)
                assert state.dropped == self.model.dropped
                await self.compare(state)

    async def walk(
        self, state: StateManager, group: asyncio.TaskGroup, walk: list[Step]
    ) -> list[Step]:
        """Do steps until the state is to be opened again; return the steps that are left."""
        for place, (kind, operation) in enumerate(walk):
            if kind == "reopen":
                return walk[place + 1 :]
            if kind == "begin":
                run, plan = self.model.begin()
                group.create_task(state.begin(run, plan))
            elif kind == "record":
                legal = self.model.take(operation)
                group.create_task(self.record(state, operation, legal))
            elif kind == "gone":
                self.model.take(operation)
                task = group.create_task(state.record(*operation))
                await asyncio.sleep(0)  # it has asked, and does not wait for the answer
                task.cancel()
            elif kind == "note":
                self.model.dropped += not self.model.take(operation)
                await state.note(*operation)
            elif kind == "flush":
                await state.flush()
                self.agree(state)
            await asyncio.sleep(0)  # what was started has asked, in this order
        return []

    async def record(self, state: StateManager, operation: list[Draft], legal: bool) -> None:
        with contextlib.suppress(IllegalTransition):
            recorded = await state.record(*operation)
            assert legal
            assert [each.event for each in recorded] == [draft.event for draft in operation]
            if state.snapshot.run is not None and state.snapshot.run.id == recorded[0].run:
                assert state.snapshot.seq >= recorded[-1].seq
            return
        assert not legal

    async def follow(self, state: StateManager) -> None:
        """Look at every event as it comes; each process sees those of the newest run and later."""
        found = [(one.run, one.seq) async for one in state.events()]
        runs = list(dict.fromkeys(run for run, _ in found))
        for run in runs:
            count = len(self.model.runs[run])
            assert [seq for name, seq in found if name == run] == list(range(1, count + 1))
        assert not found or runs[-1] == self.model.run

    def agree(self, state: StateManager) -> None:
        now, expected = state.snapshot, self.model.snapshot
        assert now.seq == expected.seq
        assert {
            name: (task.status, task.step, task.grants) for name, task in now.tasks.items()
        } == {name: (task.status, task.step, task.grants) for name, task in expected.tasks.items()}

    async def compare(self, state: StateManager) -> None:
        for run, kept in self.model.runs.items():
            told = await state.history(run)
            assert [strip(each) for each in told] == kept
            assert [each.seq for each in told] == list(range(1, len(kept) + 1))
            assert sorted(each.ts for each in told) == [each.ts for each in told]
            assert await state.load(run) == reduce(Snapshot(), told)
        assert await state.load(self.model.run) == state.snapshot


def strip(recorded: Recorded) -> Draft:
    return Draft(recorded.event, recorded.task, recorded.attempt, recorded.position)


@settings(max_examples=40)
@given(st.lists(steps, max_size=40))
def test_the_state_is_a_list_that_survives(walk: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(Walk(Path(folder) / "state.db").go(walk))
