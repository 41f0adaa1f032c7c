"""Plans in each format: check-lists, JSON, YAML with its traps, files that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from conductor_tui.domain.errors import PlanError
from conductor_tui.settings.plan import make_task, read_plan
from tests.settings.plans import faults, plan

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
