"""The main job: a plan of eight tasks, what the model does on each, and how it all has to end.

The headless run, the app and the runs that are killed play the same job; each shows another face.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.messages_api import MessagesServer, claude_environment
from tests.support.model_script import ModelScript, Step, TaskScript, Usage, say, script, tool
from tests.support.proc import Json, of

PYTHON = shlex.quote(sys.executable)

FIRST = ("slug", "count", "manual", "guard")
"""The tasks that wait for no other: as many as there are agents at once."""

GATE = "four"
"""Behind it stand the first steps of those four, so that they are surely at work at once."""

SHOW_ENVIRONMENT = "xargs -0 -n1 -a /proc/$PPID/environ"
"""What `claude` itself was given: it adds marks of its own for the commands it runs."""

MANUAL = "mkdir -p docs && printf '# Manual\\n' > docs/manual.md"
PUSH = "git push origin HEAD:main"
NO_PUSH = "Nothing leaves this machine: a human publishes."

PERMISSIONS = {
    "allow": ["Read", "Edit", f"Bash({SHOW_ENVIRONMENT})"],
    "ask": ["Bash(git push *)"],
}

WRONG = "def slug(text):\n    return text.lower()\n"
RIGHT = 'def slug(text):\n    return text.lower().replace(" ", "-")\n'
COUNT = "def count(text):\n    return len(text.split())\n"
INDEX = "from textkit.count import count\nfrom textkit.slug import slug\n"

FILES = {
    "textkit/slug.py": RIGHT,
    "textkit/count.py": COUNT,
    "docs/manual.md": "# Manual\n",
    "SECURITY.md": "Not pushed.\n",
    "textkit/separator.py": 'SEPARATOR = "."\n',
    "environment.txt": "looked\n",
    "textkit/index.py": INDEX,
    "REPORT.md": "Eight tasks.\n",
}
"""What lies on the run's branch in the end, besides what was there."""

WHICH = {
    "question": "Which separator?",
    "header": "Separator",
    "multiSelect": False,
    "options": [{"label": "Hyphen", "description": "-"}, {"label": "Dot", "description": "."}],
}


def proves(statement: str) -> str:
    """Return a check that runs a statement of Python in the task's workspace."""
    return f"{PYTHON} -B -c {shlex.quote(statement)}"


def holds(name: str) -> str:
    """Return a check that a file is there and not empty."""
    return f"test -s {name}"


SLUG_CHECK = proves(
    "from textkit.slug import slug; got = slug('Hello World'); assert got == 'hello-world', got"
)

TASKS: tuple[Json, ...] = (
    {"id": "slug", "priority": 9, "checks": [SLUG_CHECK], "paths": ["textkit/**"]},
    {
        "id": "count",
        "priority": 8,
        "checks": [proves("from textkit.count import count; assert count('a b') == 2")],
    },
    {"id": "manual", "priority": 7, "checks": [holds("docs/manual.md")]},
    {"id": "guard", "priority": 6, "checks": [holds("SECURITY.md")]},
    {"id": "ask", "depends_on": ["count"], "checks": [holds("textkit/separator.py")]},
    {"id": "environment", "depends_on": ["slug"], "checks": [holds("environment.txt")]},
    {
        "id": "index",
        "depends_on": ["slug", "count"],
        "checks": [proves("from textkit.index import count, slug; slug('a'), count('a')")],
    },
    {
        "id": "report",
        "depends_on": ["manual", "guard", "ask", "environment", "index"],
        "checks": [holds("REPORT.md"), holds("docs/manual.md")],
    },
)


def plan(tasks: Sequence[Json] = TASKS) -> str:
    """Return tasks as a plan file; each title begins with its id, as the scripts' markers say."""
    entries = [
        {"title": f"{task['id']}: make it", "prompt": f"Do the part called {task['id']}.", **task}
        for task in tasks
    ]
    return yaml.safe_dump({"version": 1, "tasks": entries}, sort_keys=False)


def task_script(name: str, *rounds: Sequence[Step]) -> TaskScript:
    """Return the answers for a task: its marker is the first line of its prompt."""
    return script(*rounds, marker=f"# {name}: make it")


def write(path: str, content: str) -> Step:
    """Return a step that writes a file of the workspace."""
    return tool("Write", file_path=f"{{cwd}}/{path}", content=content)


def bash(command: str) -> Step:
    """Return a step that runs a command in the workspace."""
    return tool("Bash", command=command, description="Do it")


def made(path: str) -> Step:
    """Return the step that writes a file of `FILES`."""
    return write(path, FILES[path])


