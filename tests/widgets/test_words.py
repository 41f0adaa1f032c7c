"""Ages, money and states in words."""

from __future__ import annotations

import pytest

from conductor_tui.domain.values import RunStatus, TaskStatus, Usage
from conductor_tui.widgets import words
from tests.support.pictures import NOW, at, make_task


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (8.9, "8s"), (60, "1m"), (3599, "59m"), (3900, "1h05"), (200_000, "2d")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("usages", "text"),
    [
        ([], "$0.00"),
        ([Usage(10, 10, 0.42)], "$0.42"),
        ([Usage(10, 10, 0.4), Usage(5, 5, None)], "≥$0.40"),
        ([Usage(5, 5, None)], "?"),
        ([Usage()], "$0.00"),
    ],
)
def test_money(usages: list[Usage], text: str) -> None:
    assert words.money(usages) == text


def test_every_state_has_a_glyph_and_a_word_of_its_own() -> None:
    assert set(words.TASK_SIGNS) == set(TaskStatus)
    assert set(words.RUN_SIGNS) == set(RunStatus)
    assert len({sign.glyph for sign in words.TASK_SIGNS.values()}) == len(TaskStatus)
    assert len({sign.word for sign in words.TASK_SIGNS.values()}) == len(TaskStatus)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (TaskStatus.QUEUED, "5m"),
        (TaskStatus.RUNNING, "1m"),
        (TaskStatus.WAITING, "2m"),
        (TaskStatus.COMPLETED, "40s"),
    ],
)
def test_ages_of_tasks(status: TaskStatus, text: str) -> None:
    ended = at(20) if status is TaskStatus.COMPLETED else None
    task = make_task("t", status=status, started_at=at(60), ended_at=ended)
    assert words.task_age(task, NOW) == text


def test_times_that_are_none_are_no_error() -> None:
    assert words.age("soon", NOW) == ""
    assert words.age(None, NOW) == ""
    assert words.time_of_day("soon", NOW) == ""
    assert words.time_of_day(at(0), NOW) == "10:00:00"
