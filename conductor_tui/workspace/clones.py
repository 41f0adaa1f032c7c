"""A task's own clone: made, opened again, moved to another commit.

A workspace borrows the repository's objects (as ``git clone --shared`` does) and has no remote, no
hook and nothing else that leads back. Its files are written by the user's git under the user's
settings; the agent's git finds a plain clone on the task's branch.

What it borrows outlives a ``git gc`` of the user's: bases lie on the integration branch, which
never moves back, what HEAD was put on lies under ``refs/conductor/head/``, a workspace moved aside
under its rescue. Only who deletes the branches and refs of a run, and then prunes, breaks them.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

from conductor_tui.domain.errors import GitError
from conductor_tui.domain.ports.work import Workspace
from conductor_tui.workspace import agent_git
from conductor_tui.workspace.git import Place, fields
from conductor_tui.workspace.records import Desk, Record
from conductor_tui.workspace.repository import exclude, workspace_settings
from conductor_tui.workspace.rescue import move_aside, rescue
from conductor_tui.workspace.site import Site, create, integration
from conductor_tui.workspace.undo import in_the_way


async def start_run(site: Site, run: str, base: str) -> str:
    """Make a run's integration branch at a commit, if it is not there; return its name."""
    await asyncio.to_thread(exclude, site.repository)
    name = integration(run)
    line = create(f"refs/heads/{name}", base)
    if not await site.transact(line) and await site.find(f"refs/heads/{name}") is None:
        # It is not there and cannot be made: let git say why.
        await site.require(line)
    return name


async def open_workspace(site: Site, run: str, task: str, base: str | None) -> Workspace:
    """Make a task's workspace from the integration branch, or open the one that is there.

    One that is there from an older run is rescued and moved aside first. ``base`` is what the state
    knows; it counts only where our own record of the workspace is lost.
    """
    desk = site.desk(task)
    async with site.lock(task):
        record = await asyncio.to_thread(desk.load)
        ours = record if record is not None and record.run == run else None
        if await asyncio.to_thread(desk.path.exists):
            if ours is None and base is not None:
                ours = await _recover(site, desk, run, base)
            if ours is not None:
                return await _reopen(site, desk, ours)
            await rescue(site, desk, record)
            await asyncio.to_thread(move_aside, desk)
        return await _make(site, desk, ours or await _fresh(site, run, task))


async def locate(site: Site, run: str, task: str) -> Workspace:
    """Say where a task's workspace is, or will be, on which branch and base; write nothing."""
    desk = site.desk(task)
    record = await asyncio.to_thread(desk.load)
    if record is not None and record.run == run:
        return _view(desk, record)
    name = integration(run)
    (tip,) = await site.resolve(f"refs/heads/{name}^{{commit}}")
    return Workspace(task, str(desk.path), f"conductor/{run}/{task}", tip)


async def _fresh(site: Site, run: str, task: str) -> Record:
    """Return the record of a workspace that starts from the integration branch."""
    tip = f"refs/heads/{integration(run)}"
    commit, tree = await site.resolve(f"{tip}^{{commit}}", f"{tip}^{{tree}}")
    return Record(run, task, commit, tree, commit, tree, (commit,))


async def _recover(site: Site, desk: Desk, run: str, base: str) -> Record | None:
    """Return a record for a workspace whose own was lost; None if it is not of this run."""
    branch = await asyncio.to_thread(agent_git.read_branch, desk.path)
    if branch != f"conductor/{run}/{desk.task}":
        return None
    commit, tree = await site.resolve(f"{base}^{{commit}}", f"{base}^{{tree}}")
    record = Record(run, desk.task, commit, tree, commit, tree, (commit,))
    await asyncio.to_thread(desk.save, record)
    await asyncio.to_thread(desk.index.unlink, missing_ok=True)
    return record


def _view(desk: Desk, record: Record) -> Workspace:
    """Return the workspace as the engine knows it."""
    return Workspace(record.task, str(desk.path), record.branch, record.base)


async def _reopen(site: Site, desk: Desk, record: Record) -> Workspace:
    """Open a workspace of this run, having ended what a crash cut off."""
    if record.moving:
        await finish(site, desk, record)
    elif not await asyncio.to_thread(desk.index.exists):
        await site.git.run(desk.place, "read-tree", record.head)
        await site.git.ask(desk.place, "update-index", "-q", "--refresh")
    return _view(desk, record)


async def _make(site: Site, desk: Desk, record: Record) -> Workspace:
    """Make the clone beside its place and put it there whole."""
    beside = desk.private / "new"
    await asyncio.to_thread(_clear, desk, beside)
    await _found(site, desk, beside, record.branch)
    await site.git.run(desk.place_at(beside), "read-tree", "-m", "-u", record.head)
    await asyncio.to_thread(_place, desk, beside, replace(record, moving=False))
    return _view(desk, record)