def model() -> ModelScript:
    """Return what the model says in the main job."""
    slug = "{cwd}/textkit/slug.py"
    fix = tool("Edit", file_path=slug, old_string="lower()", new_string='lower().replace(" ", "-")')
    rounds: dict[str, list[list[Step]]] = {
        "slug": [
            [write("textkit/slug.py", WRONG).behind(GATE), say("slug() is there.")],
            [tool("Read", file_path=slug), fix, say("slug() is corrected.")],
        ],
        "count": [[made("textkit/count.py").behind(GATE), say("count() is there.")]],
        "manual": [[(say("A manual, then.") + bash(MANUAL)).behind(GATE), say("It is written.")]],
        "guard": [[bash(PUSH).behind(GATE), made("SECURITY.md"), say("Not pushed, then.")]],
        "ask": [
            [
                tool("AskUserQuestion", questions=[WHICH]),
                made("textkit/separator.py"),
                say("A dot it is."),
            ]
        ],
        "environment": [[bash(SHOW_ENVIRONMENT), made("environment.txt"), say("I looked.")]],
        "index": [
            [tool("Read", file_path=slug), made("textkit/index.py"), say("Both are listed.")]
        ],
        "report": [[made("REPORT.md"), say("All is told.")]],
    }
    scripts = {name: task_script(name, *told) for name, told in rounds.items()}
    return ModelScript(scripts, usage=Usage(1000, 100))


def unattended_model() -> ModelScript:
    """Return what the model says where nobody answers: it finds a way without what was denied."""
    question = tool("AskUserQuestion", questions=[WHICH])
    rounds = {
        "manual": [bash(MANUAL), made("docs/manual.md"), say("Written another way.")],
        "guard": [bash(PUSH), made("SECURITY.md"), say("Not pushed, then.")],
        "ask": [question, made("textkit/separator.py"), say("I chose the dot.")],
    }
    scripts = {name: task_script(name, told) for name, told in rounds.items()}
    return ModelScript(scripts, usage=Usage(1000, 100))


# -- the user's repository ------------------------------------------------------------------------


def prepare(
    repo: Path,
    program: Path,
    *,
    tasks: Sequence[Json] = TASKS,
    permissions: Json | None = None,
) -> None:
    """Give a repository its settings and a plan, and the traces of a user at work in it."""
    settings = {
        "version": 1,
        "agents": {"claude": {"kind": "claude", "command": [str(program)], "model": "sonnet"}},
        "judge": {"provider": "none"},
        "permissions": PERMISSIONS if permissions is None else permissions,
    }
    (repo / "conductor.yaml").write_text(json.dumps(settings, indent=2))
    (repo / "plan.yaml").write_text(plan(tasks))
    hook = repo / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(repo / 'hooked'))}\n")
    (repo / "README.md").write_text("Put away.\n")
    git(repo, "stash")
    (repo / "notes.txt").write_text("Staged.\n")
    git(repo, "add", "notes.txt")
    (repo / "README.md").write_text("Not committed yet.\n")
    hook.chmod(0o755)


def environment(server: MessagesServer, folder: Path) -> dict[str, str]:
    """Return conductor's own environment: a login, a surrounding session's marks, a secret."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(("GIT_", "XDG_"))}
    marks = {"CLAUDECODE": "1", "CLAUDE_CODE_ENTRYPOINT": "cli", "SECRET_TOKEN": "hush"}
    return claude_environment(server, folder / "claude-home") | ours | marks


def git(repo: Path, *arguments: str) -> str:
    """Return what a git command says."""
    ran = subprocess.run(
        ["git", *arguments], cwd=repo, capture_output=True, text=True, check=True, timeout=20
    )
    return ran.stdout


def integration(repo: Path) -> str:
    """Return the name of the only run's branch."""
    names = git(repo, "branch", "--format=%(refname:short)", "--list", "conductor/*/integration")
    (name,) = names.split()
    return name


def merges(repo: Path, branch: str) -> list[str]:
    """Return the tasks that were merged into a run's branch, in no order, as often as it was."""
    found = git(
        repo,
        *("log", "--first-parent", "--format=%(trailers:key=Conductor-Task,valueonly)"),
        f"main..{branch}",
    )
    return sorted(found.split())


def on_branch(repo: Path, branch: str) -> dict[str, str]:
    """Return the files of `FILES` as they are on a branch."""
    names = git(repo, "ls-tree", "-r", "--name-only", branch).splitlines()
    return {name: git(repo, "show", f"{branch}:{name}") for name in names if name in FILES}


# -- how it has to end -----------------------------------------------------------------------------


