"""The job of the runs that are stopped in the middle: four tasks, two of them caught at work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.external.main_job import bash, git, holds, integration, merges, task_script, write
from tests.support.messages_api import MessagesServer
from tests.support.model_script import ModelScript, Usage, say
from tests.support.proc import Batch, Json, carriers, of, wait_until

GATE = "go on"
SPAWN = "setsid sleep 300 >/dev/null 2>&1 &"
"""A grandchild in a session of its own: killing a process group does not reach it."""

PERMISSIONS = {"allow": ["Read", "Edit", f"Bash({SPAWN})"]}

TASKS: tuple[Json, ...] = (
    {"id": "early", "priority": 9, "checks": [holds("early.txt")]},
    {"id": "left", "checks": [holds("left.txt")]},
    {"id": "right", "checks": [holds("right.txt")]},
    {"id": "after", "depends_on": ["early", "left", "right"], "checks": [holds("after.txt")]},
)

SAID = {
    "early": ["Early is done."],
    "left": ["A helper first.", "Now the file.", "Left is done."],
    "right": ["The file first.", "Right is done."],
    "after": ["After is done."],
}
"""All that the agents say, in order."""

CALLED = {
    "early": ["Write"],
    "left": ["Bash", "Write"],
    "right": ["Write"],
    "after": ["Write"],
}
"""The tools they call, in order."""


def model() -> ModelScript:
    """Return what the model says: `left` and `right` stop at the gate, in a call of the model."""
    left, right = SAID["left"], SAID["right"]
    rounds = {
        "early": [write("early.txt", "e"), say(SAID["early"][0])],
        "left": [
            say(left[0]) + bash(SPAWN),
            (say(left[1]) + write("left.txt", "l")).behind(GATE),
            say(left[2]),
        ],
        "right": [say(right[0]) + write("right.txt", "r"), say(right[1]).behind(GATE)],
        "after": [write("after.txt", "a"), say(SAID["after"][0])],
    }
    scripts = {name: task_script(name, told) for name, told in rounds.items()}
    return ModelScript(scripts, usage=Usage(1000, 100))


def wait_for_the_middle(run: Batch, server: MessagesServer) -> str:
    """Wait until one task is done and two are in the middle; return the run's id."""
    run.wait_for("task.completed", "early")
    server.wait_for("left", 2)
    server.wait_for("right", 2)
    name = str(run.events[0]["run"])
    wait_until(lambda: "sleep 300" in living(name), "the grandchild lives")
    return name


def living(run: str) -> list[str]:
    """Return the command lines of all living processes of a run's agents."""
    return [words.strip() for words in carriers("CONDUCTOR_RUN_ID", run).values()]


def require_nobody(run: str, within: float = 5) -> None:
    """Assert that no process of any agent is alive soon, nor a grandchild."""
    wait_until(lambda: not living(run), f"no process of run {run} is alive", within)


def require_all_done_once(repo: Path, events: Sequence[Json]) -> None:
    """Assert that each task was completed and merged exactly once, by its first attempt."""
    ids = sorted(task["id"] for task in TASKS)
    assert sorted(event["task"] for event in of(events, "task.completed")) == ids
    assert merges(repo, integration(repo)) == ids
    assert (events[-1]["type"], events[-1]["data"]["exit_code"]) == ("run.finished", 0)
    table = events[-1]["data"]["tasks"]
    assert {name: row["attempts"] for name, row in table.items()} == dict.fromkeys(ids, 1)
    files = git(repo, "ls-tree", "-r", "--name-only", integration(repo)).split()
    assert {f"{name}.txt" for name in ids} <= set(files)
