"""What agents are told: templates filled with facts, never with a missing one.

A name that a template uses and nobody supplies is an error (StrictUndefined), because a prompt
with a hole in it is answered confidently. Facts are values, never template source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from conductor_tui.domain.task import Task
from conductor_tui.domain.views import Grant


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a finished task left for those that depend on it."""

    id: str
    title: str
    files: tuple[str, ...] = ()


TEMPLATES = ("task", "feedback", "resume")


class Prompts:
    """The shipped templates, ready to be filled; making it reads files, filling them does not."""

    def __init__(self) -> None:
        environment = ImmutableSandboxedEnvironment(
            loader=PackageLoader("conductor_tui.supervision"),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self._templates = {name: environment.get_template(f"{name}.md.j2") for name in TEMPLATES}

    def task(self, task: Task, dependencies: Sequence[Dependency], feedback: str | None) -> str:
        """Return the first prompt of a session."""
        return self._render("task", task=task, dependencies=dependencies, feedback=feedback)

    def feedback(self, task: Task, attempt: int, feedback: str) -> str:
        """Return the prompt of a further attempt in the same session."""
        return self._render("feedback", task=task, attempt=attempt, feedback=feedback)

    def resume(self, task: Task, grants: Sequence[Grant], feedback: str | None) -> str:
        """Return the prompt for a session whose program was stopped in the middle."""
        return self._render("resume", task=task, grants=grants, feedback=feedback)

    def _render(self, name: str, **facts: object) -> str:
        return self._templates[name].render(facts).strip() + "\n"
