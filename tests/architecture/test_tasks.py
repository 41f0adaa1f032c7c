"""No task without an owner: in the package, tasks are made by a task group and by nothing else.

A loose task loses its error and outlives what it works for. `gather` and `as_completed` count too,
as they make one of every coroutine they are given, and when one fails the others run on with nobody
waiting for them; for tasks that are there already, `asyncio.wait` takes nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, Source, sources

ALWAYS_LOOSE = {"ensure_future", "gather", "as_completed", "run_coroutine_threadsafe"}
CREATE = "create_task"


def names_a_group(node: ast.expr | None) -> bool:
    """Tell whether an expression or annotation speaks of a task group."""
    return node is not None and "TaskGroup" in ast.unparse(node)


def group_names(tree: ast.Module) -> set[str]:
    """Return the variables and attributes of a file that hold a task group."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.withitem(context_expr=made, optional_vars=ast.expr() as target):
                if names_a_group(made):
                    found.add(ast.unparse(target))
            case ast.AnnAssign(target=target, annotation=annotation) if names_a_group(annotation):
                found.add(ast.unparse(target))
                # A field of a dataclass is read through self.
                found.add(f"self.{ast.unparse(target)}")
            case ast.Assign(targets=targets, value=ast.expr() as made) if names_a_group(made):
                found.update(ast.unparse(target) for target in targets)
            case ast.arg(arg=name, annotation=annotation) if names_a_group(annotation):
                found.add(name)
    return found | passed_on(tree, found)


def passed_on(tree: ast.Module, groups: set[str]) -> set[str]:
    """Return the attributes a group is kept in: `self._group = group`."""
    return {
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) in groups
        for target in node.targets
    }


def loose_tasks(source: Source) -> Iterator[str]:
    """Yield one line for each place that makes a task outside a task group, or could."""
    groups = group_names(source.tree)
    for node in ast.walk(source.tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("asyncio"):
                taken = {alias.name for alias in names} & (ALWAYS_LOOSE | {CREATE})
                for name in sorted(taken):
                    yield f"{source.at(node)}: imports {name}"
            case ast.Attribute(attr=name) if name in ALWAYS_LOOSE:
                yield f"{source.at(node)}: {ast.unparse(node)}"
            case ast.Attribute(value=owner, attr=name) if name == CREATE:
                if ast.unparse(owner) not in groups:
                    yield f"{source.at(node)}: {ast.unparse(node)}, which is no task group here"
            case ast.Call(func=ast.Attribute(attr="shield"), args=[ast.Call(), *_]):
                yield f"{source.at(node)}: shield of a call makes a task of its own"


def test_every_task_is_in_a_group() -> None:
    offenders = [line for source in sources(PACKAGE) for line in loose_tasks(source)]
    assert not offenders, "\n" + "\n".join(offenders)


def planted(text: str) -> list[str]:
    return list(loose_tasks(Source(Path("room/file.py"), text, ast.parse(text))))


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio\ntask = asyncio.create_task(work())",
        "from asyncio import create_task",
        "from asyncio.tasks import ensure_future as later",
        "spawn = asyncio.create_task",
        "asyncio.get_running_loop().create_task(work())",
        "loop.create_task(work())",
        "asyncio.ensure_future(work())",
        "await asyncio.gather(one(), two())",
        "await asyncio.shield(work())",
        "class A:\n    def go(self):\n        self._loop.create_task(work())",
    ],
)
def test_a_loose_task_is_named(text: str) -> None:
    assert len(planted(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "async def go():\n    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(work())",
        "def go(group: asyncio.TaskGroup):\n    group.create_task(work())",
        "class A:\n    def __init__(self, group: TaskGroup):\n        self._group = group\n"
        "    def go(self):\n        self._group.create_task(work())",
        "@dataclass\nclass A:\n    group: asyncio.TaskGroup\n"
        "    def go(self):\n        self.group.create_task(work())",
        "await asyncio.shield(task)",
    ],
)
def test_a_task_of_a_group_is_fine(text: str) -> None:
    assert planted(text) == []
