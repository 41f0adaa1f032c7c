"""What an agent is told: everything it needs, nothing with a hole in it."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Answer, Changes
from conductor_tui.domain.views import Grant
from conductor_tui.supervision.prompts import Dependency, Prompts

TASK = Task("a", "Add a {{ trap }}", "Do it {% raw %}.", checks=("make check",), paths=("src/**",))


def test_a_task_says_what_is_wanted_and_how_it_is_proved() -> None:
    told = Prompts().task(TASK, [Dependency("b", "Made b", ("src/b.py",))], None)
    assert "Do it {% raw %}." in told
    assert "# Add a {{ trap }}" in told
    assert "    make check" in told
    assert "src/**" in told
    assert "- Made b (b): src/b.py" in told
    assert "last attempt" not in told


def test_what_is_not_there_leaves_no_trace() -> None:
    told = Prompts().task(Task("a", "A", "Do."), [], None)
    assert told.count("##") == 1
    assert "None" not in told


def test_a_task_that_may_not_change_files_is_told_so() -> None:
    told = Prompts().task(Task("a", "A", "Look.", changes=Changes.NONE), [], None)
    assert "must not change any file" in told


def test_feedback_says_what_to_mend() -> None:
    told = Prompts().feedback(TASK, 2, "the check is red")
    assert "attempt 2" in told
    assert "the check is red" in told


def test_a_stopped_agent_hears_what_was_answered_meanwhile() -> None:
    grants = [
        Grant("b1", "Bash", {"command": "git push"}, Answer.REJECT, "not now"),
        Grant("b2", "Write", {"file_path": "x"}, Answer.APPROVE),
    ]
    told = Prompts().resume(TASK, grants, None)
    assert "use Bash was denied meanwhile: not now." in told
    assert "use Write was allowed meanwhile." in told


def test_a_missing_fact_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        Prompts()._render("task", task=TASK)
