"""Reading plans in tests: the tasks, or the faults as they are told."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_tui.domain.errors import EXIT_USAGE, PlanError
from conductor_tui.domain.task import Task
from conductor_tui.settings.plan import load_plan


def faults(text: str, name: str = "plan.yaml", **given: Any) -> list[str]:
    given.setdefault("agents", None)
    with pytest.raises(PlanError) as caught:
        load_plan(name, text, **given)
    assert caught.value.exit_code == EXIT_USAGE
    return [str(fault) for fault in caught.value.faults]


def plan(text: str, name: str = "plan.yaml", **given: Any) -> list[Task]:
    given.setdefault("agents", None)
    return load_plan(name, text, **given)
