"""Plans: what is made of them, and every fault told at once with its line."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.errors import EXIT_USAGE, PlanError
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, Completion
from conductor_tui.settings.naming import id_fault
from conductor_tui.settings.ordering import find_cycles
from conductor_tui.settings.plan import load_plan, make_task, read_plan

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


def faults(text: str, name: str = "plan.yaml", **given: Any) -> list[str]:
    given.setdefault("agents", None)
    with pytest.raises(PlanError) as caught:
        load_plan(name, text, **given)
    assert caught.value.exit_code == EXIT_USAGE
    return [str(fault) for fault in caught.value.faults]


def plan(text: str, name: str = "plan.yaml", **given: Any) -> list[Task]:
    given.setdefault("agents", None)
    return load_plan(name, text, **given)


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


def test_every_fault_at_once_on_its_line() -> None:
    text = """\
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
    assert faults(text) == [
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
        "plan.yaml:15: tasks[2].id: integration is the name of the run's own branch; "
        "choose another",
        "plan.yaml:16: tasks[2].title: should be text; put it in quotes (found 7)",
        "plan.yaml:17: tasks[3]: needs a prompt or a title",
        "plan.yaml:18: tasks[4]: should be a mapping of a task's keys",
        "plan.yaml:21: tasks[5].id: the key stands twice (first on line 20)",
        "plan.yaml:22: tasks[5].depends_on[0]: c depends on itself",
        "plan.yaml:22: tasks[5].depends_on[1]: no task has the id nobody; "
        "known: Bad Id, b, integration, task-4, task-5, c",
        "plan.yaml:23: tasks[5].paths[0]: is no .gitignore pattern: Invalid git pattern: '!' "
        "(found !)",
        "plan.yaml:24: tasks[5].budget_usd: should be a finite number (found nan)",
    ]


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


CHECKLIST = """\
# Work

Some words, and a list that is none:

- plain
- [ ] First *task*
  goes on here
- [x] Done already
- [ ] Second

  With a paragraph,

      code
  - [ ] nested
1. [ ] Numbered
* [X] done too

> - [ ] quoted
"""


def test_a_checklist() -> None:
    tasks = plan(CHECKLIST, "todo.md")
    assert [(task.id, task.title) for task in tasks] == [
        ("first-task-goes-on-here", "First *task* goes on here"),
        ("second", "Second"),
        ("numbered", "Numbered"),
    ]
    assert tasks[0].prompt == "First *task* goes on here"
    assert tasks[1].prompt == "Second\n\nWith a paragraph,\n\n    code\n- [ ] nested"
    assert plan(CHECKLIST, "-") == tasks == plan(CHECKLIST.replace("\n", "\r\n"), "-")


def test_ids_of_a_checklist_stay_when_items_are_done() -> None:
    before = plan("- [ ] a\n- [ ] a\n- [ ] !\n", "p.md")
    after = plan("- [x] a\n- [ ] a\n- [ ] !\n", "p.md")
    assert [task.id for task in before] == ["a", "a-2", "task-3"]
    assert after == before[1:]


EMPTY = [
    ("p.yaml", "", "p.yaml: the plan is empty; it needs `tasks:`"),
    ("p.yaml", "# words\n", "p.yaml: the plan is empty; it needs `tasks:`"),
    ("p.yaml", "tasks:\n", "p.yaml:1: tasks: the plan has no task"),
    ("p.yaml", "tasks: []", "p.yaml:1: tasks: the plan has no task"),
    ("p.yaml", "tasks: {a: 1}", "p.yaml:1: tasks: should be a list of tasks"),
    ("p.yaml", "version: 1", "p.yaml:1: has no `tasks:`"),
    ("p.yaml", "- a", "p.yaml:1: should be a mapping with `tasks:`"),
    ("p.json", "", "p.json:1: not JSON: expected a value, found the end"),
    (
        "p.json",
        '{"tasks": [\n{"title": "a",}]}',
        "p.json:2: not JSON: expected a key in double quotes",
    ),
    (
        "p.json",
        '{"tasks": []} x',
        "p.json:1: not JSON: something follows after the end of the value",
    ),
    ("p.json", '{"tasks": NaN}', "p.json:1: not JSON: expected a value, found 'N'"),
    ("p.json", '{"tasks": [' + "9" * 500 + "]}", "p.json:1: not JSON: a number of too many digits"),
    ("p.md", "words", "p.md:1: no task: write them as top-level items `- [ ] what is to be done`"),
    ("p.md", "- [x] a", "p.md:1: every item is done: nothing to do"),
    ("-", "", "<stdin>: the plan is empty; it needs `tasks:`"),
    ("p.yaml", "a: 1\n---\nb: 2", "p.yaml:2: not YAML: but found another document"),
    ("p.yaml", "a:\n\t- b", "p.yaml:2: not YAML: found character that cannot start any token"),
]


