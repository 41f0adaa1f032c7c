"""The real `claude` and a judge on a loopback Ollama: what a verdict does, and its absence not."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.external import main_job
from tests.support.external import external
from tests.support.messages_api import MessagesServer
from tests.support.model_script import ModelScript, Step, say
from tests.support.ollama_server import MODEL, Asked, OllamaServer, Reply, in_fences
from tests.support.proc import Batch, Json, batch, conductor, of, require_gapless

pytestmark = [pytest.mark.external, pytest.mark.timeout(120)]

HINT = "Use replace(), so that blanks become hyphens."
GREEN = "test -s textkit/slug.py"
RED = "test -s textkit/nowhere.py"
TASK: Json = {"id": "slug", "checks": [GREEN], "title": "slug: make it", "prompt": "Make slug()."}


def good(asked: Asked) -> str:
    """Answer like a model that likes what it sees, and cites a line that it was shown."""
    shown = re.search(r"^\| === (\S+) \(\w+\)\n\| +@@\n\| +(\d+) [+ ]", asked.prompt, re.MULTILINE)
    assert shown, asked.prompt
    cited = [{"file": shown[1], "line": int(shown[2])}, {"file": "made/up.py", "line": 7}]
    met = {"text": "It is made.", "status": "met", "evidence": cited}
    return json.dumps(
        {"requirements": [met], "issues": [], "score": 92, "confidence": 90, "summary": "Fine."}
    )


def bad(asked: Asked, text: str = "Blanks are not replaced.") -> str:
    """Answer like a model that has found something."""
    issue = {"severity": "blocking", "file": "textkit/slug.py", "line": 2, "text": text}
    return json.dumps(
        {"requirements": [], "issues": [issue], "score": 30, "confidence": 90, "feedback": HINT}
    )


def held(asked: Asked) -> Reply:
    """Begin to answer, and get no further."""
    return Reply(good(asked), gate="late", gate_after=2)


def strict(asked: Asked) -> str:
    """Answer by what the diff holds."""
    return in_fences(good(asked) if "replace(" in shown_diff(asked) else bad(asked))


def shown_diff(asked: Asked) -> str:
    """Return what was shown of the change."""
    return asked.prompt.partition("<diff>")[2]


class Scene:
    """A repository with its two models, and the run between them."""

    def __init__(self, repo: Path, env: dict[str, str], claude: MessagesServer) -> None:
        self.repo, self.env, self.claude = repo, env, claude

    @contextmanager
    def run(self, *words: str) -> Iterator[Batch]:
        """Run the plan headless."""
        with batch(self.repo, self.env, "plan.yaml", *words) as run:
            yield run

    def ran(self, *words: str) -> tuple[int, list[Json]]:
        """Run it to its end; return the exit code and the events."""
        with self.run(*words) as run:
            code = run.end(timeout=60)
        require_gapless(run.events)
        return code, run.events


@contextmanager
def scene(
    repo: Path,
    tmp_path: Path,
    ollama: OllamaServer,
    *rounds: list[Step],
    provider: str = "auto",
    **task: Any,
) -> Iterator[Scene]:
    """Prepare a plan of one task, and what `claude` does in each attempt at it."""
    settings = {
        "version": 1,
        "agents": {"claude": {"kind": "claude", "command": [str(external("claude"))]}},
        "judge": {"provider": provider, "model": MODEL, "url": ollama.url, "timeout": "20s"},
        "permissions": main_job.PERMISSIONS,
    }
    (repo / "conductor.yaml").write_text(json.dumps(settings))
    (repo / "plan.yaml").write_text(yaml.safe_dump({"version": 1, "tasks": [TASK | task]}))
    script = ModelScript({"slug": main_job.task_script("slug", *rounds)})
    with MessagesServer(script) as claude:
        yield Scene(repo, main_job.environment(claude, tmp_path), claude)


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer(good) as server:
        yield server


RIGHT = [main_job.write("textkit/slug.py", main_job.RIGHT), say("slug() is there.")]
WRONG = [main_job.write("textkit/slug.py", main_job.WRONG), say("All of it is done and tested.")]


def actions(events: list[Json]) -> list[str]:
    return [event["data"]["action"] for event in of(events, "decision.made")]


def accepted(repo: Path) -> dict[str, str]:
    """Return what lies on the run's branch."""
    return main_job.on_branch(repo, main_job.integration(repo))


def test_accepted_at_the_first_attempt(repo: Path, tmp_path: Path, ollama: OllamaServer) -> None:
    with scene(repo, tmp_path, ollama, RIGHT) as at:
        code, events = at.ran()
        assert code == 0
        assert events[0]["data"]["judge"] == {"provider": "ollama", "model": MODEL}
        (said,) = of(events, "judge.verdict")
        assert said["data"]["model"] == MODEL
        assert said["data"]["verdict"]["score"] == 92
        assert said["data"]["verdict"]["confidence"] == 45  # half of what it cited is not there
        assert [strike["cited"] for strike in said["data"]["struck"]] == ["made/up.py:7"]
        assert actions(events) == ["accept"]
        shown = json.loads(conductor(repo, at.env, "show", "slug", "--json").stdout)
        assert shown["attempts"][0]["verdict"]["score"] == 92
        told = conductor(repo, at.env, "show", "slug").stdout
        for words in ("judged 92 by", "It is made. (textkit/slug.py:1)", "struck   made/up.py:7"):
            assert words in told
    (asked,) = ollama.chats
    assert asked.schema is not None
    assert "| slug() is there." in asked.prompt
    assert f"| {GREEN}\n| exit code 0" in asked.prompt
    assert accepted(repo)["textkit/slug.py"] == main_job.RIGHT


