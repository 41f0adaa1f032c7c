"""Runs as a user starts them, on a real repository with scripted agents: what must not go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SETTINGS = """\
agents: {fake: {kind: scripted, script: fake.yaml}}
judge: {provider: none}
"""


def conductor(repo: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a repository."""
    command = [sys.executable, "-m", "conductor_tui", *words]
    given = {"capture_output": True, **more}
    return subprocess.run(command, cwd=repo, text=True, timeout=50, check=False, **given)


def git(repo: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=repo, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def job(repo: Path) -> Path:
    """Return the repository with an agent that writes out.txt."""
    (repo / "conductor.yaml").write_text(SETTINGS)
    (repo / "fake.yaml").write_text("steps:\n  - write: {path: out.txt, text: done}\n")
    return repo


def plan(repo: Path, *tasks: dict[str, Any]) -> str:
    (repo / "plan.json").write_text(json.dumps({"tasks": list(tasks)}))
    return "plan.json"


def merged_files(repo: Path) -> list[str]:
    branch = git(repo, "branch", "--list", "conductor/*/integration", "--format=%(refname)")
    return git(repo, "ls-tree", "-r", "--name-only", branch).splitlines()


def test_what_a_check_leaves_is_not_part_of_the_work(job: Path) -> None:
    before = git(job, "ls-files").splitlines()
    check = f"mkdir -p src; echo evil > src/x.py; rm {before[0]}; echo more >> out.txt"
    ran = conductor(job, "--batch", plan(job, {"title": "Write", "checks": [check]}), "--json")
    assert ran.returncode == 0, ran.stderr
    assert merged_files(job) == sorted([*before, "out.txt"])
    branch = git(job, "branch", "--list", "conductor/*/integration", "--format=%(refname)")
    assert git(job, "show", f"{branch}:out.txt") == "done"
