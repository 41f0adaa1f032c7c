"""Accepted work reaches the branch that is checked out: wholly, or not at all.

`git merge` is not used: it runs hooks, may leave conflict markers in the user's files, and undoes a
failure in the middle by a reset that can lose what was dirty. Instead the merge is made without
files (`git merge-tree`), and only its result is brought into the work tree, by `git read-tree -m
-u` on a copy of the user's index, while we hold the lock of the real one:

1. lock the index (so that no other git changes it), copy it;
2. refuse where a file that changes is dirty or in the way; nothing was touched so far;
3. keep the bytes of the files that will change; let read-tree change them;
4. put the new index in place, then move the branch, from the commit we started from only;
5. on any failure before the branch moved: bytes, index and lock are put back.

Nobody's hooks run here either (pre-merge-commit, post-merge, reference-transaction): a hook of the
repository may stand in files an agent wrote.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from conductor_tui.domain.ports.work import Head, Landing
from conductor_tui.workspace.git import Place, fields
from conductor_tui.workspace.history import is_ancestor, make_commit
from conductor_tui.workspace.merging import join
from conductor_tui.workspace.repository import exclude, find_under_way, read_head
from conductor_tui.workspace.site import Site, integration, update
from conductor_tui.workspace.undo import Backup, in_the_way, restore, store, take_lock

TRAILER = "%(trailers:key=Conductor-Task,valueonly,separator=%x2C)"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be landed, and onto what."""

    head: Head
    branch: str
    source: str
    commit: str
    """What the branch will point to."""
    files: tuple[str, ...]


