"""The main job, headless: the real `claude` does a plan of eight tasks, four at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.external import main_job
from tests.support.external import external
from tests.support.fingerprint import fingerprint
from tests.support.messages_api import MessagesServer
from tests.support.proc import Batch, batch, conductor, of, require_gapless

pytestmark = pytest.mark.external


def answer_all(run: Batch, repo: Path, environment: dict[str, str]) -> None:
    """Answer the three breakpoints from another process, as they come."""
    for task in ("manual", "guard", "ask"):
        point = run.wait_for("breakpoint.raised", task)
        listed = conductor(repo, environment, "breakpoint", "list", "--json")
        assert point["data"]["id"] in [one["id"] for one in json.loads(listed.stdout)]
        told = conductor(
            repo,
            environment,
            *("breakpoint", "resolve", point["data"]["id"], *main_job.answers(point)),
        )
        assert told.returncode == 0, told.stderr


def read(repo: Path, environment: dict[str, str], *words: str) -> Any:
    """Return what a command prints as JSON."""
    ran = conductor(repo, environment, *words, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.timeout(120)
def test_eight_tasks_headless(repo: Path, tmp_path: Path) -> None:
    program = external("claude")
    main_job.prepare(repo, program)
    before = fingerprint(repo)
    with MessagesServer(main_job.model()) as server:
        environment = main_job.environment(server, tmp_path)
        with batch(repo, environment, "plan.yaml", "--on-breakpoint", "wait") as run:
            for task in main_job.FIRST:
                server.wait_for(task)
            server.open(main_job.GATE)
            answer_all(run, repo, environment)
            assert run.end(timeout=60) == 0, run.stderr
        events = run.events
        main_job.require_the_facts(events, server)
    require_gapless(events)
    assert (events[0]["type"], events[-1]["type"]) == ("run.started", "run.finished")
    assert events[-1]["data"]["exit_code"] == 0
    assert {event["data"]["by"] for event in of(events, "breakpoint.resolved")} == {"cli"}
    main_job.require_merged(repo)
    assert fingerprint(repo) == before
    require_readable(repo, environment, events)
    require_landed(repo, environment)


def test_nobody_is_there(repo: Path, tmp_path: Path) -> None:
    tasks = [
        {key: value for key, value in task.items() if key != "depends_on"}
        for task in main_job.TASKS
        if task["id"] in ("manual", "guard", "ask")
    ]
    main_job.prepare(repo, external("claude"), tasks=tasks)
    before = fingerprint(repo)
    with MessagesServer(main_job.unattended_model()) as server:
        with batch(repo, main_job.environment(server, tmp_path), "plan.yaml") as run:
            assert run.end(timeout=50) == 0, run.stderr
        assert not server.unscripted
        for task, tool in (("manual", "Bash"), ("guard", "Bash"), ("ask", "AskUserQuestion")):
            refused, written = server.tool_results(task)
            assert (refused.tool, refused.is_error) == (tool, True), refused
            assert (written.tool, written.is_error) == ("Write", False)
        for task in ("manual", "guard"):
            assert "Nobody is there to answer" in server.tool_results(task)[0].text
    require_gapless(run.events)
    resolved = [event["data"] for event in of(run.events, "breakpoint.resolved")]
    assert [(one["answer"], one["by"]) for one in resolved] == [("reject", "policy:fail")] * 3
    assert sorted(e["task"] for e in of(run.events, "task.completed")) == ["ask", "guard", "manual"]
    assert main_job.merges(repo, main_job.integration(repo)) == ["ask", "guard", "manual"]
    assert fingerprint(repo) == before


def require_readable(repo: Path, environment: dict[str, str], events: list[Any]) -> None:
    """Assert that the reading commands tell the same as the events."""
    status = read(repo, environment, "status")
    assert status["state"] == "completed"
    assert [row["id"] for row in status["tasks"]] == [task["id"] for task in main_job.TASKS]
    assert {row["status"] for row in status["tasks"]} == {"completed"}
    assert status["cost_usd"] > 0
    shown = read(repo, environment, "show", "slug")
    assert [attempt["decision"]["action"] for attempt in shown["attempts"]] == ["retry", "accept"]
    assert shown["attempts"][0]["checks"][0]["ok"] is False
    log = conductor(repo, environment, "log", "slug", "--json")
    told = [json.loads(line) for line in log.stdout.splitlines()]
    assert told == [event for event in events if event["task"] == "slug"]
    diff = conductor(repo, environment, "diff", "count")
    assert "+def count(text):" in diff.stdout, diff.stderr


def require_landed(repo: Path, environment: dict[str, str]) -> None:
    """Assert that the work is in the user's work tree after `land`, beside his own."""
    landed = read(repo, environment, "land")
    assert landed["branch"] == "main"
    assert {name: (repo / name).read_text() for name in main_job.FILES} == main_job.FILES
    assert (repo / "README.md").read_text() == "Not committed yet.\n"
    assert not (repo / "hooked").exists()
    mine = main_job.git(repo, "status", "--porcelain").splitlines()
    assert mine == [" M README.md", "A  notes.txt", "?? conductor.yaml", "?? plan.yaml"]
