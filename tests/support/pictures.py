"""Pictures of runs made by hand, from plans of the trade: what the app is tested on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from conductor_tui.domain import agent_events as agent
from conductor_tui.domain import events
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    DecisionAction,
    Phase,
    RunStatus,
    Scope,
    TaskStatus,
    Usage,
    WaitReason,
)
from conductor_tui.domain.views import (
    AttemptView,
    BreakpointView,
    CheckView,
    DecisionView,
    FileView,
    RunView,
    Snapshot,
    TaskView,
)

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
RUN = "20261120-095500-k3v9"

DIFF = """\
diff --git a/textkit/slug.py b/textkit/slug.py
new file mode 100644
index 0000000..3b18e51
--- /dev/null
+++ b/textkit/slug.py
@@ -0,0 +1,9 @@
+\"\"\"Slugs: titles as parts of addresses.\"\"\"
+
+import re
+
+
+def slugify(text: str) -> str:
+    \"\"\"Return a title in lower case with dashes for spaces.\"\"\"
+    words = re.findall(r"[a-z0-9]+", text.lower())
+    return "-".join(words)
diff --git a/textkit/__init__.py b/textkit/__init__.py
index 9daeafb..1f2c3d4 100644
--- a/textkit/__init__.py
+++ b/textkit/__init__.py
@@ -1,5 +1,6 @@
 \"\"\"A small kit for text.\"\"\"

-from textkit.words import count
+from textkit.slug import slugify
+from textkit.words import count_words