def _clear(desk: Desk, beside: Path) -> None:
    """Remove what an opening that was cut off left; no agent has ever seen it."""
    exclude(desk.repository)
    desk.private.mkdir(mode=0o700, parents=True, exist_ok=True)
    desk.path.parent.mkdir(mode=0o700, exist_ok=True)
    if beside.exists():
        shutil.rmtree(beside)
    for name in ("index", "index.lock"):
        (desk.private / name).unlink(missing_ok=True)


def _place(desk: Desk, beside: Path, record: Record) -> None:
    """Put a finished clone in its place; its record is there before it."""
    agent_git.point(beside, record.branch, record.head, desk.index)
    desk.save(record)
    beside.rename(desk.path)


async def _found(site: Site, desk: Desk, folder: Path, branch: str) -> None:
    """Make the git folder of a workspace: empty, borrowing, without template, hook or remote."""
    repository = desk.repository
    await site.git.run(
        Place(cwd=repository.top),
        *("-c", "init.defaultRefFormat=files", "init", "--quiet", "--template="),
        *(f"--object-format={repository.object_format}", f"--initial-branch={branch}", str(folder)),
    )
    text = workspace_settings(await site.settings())
    await asyncio.to_thread(_furnish, desk, folder / ".git", text)


def _furnish(desk: Desk, folder: Path, settings: str) -> None:
    """Give a new git folder what the user's has and the files depend on."""
    common = Path(desk.repository.common_dir)
    (folder / "objects" / "info").mkdir(exist_ok=True)
    alternates = f"{desk.repository.objects}\n".encode("utf-8", "surrogateescape")
    (folder / "objects" / "info" / "alternates").write_bytes(alternates)
    (folder / "info").mkdir(exist_ok=True)
    for name in ("info/exclude", "info/attributes", "shallow"):
        with contextlib.suppress(FileNotFoundError):
            (folder / name).write_bytes((common / name).read_bytes())
    with (folder / "config").open("ab") as out:
        out.write(settings.encode("utf-8", "surrogateescape"))


async def move(site: Site, desk: Desk, old_tree: str, record: Record) -> None:
    """Make the files, which are those of a tree, those of ``record.head``.

    The record is written first and says that it is under way: a crash is taken up by the next
    opening. Files that git ignores and the commit brings are rescued first.

    Raises:
        GitError: such a file is too large for a rescue.
    """
    await _save_ignored(site, desk, old_tree, record)
    record = replace(record, moving=True)
    await asyncio.to_thread(desk.save, record)
    await finish(site, desk, record)


async def _save_ignored(site: Site, desk: Desk, old_tree: str, record: Record) -> None:
    """Rescue ignored files of the agent's where the commit has files of its own.

    All else is in the private index; git takes ignored files for worthless.
    """
    listed = await site.git.run(
        desk.place,
        *("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A"),
        *(old_tree, record.tree),
    )
    lost = await asyncio.to_thread(in_the_way, desk.path, set(fields(listed)), set())
    if not lost:
        return
    saved = await rescue(site, desk, record)
    kept = [path for path in sorted(lost) if any(path in entry for entry in saved.left_out)]
    if kept:
        raise GitError(
            f"{desk.path} has ignored files that the commit would overwrite: {', '.join(kept)}",
            "move them away, then: conductor retry " + desk.task,
        )


async def finish(site: Site, desk: Desk, record: Record) -> None:
    """Bring a workspace to its record's commit, to the end."""
    moved = await site.git.ask(desk.place, "read-tree", "-m", "-u", record.head)
    if moved.code != 0:
        # A move was cut off half way: files are neither the old nor the new ones.
        await rescue(site, desk, record)
        await site.git.run(desk.place, "read-tree", "--reset", "-u", record.head)
    try:
        await asyncio.to_thread(agent_git.point, desk.path, record.branch, record.head, desk.index)
    except OSError:
        await _renew(site, desk, record)
    await asyncio.to_thread(desk.save, replace(record, moving=False))


async def _renew(site: Site, desk: Desk, record: Record) -> None:
    """Give a workspace a git folder again where the agent broke its own; that one is kept."""
    await asyncio.to_thread(_set_aside_git, desk)
    await _found(site, desk, desk.path, record.branch)
    try:
        await asyncio.to_thread(agent_git.point, desk.path, record.branch, record.head, desk.index)
    except OSError as error:
        raise GitError(f"the workspace {desk.path} cannot be repaired: {error}") from error


def _set_aside_git(desk: Desk) -> None:
    """Move a broken git folder out of the workspace."""
    broken = desk.path / ".git"
    if broken.is_symlink() or broken.exists():
        count = len(list(desk.private.glob("broken-git-*")))
        broken.rename(desk.private / f"broken-git-{count}")
