"""Plans by property: what is right comes back whole, what is not is told and nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.errors import PlanError
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, Completion
from conductor_tui.settings.naming import id_fault
from tests.settings.plans import plan

LINES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip() == text)
TASKS = st.fixed_dictionaries(
    {"title": LINES, "prompt": LINES},
    optional={
        "priority": st.integers(1, 10),
        "agent": st.sampled_from(["claude", "fake"]),
        "checks": st.lists(LINES, max_size=3, unique=True),
        "paths": st.lists(st.sampled_from(["a/**", "*.py", "/x"]), unique=True),
        "changes": st.sampled_from([change.value for change in Changes]),
        "completion": st.sampled_from([completion.value for completion in Completion]),
        "attempts": st.integers(1, 100),
        "timeout": st.integers(1, 100_000),
        "budget_usd": st.floats(0.01, 1000),
        "critical": st.booleans(),
        "env": st.dictionaries(st.from_regex(r"\A[A-Z_]{1,8}\Z"), LINES, max_size=3),
    },
)


@given(st.lists(TASKS, min_size=1, max_size=6), st.data())
def test_a_valid_plan_comes_back_whole(tasks: list[dict[str, Any]], data: st.DataObject) -> None:
    for number, task in enumerate(tasks):
        task["id"] = f"t{number}"
        earlier = [f"t{other}" for other in range(number)]
        if earlier:
            task["depends_on"] = data.draw(st.lists(st.sampled_from(earlier), unique=True))
    value = {"version": 1, "tasks": tasks}
    for name, text in (
        ("p.yaml", yaml.safe_dump(value, allow_unicode=True)),
        ("p.json", json.dumps(value, indent="\t")),
    ):
        found = plan(text, name)
        for task, made in zip(tasks, found, strict=True):
            for key, expected in task.items():
                got = getattr(made, f"{key}_s" if key == "timeout" else key)
                assert (list(got) if isinstance(got, tuple) else got) == expected


@given(st.lists(LINES, min_size=1, max_size=8))
def test_made_ids_are_right_and_different(titles: list[str]) -> None:
    text = json.dumps({"tasks": [{"title": title} for title in titles]})
    ids = [task.id for task in plan(text, "p.json")]
    assert len(set(ids)) == len(titles)
    assert [id_fault(made) for made in ids] == [""] * len(titles)


GARBAGE = st.one_of(
    st.text(),
    st.text(alphabet="{}[]:,-&*!<|>\"'%@`#? \n\tab01.tasks"),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("tasks"), inner),
    ).map(lambda value: json.dumps({"tasks": [value], "defaults": value})),
)


@given(GARBAGE, st.sampled_from(["p.yaml", "p.json", "p.md", "-", "plan"]))
def test_garbage_is_told_and_nothing_else(text: str, name: str) -> None:
    tasks: list[Task] = []
    with contextlib.suppress(PlanError):
        tasks = plan(text, name, agents=["claude"])
    assert all(id_fault(task.id) == "" and task.title and task.prompt for task in tasks)