@pytest.mark.parametrize(("name", "text", "told"), EMPTY)
def test_plans_that_are_none(name: str, text: str, told: str) -> None:
    (found,) = faults(text, name)
    assert found.startswith(told)


def test_aliases_are_taken_and_bounded() -> None:
    shared = "x: &x {checks: [a]}\n"
    assert faults(f"{shared}tasks: [{{title: a}}]")[0].startswith("plan.yaml:1: x: unknown key")
    text = (
        "defaults: &d {priority: 2}\ntasks:\n"
        "- {<<: *d, title: a}\n- {<<: [*d], title: b, priority: 3}"
    )
    assert [task.priority for task in plan(text)] == [2, 3]
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
    )
    assert "aliases written out" in faults(bomb)[0]
    assert "an alias stands within what it names" in faults("tasks: &a [*a]")[0]
    assert "nested deeper than" in faults("tasks: " + "[" * 10_000)[0]
    assert "nested deeper than" in faults('{"tasks": ' + "[" * 10_000, "p.json")[0]
    assert "is not taken here" in faults("tasks: !!python/object:os.system x")[0]


def test_text_that_nothing_can_be_given_is_refused() -> None:
    assert faults('{"tasks": [{"title": "a\\u0000"}]}', "p.json") == [
        "p.json:1: tasks[0].title: holds a NUL character (found 'a\\x00')"
    ]
    assert "half of a surrogate" in faults('{"tasks": [{"title": "\\ud800"}]}', "p.json")[0]
    assert plan('{"tasks": [{"title": "\\ud83d\\ude00"}]}', "p.json")[0].title == "\U0001f600"


def test_reading_a_file_and_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbftasks: []")
    assert read_plan(path, io.BytesIO()) == (str(path), "tasks: []")
    assert read_plan("-", io.BytesIO(b"tasks: []")) == ("<stdin>", "tasks: []")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "{}: there is no such file"),
        ("folder", "{}: is a folder; name the plan file in it"),
        (b"a: 1\nb: \xff", "{}:2: not UTF-8 (byte 0xff): save {} as UTF-8"),
        (b"x" * (8 * 1024 * 1024 + 1), "{}: larger than 8 MiB"),
    ],
    ids=["missing", "folder", "latin", "large"],
)
def test_files_that_cannot_be_read(content: str | bytes | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(PlanError) as caught:
        read_plan(path, io.BytesIO())
    assert [str(fault) for fault in caught.value.faults] == [told.format(path, path)]


def test_one_task_from_the_command_line() -> None:
    made = make_task(
        {"title": "A b", "depends_on": ["old"], "timeout": "5m"},
        taken=["a-b"],
        known=["old"],
        agents=["fake"],
    )
    assert (made.id, made.depends_on, made.timeout_s, made.agent) == (
        "a-b-2",
        ("old",),
        300,
        "fake",
    )
    with pytest.raises(PlanError) as caught:
        make_task({"id": "x", "title": "x", "priority": 0}, taken=["x"], known=[], agents=None)
    assert [str(fault) for fault in caught.value.faults] == [
        "conductor add: priority: should be greater than or equal to 1 (found 0)",
        "conductor add: id: a task with the id x is there already",
    ]


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