class Hindrance(Exception):
    """Landing is refused; nothing was changed."""

    def __init__(self, reason: str, mend: str, files: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.mend = mend
        self.files = files


async def land(site: Site, run: str, task: str | None) -> Landing:
    """Merge a run's branch, or one task's work, into the branch that is checked out."""
    async with site.landing:
        head = await read_head(site.git, site.repository)
        branch = (head.branch or "") if head is not None else ""
        try:
            if head is None:
                raise Hindrance("the repository has no commit yet", "commit something first")
            plan = await _plan(site, head, run, task)
            await _bring(site, plan)
        except Hindrance as error:
            return Landing(None, branch, error.files, error.reason, error.mend)
        return Landing(plan.commit, plan.branch, plan.files)


async def _plan(site: Site, head: Head, run: str, task: str | None) -> Plan:
    """Find out what the branch would become; no file and no ref is touched."""
    if head.branch is None:
        raise Hindrance(
            "HEAD is detached: there is no branch to land on", "check one out: git switch BRANCH"
        )
    under_way = await asyncio.to_thread(find_under_way, site.repository)
    if under_way is not None:
        raise Hindrance(f"{under_way[0]} is under way in the work tree", under_way[1])
    source, name = await _source(site, head, run, task)
    if await is_ancestor(site.git, site.repository, head.commit, source):
        commit = source
    else:
        joined = await join(site, None, head.commit, source)
        if joined.conflicts:
            raise Hindrance(
                f"{name} conflicts with what {head.branch} has meanwhile",
                f"merge it by hand: git merge {name}",
                joined.conflicts,
            )
        commit = await make_commit(
            site.git,
            site.repository,
            joined.tree,
            (head.commit, source),
            f"Merge {name} into {head.branch}\n\nConductor-Run: {run}\n",
            await site.identity(),
        )
    listed = await site.git.run(
        site.repository.place,
        *("diff-tree", "-r", "-z", "--name-only", "--no-renames", head.commit, commit),
    )
    return Plan(head, head.branch, source, commit, tuple(fields(listed)))


async def _source(site: Site, head: Head, run: str, task: str | None) -> tuple[str, str]:
    """Return the commit to be landed and the branch it is known by."""
    branch = integration(run)
    tip = await site.find(f"refs/heads/{branch}")
    if tip is None:
        raise Hindrance(f"the run {run} has no branch", "look at the runs: conductor status")
    accepted = await _accepted(site, tip, head.commit)
    if task is None:
        if not accepted:
            raise Hindrance(
                f"nothing accepted in {run} is left to land", "see what waits: conductor status"
            )
        return tip, branch
    for number, (name, commit) in enumerate(accepted):
        if name == task:
            await _require_landed(site, task, commit, accepted[number + 1 :])
            return commit, f"conductor/{run}/{task}"
    raise Hindrance(
        f"{task} has no accepted work that is not landed yet", f"see: conductor show {task}"
    )


async def _accepted(site: Site, tip: str, head: str) -> list[tuple[str, str]]:
    """Return (task, its commit) of what the run's branch has and HEAD has not, newest first."""
    said = await site.git.run(
        site.repository.place,
        *("log", "--first-parent", "-z", f"--format=%P%x09{TRAILER}", tip, f"^{head}"),
    )
    # A task landed by itself is in HEAD, the merge that brought it to the run's branch is not.
    absent = set(
        (await site.git.line(site.repository.place, "rev-list", tip, f"^{head}")).splitlines()
    )
    found: list[tuple[str, str]] = []
    for entry in fields(said):
        parents, _, names = entry.strip("\n").partition("\t")
        upon = parents.split()
        if len(upon) == 2 and upon[1] in absent:
            found.append((names.split(",")[-1].strip(), upon[1]))
    return found


async def _require_landed(
    site: Site, task: str, commit: str, before: list[tuple[str, str]]
) -> None:
    """Refuse one task whose work stands on other tasks' work that is not landed."""
    missing = [
        name
        for name, other in before
        if name != task and await is_ancestor(site.git, site.repository, other, commit)
    ]
    if missing:
        named = ", ".join(reversed(missing))
        raise Hindrance(
            f"{task} builds on work that is not landed: {named}",
            "land that first, or the whole run: conductor land",
        )


async def _bring(site: Site, plan: Plan) -> None:
    """Change files, index and branch, all or nothing."""
    repository = site.repository
    await asyncio.to_thread(exclude, repository)
    index = Path(repository.git_dir) / "index"
    scratch = repository.home / "git" / "landing"
    copy = replace(repository.place, index=str(scratch / "index"), as_user=True)
    lock = await asyncio.to_thread(take_lock, index, scratch)
    if lock is None:
        raise Hindrance(
            f"another git works here: {index}.lock exists",
            f"try again; if no git is running, remove it: rm {index}.lock",
        )
    backup: Backup | None = None
    landed = False
    try:
        await _require_clean(site, copy, plan)
        backup = await asyncio.to_thread(store, Path(repository.top), scratch, plan.files)
        await _change(site, copy, plan)
        await asyncio.to_thread(lock.put, scratch / "index")
        landed = await _move_branch(site, plan)
        if not landed:
            raise Hindrance(f"{plan.branch} moved meanwhile", "land again")
    finally:
        # Also when cancelled: a thread that was started runs to its end.
        if not landed:
            await asyncio.to_thread(lock.put_back)
            if backup is not None:
                await asyncio.to_thread(restore, Path(repository.top), backup)
        await asyncio.to_thread(shutil.rmtree, scratch)


async def _require_clean(site: Site, copy: Place, plan: Plan) -> None:
    """Refuse where a file that changes differs from HEAD, or something new is in its way."""
    await site.git.ask(copy, "update-index", "-q", "--refresh")
    listed = await site.git.run(
        copy,
        *("diff-index", "-z", "--name-only", "--no-renames", "--ignore-submodules=dirty"),
        *(plan.head.commit, "--"),
    )
    changing = set(plan.files)
    dirty = changing & set(fields(listed))
    tracked = set(fields(await site.git.run(copy, "ls-files", "-z", "--cached")))
    top = Path(site.repository.top)
    blocking = await asyncio.to_thread(in_the_way, top, changing - tracked, tracked)
    if dirty or blocking:
        files = tuple(sorted(dirty | blocking))
        raise Hindrance(
            f"files that would change are not committed: {', '.join(files[:5])}",
            "commit or stash them, then land again",
            files,
        )


async def _change(site: Site, copy: Place, plan: Plan) -> None:
    """Let git bring the files, and the copy of the index, from HEAD to the new commit."""
    ended = await site.git.ask(copy, "read-tree", "-m", "-u", plan.head.commit, plan.commit)
    if ended.code != 0:
        said = ended.err.decode("utf-8", "replace").strip()
        raise Hindrance(
            f"git could not write the files: {said}", "mend that and land again", plan.files
        )


async def _move_branch(site: Site, plan: Plan) -> bool:
    """Move the branch from where we found it; False where it moved meanwhile."""
    line = update(f"refs/heads/{plan.branch}", plan.commit, plan.head.commit)
    return await site.transact(line)
