"""Workspaces are made whole, opened again as they were, and never thrown away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from conductor_tui.domain.errors import GitError
from conductor_tui.workspace.rescue import IGNORED_BYTES
from tests.support.fingerprint import fingerprint, print_of
from tests.workspace.conftest import RUN, Room, files, git, make_room

LATER = "20261121-100000-abcd"


async def test_opening_again_keeps_work_and_base(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "work.txt").write_text("half done\n")
    (files(two) / "two.txt").write_text("2\n")
    await room.accept(two)
    room.host.verbs()
    assert await room.open("one") == one
    assert room.host.verbs() == []
    assert (files(one) / "work.txt").read_text() == "half done\n"
    again = await (await make_room(room.repo)).open("one", base=two.base)
    assert again == one


async def test_a_workspace_borrows_and_leads_nowhere(room: Room) -> None:
    workspace = await room.open()
    folder = files(workspace)
    assert not list((folder / ".git" / "objects").glob("??"))
    assert git(folder, "config", "--get-regexp", "remote", check=False) == ""
    assert not (folder / ".git" / "hooks").exists()
    assert git(folder, "log", "--format=%s") == "Start"
    assert (room.repo / ".conductor").stat().st_mode & 0o777 == 0o700
    assert ".conductor/" in (folder / ".git" / "info" / "exclude").read_text()


async def test_the_users_excludes_apply(room: Room) -> None:
    with (room.repo / ".git" / "info" / "exclude").open("a") as out:
        out.write("private.txt\n")
    workspace = await room.open()
    (files(workspace) / "private.txt").write_text("x\n")
    (files(workspace) / "a.pyc").write_text("x\n")
    assert await room.workspaces.changes(workspace) == ()
    assert git(files(workspace), "status", "--porcelain") == ""


@pytest.mark.parametrize("lost", ["record", "index", "both", "torn record"])
async def test_what_conductor_noted_is_made_anew(room: Room, lost: str) -> None:
    workspace = await room.open()
    (files(workspace) / "work.txt").write_text("half done\n")
    private = room.repo / ".conductor" / "git" / "one"
    if lost in {"record", "both"}:
        (private / "record.json").unlink()
    if lost in {"index", "both"}:
        (private / "index").unlink()
    if lost == "torn record":
        (private / "record.json").write_text('{"run": "2026')
    fresh = await make_room(room.repo)
    assert await fresh.open("one", base=workspace.base) == workspace
    assert [view.path for view in await fresh.workspaces.changes(workspace)] == ["work.txt"]
    assert room.git("for-each-ref", "refs/conductor/rescue") == ""


async def test_an_opening_that_was_cut_off_is_begun_again(room: Room) -> None:
    private = room.repo / ".conductor" / "git" / "one"
    (private / "new" / "half").mkdir(parents=True)
    (private / "index").write_bytes(b"torn")
    (private / "index.lock").write_bytes(b"")
    workspace = await room.open()
    assert not (files(workspace) / "half").exists()
    assert git(files(workspace), "status", "--porcelain") == ""


async def test_a_workspace_somebody_removed_is_made_from_its_last_commit(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "work.txt").write_text("done\n")
    await room.workspaces.commit(RUN, workspace, "Work")
    files(workspace).rename(room.repo / ".conductor" / "elsewhere")
    assert await room.open() == workspace
    assert (files(workspace) / "work.txt").read_text() == "done\n"
    assert [view.path for view in await room.workspaces.changes(workspace)] == ["work.txt"]


async def test_a_move_that_was_cut_off_is_ended_by_the_next_opening(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "README.md").write_text("one\n")
    (files(two) / "two.txt").write_text("2\n")
    tip = await room.accept(one)
    room.host.fail = "read-tree"
    with pytest.raises(GitError):
        await room.workspaces.rebase(RUN, two)
    room.host.fail = ""
    (files(two) / "README.md").write_text("one\n")
    after = await make_room(room.repo)
    again = await after.open("two", base=two.base)
    assert again.base == tip
    assert [view.path for view in await after.workspaces.changes(again)] == ["two.txt"]
    assert git(files(two), "status", "--porcelain") == ""


def furnish(folder: Path) -> dict[str, str]:
    """Make a workspace as odd as agents make them; return the prints of its files."""
    (folder / "README.md").write_bytes(b"crlf\r\nlf\n\x00binary\xff")
    (folder / ".gitattributes").write_text("* text=auto eol=lf\n")
    (folder / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "secret").write_text("s\n")
    (folder / "secret").chmod(0o600)
    (folder / "link").symlink_to("nowhere/at all")
    (folder / 'odd "name"\n\t\\x').write_text("odd\n")
    (folder / os.fsdecode(b"latin-\xe9")).write_text("latin\n")
    (folder / "cache.pyc").write_text("ignored, small\n")
    (folder / "large.pyc").write_bytes(b"x" * (IGNORED_BYTES + 1))
    (folder / "empty" / "inner").mkdir(parents=True)
    git(folder, "init", "-q", "embedded")
    (folder / "embedded" / "work.txt").write_text("uncommitted\n")
    os.mkfifo(folder / "pipe")
    return {
        str(file.relative_to(folder)): print_of(file)
        for file in folder.rglob("*")
        if ".git" not in file.parts and (file.is_file() or file.is_symlink())
    }


def read_tree(repo: Path, ref: str) -> dict[str, tuple[str, bytes]]:
    """Return mode and exact bytes of every file of a tree."""
    found = {}
    for entry in raw_git(repo, "ls-tree", "-rz", ref).split(b"\0")[:-1]:
        meta, _, name = entry.partition(b"\t")
        mode, _, blob = meta.decode().split()
        found[os.fsdecode(name)] = (mode, raw_git(repo, "cat-file", "blob", blob))
    return found


def raw_git(repo: Path, *arguments: str) -> bytes:
    """Return what git prints, byte for byte."""
    return subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True).stdout


async def test_an_older_workspace_is_rescued_and_moved_aside(room: Room) -> None:
    old = await room.open()
    (files(old) / "committed.txt").write_text("c\n")
    git(files(old), "add", ".")
    git(files(old), "commit", "-qm", "The agent's commit")
    odd = furnish(files(old))
    before = fingerprint(room.repo)
    await room.start(LATER)
    new = await room.open(run=LATER)
    assert git(files(new), "status", "--porcelain") == ""
    assert not (files(new) / "committed.txt").exists()
    assert fingerprint(room.repo) == before

    (aside,) = (room.repo / ".conductor" / "aside").iterdir()
    assert {name: print_of(aside / name) for name in odd} == odd
    (ref,) = room.git("for-each-ref", "--format=%(refname)", "refs/conductor/rescue").split()
    assert aside.name.endswith("-one")
    assert ref.endswith("Z-one")
    assert "The agent's commit" in room.git("log", "--format=%s", ref)

    manifest = json.loads(room.git("log", "-1", "--format=%b", ref))
    assert manifest["modes"] == {"secret": "0600"}
    assert manifest["empty"] == ["empty/inner"]
    assert manifest["embedded"] == ["embedded"]
    assert set(manifest["left_out"]) == {"large.pyc", "pipe"}
    restored = read_tree(room.repo, ref)
    assert set(restored) == set(odd) - {"large.pyc"}
    for name, (mode, data) in restored.items():
        file = aside / name
        if mode == "120000":
            assert os.fsencode(os.readlink(file)) == data
        else:
            assert file.read_bytes() == data, name
            assert bool(file.stat().st_mode & 0o100) == (mode == "100755"), name


async def test_a_shallow_repository_works(room: Room, tmp_path: Path) -> None:
    room.git("commit", "-q", "--allow-empty", "-m", "Second")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{room.repo}", str(shallow))
    other = await make_room(shallow)
    await other.start()
    workspace = await other.open()
    assert git(files(workspace), "log", "--format=%s") == "Second"
    (files(workspace) / "new.txt").write_text("new\n")
    git(files(workspace), "add", ".")
    git(files(workspace), "commit", "-qm", "By the agent")
    await other.accept(workspace)
    assert (await other.workspaces.land(RUN, None)).refused == ""


async def test_a_linked_worktree_and_a_subfolder_work(room: Room, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    room.git("worktree", "add", "-q", str(linked), "-b", "side")
    before = fingerprint(room.repo)
    other = await make_room(linked / "textkit")
    assert other.workspaces.site.repository.top == str(linked)
    head = await other.workspaces.preflight()
    assert head.branch == "side"
    await other.workspaces.start_run(LATER, head.commit)
    workspace = await other.open(run=LATER)
    assert workspace.path.startswith(str(linked))
    (files(workspace) / "new.txt").write_text("new\n")
    await other.accept(workspace, run=LATER)
    assert fingerprint(room.repo) == before
    assert (await other.workspaces.land(LATER, None)).branch == "side"
    assert (linked / "new.txt").exists()
    assert git(linked, "status", "--porcelain") == ""


async def test_a_path_with_every_odd_character_works(repo: Path) -> None:
    odd = await asyncio.to_thread(repo.rename, repo.parent / 'a:b "c" \\d\'é')
    other = await make_room(odd)
    await other.start()
    workspace = await other.open()
    (files(workspace) / "new.txt").write_text("new\n")
    git(files(workspace), "add", ".")
    git(files(workspace), "commit", "-qm", "By the agent")
    merged = await other.accept(workspace)
    assert "By the agent" in other.git("log", "--format=%s", merged)


async def test_sha256_repositories_work(tmp_path: Path) -> None:
    repo = tmp_path / "sha256"
    git(tmp_path, "init", "-q", "--object-format=sha256", str(repo))
    (repo / "a.txt").write_text("a\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "Start")
    other = await make_room(repo)
    await other.start()
    workspace = await other.open()
    (files(workspace) / "new.txt").write_text("new\n")
    (files(workspace) / "a.txt").unlink()
    assert len(await other.workspaces.changes(workspace)) == 2
    await other.accept(workspace)
    assert (await other.workspaces.land(RUN, None)).files == ("a.txt", "new.txt")


async def test_starting_twice_is_starting_once(room: Room) -> None:
    first = room.git("rev-parse", f"conductor/{RUN}/integration")
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    merged = await room.accept(workspace)
    assert await room.workspaces.start_run(RUN, first) == f"conductor/{RUN}/integration"
    assert room.git("rev-parse", f"conductor/{RUN}/integration") == merged
    with pytest.raises(GitError, match="update-ref"):
        await room.workspaces.start_run("bad..name", first)
