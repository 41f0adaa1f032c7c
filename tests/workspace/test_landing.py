"""Landing changes the user's files wholly or not at all, and refuses with a mend."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from conductor_tui.domain.ports.hosts import Completed
from conductor_tui.domain.ports.work import Landing
from tests.support.fingerprint import fingerprint
from tests.workspace.conftest import RUN, Room, files
from tests.workspace.host import CountingHost, verb


async def do(room: Room, task: str, changes: Mapping[str, str | None]) -> str:
    """Let a task change files and be accepted."""
    workspace = await room.open(task)
    for path, text in changes.items():
        file = files(workspace) / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return await room.accept(workspace, f"Do {task}")


async def refused(room: Room, task: str | None = None) -> Landing:
    """Land, and make sure that it was refused without a trace."""
    before = fingerprint(room.repo)
    landing = await room.workspaces.land(RUN, task)
    assert landing.commit is None
    assert landing.refused
    assert landing.mend
    assert fingerprint(room.repo) == before
    return landing


async def test_fast_forward_and_dirty_files_that_do_not_overlap(room: Room) -> None:
    merged = await do(room, "one", {"new/file.txt": "n\n", "textkit/words.py": None})
    (room.repo / "README.md").write_text("dirty\n")
    (room.repo / "untracked.txt").write_text("mine\n")
    (room.repo / "staged.txt").write_text("staged\n")
    room.git("add", "staged.txt")
    landing = await room.workspaces.land(RUN, None)
    assert landing == Landing(merged, "main", ("new/file.txt", "textkit/words.py"))
    assert room.git("status", "--porcelain").splitlines() == [
        *("M README.md", "A  staged.txt", "?? untracked.txt"),
    ]
    assert (room.repo / "README.md").read_text() == "dirty\n"
    assert not (room.repo / "textkit" / "words.py").exists()
    assert room.git("rev-parse", "main") == merged


async def test_a_merge_commit_where_the_branch_went_on(room: Room) -> None:
    merged = await do(room, "one", {"new.txt": "n\n"})
    (room.repo / "mine.txt").write_text("mine\n")
    room.git("add", ".")
    room.git("commit", "-qm", "Mine")
    mine = room.git("rev-parse", "HEAD")
    landing = await room.workspaces.land(RUN, None)
    assert room.git("rev-parse", "HEAD^1", "HEAD^2").split() == [mine, merged]
    assert landing.commit == room.git("rev-parse", "HEAD")
    assert room.git("status", "--porcelain") == ""
    again = await refused(room)
    assert "nothing accepted" in again.refused


async def test_refused_on_a_detached_head(room: Room) -> None:
    await do(room, "one", {"new.txt": "n\n"})
    room.git("checkout", "-q", "--detach")
    landing = await refused(room)
    assert "detached" in landing.refused
    assert "git switch" in landing.mend


async def test_refused_in_the_middle_of_a_merge(room: Room) -> None:
    await do(room, "one", {"new.txt": "n\n"})
    (room.repo / ".git" / "MERGE_HEAD").write_text(room.git("rev-parse", "HEAD") + "\n")
    assert "merge" in (await refused(room)).refused


async def test_refused_where_nothing_was_accepted(room: Room) -> None:
    assert "nothing accepted" in (await refused(room)).refused
    assert "no accepted work" in (await refused(room, "one")).refused
    missing = await room.workspaces.land("20200101-000000-zzzz", None)
    assert "no branch" in missing.refused


@pytest.mark.parametrize("how", ["modified", "staged", "untracked", "deleted", "in the way"])
async def test_refused_where_a_dirty_file_overlaps(room: Room, how: str) -> None:
    await do(room, "one", {"README.md": "theirs\n", "new/file.txt": "n\n", "other.txt": "o\n"})
    expected = "README.md"
    if how == "modified":
        (room.repo / "README.md").write_text("mine\n")
    elif how == "staged":
        (room.repo / "README.md").write_text("mine\n")
        room.git("add", "README.md")
    elif how == "deleted":
        (room.repo / "README.md").unlink()
    elif how == "untracked":
        expected = "new/file.txt"
        (room.repo / "new").mkdir()
        (room.repo / "new" / "file.txt").write_text("mine\n")
    else:
        expected = "new"
        (room.repo / "new").write_text("mine\n")
    assert (await refused(room)).files == (expected,)


async def test_an_ignored_file_in_the_way_is_not_overwritten(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / ".gitignore").write_text("")
    (files(workspace) / "secret.pyc").write_text("theirs\n")
    await room.accept(workspace)
    (room.repo / "secret.pyc").write_text("mine\n")
    assert (await refused(room)).files == ("secret.pyc",)


async def test_refused_on_a_conflict(room: Room) -> None:
    await do(room, "one", {"README.md": "theirs\n"})
    (room.repo / "README.md").write_text("mine\n")
    room.git("commit", "-qam", "Mine")
    landing = await refused(room)
    assert landing.files == ("README.md",)
    assert "git merge" in landing.mend


async def test_one_task_only_after_what_it_builds_on(room: Room) -> None:
    await do(room, "base", {"base.txt": "b\n"})
    await do(room, "top", {"top.txt": "t\n"})
    landing = await refused(room, "top")
    assert "base" in landing.refused
    assert (await room.workspaces.land(RUN, "base")).refused == ""
    assert not (room.repo / "top.txt").exists()
    assert (await room.workspaces.land(RUN, "top")).files == ("top.txt",)
    assert "no accepted work" in (await refused(room, "top")).refused
    assert room.git("status", "--porcelain") == ""


async def test_independent_tasks_land_one_by_one(room: Room) -> None:
    one, two = await room.open("one"), await room.open("two")
    (files(one) / "one.txt").write_text("1\n")
    (files(two) / "two.txt").write_text("2\n")
    await room.accept(one)
    await room.accept(two)
    assert (await room.workspaces.land(RUN, "two")).files == ("two.txt",)
    assert not (room.repo / "one.txt").exists()
    assert (await room.workspaces.land(RUN, None)).files == ("one.txt",)


async def test_refused_while_another_git_holds_the_index(room: Room) -> None:
    await do(room, "one", {"new.txt": "n\n"})
    lock = room.repo / ".git" / "index.lock"
    lock.write_text("")
    assert "index.lock" in (await refused(room)).refused
    lock.unlink()
    assert (await room.workspaces.land(RUN, None)).refused == ""


async def test_a_file_that_cannot_be_written_undoes_all(room: Room) -> None:
    """A filter of the user's that fails in the middle: some files are written by then."""
    await do(
        room,
        "one",
        {
            ".gitattributes": "zz/bad.txt filter=broken\n",
            "README.md": "theirs\n",
            "aa/first.txt": "1\n",
            "textkit/words.py": None,
            "tests/test_words.py": None,
            "zz/bad.txt": "bad\n",
        },
    )
    # The attribute counts only if it is in the tree before: land it by itself.
    (room.repo / ".git" / "info" / "attributes").write_text("zz/bad.txt filter=broken\n")
    room.git("config", "filter.broken.smudge", "false")
    room.git("config", "filter.broken.clean", "cat")
    room.git("config", "filter.broken.required", "true")
    (room.repo / "dirty.txt").write_text("mine\n")
    (room.repo / "tests").chmod(0o750)
    os.utime(room.repo / "README.md", (1_700_000_000, 1_700_000_000))
    landing = await refused(room)
    assert "could not write" in landing.refused
    assert (room.repo / "README.md").stat().st_mtime == 1_700_000_000
    room.git("config", "filter.broken.smudge", "cat")
    assert (await room.workspaces.land(RUN, None)).refused == ""


