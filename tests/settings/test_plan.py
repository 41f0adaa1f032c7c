"""Plans: what is made of them, and every fault told at once with its line."""

from __future__ import annotations

import json

import pytest
import yaml

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, Completion
from conductor_tui.settings.ordering import find_cycles
from tests.settings.plans import faults, plan

FULL = """\
version: 1
defaults: {agent: fake, priority: 7, checks: ["pytest -q"], env: {A: one, B: 2}}
tasks:
  - id: slugify
    title: Add slugify()
    prompt: |
      Add slugify(text)
      to textkit/slug.py
    depends_on: [tokenise]
    priority: 10
    agent: claude
    checks: ["pytest -q tests/test_slug.py"]
    paths: ["textkit/**"]
    changes: optional
    completion: done_file
    attempts: 1
    timeout: 1h30m
    idle_timeout: 90s
    check_timeout: 45
    budget_usd: 2.50
    critical: true
    env: {B: three}
  - title: Tokenise
    id: tokenise
"""


def test_every_key_of_a_task() -> None:
    first, second = plan(FULL)
    assert first == Task(
        id="slugify",
        title="Add slugify()",
        prompt="Add slugify(text)\nto textkit/slug.py\n",
        depends_on=("tokenise",),
        priority=10,
        agent="claude",
        checks=("pytest -q tests/test_slug.py",),
        paths=("textkit/**",),
        changes=Changes.OPTIONAL,
        completion=Completion.DONE_FILE,
        attempts=1,
        timeout_s=5400,
        idle_timeout_s=90,
        check_timeout_s=45,
        budget_usd=2.5,
        critical=True,
        env={"A": "one", "B": "three"},
    )
    assert second == Task(
        id="tokenise",
        title="Tokenise",
        prompt="Tokenise",
        priority=7,
        agent="fake",
        checks=("pytest -q",),
        env={"A": "one", "B": "2"},
    )


def test_the_same_plan_as_json() -> None:
    as_json = json.dumps(yaml.safe_load(FULL), indent="\t")
    assert plan(as_json, "plan.json") == plan(FULL) == plan(as_json, "-") == plan(FULL, "-")


WRONG = """\
version: 2
nope: 1
defaults:
  priority: high
tasks:
  - id: Bad Id
    prompt: a
    priority: 11
    prority: 3
  - title: b
    attempts: 1.5
    checks: pytest
    env: {"9X": a, C: true}
    timeout: soon
  - id: integration
    title: 7
  - {}
  - text
  - title: c
    id: c
    id: d
    depends_on: [c, nobody]
    paths: ["!"]
    budget_usd: .nan
"""

TOLD = [
    "plan.yaml:1: version: this conductor reads version 1 only (found 2)",
    "plan.yaml:2: nope: unknown key; known: version, defaults, tasks",
    "plan.yaml:4: defaults.priority: should be a whole number (found high)",
    "plan.yaml:6: tasks[0].id: should be 1 to 48 of a-z, 0-9 and '-', not begun with '-' "
    "(found 'Bad Id')",
    "plan.yaml:8: tasks[0].priority: should be less than or equal to 10 (found 11)",
    "plan.yaml:9: tasks[0].prority: unknown key; did you mean priority?",
    "plan.yaml:11: tasks[1].attempts: should be a whole number (found 1.5)",
    "plan.yaml:12: tasks[1].checks: should be a list (found pytest)",
    "plan.yaml:13: tasks[1].env.9X: is no name of an environment variable (found 9X)",
    "plan.yaml:13: tasks[1].env.C: should be text; put it in quotes (found true)",
    "plan.yaml:14: tasks[1].timeout: should be a duration such as 90s, 5m, 2h, 1h30m, or a "
    "number of seconds (found soon)",
    "plan.yaml:15: tasks[2].id: integration is the name of the run's own branch; choose another",
    "plan.yaml:16: tasks[2].title: should be text; put it in quotes (found 7)",
    "plan.yaml:17: tasks[3]: needs a prompt or a title",
    "plan.yaml:18: tasks[4]: should be a mapping of a task's keys",
    "plan.yaml:21: tasks[5].id: the key stands twice (first on line 20)",
    "plan.yaml:22: tasks[5].depends_on[0]: c depends on itself",
    "plan.yaml:22: tasks[5].depends_on[1]: no task has the id nobody; "
    "known: Bad Id, b, integration, task-4, task-5, c",
    "plan.yaml:23: tasks[5].paths[0]: is no .gitignore pattern: Invalid git pattern: '!' (found !)",
    "plan.yaml:24: tasks[5].budget_usd: should be a finite number (found nan)",
]


