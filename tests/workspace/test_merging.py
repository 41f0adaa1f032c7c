"""Commits, merges, adoption, new bases: nothing lost, everything repeatable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from conductor_tui.domain.errors import GitError
from conductor_tui.domain.ports.work import Merge
from conductor_tui.workspace.git import Git
from conductor_tui.workspace.workspaces import GitWorkspaces
from tests.support.fingerprint import fingerprint
from tests.workspace.conftest import RUN, Room, files, git


async def test_an_unchanged_workspace_commits_to_its_base(room: Room) -> None:
    workspace = await room.open()
    commit = await room.workspaces.commit(RUN, workspace, "Nothing")
    assert commit == workspace.base
    merge = await room.workspaces.merge(RUN, workspace, commit, "Nothing")
    assert merge == Merge(workspace.base, (), False, workspace.base)
    assert await room.workspaces.adopt(RUN, "one", merge)
    assert await room.workspaces.merged(RUN, "one", commit) == workspace.base
    assert room.git("rev-parse", workspace.branch) == workspace.base


async def test_committing_twice_is_committing_once(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    first = await room.workspaces.commit(RUN, workspace, "Work")
    assert await room.workspaces.commit(RUN, workspace, "Work") == first
    (files(workspace) / "new.txt").write_text("newer\n")
    second = await room.workspaces.commit(RUN, workspace, "More")
    assert room.git("rev-parse", f"{second}^") == first
    assert room.git("rev-parse", workspace.branch) == second
    assert room.git("log", "-1", "--format=%an <%ae>", second) == "conductor <conductor@localhost>"


async def test_the_users_name_is_on_the_commits(room: Room) -> None:
    room.git("config", "user.name", "Ada L")
    room.git("config", "user.email", "ada@example.org")
    fresh = GitWorkspaces(room.workspaces.site.git, room.workspaces.site.repository)
    room = replace(room, workspaces=fresh)
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    merged = await room.accept(workspace)
    assert room.git("log", "-1", "--format=%an %ae %cn %ce", merged) == (
        "Ada L ada@example.org Ada L ada@example.org"
    )
    assert git(files(workspace), "config", "user.name") == "Ada L"


async def test_the_agents_commits_come_in_with_their_messages(room: Room) -> None:
    workspace = await room.open()
    folder = files(workspace)
    (folder / "new.txt").write_text("1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "By the agent")
    theirs = git(folder, "rev-parse", "HEAD")
    assert await room.workspaces.commit(RUN, workspace, "Ours") == theirs
    (folder / "new.txt").write_text("2\n")
    ours = await room.workspaces.commit(RUN, workspace, "Ours")
    assert room.git("rev-parse", f"{ours}^") == theirs
    assert room.git("fsck", "--strict") == ""


def forge(folder: Path) -> None:
    """Commit twice, and put another content under the name of an object of the first commit."""
    (folder / "new.txt").write_text("0\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "forged")
    (folder / "other.txt").write_text("another content\n")
    names = (
        git(folder, "rev-parse", "HEAD:new.txt"),
        git(folder, "hash-object", "-w", "other.txt"),
    )
    target, source = (folder / ".git/objects" / name[:2] / name[2:] for name in names)
    (folder / "other.txt").unlink()
    (folder / "new.txt").write_text("1\n")
    git(folder, "commit", "-qam", "forged again")
    target.chmod(0o644)
    target.write_bytes(source.read_bytes())


@pytest.mark.parametrize("how", ["amended base", "orphan", "no HEAD", "no .git", "forged"])
async def test_commits_that_do_not_fit_are_not_taken(room: Room, how: str) -> None:
    workspace = await room.open()
    folder = files(workspace)
    (folder / "new.txt").write_text("1\n")
    if how == "amended base":
        git(folder, "add", ".")
        git(folder, "commit", "-q", "--amend", "-m", "rewritten")
    elif how == "orphan":
        git(folder, "checkout", "-q", "--orphan", "alone")
        git(folder, "commit", "-qam", "alone")
    elif how == "no HEAD":
        (folder / ".git" / "HEAD").unlink()
    elif how == "no .git":
        (folder / ".git").rename(folder.parent / "gone")
    else:
        forge(folder)
    commit = await room.workspaces.commit(RUN, workspace, "Ours")
    assert room.git("rev-parse", f"{commit}^") == workspace.base
    assert room.git("show", f"{commit}:new.txt") == "1"
    assert "forged" not in room.git("log", "--format=%s", commit)
    room.git("fsck", "--strict")


async def test_a_commit_git_would_not_check_out_is_not_taken(room: Room) -> None:
    workspace = await room.open()
    folder = files(workspace)
    blob = git(folder, "hash-object", "-w", "README.md")
    tree = git(folder, "mktree", stdin=f"100644 blob {blob}\t.git\n")
    commit = git(folder, "commit-tree", tree, "-p", "HEAD", "-m", "evil")
    git(folder, "update-ref", "HEAD", commit)
    assert await room.workspaces.commit(RUN, workspace, "Ours") == workspace.base
    (folder / "new.txt").write_text("1\n")
    ours = await room.workspaces.commit(RUN, workspace, "Ours")
    assert room.git("rev-parse", f"{ours}^") == workspace.base


async def test_a_moved_branch_asks_for_checks_and_keeps_the_merge(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "one.txt").write_text("1\n")
    (files(two) / "two.txt").write_text("2\n")
    tip = await room.accept(one)
    commit = await room.workspaces.commit(RUN, two, "Two")
    merge = await room.workspaces.merge(RUN, two, commit, "Two")
    assert (merge.moved, merge.onto) == (True, tip)
    assert room.git("rev-parse", f"conductor/{RUN}/integration") == tip
    room.git("gc", "-q", "--prune=now")
    merged = await room.workspaces.put(two, merge.commit or "")
    assert (files(two) / "one.txt").exists()
    assert [view.path for view in await room.workspaces.changes(merged)] == ["two.txt"]
    assert await room.workspaces.adopt(RUN, "two", merge)
    assert await room.workspaces.adopt(RUN, "two", merge), "adopting twice is adopting once"
    assert await room.workspaces.merged(RUN, "two", commit) == merge.commit
    assert await room.workspaces.merged(RUN, "one", one.base) == one.base
    refs = room.git("for-each-ref", "--format=%(refname)", "refs/conductor/merge")
    assert refs == ""


async def test_a_stale_merge_is_not_adopted(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "one.txt").write_text("1\n")
    (files(two) / "two.txt").write_text("2\n")
    commit = await room.workspaces.commit(RUN, two, "Two")
    merge = await room.workspaces.merge(RUN, two, commit, "Two")
    tip = await room.accept(one)
    assert not await room.workspaces.adopt(RUN, "two", merge)
    assert await room.workspaces.merged(RUN, "two", commit) is None
    assert room.git("rev-parse", f"conductor/{RUN}/integration") == tip
    assert not await room.workspaces.adopt(RUN, "two", Merge(None, ("x",)))


async def test_a_conflict_is_told_then_resolved_on_the_new_base(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "README.md").write_text("one\n")
    (files(two) / "README.md").write_text("two\n")
    (files(two) / "kept.txt").write_text("kept\n")
    tip = await room.accept(one)
    commit = await room.workspaces.commit(RUN, two, "Two")
    merge = await room.workspaces.merge(RUN, two, commit, "Two")
    assert (merge.commit, merge.conflicts, merge.moved) == (None, ("README.md",), True)
    moved, conflicts = await room.workspaces.rebase(RUN, two)
    assert (moved.base, conflicts) == (tip, ("README.md",))
    text = (files(two) / "README.md").read_text()
    assert "<<<<<<<" in text
    assert {"one", "two"} <= set(text.splitlines())
    (files(two) / "README.md").write_text("one and two\n")
    final = await room.workspaces.commit(RUN, moved, "Resolved")
    assert room.git("rev-parse", f"{final}^1", f"{final}^2").split() == [commit, tip]
    merge = await room.workspaces.merge(RUN, moved, final, "Two")
    assert not merge.moved
    assert await room.workspaces.adopt(RUN, "two", merge)
    assert room.git("show", f"{merge.commit}:README.md") == "one and two"
    line = room.git("log", "--first-parent", "--format=%(trailers:key=Conductor-Task,valueonly)")
    assert line == ""
    tasks = room.git(
        *("log", "--first-parent", "--format=%(trailers:key=Conductor-Task,valueonly,separator=)"),
        merge.commit or "",
    )
    assert tasks.split() == ["two", "one"]


async def test_a_rebase_without_work_is_a_step_forward(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "one.txt").write_text("1\n")
    tip = await room.accept(one)
    moved, conflicts = await room.workspaces.rebase(RUN, two)
    assert (moved.base, conflicts) == (tip, ())
    assert git(files(two), "rev-parse", "HEAD") == tip
    assert git(files(two), "status", "--porcelain") == ""
    again, _ = await room.workspaces.rebase(RUN, moved)
    assert again == moved
    assert await room.workspaces.commit(RUN, moved, "Nothing") == tip


async def test_after_a_red_merge_the_new_base_is_the_merge_itself(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "one.txt").write_text("1\n")
    (files(two) / "two.txt").write_text("2\n")
    tip = await room.accept(one)
    commit = await room.workspaces.commit(RUN, two, "Two")
    merge = await room.workspaces.merge(RUN, two, commit, "Two")
    put = await room.workspaces.put(two, merge.commit or "")
    (files(two) / "left-by-checks.txt").write_text("left\n")
    moved, conflicts = await room.workspaces.rebase(RUN, put)
    assert (moved.base, conflicts) == (tip, ())
    assert [view.path for view in await room.workspaces.changes(moved)] == [
        *("left-by-checks.txt", "two.txt"),
    ]


async def test_put_rescues_what_is_in_no_commit(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "precious.txt").write_text("precious\n")
    before = fingerprint(room.repo)
    await room.workspaces.put(workspace, workspace.base)
    assert not (files(workspace) / "precious.txt").exists()
    (ref,) = room.git("for-each-ref", "--format=%(refname)", "refs/conductor/rescue").split()
    assert room.git("show", f"{ref}:precious.txt") == "precious"
    assert fingerprint(room.repo) == before


async def test_an_ignored_file_in_the_way_of_a_new_base_is_rescued(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / ".gitignore").write_text("")
    (files(one) / "built.pyc").write_text("theirs\n")
    await room.accept(one)
    (files(two) / "built.pyc").write_text("mine\n")
    await room.workspaces.rebase(RUN, two)
    assert (files(two) / "built.pyc").read_text() == "theirs\n"
    (ref,) = room.git("for-each-ref", "--format=%(refname)", "refs/conductor/rescue").split()
    assert room.git("show", f"{ref}:built.pyc") == "mine"


async def test_a_broken_git_folder_is_renewed_and_kept(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "one.txt").write_text("1\n")
    await room.accept(one)
    folder = files(two)
    (folder / ".git").rename(folder.parent / "elsewhere")
    (folder / ".git").symlink_to(room.repo / ".git")
    before = fingerprint(room.repo)
    moved, _ = await room.workspaces.rebase(RUN, two)
    assert fingerprint(room.repo) == before
    assert not (folder / ".git").is_symlink()
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "rev-parse", "HEAD") == moved.base


async def test_a_workspace_nobody_opened_is_told(room: Room) -> None:
    workspace = await room.open()
    with pytest.raises(GitError, match="no record"):
        await room.workspaces.commit(RUN, replace(workspace, task="other"), "x")
    with pytest.raises(GitError, match="no record"):
        await room.workspaces.changes(replace(workspace, branch="conductor/other/one"))


async def test_four_tasks_at_once(room: Room) -> None:
    before = fingerprint(room.repo)

    async def whole(task: str) -> None:
        workspace = await room.open(task)
        (files(workspace) / f"{task}.txt").write_text(f"{task}\n")
        await asyncio.gather(*(room.workspaces.changes(workspace) for _ in range(3)))
        commit = await room.workspaces.commit(RUN, workspace, task)
        adopted = False
        while not adopted:
            merge = await room.workspaces.merge(RUN, workspace, commit, task)
            adopted = await room.workspaces.adopt(RUN, task, merge)

    tasks = [f"task-{number}" for number in range(8)]
    await asyncio.gather(*(whole(task) for task in tasks))
    assert not [said for said in room.host.failures if "index.lock" in said]
    tip = f"conductor/{RUN}/integration"
    names = room.git("ls-tree", "--name-only", tip).split()
    assert {f"{task}.txt" for task in tasks} <= set(names)
    assert room.git("rev-list", "--first-parent", "--count", f"main..{tip}") == "8"
    assert fingerprint(room.repo) == before
    room.git("gc", "-q", "--prune=now")
    room.git("fsck", "--strict")
    for task in tasks:
        assert git(room.repo / ".conductor" / "workspaces" / task, "fsck", "--no-dangling") == ""


async def test_a_crash_after_the_branch_moved_is_recognised(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    merge = await room.workspaces.merge(RUN, workspace, commit, "Work")
    await room.workspaces.adopt(RUN, "one", merge)
    runner: Git = room.workspaces.site.git
    after = GitWorkspaces(runner, room.workspaces.site.repository)
    assert await after.merged(RUN, "one", commit) == merge.commit
    again = await after.merge(RUN, workspace, commit, "Work")
    assert again == Merge(merge.commit, (), False, merge.commit or "")
    assert await after.adopt(RUN, "one", again)
    assert room.git("rev-parse", f"conductor/{RUN}/integration") == merge.commit
