"""Nothing an agent plants in its workspace is ever run by conductor's git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.fingerprint import fingerprint
from tests.workspace.conftest import RUN, Room, files, git

HOOKS = (
    *(
        "post-checkout",
        "pre-commit",
        "post-commit",
        "post-merge",
        "post-rewrite",
        "prepare-commit-msg",
    ),
    *(
        "commit-msg",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ),
    *("pre-merge-commit", "update", "pre-receive", "post-receive", "push-to-checkout"),
)


def plant_config(trap: str) -> str:
    """Return git settings that run a program on every occasion git offers."""
    return f"""
[core]
\tfsmonitor = {trap}
\tfsmonitorHookVersion = 2
\thooksPath = .git/planted
\tsshCommand = {trap}
\tpager = {trap}
\teditor = {trap}
\tgitProxy = {trap}
\talternateRefsCommand = {trap}
\taskPass = {trap}
[alias]
\tls-files = !{trap}
\tcommit-tree = !{trap}
[filter "planted"]
\tclean = {trap}
\tsmudge = {trap}
\tprocess = {trap}
\trequired = true
[diff]
\texternal = {trap}
[diff "planted"]
\tcommand = {trap}
\ttextconv = {trap}
[merge "planted"]
\tdriver = {trap}
[uploadpack]
\tpackObjectsHook = {trap}
[commit]
\tgpgSign = true
[gpg]
\tprogram = {trap}
[credential]
\thelper = !{trap}
[remote "evil"]
\turl = ext::{trap}
\tpromisor = true
\tuploadpack = {trap}
[extensions]
\tpartialClone = evil
"""


def make_trap(folder: Path) -> tuple[Path, Path]:
    """Make a program that leaves a trace when it is run; return it and the trace."""
    trace = folder / "trace"
    trap = folder / "trap.sh"
    trap.write_text(f'#!/bin/sh\necho "$0 $*" >> {trace}\ncat\n')
    trap.chmod(0o755)
    return trap, trace


def plant(git_dir: Path, trap: Path) -> None:
    """Plant settings and hooks in a git folder."""
    with (git_dir / "config").open("a") as config:
        config.write(plant_config(str(trap)))
    for folder in ("hooks", "planted"):
        (git_dir / folder).mkdir(exist_ok=True)
        for hook in HOOKS:
            (git_dir / folder / hook).write_text(f"#!/bin/sh\nexec {trap} {hook}\n")
            (git_dir / folder / hook).chmod(0o755)
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text("* filter=planted diff=planted merge=planted\n")


def work_as_agent(folder: Path, trap: Path) -> None:
    """Work, commit, embed a repository, and only then plant: the agent's own git stays clean."""
    (folder / "README.md").write_text("changed by the agent\n")
    git(folder, "commit", "-qam", "The agent's own commit")
    (folder / "more.txt").write_text("more\n")
    (folder / ".gitattributes").write_text("* filter=planted diff=planted merge=planted\n")
    for name, commits in (("empty-inner", False), ("inner", True)):
        inner = folder / name
        git(folder, "init", "-q", name)
        (inner / "inside.txt").write_text("inside\n")
        if commits:
            git(inner, "add", ".")
            git(inner, "commit", "-qm", "inner")
        plant(inner / ".git", trap)
    (folder / ".gitmodules").write_text(
        f'[submodule "inner"]\n\tpath = inner\n\turl = ext::{trap}\n\tignore = none\n'
        f"\tupdate = !{trap}\n"
    )
    plant(folder / ".git", trap)


async def test_a_whole_run_runs_nothing_planted(room: Room, tmp_path: Path) -> None:
    trap, trace = make_trap(tmp_path)
    before = fingerprint(room.repo)
    workspace, other = await room.open("one"), await room.open("two")
    folder = files(workspace)
    work_as_agent(folder, trap)
    (files(other) / "other.txt").write_text("other\n")
    assert not trace.exists(), "the agent's own git ran the trap: the test plants too early"

    views = {view.path: view.change for view in await room.workspaces.changes(workspace)}
    assert views["inner/inside.txt"] == views["empty-inner/inside.txt"] == "added"
    assert "changed by the agent" in await room.workspaces.diff(workspace)
    await room.accept(other)
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    merge = await room.workspaces.merge(RUN, workspace, commit, "Work")
    assert merge.moved
    assert merge.commit is not None
    await room.workspaces.put(workspace, merge.commit)
    await room.workspaces.put(workspace, commit)
    moved, conflicts = await room.workspaces.rebase(RUN, workspace)
    assert conflicts == ()
    assert (folder / "other.txt").exists()
    final = await room.accept(moved)
    assert fingerprint(room.repo) == before

    log = room.git("log", "--format=%s", final)
    assert "The agent's own commit" in log
    assert room.git("show", f"{final}:inner/inside.txt") == "inside"
    await room.workspaces.start_run("20261121-100000-abcd", room.git("rev-parse", "HEAD"))
    await room.open("one", run="20261121-100000-abcd")
    assert room.git("for-each-ref", "refs/conductor/rescue")
    assert (await room.workspaces.land(RUN, None)).refused == ""
    assert not trace.exists(), trace.read_text()


