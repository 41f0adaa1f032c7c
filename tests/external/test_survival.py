"""Conductor is stopped in the middle of work: nothing is left alive, and nothing is lost."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.external import main_job, survival_job
from tests.support.external import external
from tests.support.fingerprint import fingerprint
from tests.support.messages_api import MessagesServer
from tests.support.model_script import ModelScript, say
from tests.support.proc import Json, batch, carriers, conductor, of, require_gapless, wait_until

pytestmark = [pytest.mark.external, pytest.mark.timeout(120)]


@pytest.fixture
def server(repo: Path) -> Iterator[MessagesServer]:
    main_job.prepare(
        repo,
        external("claude"),
        tasks=survival_job.TASKS,
        permissions=survival_job.PERMISSIONS,
    )
    with MessagesServer(survival_job.model()) as started:
        yield started


def history(repo: Path, environment: dict[str, str], since: int = 0) -> list[Json]:
    """Return the events of the run as the state has them."""
    ran = conductor(repo, environment, "log", "--json", "--since", str(since))
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_stopped_in_the_middle(
    number: signal.Signals, code: int, repo: Path, tmp_path: Path, server: MessagesServer
) -> None:
    before = fingerprint(repo)
    environment = main_job.environment(server, tmp_path)
    with batch(repo, environment, "plan.yaml") as run:
        name = survival_job.wait_for_the_middle(run, server)
        assert run.end(number) == code
        survival_job.require_nobody(name)
    if number != signal.SIGKILL:
        assert run.events[-1]["type"] == "run.interrupted"
        assert run.events[-1]["data"]["exit_code"] == code
    server.open(survival_job.GATE)
    with batch(repo, environment, "--resume") as resumed:
        assert resumed.end(timeout=50) == 0, resumed.stderr
    require_gapless(run.events)
    require_gapless(resumed.events, resumed.events[0]["seq"])
    assert resumed.events[0]["type"] == "run.resumed"
    events = history(repo, environment)
    require_gapless(events)
    assert events[: len(run.events)] == run.events
    assert events[-len(resumed.events) :] == resumed.events
    survival_job.require_all_done_once(repo, events)
    assert survival_job.living(name) == []
    assert not server.unscripted
    assert fingerprint(repo) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_detached_agents_go_on(
    number: signal.Signals, repo: Path, tmp_path: Path, server: MessagesServer
) -> None:
    environment = main_job.environment(server, tmp_path)
    with batch(repo, environment, "plan.yaml", "--detach") as run:
        name = survival_job.wait_for_the_middle(run, server)
        started = {task: run.of("attempt.started", task)[0]["data"] for task in ("left", "right")}
        run.end(number)
        server.open(survival_job.GATE)
        # Nobody is attached: one ends its turn, the other stands before a tool that it may
        # not use unasked.
        wait_for_words(started["right"]["spool"], '"type":"result"')
        wait_for_words(started["left"]["spool"], '"subtype":"hook_callback"', 2)
        alive = set(carriers("CONDUCTOR_RUN_ID", name))
        assert {data["pid"] for data in started.values()} <= alive
        with batch(repo, environment, "--resume", "--detach") as resumed:
            assert resumed.end(timeout=50) == 0, resumed.stderr
    events = history(repo, environment)
    require_gapless(events)
    survival_job.require_all_done_once(repo, events)
    for task in survival_job.SAID:
        assert len(of(events, "attempt.started", task)) == 1
        said = [event["data"]["text"] for event in of(events, "agent.text", task)]
        assert said == survival_job.SAID[task]
        called = [event["data"] for event in of(events, "agent.tool_call", task)]
        assert [call["tool"] for call in called] == survival_job.CALLED[task]
        results = [event["data"]["id"] for event in of(events, "agent.tool_result", task)]
        assert results == [call["id"] for call in called]
        assert len(of(events, "agent.exited", task)) == 1
        usage = of(events, "agent.usage", task)
        steps = len(survival_job.SAID[task]) if task in started else 2
        assert sum(event["data"]["input"] for event in usage) == 1000 * steps
    assert not server.unscripted
    assert survival_job.living(name) == []


def wait_for_words(spool: str, words: str, times: int = 1) -> None:
    """Wait until an agent's own program has written something so often."""
    file = Path(spool, "stdout")
    wait_until(lambda: file.read_text().count(words) >= times, f"{words} in {file}")


@pytest.mark.parametrize("detach", [False, True])
def test_an_answer_given_while_nobody_runs(detach: bool, repo: Path, tmp_path: Path) -> None:
    tasks = [task for task in main_job.TASKS if task["id"] == "manual"]
    main_job.prepare(repo, external("claude"), tasks=tasks)
    command = main_job.bash(main_job.MANUAL)
    # An agent that was killed is told of the answer, and has to ask once more.
    told = [command, say("Written.")] if detach else [command, command, say("Written.")]
    words = ["--on-breakpoint", "wait", *(["--detach"] if detach else [])]
    with MessagesServer(ModelScript({"manual": main_job.task_script("manual", told)})) as server:
        environment = main_job.environment(server, tmp_path)
        with batch(repo, environment, "plan.yaml", *words) as run:
            point = run.wait_for("breakpoint.raised")["data"]["id"]
            run.wait_for("task.waiting")
            run.end(signal.SIGKILL)
            answered = conductor(repo, environment, "breakpoint", "resolve", point, "--approve")
            assert answered.returncode == 0, answered.stderr
            assert "next start" in answered.stderr
            with batch(repo, environment, "--resume", *words) as resumed:
                assert resumed.end() == 0, resumed.stderr
        assert not server.unscripted
        assert server.tool_results("manual")[-1].is_error is False
        assert len(server.tool_results("manual")) == len(told) - 1
        heard = server.prompts("manual")[1:]
    assert [("was allowed meanwhile" in text) for text in heard] == ([] if detach else [True])
    events = history(repo, environment)
    require_gapless(events)
    for kind in ("breakpoint.raised", "breakpoint.resolved", "task.completed"):
        assert len(of(events, kind)) == 1
    started = [event["data"]["resumed"] for event in of(events, "attempt.started")]
    assert started == ([False] if detach else [False, True])
    assert main_job.git(repo, "show", f"{main_job.integration(repo)}:docs/manual.md")
