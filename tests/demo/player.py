"""Plays a script of the sample in a folder, as contract section 4 reads: no engine, no agent."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from conductor_tui.domain.task import Task

Steps = Sequence[Mapping[str, Any]]

STEPS = {"say", "write", "edit", "run", "ask", "question", "wait", "usage", "limit", "exit", "hang"}
"""The words of contract section 4."""


def script(repository: Path, agent: str) -> Mapping[str, Any]:
    """Read an agent's script."""
    settings = yaml.safe_load((repository / "conductor.yaml").read_text(encoding="utf-8"))
    path = repository / settings["agents"][agent]["script"]
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def steps(repository: Path, task: Task, attempt: int = 1) -> Steps:
    """Return the steps of one attempt."""
    read = script(repository, task.agent)
    read = read.get("tasks", {}).get(task.id, read)
    found: Steps = read["attempts"][attempt] if "attempts" in read else read["steps"]
    return found


def flat(steps: Steps) -> list[Mapping[str, Any]]:
    """Return all steps, those behind a denial too."""
    found: list[Mapping[str, Any]] = []
    for step in steps:
        found += [step, *flat(step.get("denied", []))]
    return found


def play(folder: Path, task: Task, attempt: int = 1, *, denied: bool = False) -> None:
    """Do in a folder what the script does to files and by commands."""
    for step in steps(folder, task, attempt):
        _do(folder, task, step)
        if denied:
            for instead in step.get("denied", []):
                _do(folder, task, instead)


def _do(folder: Path, task: Task, step: Mapping[str, Any]) -> None:
    def filled(text: str) -> str:
        return text.replace("{{task.id}}", task.id)

    match step:
        case {"write": {"path": path, "text": text}}:
            target = folder / filled(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(filled(text), encoding="utf-8")
        case {"edit": {"path": path, "old": old, "new": new}}:
            target = folder / filled(path)
            before = target.read_text(encoding="utf-8")
            assert before.count(filled(old)) == 1, f"{path} holds {filled(old)!r} not once"
            target.write_text(before.replace(filled(old), filled(new)), encoding="utf-8")
        case {"run": command}:
            subprocess.run(["sh", "-c", filled(command)], cwd=folder, check=True, timeout=30)


def check(folder: Path, task: Task) -> dict[str, bool]:
    """Run a task's checks; say which are green."""
    return {
        command: subprocess.run(
            ["sh", "-c", command], cwd=folder, capture_output=True, timeout=30, check=False
        ).returncode
        == 0
        for command in task.checks
    }