class Interfering(CountingHost):
    """Does something just before one git verb runs."""

    when: str = ""
    repo: Path

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        if verb(argv) == self.when:
            self.when = ""
            await self.interfere()
        return await super().execute(argv, cwd=cwd, env=env, stdin=stdin, timeout_s=timeout_s)

    async def interfere(self) -> None:
        """Commit to the branch from elsewhere, as another work tree might."""
        argv = ("git", "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "x")
        made = await super().execute(argv, cwd=str(self.repo), env=os.environ)
        moving = ("git", "update-ref", "refs/heads/main", made.out.decode().strip())
        await super().execute(moving, cwd=str(self.repo), env=os.environ)


async def test_a_branch_that_moves_meanwhile_undoes_all(room: Room) -> None:
    await do(room, "one", {"README.md": "theirs\n", "new.txt": "n\n"})
    before = fingerprint(room.repo)
    host = Interfering()
    host.repo, host.when = room.repo, "update-ref"
    room.workspaces.site.git._host = host
    landing = await room.workspaces.land(RUN, None)
    assert "moved meanwhile" in landing.refused
    after = fingerprint(room.repo)
    moved = {key for key in before | after if before.get(key) != after.get(key)}
    assert moved == {"ref/refs/heads/main", "git/.git/logs/HEAD", "git/.git/logs/refs/heads/main"}


class Stalling(Interfering):
    """Says that it got so far, and then waits for ever."""

    reached: asyncio.Event

    async def interfere(self) -> None:
        self.reached.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("when", ["update-index", "read-tree", "update-ref"])
async def test_a_cancelled_landing_leaves_no_trace(room: Room, when: str) -> None:
    await do(room, "one", {"README.md": "theirs\n", "new.txt": "n\n"})
    before = fingerprint(room.repo)
    host = Stalling()
    host.reached, host.when = asyncio.Event(), when
    room.workspaces.site.git._host = host
    async with asyncio.TaskGroup() as group:
        landing = group.create_task(room.workspaces.land(RUN, None))
        await host.reached.wait()
        landing.cancel()
    assert fingerprint(room.repo) == before
    assert not (room.repo / ".git" / "index.lock").exists()
    room.workspaces.site.git._host = room.host
    assert (await room.workspaces.land(RUN, None)).refused == ""
