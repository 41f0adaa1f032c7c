"""What can be wrong with the dependencies of a plan: unknown ids, a task on itself, cycles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from conductor_tui.domain.errors import Fault
from conductor_tui.settings.document import Document, Path
from conductor_tui.settings.faults import suggestion


def dependency_faults(
    document: Document, tasks: Sequence[Mapping[str, Any]], known: Collection[str]
) -> list[Fault]:
    """Return the faults of all ``depends_on``.

    Args:
        document: the plan, for the lines.
        tasks: each task's keys, ``id`` among them.
        known: ids outside the plan that may be named.
    """
    place: dict[str, int] = {}
    for index, task in enumerate(tasks):
        place.setdefault(task["id"], index)
    faults = []
    edges: dict[str, list[str]] = {}
    for index, task in enumerate(tasks):
        inner = edges.setdefault(task["id"], [])
        for number, wanted in enumerate(task.get("depends_on", ())):
            path: Path = ("tasks", index, "depends_on", number)
            if wanted == task["id"]:
                faults.append(document.blame(path, f"{wanted} depends on itself"))
            elif wanted in place:
                inner.append(wanted)
            elif wanted not in known:
                text = f"no task has the id {wanted}{suggestion(wanted, place)}"
                faults.append(document.blame(path, text))
    for cycle in find_cycles(edges):
        named = " → ".join((*cycle, cycle[0]))
        path = ("tasks", place[cycle[0]], "depends_on")
        faults.append(document.blame(path, f"a cycle: {named}"))
    return faults


def find_cycles(edges: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Return a cycle for each back edge met when walking a graph depth first.

    None is missed altogether: a graph has a cycle exactly where this returns one. The walk keeps
    its own stack, so that a chain of any length is walked.

    Args:
        edges: what each node depends on; every node is a key.
    """
    done: set[str] = set()
    cycles = []
    for start in edges:
        if start in done:
            continue
        way, within = [start], {start: 0}
        stack = [iter(edges[start])]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
                ended = way.pop()
                del within[ended]
                done.add(ended)
            elif child in within:
                cycles.append(tuple(way[within[child] :]))
            elif child not in done:
                within[child] = len(way)
                way.append(child)
                stack.append(iter(edges[child]))
    return cycles
