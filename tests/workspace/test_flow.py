"""The way of a task through the room, in a real repository."""

from __future__ import annotations

import os

from tests.support.fingerprint import fingerprint
from tests.workspace.conftest import RUN, Room, files, git


async def test_a_task_goes_from_workspace_to_the_runs_branch(room: Room) -> None:
    before = fingerprint(room.repo)
    workspace = await room.open()
    folder = files(workspace)
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "branch", "--show-current") == f"conductor/{RUN}/one"
    assert git(folder, "remote") == ""
    (folder / "new.txt").write_text("new\n")
    (folder / "README.md").write_text("# changed\n")
    (folder / "textkit" / "words.py").unlink()
    views = await room.workspaces.changes(workspace)
    assert [(view.path, view.change, view.added, view.removed) for view in views] == [
        ("README.md", "modified", 1, 3),
        ("new.txt", "added", 1, 0),
        ("textkit/words.py", "deleted", 0, 2),
    ]
    text = await room.workspaces.diff(workspace)
    assert "+new\n" in text
    merged = await room.accept(workspace, "Change things")
    assert room.git("rev-parse", f"conductor/{RUN}/integration") == merged
    assert room.git("show", f"{merged}:new.txt") == "new"
    assert (
        room.git("log", "-1", "--format=%(trailers:key=Conductor-Task,valueonly)", merged) == "one"
    )
    assert git(folder, "status", "--porcelain") == ""
    assert fingerprint(room.repo) == before


async def test_land_brings_it_to_the_users_branch(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    merged = await room.accept(workspace)
    landing = await room.workspaces.land(RUN, None)
    assert (landing.commit, landing.branch, landing.files) == (merged, "main", ("new.txt",))
    assert (room.repo / "new.txt").read_text() == "new\n"
    assert room.git("status", "--porcelain") == ""
    assert room.git("rev-parse", "HEAD") == merged


async def test_rebase_brings_other_work_in(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "a.txt").write_text("a\n")
    (files(two) / "b.txt").write_text("b\n")
    tip = await room.accept(one)
    before = await room.workspaces.commit(RUN, two, "Before")
    moved, conflicts = await room.workspaces.rebase(RUN, two)
    assert (moved.base, conflicts) == (tip, ())
    assert (files(two) / "a.txt").read_text() == "a\n"
    assert [view.path for view in await room.workspaces.changes(moved)] == ["b.txt"]
    after = await room.workspaces.commit(RUN, moved, "After")
    assert room.git("rev-parse", f"{after}^1", f"{after}^2").split() == [before, tip]
    assert room.git("rev-parse", moved.branch) == after


async def test_the_processes_each_step_costs(room: Room) -> None:
    await room.open("warm")
    room.host.verbs()
    workspace = await room.open()
    assert room.host.verbs() == ["rev-parse", "init", "read-tree"]
    (files(workspace) / "new.txt").write_text("x\n")
    await room.workspaces.changes(workspace)
    assert room.host.verbs() == ["ls-files", "update-index", "diff-index"]
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    assert room.host.verbs() == [
        *("ls-files", "update-index", "write-tree"),
        *("commit-tree", "update-ref"),
    ]
    merge = await room.workspaces.merge(RUN, workspace, commit, "Work")
    assert room.host.verbs() == ["rev-parse", "commit-tree"]
    assert await room.workspaces.adopt(RUN, "one", merge)
    assert room.host.verbs() == ["update-ref"]


async def test_a_file_that_may_still_change_is_looked_at_again(room: Room) -> None:
    workspace = await room.open()
    file = files(workspace) / "README.md"
    file.write_text("changed\n")
    os.utime(file, (4_000_000_000, 4_000_000_000))
    await room.workspaces.changes(workspace)
    room.host.verbs()
    await room.workspaces.changes(workspace)
    assert "diff-index" in room.host.verbs()


async def test_looking_again_costs_one_process(room: Room) -> None:
    workspace = await room.open()
    file = files(workspace) / "README.md"
    file.write_text("changed\n")
    # Not written just now: a fresh file could change again within the clock's grain.
    os.utime(file, (1_700_000_000, 1_700_000_000))
    first = await room.workspaces.changes(workspace)
    # The index has to be older than the second it was written in, once.
    os.utime(room.repo / ".conductor/git/one/index", (1_800_000_000, 1_800_000_000))
    assert await room.workspaces.changes(workspace) == first
    room.host.verbs()
    assert await room.workspaces.changes(workspace) == first
    assert room.host.verbs() == ["ls-files"]