def require_the_facts(events: Sequence[Json], server: MessagesServer) -> None:
    """Assert what has to be so of the main job, whichever face was used."""
    ids = [task["id"] for task in TASKS]
    assert sorted(event["task"] for event in of(events, "task.completed")) == sorted(ids)
    attempts = [(event["task"], event["attempt"]) for event in of(events, "attempt.started")]
    assert sorted(attempts) == sorted([*((name, 1) for name in ids), ("slug", 2)])
    assert server.max_concurrent >= 4
    assert not server.unscripted
    _require_order(events)
    _require_four_at_once(events)
    _require_feedback(events, server)
    _require_answers(events, server)
    _require_environment(server)
    for finished in of(events, "attempt.finished"):
        usage = finished["data"]["usage"]
        assert (finished["data"]["ok"], usage["input"] > 0, usage["output"] > 0) == (True,) * 3
        assert finished["data"]["cost_usd"] > 0, finished


def _require_order(events: Sequence[Json]) -> None:
    """Assert that no task began before what it depends on was completed."""
    done = {event["task"]: event["seq"] for event in of(events, "task.completed")}
    for task in TASKS:
        begun = of(events, "task.started", task["id"])[0]["seq"]
        assert all(done[name] < begun for name in task.get("depends_on", []))


def _require_four_at_once(events: Sequence[Json]) -> None:
    """Assert that four tasks ran at once and never more; one that is parked holds no slot."""
    running: set[str] = set()
    most = 0
    for event in events:
        if event["type"] == "task.started":
            running.add(event["task"])
        elif event["type"] in ("task.waiting", "task.completed"):
            running.discard(event["task"])
        most = max(most, len(running))
    assert most == 4


def _require_feedback(events: Sequence[Json], server: MessagesServer) -> None:
    """Assert that the red check's output was told, in the same session."""
    checks = of(events, "check.finished", "slug")
    red = [event for event in checks if not event["data"]["ok"]]
    assert [event["attempt"] for event in red] == [1]
    assert red[0]["data"]["exit_code"] == 1
    assert "AssertionError: hello world" in red[0]["data"]["output"]
    actions = [event["data"]["action"] for event in of(events, "decision.made", "slug")]
    assert actions[:2] == ["retry", "accept"]
    first, second = server.prompts("slug")
    assert "Do the part called slug." in first
    assert "AssertionError: hello world" in second
    assert len(server.sessions("slug")) == 1


def _require_answers(events: Sequence[Json], server: MessagesServer) -> None:
    """Assert what the model was told of its two requests and its question."""
    asked = {event["task"]: event["data"]["kind"] for event in of(events, "breakpoint.raised")}
    assert asked == {"manual": "permission", "guard": "permission", "ask": "question"}
    assert len(of(events, "breakpoint.resolved")) == 3
    decided = {
        (event["task"], event["data"]["decision"])
        for event in of(events, "agent.permission")
        if event["data"]["by"] == "breakpoint"
    }
    assert decided == {("manual", "allow"), ("guard", "deny")}
    assert [result.is_error for result in server.tool_results("manual")] == [False]
    denied, written = server.tool_results("guard")
    assert (denied.tool, denied.is_error) == ("Bash", True)
    assert NO_PUSH in denied.text
    assert (written.tool, written.is_error) == ("Write", False)
    assert '"Which separator?"="Dot"' in server.tool_results("ask")[0].text


def _require_environment(server: MessagesServer) -> None:
    """Assert what the agents' own programs were given, and what not."""
    said = server.tool_results("environment")[0]
    assert not said.is_error, said.text
    given = dict(line.split("=", 1) for line in said.text.splitlines() if "=" in line)
    assert given["CONDUCTOR_TASK_ID"] == "environment"
    assert given["CONDUCTOR_RUN_ID"]
    assert given["ANTHROPIC_API_KEY"] == "sk-test"
    assert not {"CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "SECRET_TOKEN"} & set(given)
    assert "hush" not in said.text


def require_merged(repo: Path, tasks: Sequence[Json] = TASKS) -> None:
    """Assert that the run's branch holds each task's work, merged once."""
    branch = integration(repo)
    assert merges(repo, branch) == sorted(task["id"] for task in tasks)
    assert on_branch(repo, branch) == FILES


def answers(point: Json) -> list[str]:
    """Return how a breakpoint of the main job is answered on the command line."""
    told: dict[Any, list[str]] = {
        "manual": ["--approve"],
        "guard": ["--reject", NO_PUSH],
        "ask": ["--answer", "Dot"],
    }
    return told[point["task"]]