async def test_the_traps_are_real(room: Room, tmp_path: Path) -> None:
    """Git that opens the workspace's own folder does run them: the test above can fail."""
    trap, trace = make_trap(tmp_path)
    workspace = await room.open()
    work_as_agent(files(workspace), trap)
    git(files(workspace), "status", check=False)
    assert trace.exists()


async def test_a_submodules_settings_are_not_obeyed(room: Room, tmp_path: Path) -> None:
    """A gitlink in the base: git would run `git status` inside it, under its own settings."""
    trap, trace = make_trap(tmp_path)
    source = tmp_path / "library"
    source.mkdir()
    git(source, "init", "-q")
    git(source, "commit", "-q", "--allow-empty", "-m", "library")
    room.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(source), "lib")
    room.git("commit", "-qm", "With a submodule")
    await room.workspaces.start_run("20261121-100000-abcd", room.git("rev-parse", "HEAD"))
    workspace = await room.open(run="20261121-100000-abcd")
    inner = files(workspace) / "lib"
    git(files(workspace), "clone", "-q", str(source), "lib")
    (inner / "dirty.txt").write_text("dirty\n")
    (files(workspace) / ".gitmodules").write_text(
        '[submodule "lib"]\n\tpath = lib\n\turl = x\n\tignore = none\n'
    )
    plant(inner / ".git", trap)
    assert [view.path for view in await room.workspaces.changes(workspace)] == [".gitmodules"]
    await room.workspaces.diff(workspace)
    commit = await room.workspaces.commit("20261121-100000-abcd", workspace, "Work")
    assert room.git("ls-tree", commit, "lib").startswith("160000")
    assert not trace.exists(), trace.read_text()


async def test_a_pipe_in_place_of_a_file_holds_nothing_up(room: Room) -> None:
    workspace = await room.open()
    folder = files(workspace)
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    os.mkfifo(folder / "new-pipe")
    (folder / ".git" / "HEAD").unlink()
    os.mkfifo(folder / ".git" / "HEAD")
    views = await room.workspaces.changes(workspace)
    assert [(view.path, view.change) for view in views] == [("README.md", "deleted")]
    await room.workspaces.diff(workspace)
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    assert "README.md" not in room.git("ls-tree", "--name-only", commit).split()


@pytest.mark.parametrize("victim", ["refs", "refs/heads", "refs/heads/conductor"])
async def test_links_in_its_git_folder_lead_nowhere(room: Room, victim: str) -> None:
    """An agent that links its refs to the repository's own cannot make us write there."""
    workspace = await room.open()
    folder = files(workspace)
    before = fingerprint(room.repo)
    refs = room.git("for-each-ref")
    target = folder / ".git" / victim
    target.rename(folder / ".git" / "elsewhere")
    target.symlink_to(room.repo / ".git" / victim)
    (folder / "new.txt").write_text("new\n")
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    await room.workspaces.put(workspace, workspace.base)
    assert fingerprint(room.repo) == before
    ours = f"{commit} commit\trefs/heads/{workspace.branch}"
    kept = [line for line in room.git("for-each-ref").splitlines() if "refs/conductor/" not in line]
    assert sorted(kept) == sorted([*refs.splitlines(), ours])


async def test_the_users_own_hooks_do_not_run(room: Room, tmp_path: Path) -> None:
    trap, trace = make_trap(tmp_path)
    for hook in HOOKS:
        (room.repo / ".git" / "hooks").mkdir(exist_ok=True)
        file = room.repo / ".git" / "hooks" / hook
        file.write_text(f"#!/bin/sh\nexec {trap} {hook}\n")
        file.chmod(0o755)
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    await room.accept(workspace)
    assert (await room.workspaces.land(RUN, None)).refused == ""
    assert not trace.exists(), trace.read_text()
    assert not list((files(workspace) / ".git").glob("hooks/*"))
