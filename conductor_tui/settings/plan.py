"""Plan files: YAML, JSON or a Markdown check-list into tasks, with every fault told at once.

Merge rule of ``defaults``: a key of a task replaces the default's; ``env`` is merged name by name.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path as FilePath
from typing import Any, BinaryIO

from conductor_tui.domain.errors import Fault, PlanError
from conductor_tui.domain.task import Task
from conductor_tui.settings.document import MAX_BYTES, Document, Unreadable, decode
from conductor_tui.settings.jsontree import parse_json
from conductor_tui.settings.planreading import Known, Reading
from conductor_tui.settings.yamltree import parse_yaml

STDIN = "<stdin>"
"""How standard input is called in messages (contract, section 3)."""

MEND = "`conductor init` writes a sample plan with every key"

_BOX_LINE = re.compile(r"^ {0,3}(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\[[ xX]\](?:[ \t]|$)", re.MULTILINE)
_TASKS_LINE = re.compile(r"^tasks[ \t]*:", re.MULTILINE)


def read_plan(source: str | FilePath, stdin: BinaryIO) -> tuple[str, str]:
    """Read a plan file, or standard input for ``-``.

    Returns:
        what messages call it, and its text.

    Raises:
        PlanError: it is not there, a folder, unreadable, too large, or not UTF-8.
    """
    if str(source) == "-":
        name, data = STDIN, stdin.read(MAX_BYTES + 1)
    else:
        name = str(source)
        try:
            with FilePath(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            raise PlanError([Fault(name, None, "", _why(error))], MEND) from None
    try:
        return name, decode(name, data)
    except Unreadable as error:
        raise PlanError([Fault(name, error.line, "", error.text)], MEND) from None


def _why(error: OSError | ValueError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return "there is no such file"
    if number == errno.EISDIR:
        return "is a folder; name the plan file in it"
    return f"cannot be read: {os.strerror(number) if number else error}"


def load_plan(
    source: str | FilePath,
    text: str,
    *,
    agents: Collection[str] | None,
    default_agent: str | None = None,
    known: Collection[str] = (),
) -> list[Task]:
    """Make the tasks of a plan's text, in the plan's order.

    Args:
        source: the file's name, whose suffix tells the format; ``-`` or ``<stdin>`` is sniffed.
        text: what stands in it.
        agents: the configured agents' names; None leaves names of agents unchecked.
        default_agent: who does a task that names nobody; None: ``claude`` where it is
            configured, else the first of ``agents``.
        known: ids of tasks outside the plan that a dependency may name (the open run's).

    Raises:
        PlanError: every fault of the plan, one line each.
    """
    name = STDIN if str(source) == "-" else str(source)
    allowed = Known(_names(agents), _default(agents, default_agent), frozenset(known))
    try:
        document, done = _parse(name, text)
    except Unreadable as error:
        blamed = Document(name).blame(error.path, error.text, error.line)
        raise PlanError([blamed], MEND) from None
    tasks = Reading(document, allowed).tasks()
    if document.faults:
        raise PlanError(sorted(document.faults, key=lambda fault: fault.line or 0), MEND)
    return [task for task in tasks if task.id not in {tasks[index].id for index in done}]


def make_task(
    values: Mapping[str, Any],
    *,
    taken: Collection[str],
    known: Collection[str],
    agents: Collection[str] | None,
    default_agent: str | None = None,
    source: str = "conductor add",
) -> Task:
    """Make one task from keys and values as a plan has them (``conductor add``).

    Args:
        values: the keys that were given.
        taken: ids that are in use; a made id avoids them, a given one may not be among them.
        known: ids a dependency may name.
        agents: the configured agents' names; None leaves the name unchecked.
        default_agent: as for ``load_plan``.
        source: what messages call the origin.

    Raises:
        PlanError: every fault, one line each.
    """
    document = Document(source, {"tasks": [dict(values)]})
    allowed = Known(
        _names(agents), _default(agents, default_agent), frozenset(known), frozenset(taken)
    )
    tasks = Reading(document, allowed).tasks()
    if document.faults:
        faults = [
            Fault(source, None, fault.key.removeprefix("tasks[0]").lstrip("."), fault.text)
            for fault in document.faults
        ]
        raise PlanError(faults)
    return tasks[0]


def _names(agents: Collection[str] | None) -> tuple[str, ...] | None:
    return None if agents is None else tuple(agents)


def _default(agents: Collection[str] | None, wanted: str | None) -> str:
    if wanted is not None:
        return wanted
    return "claude" if agents is None or "claude" in agents else next(iter(agents), "claude")


def _parse(name: str, text: str) -> tuple[Document, frozenset[int]]:
    """Return the plan's document, and which of its tasks are done already."""
    kind = _FORMATS.get(os.path.splitext(name)[1].lower())
    if kind is _parse_markdown or (kind is None and _looks_like_checklist(text)):
        return _checklist(_parse_markdown(name, text))
    if kind is None and text.lstrip().startswith(("{", "[")):
        return _json_or_yaml(name, text), frozenset()
    return (kind or parse_yaml)(name, text), frozenset()


def _parse_markdown(name: str, text: str) -> Document:
    from conductor_tui.settings.marktree import parse_markdown  # its parser takes 30 ms

    return parse_markdown(name, text)


def _looks_like_checklist(text: str) -> bool:
    return _BOX_LINE.search(text) is not None and _TASKS_LINE.search(text) is None


def _json_or_yaml(name: str, text: str) -> Document:
    """Read what begins as JSON does; YAML in flow style does so too."""
    try:
        return parse_json(name, text)
    except Unreadable as as_json:
        try:
            return parse_yaml(name, text)
        except Unreadable:
            raise as_json from None


_FORMATS: Mapping[str, Callable[[str, str], Document]] = {
    ".json": parse_json,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
    ".md": _parse_markdown,
    ".markdown": _parse_markdown,
}


def _checklist(document: Document) -> tuple[Document, frozenset[int]]:
    """Take the marks of done items out; they keep their ids, so that others' do not move."""
    items = document.value["tasks"]
    done = frozenset(index for index, item in enumerate(items) if item.pop("done"))
    if not items:
        text = "no task: write them as top-level items `- [ ] what is to be done`"
        document.faults.append(document.blame((), text))
    elif len(done) == len(items):
        document.faults.append(document.blame((), "every item is done: nothing to do"))
    return document, done
