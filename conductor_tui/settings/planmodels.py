"""The keys a plan file may hold, their kinds and their defaults (contract, section 3)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, Completion
from conductor_tui.settings.fields import (
    Dollars,
    Filled,
    Glob,
    Seconds,
    Text,
    VariableName,
    VariableValue,
    Version,
)


class TaskModel(BaseModel):
    """What may stand in a task, and in ``defaults``; ``Task`` holds what is not set."""

    model_config = ConfigDict(extra="forbid")

    id: Text = ""
    title: Filled = ""
    prompt: Filled = ""
    depends_on: list[Filled] = Field(default_factory=list)
    priority: Annotated[int, Strict(), Field(ge=1, le=10)] = 5
    agent: Filled = ""
    checks: list[Filled] = Field(default_factory=list)
    paths: list[Glob] = Field(default_factory=list)
    changes: Changes = Changes.REQUIRED
    completion: Completion = Completion.VALIDATED
    attempts: Annotated[int, Strict(), Field(ge=1, le=100)] = 3
    timeout: Seconds = 7200.0
    idle_timeout: Seconds = 300.0
    check_timeout: Seconds = 600.0
    budget_usd: Dollars | None = None
    critical: Annotated[bool, Strict()] = False
    env: dict[VariableName, VariableValue] = Field(default_factory=dict)


class PlanModel(BaseModel):
    """The outermost keys; the tasks are checked one by one, so that each fault has its place."""

    model_config = ConfigDict(extra="forbid")

    version: Version = 1
    defaults: Any = None
    tasks: Any = None


_RENAMED = {
    "timeout": "timeout_s",
    "idle_timeout": "idle_timeout_s",
    "check_timeout": "check_timeout_s",
}


def to_task(values: dict[str, Any]) -> Task:
    """Make the domain's task of checked keys; what is not among them is the task's default."""
    named = {_RENAMED.get(key, key): value for key, value in values.items()}
    for key in ("depends_on", "checks", "paths"):
        if key in named:
            named[key] = tuple(dict.fromkeys(named[key]))
    return Task(**named)