-__all__ = ["count"]
+__all__ = ["count_words", "slugify"]
"""


def at(seconds: float) -> str:
    """Return the time a number of seconds before NOW, as the state writes it."""
    moment = NOW - timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Log:
    """Makes recorded events, numbered and a second apart."""

    def __init__(self) -> None:
        self.said: list[events.Recorded] = []

    def add(self, task: str | None, *happened: events.Event) -> Log:
        """Let events happen to a task."""
        for event in happened:
            seq = len(self.said) + 1
            self.said.append(
                events.Recorded(seq, at(200 - seq), RUN, task, 1 if task else None, event)
            )
        return self


def make_run(**changes: Any) -> RunView:
    """Return a run at work."""
    run = RunView(
        id=RUN,
        status=RunStatus.RUNNING,
        plan=(),
        settings={"max_agents": 4},
        judge={"provider": "ollama", "model": "qwen3-coder:30b"},
        base="1" * 40,
        branch=f"conductor/{RUN}/integration",
        started_at=at(300),
    )
    return replace(run, **changes)


def make_task(name: str, order: int = 0, **changes: Any) -> TaskView:
    """Return a queued task; ``title``, ``checks``, ``depends_on`` … go to its spec."""
    spec_names = {"title", "prompt", "checks", "depends_on", "agent", "paths", "priority"}
    spec_changes = {key: changes.pop(key) for key in list(changes) if key in spec_names}
    given: dict[str, Any] = {
        "title": name,
        "prompt": f"Do {name}.",
        "checks": ("pytest -q",),
        **spec_changes,
    }
    return TaskView(
        spec=Task(id=name, **given),
        order=order,
        **{"queued_at": at(300), "updated_at": at(120), **changes},
    )


def make_attempt(n: int = 1, **changes: Any) -> AttemptView:
    """Return an attempt under way."""
    attempt = AttemptView(
        n=n,
        agent="claude",
        session="0a1b2c3d",
        started_at=at(200),
        usage=Usage(18_240, 2_310, 0.08),
    )
    return replace(attempt, **changes)


def make_point(name: str = "bp-1", **changes: Any) -> BreakpointView:
    """Return an open breakpoint: an agent wants to run a command."""
    point = BreakpointView(
        id=name,
        task="http-retry",
        attempt=1,
        kind=BreakpointKind.PERMISSION,
        reason="No rule allows it, and the mode is manual.",
        ask="Bash: git push origin HEAD:retry --force-with-lease",
        options=("approve", "always", "edit", "reject"),
        ts=at(185),
        evidence={
            "tool": "Bash",
            "input": {"command": "git push origin HEAD:retry --force-with-lease"},
        },
        suggestions=("Reject it: the agent's branch is fetched without a push.",),
    )
    return replace(point, **changes)


def snapshot_of(
    *tasks: TaskView, points: tuple[BreakpointView, ...] = (), **run_changes: Any
) -> Snapshot:
    """Return a picture of these tasks."""
    return Snapshot(
        run=make_run(plan=tuple(task.id for task in tasks), **run_changes),
        tasks={task.id: task for task in tasks},
        breakpoints={point.id: point for point in points},
        seq=len(tasks),
    )


def red_check() -> CheckView:
    """Return a check that failed, with its output."""
    output = (
        "F..                                      [100%]\n"
        "=================== FAILURES ===================\n"
        "_______________ test_retry_after _______________\n"
        "    def test_retry_after():\n"
        ">       assert delay(429, {'Retry-After': '3'}) == 3\n"
        "E       assert 1.0 == 3\n"
        "1 failed, 2 passed in 0.41s"
    )
    return CheckView("pytest -q tests/test_retry.py", Scope.WORKSPACE, False, 1, 1.4, output)


def green_check(check: str = "pytest -q") -> CheckView:
    """Return a check that passed."""
    return CheckView(check, Scope.WORKSPACE, True, 0, 2.1, "14 passed in 1.92s")


def four_at_work() -> tuple[TaskView, ...]:
    """Return a run in its middle: one done, four at work, some to come, one failed."""
    ended: dict[str, Any] = {"ended_at": at(90), "started_at": at(250)}
    accepted = DecisionView(DecisionAction.ACCEPT, "All checks pass; 2 files changed.", 92, 88)
    done = make_attempt(ended_at=at(95), ok=True, checks=(green_check(),), decision=accepted)
    failed = make_attempt(ok=False, ended_at=at(100), checks=(red_check(),))
    return (
        make_task(
            "tokenise",
            0,
            title="Split text into words, numbers and marks",
            status=TaskStatus.COMPLETED,
            attempts=(done,),
            usage=Usage(30_000, 4_000, 0.11),
            commit="c" * 40,
            **ended,
        ),
        *at_work(),
        make_task("cli", 5, title="A command line for the kit", depends_on=("slugify", "cache")),
        make_task("release", 6, title="Write the release notes", depends_on=("cli",)),
        make_task(
            "old-parser",
            7,
            title="Drop the old parser",
            status=TaskStatus.FAILED,
            reason="3 attempts used up; pytest -q fails.",
            attempts=(failed,),
            usage=Usage(10_000, 900, 0.05),
            **ended,
        ),
    )


def at_work() -> tuple[TaskView, ...]:
    """Return four tasks with an agent each."""
    usage = Usage(18_240, 2_310, 0.08)
    running: dict[str, Any] = {"status": TaskStatus.RUNNING, "workspace": "w", "usage": usage}
    return (
        make_task(
            "slugify",
            1,
            title="Add slugify()",
            phase=Phase.WORKING,
            started_at=at(184),
            attempts=(make_attempt(),),
            files={
                "textkit/slug.py": FileView("textkit/slug.py", "added", 9, 0),
                "textkit/__init__.py": FileView("textkit/__init__.py", "modified", 3, 2),
            },
            **running,
        ),
        make_task(
            "http-retry",
            2,
            title="Retry requests the server refuses for a while, as Retry-After says",
            phase=Phase.CHECKING,
            started_at=at(160),
            attempts=(make_attempt(ok=False, ended_at=at(80)), make_attempt(2)),
            budget_from=0,
            **running,
        ),
        make_task(
            "docs-tour",
            3,
            title="Übersicht für Einsteiger — 入門ガイド",
            agent="builder",
            phase=Phase.WORKING,
            started_at=at(61),
            attempts=(make_attempt(usage=Usage(900, 100, None)),),
            **{**running, "usage": Usage(900, 100, None)},
        ),
        make_task(
            "cache",
            4,
            title="Keep parsed files",
            phase=Phase.JUDGING,
            started_at=at(140),
            attempts=(make_attempt(),),
            **running,
        ),
    )


def some_talk() -> list[events.Recorded]:
    """Return what four agents said and did."""
    log = Log()
    log.add("slugify", events.AttemptStarted("claude", "0a1b", 4711))
    log.add("http-retry", events.AttemptStarted("claude", "0a1c", 4712))
    log.add(
        "slugify",
        agent.AgentText("I'll look at how the kit is laid out before I add slugify()."),
        agent.AgentToolCall("t1", "Read", {"file_path": "textkit/__init__.py"}),
        agent.AgentToolResult("t1", True, "1\tA small kit for text.\n2\t\n3\tfrom textkit.words"),
    )
    log.add(
        "http-retry",
        agent.AgentText("The server names the delay in Retry-After, in seconds or as a date."),
        agent.AgentToolCall("t2", "Bash", {"command": "pytest -q tests/test_retry.py"}),
        agent.AgentToolResult("t2", False, "1 failed, 2 passed in 0.41s"),
    )
    log.add("docs-tour", agent.AgentText("Ich beginne mit der Übersicht: 入門ガイド, kurz."))
    log.add(
        "slugify",
        agent.AgentToolCall("t3", "Write", {"file_path": "textkit/slug.py", "content": "…"}),
        agent.AgentToolResult("t3", True, "", DIFF.split("diff --git")[1]),
        agent.AgentPermission(
            "t4", "Bash", {"command": "rm -rf build"}, "deny", "rule", "Use git."
        ),
        agent.AgentRetry(529, 4, "overloaded"),
    )
    log.add(
        "cache",
        agent.AgentText("Parsed files are kept by path and modification time."),
        events.CheckFinished("pytest -q", Scope.WORKSPACE, 0, True, 2.1, "14 passed in 1.92s"),
        events.DecisionMade(DecisionAction.ACCEPT, 92, 88, {}, "all checks pass"),
    )
    log.add("http-retry", events.CheckFinished(*_red()))
    log.add(None, events.Notice("warning", "The judge answers slowly: 14 s for the last verdict."))
    return log.said


def _red() -> tuple[str, Scope, int, bool, float, str]:
    check = red_check()
    return check.check, check.on, 1, False, check.duration_s, check.output


def waiting_run() -> Snapshot:
    """Return a run in which an agent asks for permission and a result is in doubt."""
    tasks = list(four_at_work())
    asks: dict[str, Any] = {
        "status": TaskStatus.WAITING,
        "phase": None,
        "waiting": WaitReason.BREAKPOINT,
    }
    tasks[2] = replace(tasks[2], updated_at=at(185), **asks)
    tasks[4] = replace(
        tasks[4],
        attempts=(make_attempt(ok=True, ended_at=at(70), checks=(red_check(),)),),
        updated_at=at(40),
        **asks,
    )
    return snapshot_of(*tasks, points=(make_point(), result_point()))


def result_point() -> BreakpointView:
    """Return a breakpoint about a result with a red check."""
    check = red_check()
    return make_point(
        "bp-2",
        task="cache",
        kind=BreakpointKind.RESULT,
        reason="All 3 attempts are used up and a check is red.",
        ask="Accept the work of cache, let the agent try again, or give it up?",
        options=("approve", "retry", "reject", "take-over"),
        ts=at(40),
        evidence={
            "checks": [
                {"check": "ruff check", "ok": True, "exit_code": 0},
                {"check": check.check, "ok": False, "exit_code": 1, "output": check.output},
            ],
            "files": ["textkit/cache.py", "tests/test_cache.py"],
        },
        suggestions=(),
    )


def finished_run() -> Snapshot:
    """Return a run at its end: most done, one failed, one blocked."""
    tasks = []
    for task in four_at_work():
        if task.status is TaskStatus.FAILED:
            tasks.append(task)
        elif task.id == "release":
            tasks.append(replace(task, status=TaskStatus.BLOCKED, blocked_by="old-parser"))
        else:
            attempts = task.attempts or (make_attempt(ok=True, ended_at=at(20)),)
            tasks.append(
                replace(
                    task,
                    status=TaskStatus.COMPLETED,
                    phase=None,
                    attempts=attempts,
                    started_at=task.started_at or at(80),
                    ended_at=at(10),
                    commit="c" * 40,
                    usage=Usage(20_000, 3_000, 0.09),
                )
            )
    return snapshot_of(*tasks, status=RunStatus.FAILED, ended_at=at(5), exit_code=1)


def answered(point: BreakpointView, answer: Answer = Answer.APPROVE) -> BreakpointView:
    """Return a breakpoint after its answer."""
    return replace(point, answer=answer, by="app", resolved_at=at(0))