def test_sent_back_with_the_judges_words(repo: Path, tmp_path: Path, ollama: OllamaServer) -> None:
    ollama.respond = strict
    with scene(repo, tmp_path, ollama, WRONG, RIGHT, provider="ollama") as at:
        code, events = at.ran()
        assert code == 0
        assert actions(events) == ["retry", "accept"]
        first, second = at.claude.prompts("slug")
        assert HINT not in first
        assert HINT in second
        assert "textkit/slug.py:2: Blanks are not replaced." in second
        assert len(at.claude.sessions("slug")) == 1
    assert f"| {HINT}" in ollama.chats[1].prompt
    assert accepted(repo)["textkit/slug.py"] == main_job.RIGHT


def test_the_same_issue_twice_asks(repo: Path, tmp_path: Path, ollama: OllamaServer) -> None:
    ollama.respond = bad
    again = [main_job.write("textkit/other.py", "x = 1\n"), say("Mended.")]
    with scene(repo, tmp_path, ollama, WRONG, again, attempts=5) as at:
        code, events = at.ran("--on-breakpoint", "skip")
        assert code == 3
        assert actions(events) == ["retry", "ask"]
        (point,) = of(events, "breakpoint.raised")
        assert "the same as before" in point["data"]["reason"]
        assert HINT in point["data"]["evidence"]["findings"]
    assert "textkit/slug.py" not in accepted(repo)


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_green_checks_do_not_help_against_a_red_judge(
    repo: Path, tmp_path: Path, ollama: OllamaServer, policy: str
) -> None:
    ollama.respond = bad
    with scene(repo, tmp_path, ollama, WRONG, attempts=1) as at:
        code, events = at.ran("--on-breakpoint", policy)
    assert code == {"fail": 1, "skip": 3}[policy]
    assert all(event["data"]["ok"] for event in of(events, "check.finished"))
    assert actions(events) == ["ask"]
    assert not of(events, "task.completed")
    assert "textkit/slug.py" not in accepted(repo)


@pytest.mark.parametrize("policy", ["fail", "accept"])
def test_a_green_judge_does_not_help_against_red_checks(
    repo: Path, tmp_path: Path, ollama: OllamaServer, policy: str
) -> None:
    with scene(repo, tmp_path, ollama, RIGHT, RIGHT, attempts=2, checks=[GREEN, RED]) as at:
        code, events = at.ran("--on-breakpoint", policy)
    assert code == 1
    assert actions(events) == ["retry", "ask"]
    assert not ollama.chats
    assert "textkit/slug.py" not in accepted(repo)


def test_the_judge_goes_away_and_comes_back(
    repo: Path, tmp_path: Path, ollama: OllamaServer
) -> None:
    ollama.respond = held
    with scene(repo, tmp_path, ollama, RIGHT) as at, at.run() as run:
        ollama.wait_for(lambda: bool(ollama.chats), "a question")
        ollama.down()
        away = run.wait_for("judge.unavailable")
        waiting = run.wait_for("task.waiting")
        assert (away["attempt"], waiting["data"]["reason"]) == (1, "judge")
        assert not run.of("decision.made")
        ollama.respond = good
        ollama.up()
        assert run.end(timeout=60) == 0
    events = run.events
    require_gapless(events)
    assert actions(events) == ["accept"]
    assert [event["attempt"] for event in of(events, "attempt.started")] == [1]
    assert len(of(events, "judge.verdict")) == 1
    assert not of(events, "breakpoint.raised")
    assert accepted(repo)["textkit/slug.py"] == main_job.RIGHT


def test_work_waits_for_its_judge_in_the_next_process_too(
    repo: Path, tmp_path: Path, ollama: OllamaServer
) -> None:
    ollama.respond = held
    with scene(repo, tmp_path, ollama, RIGHT) as at:
        with at.run() as run:
            ollama.wait_for(lambda: bool(ollama.chats), "a question")
            ollama.down()
            run.wait_for("task.waiting")
            assert run.end(signal.SIGTERM) == 143
        first = run.events
        with batch(repo, at.env, "--resume") as run:
            run.wait_for("run.resumed")
            ollama.respond = good
            ollama.up()
            assert run.end(timeout=60) == 0
        events = first + run.events
        require_gapless(events)
        assert events[len(first)]["data"]["judge"] == {"provider": "ollama", "model": MODEL}
        assert len(at.claude.prompts("slug")) == 1
    assert actions(events) == ["accept"]
    scopes = [event["data"]["on"] for event in of(events, "check.finished")]
    assert scopes.count("workspace") == 1  # they were not run again for the judge
    assert len(of(events, "attempt.started")) == 1
    assert accepted(repo)["textkit/slug.py"] == main_job.RIGHT
