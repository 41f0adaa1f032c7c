"""What conductor adds to a plan's wall clock, against the same work driven by xargs.

Both sides give N tasks to the real `claude`, four at a time, on the same repository of 60 files;
the model is a loopback server whose three answers a task (write a file, run a command, say so)
come after a set delay. The baseline is what a developer would script: `git worktree add`,
`claude -p`, `git commit` under `xargs -P4`, then the merges one after the other.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.messages_api import MessagesServer, claude_environment  # noqa: E402
from tests.support.model_script import ModelScript, TaskScript, say, script, tool  # noqa: E402

TARGETS = {0.0: 1.4, 1.0: 1.1}
"""Seconds before each answer → largest ratio of wall clocks (the design's targets)."""

XARGS = r"""
set -e
one() {
  git worktree add -q -b "task-$1" "../tree-$1" main
  cd "../tree-$1"
  "$CLAUDE" -p "Task: $1. Do it." --output-format stream-json --verbose \
    --allowedTools "Write,Bash" </dev/null >"../log-$1" 2>&1
  test -f "$1.txt"
  git add -A
  git commit -qm "$1"
}
export -f one
seq -f 'task%03g' 1 "$TASKS" | xargs -P4 -I{} bash -c 'one {}'
for name in $(seq -f 'task%03g' 1 "$TASKS"); do
  git merge -q --no-ff -m "Merge $name" "task-$name"
done
"""


def model(tasks: int, delay_s: float) -> ModelScript:
    """Return the model's answers: three a task."""

    def answers(name: str) -> TaskScript:
        steps = [
            tool("Write", file_path=f"{{cwd}}/{name}.txt", content=f"{name}\n").after(delay_s),
            tool("Bash", command=f"cat {name}.txt", description="Look").after(delay_s),
            say("Done.").after(delay_s),
        ]
        return script(steps, marker=name)

    return ModelScript({name: answers(name) for name in names(tasks)})


def names(tasks: int) -> list[str]:
    """Return the tasks' names."""
    return [f"task{number:03d}" for number in range(1, tasks + 1)]


def make_repository(folder: Path) -> Path:
    """Make a repository of 60 small files with one commit."""
    repository = folder / "repo"
    repository.mkdir()
    for number in range(60):
        path = repository / f"part{number % 6}" / f"file{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"VALUE = {number}\n" * 20)
    for words in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run(["git", *words], cwd=repository, check=True, env=identity(os.environ))
    return repository


def identity(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which git knows who commits."""
    who = {
        f"GIT_{role}_{what}": "bench@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return {**env, **who}


def by_xargs(claude: Path, tasks: int, delay_s: float) -> float:
    """Return the seconds the scripted baseline takes."""
    with tempfile.TemporaryDirectory() as name, MessagesServer(model(tasks, delay_s)) as server:
        repository = make_repository(Path(name))
        env = identity({**os.environ, **claude_environment(server, Path(name) / "home")})
        env |= {"CLAUDE": str(claude), "TASKS": str(tasks)}
        started = time.perf_counter()
        subprocess.run(["bash", "-c", XARGS], cwd=repository, env=env, check=True)
        return time.perf_counter() - started


def by_conductor(claude: Path, tasks: int, delay_s: float) -> float:
    """Return the seconds conductor takes for the same, checks and merges included."""
    with tempfile.TemporaryDirectory() as name, MessagesServer(model(tasks, delay_s)) as server:
        repository = make_repository(Path(name))
        (repository / "conductor.yaml").write_text(
            f"agents: {{claude: {{kind: claude, command: ['{claude}']}}}}\n"
            "permissions: {allow: [Write, Edit, Bash]}\njudge: {provider: none}\n"
        )
        plan = "tasks:\n" + "".join(
            f"  - {{id: {task}, title: 'Task: {task}', prompt: Do it., checks: ['true']}}\n"
            for task in names(tasks)
        )
        (repository / "plan.yaml").write_text(plan)
        env = identity({**os.environ, **claude_environment(server, Path(name) / "home")})
        command = [sys.executable, "-m", "conductor_tui", "--batch", "plan.yaml", "--json"]
        started = time.perf_counter()
        subprocess.run(
            command,
            cwd=repository,
            env={**env, "PYTHONPATH": str(ROOT)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - started


def main() -> int:
    """Measure both sides in turn and print the ratio; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--delay", type=float, action="append")
    options = parser.parse_args()
    found = shutil.which("claude") or str(ROOT / ".node/node_modules/.bin/claude")
    claude = Path(os.environ.get("CONDUCTOR_TEST_CLAUDE", found))
    if not claude.exists():
        print("no program claude: npm install --prefix .node @anthropic-ai/claude-code")
        return 1
    missed = False
    for delay_s in options.delay or list(TARGETS):
        pairs = [
            (by_conductor(claude, options.tasks, delay_s), by_xargs(claude, options.tasks, delay_s))
            for _ in range(options.rounds)
        ]
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        target = TARGETS.get(delay_s)
        print(
            f"{options.tasks} tasks, answers after {delay_s:g} s: conductor {ours:.1f} s, "
            f"xargs {theirs:.1f} s, ratio {ratio:.2f}" + (f" (target {target})" if target else "")
        )
        missed = missed or (target is not None and ratio > target)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