def test_every_fault_at_once_on_its_line() -> None:
    assert faults(WRONG) == TOLD


def test_a_cycle_is_named_whole() -> None:
    text = """\
tasks:
  - {title: a, depends_on: [b]}
  - {title: b, depends_on: [c]}
  - {title: c, depends_on: [a]}
"""
    assert faults(text) == ["plan.yaml:2: tasks[0].depends_on: a cycle: a → b → c → a"]


def test_a_long_chain_is_no_cycle() -> None:
    edges = {str(i): [str(i + 1)] for i in range(5000)} | {"5000": list[str]()}
    assert find_cycles(edges) == []
    edges["5000"] = ["4999"]
    assert find_cycles(edges) == [("4999", "5000")]


def test_ids_that_stand_twice() -> None:
    text = "tasks: [{id: a, title: x}, {id: a, title: y}]"
    assert faults(text) == ["plan.yaml:1: tasks[1].id: the id a stands twice (first in tasks[0])"]


def test_agents_are_known_or_told() -> None:
    text = "defaults: {agent: clade}\ntasks:\n- {title: a}\n- title: b\n  agent: nobody\n"
    assert faults(text, agents=["claude", "fake"]) == [
        "plan.yaml:1: defaults.agent: no agent is called clade; did you mean claude?",
        "plan.yaml:5: tasks[1].agent: no agent is called nobody; known: claude, fake",
    ]
    assert [task.agent for task in plan(text)] == ["clade", "nobody"]


def test_who_does_a_task_that_names_nobody() -> None:
    text = "tasks: [{title: a}]"
    assert plan(text)[0].agent == "claude"
    assert plan(text, agents=["fake", "claude"])[0].agent == "claude"
    assert plan(text, agents=["fake", "other"])[0].agent == "fake"
    assert plan(text, agents=["fake", "other"], default_agent="other")[0].agent == "other"
    assert faults(text, agents=["fake"], default_agent="x") == [
        "plan.yaml:1: tasks[0].agent: no agent is called x; known: fake"
    ]


def test_a_dependency_may_name_a_task_of_the_open_run() -> None:
    text = "tasks: [{title: a, depends_on: [old]}]"
    assert plan(text, known=["old"])[0].depends_on == ("old",)
    assert faults(text) == ["plan.yaml:1: tasks[0].depends_on[0]: no task has the id old; known: a"]


IDS = [
    (["Add slugify()"], ["add-slugify"]),
    (["a", "a", "A!"], ["a", "a-2", "a-3"]),
    (["integration"], ["integration-2"]),
    (["!!!", "???"], ["task-1", "task-2"]),
    (["Ärger über Öl"], ["arger-uber-ol"]),
    (["x" * 80, "x" * 80], ["x" * 48, "x" * 46 + "-2"]),
    (["--- a"], ["a"]),
]


@pytest.mark.parametrize(("titles", "ids"), IDS)
def test_ids_are_made_of_titles(titles: list[str], ids: list[str]) -> None:
    text = json.dumps({"tasks": [{"title": title} for title in titles]})
    assert [task.id for task in plan(text, "p.json")] == ids


def test_a_made_id_gives_way_to_a_given_one() -> None:
    text = "tasks: [{title: a}, {id: a, title: b}]"
    assert [task.id for task in plan(text)] == ["a-2", "a"]


def test_title_and_prompt_stand_in_for_each_other() -> None:
    one, two = plan('tasks: [{prompt: "\\n  First line \\nsecond"}, {title: "Two\\n words"}]')
    assert (one.title, one.prompt) == ("First line", "\n  First line \nsecond")
    assert (two.title, two.prompt) == ("Two words", "Two words")
