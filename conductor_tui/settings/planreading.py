"""From a plan's document to tasks: keys checked, defaults merged, ids made, names resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from conductor_tui.domain.task import Task
from conductor_tui.settings.document import Document, Path
from conductor_tui.settings.faults import explain, suggestion
from conductor_tui.settings.naming import id_fault, make_id, title_of
from conductor_tui.settings.ordering import dependency_faults
from conductor_tui.settings.planmodels import PlanModel, TaskModel, to_task


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan may name that is not in it."""

    agents: tuple[str, ...] | None
    """The configured agents; None: not checked."""
    default_agent: str
    tasks: frozenset[str] = frozenset()
    """Tasks outside the plan that a dependency may name."""
    taken: frozenset[str] = frozenset()
    """Ids that a new task may not have."""


class Reading:
    """One pass over a plan's document; faults gather in the document."""

    def __init__(self, document: Document, known: Known) -> None:
        self._document = document
        self._known = known

    def tasks(self) -> list[Task]:
        """Return the tasks; none where the document has faults afterwards."""
        plan = self._plan()
        if plan is None:
            return []
        given = self._keys(plan.defaults, ("defaults",)) if plan.defaults is not None else {}
        items = self._items(plan)
        tasks = [
            _merged(given, self._keys(item, ("tasks", index))) for index, item in enumerate(items)
        ]
        self._texts(tasks)
        self._ids(tasks)
        self._agents(tasks, given)
        self._document.faults += dependency_faults(self._document, tasks, self._known.tasks)
        if self._document.faults:
            return []
        return [to_task(task) for task in tasks]

    def _blame(self, path: Path, text: str) -> None:
        self._document.faults.append(self._document.blame(path, text))

    def _plan(self) -> PlanModel | None:
        value = self._document.value
        if value is None:
            self._blame((), "the plan is empty; it needs `tasks:`")
            return None
        if not isinstance(value, dict):
            self._blame((), "should be a mapping with `tasks:`")
            return None
        try:
            return PlanModel.model_validate(value)
        except ValidationError as error:
            self._document.faults += explain(self._document, error, PlanModel, ())
            known = {key: value[key] for key in ("defaults", "tasks") if key in value}
            return PlanModel.model_validate(known)

    def _items(self, plan: PlanModel) -> list[Any]:
        if "tasks" not in plan.model_fields_set:
            self._blame((), "has no `tasks:`")
        elif plan.tasks is None or plan.tasks == []:
            if not self._document.faults:
                self._blame(("tasks",), "the plan has no task")
        elif not isinstance(plan.tasks, list):
            self._blame(("tasks",), "should be a list of tasks")
        else:
            return plan.tasks
        return []

    def _keys(self, value: object, path: Path) -> dict[str, Any]:
        """Check one task's own keys; return those that are set and right."""
        if not isinstance(value, dict):
            self._blame(path, "should be a mapping of a task's keys")
            return {"title": "?"}
        try:
            return TaskModel.model_validate(value).model_dump(exclude_unset=True)
        except ValidationError as error:
            self._document.faults += explain(self._document, error, TaskModel, path)
            wrong = {str(found["loc"][0]) for found in error.errors()}
            right = {key: item for key, item in value.items() if key not in wrong}
            kept = TaskModel.model_validate(right).model_dump(exclude_unset=True)
            # A wrong text is told already; that it is then missing would be no news.
            return kept | dict.fromkeys(wrong & {"title", "prompt"}, "?")

    def _texts(self, tasks: list[dict[str, Any]]) -> None:
        """Give each task a title and a prompt, one from the other where one is missing."""
        for index, task in enumerate(tasks):
            title = " ".join(line.strip() for line in task.get("title", "").strip().splitlines())
            prompt = task.get("prompt", "")
            if not title and not prompt:
                self._blame(("tasks", index), "needs a prompt or a title")
            task["title"] = title or title_of(prompt)
            task["prompt"] = prompt or title

    def _ids(self, tasks: list[dict[str, Any]]) -> None:
        """Check the given ids, then make the others, so that a made one gives way."""
        first: dict[str, int] = {}
        for index, task in enumerate(tasks):
            if "id" not in task:
                continue
            path, given = ("tasks", index, "id"), task["id"]
            fault = id_fault(given)
            if fault:
                self._blame(path, fault)
            elif given in self._known.taken:
                self._blame(path, f"a task with the id {given} is there already")
            elif given in first:
                self._blame(path, f"the id {given} stands twice (first in tasks[{first[given]}])")
            first.setdefault(given, index)
        taken = set(first) | self._known.taken
        for index, task in enumerate(tasks):
            if "id" not in task:
                task["id"] = make_id(task["title"], index + 1, taken)
                taken.add(task["id"])

    def _agents(self, tasks: list[dict[str, Any]], given: dict[str, Any]) -> None:
        names = self._known.agents
        for index, task in enumerate(tasks):
            agent = task.setdefault("agent", self._known.default_agent)
            if names is None or agent in names:
                continue
            path: Path = ("tasks", index, "agent")
            if path not in self._document.lines and given.get("agent") == agent:
                path = ("defaults", "agent")
            text = f"no agent is called {agent}{suggestion(agent, names)}"
            fault = self._document.blame(path, text)
            if fault not in self._document.faults:
                self._document.faults.append(fault)


def _merged(given: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    env = given.get("env", {}) | own.get("env", {})
    return given | own | ({"env": env} if env else {})
