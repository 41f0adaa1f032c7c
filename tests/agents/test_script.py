"""Script files: what they mean, and each fault with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conductor_tui.agents.script import load_script, parse_script
from conductor_tui.domain.errors import SettingsError

ALL = """\
version: 1
steps:
  - say: Task {{task.id}}, try {{ attempt }}
  - write: {path: a.txt, text: "{{feedback}} {{ other }}"}
  - edit: {path: a.txt, old: a, new: b}
  - run: pytest -q
  - ask: {tool: Bash, input: {command: "echo {{attempt}}", n: [1, "{{task.id}}"]}}
    denied:
      - say: Not {{task.id}}.
  - question: Which?
  - wait: 1h30m
  - usage: {input: 10, output: 2, cost_usd: 1}
  - limit: {resets_in: 5m}
  - exit: 3
  - hang: true
"""


def test_every_word_filled_in() -> None:
    assert parse_script(ALL, "fake.yaml").play("slugify", 2, "red") == [
        {"say": "Task slugify, try 2"},
        {"write": {"path": "a.txt", "text": "red {{ other }}"}},
        {"edit": {"path": "a.txt", "old": "a", "new": "b"}},
        {"run": "pytest -q"},
        {
            "ask": {"tool": "Bash", "input": {"command": "echo 2", "n": [1, "slugify"]}},
            "denied": [{"say": "Not slugify."}],
        },
        {"question": "Which?"},
        {"wait": 5400.0},
        {"usage": {"input": 10, "output": 2, "cost_usd": 1.0}},
        {"limit": {"resets_in": 300.0}},
        {"exit": 3},
        {"hang": True},
    ]


def test_a_value_that_looks_like_a_template_is_not_filled_again() -> None:
    script = parse_script("steps: [{say: '{{feedback}}'}]", "f")
    assert script.play("t", 1, "{{task.id}}") == [{"say": "{{task.id}}"}]


def said(text: str, task: str, attempt: int) -> Any:
    steps = parse_script(text, "f").play(task, attempt, "")
    return None if steps is None else [step["say"] for step in steps]


@pytest.mark.parametrize(
    "attempts",
    [
        "[[{say: a}], [{say: b}]]",
        "[{steps: [{say: a}]}, {steps: [{say: b}]}]",
        "{1: [{say: a}], 2: [{say: b}]}",
        "{1: {steps: [{say: a}]}, 2: [{say: b}]}",
    ],
)
def test_steps_for_each_attempt_the_last_one_repeating(attempts: str) -> None:
    text = f"attempts: {attempts}"
    assert [said(text, "t", n) for n in (1, 2, 3)] == [["a"], ["b"], ["b"]]


def test_numbered_attempts_may_leave_gaps() -> None:
    text = "attempts: {1: [{say: a}], 3: [{say: c}]}"
    assert [said(text, "t", n) for n in (1, 2, 3, 9)] == [["a"], ["a"], ["c"], ["c"]]


def test_tasks_have_steps_of_their_own() -> None:
    text = """
steps: [{say: all}]
tasks:
  one: {steps: [{say: one}]}
  two: {attempts: [[{say: first}], [{say: second}]]}
"""
    assert said(text, "one", 2) == ["one"]
    assert said(text, "two", 2) == ["second"]
    assert said(text, "three", 1) == ["all"]
    assert said("tasks: {one: {steps: []}}", "three", 1) is None
    assert said("tasks: {one: {steps: []}}", "one", 1) == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("steps:\n  - say: a\n  - sya: b\n", ["f:3: steps[1].sya: unknown"]),
        ("steps:\n  - {say: a, run: b}\n", ["f:2: steps[0]: a step has exactly one of"]),
        ("steps:\n  - {}\n", ["f:2: steps[0]: a step has exactly one of"]),
        ("steps:\n  - say: 5\n", ["f:2: steps[0].say: Input should be a valid string"]),
        ("steps:\n  - wait: soon\n", ["f:2: steps[0].wait: a duration like 90s"]),
        ("steps:\n  - wait: -1\n", ["f:2: steps[0].wait: Input should be greater"]),
        ("steps:\n  - hang: false\n", ["f:2: steps[0]: `hang` takes only true"]),
        ("steps:\n  - exit: 256\n", ["f:2: steps[0].exit: Input should be less"]),
        ("steps:\n  - say: a\n    denied: []\n", ["f:2: steps[0]: `denied` belongs to"]),
        (
            "steps:\n- ask: {tool: Bash}\n  denied:\n  - wirte: {}\n",
            ["f:4: steps[0].denied[0].wirte: unknown"],
        ),
        (
            "steps:\n  - write:\n      path: a\n      txt: b\n",
            ["f:3: steps[0].write.text: Field required", "f:4: steps[0].write.txt: unknown"],
        ),
        (
            "attempts:\n  - steps:\n      - say: a\n      - x: 1\n",
            ["f:4: attempts[0][1].x: unknown"],
        ),
        ("attempts: []\n", ["f:1: attempts: Value should have at least 1"]),
        ("steps: []\nattempts: [[]]\n", ["f:1: either `steps` or `attempts`"]),
        ("tasks:\n  a:\n    step: []\n", ["f:3: tasks.a.step: unknown"]),
        ("steps:\n  - say: '{{task.title}}'\n", ["f:2: there is no {{task.title}}"]),
        ("steps: []\nsteps: []\n", ["f:2: steps: stands twice"]),
        ("- say: a\n", ["f:1: has none of `steps`"]),
        ("", ["f:1: has none of `steps`"]),
        ("steps: [\n", ["f:2: no YAML"]),
        ("steps: &a [*a]\n", ["f:1: steps[0]"]),
    ],
)
def test_faults_are_told_all_at_once_with_their_lines(text: str, faults: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_script(text, "f")
    told = str(caught.value).splitlines()
    assert len(told) == len(faults), told
    assert all(line.startswith(begin) for line, begin in zip(told, faults, strict=True)), told


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_script(tmp_path / "none.yaml")
    (tmp_path / "some.yaml").write_text("steps: [{say: hi}]")
    assert load_script(tmp_path / "some.yaml").play("t", 1, "") == [{"say": "hi"}]
