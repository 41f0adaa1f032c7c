"""The demonstration runs, by the real engine: what it promises can be seen in its events."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from conductor_tui.demo import Sample
from conductor_tui.domain.task import Task
from tests.demo.player import check


def conductor(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run conductor's command line in a folder."""
    command = [sys.executable, "-m", "conductor_tui", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=50, check=False
    )


def git(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def of_type(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == name]


def assert_log_tells_again(place: Path, events: list[dict[str, Any]]) -> None:
    """Any stretch of what was printed is told again: of the run, or of one task."""
    again = conductor(place, "log", "--since", "7", "--json")
    assert [json.loads(line) for line in again.stdout.splitlines()] == events[7:]
    again = conductor(place, "log", "slugify", "--since", "7", "--json")
    of_task = [event for event in events[7:] if event["task"] == "slugify"]
    assert [json.loads(line) for line in again.stdout.splitlines()] == of_task
    assert conductor(place, "log").returncode == 2


def test_the_whole_loop(sample: Sample, plan: dict[str, Task]) -> None:
    place = sample.repository
    before = git(place, "rev-parse", "main")
    ran = conductor(place, "--batch", "plan.yaml", "--json")
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))

    tasks = events[-1]["data"]["tasks"]
    assert {name: task["status"] for name, task in tasks.items()} == dict.fromkeys(
        plan, "completed"
    )
    assert {name: task["attempts"] for name, task in tasks.items()} == {
        name: 2 if name == "slugify" else 1 for name in plan
    }
    assert all(task["cost_usd"] > 0 for task in tasks.values())

    # A check was red, its output was told, and the second attempt heard it.
    retried = [one for one in of_type(events, "decision.made") if one["data"]["action"] == "retry"]
    assert [one["task"] for one in retried] == ["slugify"]
    said = [one["data"]["text"] for one in of_type(events, "agent.text") if one["attempt"] == 2]
    assert any("ca-va-tres-bien" in text for text in said)

    # Nobody was there: both breakpoints were answered by the policy, and the agents went on.
    asked = {
        one["data"]["id"]: (one["task"], one["data"]["kind"])
        for one in of_type(events, "breakpoint.raised")
    }
    assert set(asked.values()) == {("manual", "permission"), ("count", "question")}
    answered = of_type(events, "breakpoint.resolved")
    assert {one["data"]["id"] for one in answered} == set(asked)
    assert {one["data"]["by"] for one in answered} == {"policy:fail"}

    # Work met work: some checks were run on the merged tree, and none was red there.
    merged = [one for one in of_type(events, "check.finished") if one["data"]["on"] == "merged"]
    assert merged
    assert all(one["data"]["ok"] for one in merged)

    assert_log_tells_again(place, events)

    # Nothing of the user's was touched until it is landed; then all of it is there, and green.
    assert git(place, "rev-parse", "main") == before
    assert git(place, "status", "--porcelain") == ""
    landed = conductor(place, "land")
    assert landed.returncode == 0, landed.stderr
    assert "Publishing" in (place / "docs" / "manual.md").read_text(encoding="utf-8")
    for task in plan.values():
        assert all(check(place, task).values()), task.id


def test_what_was_parked_is_answered_later_and_not_asked_again(sample: Sample) -> None:
    place = sample.repository
    parked = conductor(place, "--batch", "plan.yaml", "--json", "--on-breakpoint", "skip")
    assert parked.returncode == 3, parked.stderr
    waiting = json.loads(conductor(place, "breakpoint", "list", "--json").stdout)
    answers = {"permission": ["--approve"], "question": ["--answer", "One word."]}
    assert {point["kind"] for point in waiting} == set(answers)
    for point in waiting:
        words = ["breakpoint", "resolve", point["id"], *answers[point["kind"]]]
        assert conductor(place, *words).returncode == 0

    resumed = conductor(place, "--batch", "--resume", "--json")
    assert resumed.returncode == 0, resumed.stderr
    events = [json.loads(line) for line in resumed.stdout.splitlines()]
    assert of_type(events, "breakpoint.raised") == []
    said = [one["data"]["text"] for one in of_type(events, "agent.text")]
    assert "Answered: One word." in said
    assert not any("may not push" in text for text in said)
