"""One sample repository, without pauses, and its plan."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from conductor_tui.demo import Sample, create_sample
from conductor_tui.domain.task import Task
from conductor_tui.settings.plan import load_plan

AGENTS = ("ada", "bo", "cy", "dee")


@pytest.fixture(autouse=True)
def this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `python3` be the Python of the tests: others may need long to start."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return create_sample(tmp_path, speed=0)


@pytest.fixture
def plan(sample: Sample) -> dict[str, Task]:
    text = sample.plan.read_text(encoding="utf-8")
    return {task.id: task for task in load_plan(sample.plan, text, agents=AGENTS)}
