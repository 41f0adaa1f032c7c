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


def test_a_link_in_the_place_of_our_folder_is_not_followed(job: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    (job / ".conductor").symlink_to(victim)
    ran = conductor(job, "--batch", plan(job, {"title": "Write", "checks": ["true"]}))
    assert ran.returncode == 2
    assert "symbolic link" in ran.stderr
    assert victim.stat().st_mode & 0o777 == 0o755
    assert list(victim.iterdir()) == []


def test_a_file_in_the_place_of_our_folder_is_told(job: Path) -> None:
    (job / ".conductor").write_text("mine")
    ran = conductor(job, "--batch", plan(job, {"title": "Write", "checks": ["true"]}))
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("as_json", [True, False])
def test_a_run_goes_on_when_nobody_reads_its_output(job: Path, as_json: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        words = ["--batch", plan(job, {"title": "Write", "checks": ["true"]})]
        ran = conductor(
            job,
            *words,
            *(["--json"] if as_json else []),
            capture_output=False,
            stdout=writing,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(writing)
    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr
    assert "out.txt" in merged_files(job)


def test_a_full_output_is_told_and_not_traced(job: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = conductor(job, "status", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "space" in ran.stderr


def test_a_program_that_is_missing_is_told_before_anything_starts(job: Path) -> None:
    (job / "conductor.yaml").write_text("agents: {claude: {kind: claude, command: nosuchclaude}}\n")
    ran = conductor(job, "--batch", plan(job, {"title": "Write", "checks": ["true"]}))
    assert ran.returncode == 2
    assert "agents.claude.command" in ran.stderr
    assert "nosuchclaude" in ran.stderr
    assert git(job, "branch", "--list", "conductor/*") == ""


def test_a_misspelt_command_is_no_plan(job: Path) -> None:
    ran = conductor(job, "stauts")
    assert ran.returncode == 2
    assert "did you mean `conductor status`?" in ran.stderr


def test_a_task_stops_at_its_budget(job: Path) -> None:
    spend = "  - usage: {input: 1, output: 1, cost_usd: 0.5}\n"
    (job / "fake.yaml").write_text(f"steps:\n  - say: hm\n{spend}  - wait: 30s\n{spend}")
    task = {"title": "Write", "checks": ["true"], "budget_usd": 0.3}
    ran = conductor(job, "--batch", plan(job, task), "--json")
    assert ran.returncode == 1
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    (exceeded,) = [event for event in events if event["type"] == "budget.exceeded"]
    assert exceeded["data"] == {"scope": "task write", "used": 0.5, "limit": 0.3}
    (failed,) = [event for event in events if event["type"] == "task.failed"]
    assert "budget" in failed["data"]["reason"]


def test_a_workspace_that_is_gone_is_told_and_its_attempt_is_closed(job: Path) -> None:
    (job / "fake.yaml").write_text("""steps:\n  - run: 'rm -rf ./* .git* "$PWD"'\n""")
    ran = conductor(job, "--batch", plan(job, {"title": "Write", "checks": ["true"]}), "--json")
    assert ran.returncode == 1
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    (failed,) = [event for event in events if event["type"] == "task.failed"]
    assert "is gone" in failed["data"]["reason"]
    assert len([event for event in events if event["type"] == "attempt.finished"]) == 1


def test_the_report_knows_what_was_landed(job: Path) -> None:
    git(job, "add", "-A")
    git(job, "commit", "-qm", "settings")
    ran = conductor(job, "--batch", plan(job, {"title": "W", "checks": ["true"]}), "--land")
    assert ran.returncode == 0, ran.stderr
    assert "landed on main" in ran.stdout
    assert "conductor land" not in ran.stdout


def test_what_submodules_cannot_do_is_told(job: Path) -> None:
    (job / ".gitmodules").write_text("")
    ran = conductor(job, "--batch", plan(job, {"title": "Write", "checks": ["true"]}))
    assert ran.returncode == 0, ran.stderr
    assert "submodules are empty" in ran.stdout


@pytest.mark.parametrize("words", [[], ["status"], ["breakpoint", "resolve"], ["run"]])
def test_every_command_tells_the_version(job: Path, words: list[str]) -> None:
    ran = conductor(job, *words, "--version")
    assert ran.returncode == 0
    assert ran.stdout.startswith("conductor, version ")


def test_agents_that_go_on_alone_are_shown_and_taken_up(job: Path) -> None:
    (job / "fake.yaml").write_text(
        "steps:\n  - run: until test -e ../gate; do sleep 0.05; done\n"
        "  - write: {path: out.txt, text: done}\n"
    )
    words = ["--batch", plan(job, {"title": "Write", "checks": ["true"]}), "--detach"]
    ran = conductor(job, *words, "--timeout", "2s")
    assert ran.returncode == 4
    (agent,) = json.loads(conductor(job, "status", "--json").stdout)["agents"]
    assert agent["task"] == "write"
    assert f"write (pid {agent['pid']})" in conductor(job, "status").stdout
    (job / ".conductor" / "workspaces" / "gate").touch()
    assert conductor(job, "--batch", "--resume").returncode == 0
    assert json.loads(conductor(job, "status", "--json").stdout)["agents"] == []


def test_the_report_knows_what_could_not_be_landed(job: Path) -> None:
    git(job, "add", "-A")
    git(job, "commit", "-qm", "settings")
    git(job, "switch", "-q", "--detach")
    ran = conductor(job, "--batch", plan(job, {"title": "W", "checks": ["true"]}), "--land")
    assert "It was not landed: HEAD is detached" in ran.stdout
    assert "`conductor land`" in ran.stdout
