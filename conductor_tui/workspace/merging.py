"""A task's work becomes a commit, meets the run's branch, and is adopted by it.

No branch moves before ``adopt``. The run's branch takes one merge commit per task, with trailers
that name it, even where it could simply move forward: its first-parent line reads as the list of
accepted tasks. Commits nothing else points to stand under ``refs/conductor/``, so that a
``git gc`` of the user's cannot take them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from conductor_tui.domain.errors import GitError
from conductor_tui.domain.ports.work import Merge, Workspace
from conductor_tui.workspace import agent_git
from conductor_tui.workspace.clones import move
from conductor_tui.workspace.git import failure, fields, words
from conductor_tui.workspace.history import bring_in, is_ancestor, make_commit, with_trailers
from conductor_tui.workspace.records import Desk, Record
from conductor_tui.workspace.rescue import rescue
from conductor_tui.workspace.site import Site, create, delete, integration, parents_of, update
from conductor_tui.workspace.trees import snapshot


@dataclass(frozen=True, slots=True)
class Joined:
    """Two commits brought together as a tree; conflicting files hold markers."""

    tree: str
    conflicts: tuple[str, ...]


def merge_ref(run: str, task: str) -> str:
    """Return the ref that keeps a merge while its checks run."""
    return f"refs/conductor/merge/{run}/{task}"


def head_ref(run: str, task: str) -> str:
    """Return the ref that keeps what a workspace's HEAD was put on."""
    return f"refs/conductor/head/{run}/{task}"


async def join(site: Site, desk: Desk | None, ours: str, theirs: str) -> Joined:
    """Merge two commits without touching files; attributes are those of the task's files."""
    place = site.repository.place if desk is None else desk.place
    ended = await site.git.ask(
        place, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs
    )
    if ended.code not in {0, 1}:
        raise failure(("merge-tree", ours, theirs), ended)
    tree, *conflicts = fields(ended.out)
    return Joined(tree, tuple(conflicts) if ended.code == 1 else ())


async def commit_work(site: Site, run: str, workspace: Workspace, message: str) -> str:
    """Commit all of a workspace on the task's branch; return the commit, or the unchanged base."""
    async with site.lock(workspace.task):
        desk, record = await site.record(workspace)
        return (await _commit(site, desk, record, with_trailers(message, run, workspace.task)))[0]


async def _commit(site: Site, desk: Desk, record: Record, message: str) -> tuple[str, Record]:
    """Commit, and return also the record as it is then."""
    tree = await snapshot(site.git, desk)
    tip = await bring_in(site.git, desk, record.head)
    ref = f"refs/heads/{record.branch}"
    if tree == record.base_tree:
        await site.transact(create(ref, record.base))
        return record.base, record
    commit = await _stored(site, record, tree, tip)
    if commit is None:
        parents = (tip,) if tip is not None else record.parents
        commit = await make_commit(
            site.git, site.repository, tree, parents, message, await site.identity()
        )
    record = record.advanced(commit, tree)
    await asyncio.to_thread(desk.save, record)
    await site.require(update(ref, commit))
    with contextlib.suppress(OSError):
        await asyncio.to_thread(agent_git.point, desk.path, record.branch, commit, desk.index)
    return commit, record


async def _stored(site: Site, record: Record, tree: str, tip: str | None) -> str | None:
    """Return the commit that holds a tree already: the agent's own, or ours of before."""
    if tip is not None:
        return tip if (await site.resolve(f"{tip}^{{tree}}"))[0] == tree else None
    is_whole = record.parents == (record.head,)
    return record.head if is_whole and tree == record.tree else None


async def merge(site: Site, run: str, workspace: Workspace, commit: str, message: str) -> Merge:
    """Merge a task's commit with the integration branch, without moving any branch."""
    onto = (await site.resolve(f"refs/heads/{integration(run)}^{{commit}}"))[0]
    if commit == workspace.base:
        return Merge(onto, onto=onto)
    moved = onto != workspace.base
    tree = f"{commit}^{{tree}}"
    if moved:
        if await is_ancestor(site.git, site.repository, commit, onto):
            return Merge(onto, onto=onto)
        async with site.lock(workspace.task):
            joined = await join(site, site.desk(workspace.task), onto, commit)
        if joined.conflicts:
            return Merge(None, joined.conflicts, moved, onto)
        tree = joined.tree
    merged = await make_commit(
        site.git,
        site.repository,
        tree,
        (onto, commit),
        with_trailers(message, run, workspace.task),
        await site.identity(),
    )
    if moved:
        # Checks run on it before the branch moves; until then nothing else points to it.
        await site.require(update(merge_ref(run, workspace.task), merged))
    return Merge(merged, (), moved, onto)


async def adopt(site: Site, run: str, task: str, outcome: Merge) -> bool:
    """Move the integration branch to a merge; False if the branch moved meanwhile."""
    if outcome.commit is None:
        return False
    ref = f"refs/heads/{integration(run)}"
    if outcome.commit == outcome.onto:
        return await site.find(ref) == outcome.onto
    lines = (update(ref, outcome.commit, outcome.onto), delete(merge_ref(run, task)))
    if await site.transact(*lines):
        return True
    tip = await site.find(ref)
    if tip == outcome.onto:
        await site.require(*lines)
        return True
    return tip is not None and await is_ancestor(site.git, site.repository, outcome.commit, tip)


async def merged(site: Site, run: str, task: str, commit: str) -> str | None:
    """Return the commit that brought a commit to the integration branch, if one did."""
    tip = await site.find(f"refs/heads/{integration(run)}")
    if tip is None or not await is_ancestor(site.git, site.repository, commit, tip):
        return None
    line = await first_parents(site, tip, commit)
    if not line or commit in line[-1][1][:1]:
        return commit
    for candidate, parents in line:
        if commit in parents[1:]:
            return candidate
    for candidate, _ in reversed(line):
        if await is_ancestor(site.git, site.repository, commit, candidate):
            return candidate
    raise GitError(f"the history of {integration(run)} does not fit {commit} of {task}")


async def first_parents(site: Site, tip: str, without: str) -> list[tuple[str, Sequence[str]]]:
    """Return a branch's own commits, newest first, each with its parents."""
    said = await site.git.line(
        site.repository.place, "rev-list", "--first-parent", "--parents", tip, f"^{without}"
    )
    return [parents_of(line) for line in said.splitlines()]


async def put(site: Site, workspace: Workspace, commit: str) -> Workspace:
    """Make the workspace's files those of a commit; what is in no commit yet is rescued first."""
    async with site.lock(workspace.task):
        desk, record = await site.record(workspace)
        present = await snapshot(site.git, desk)
        if present != record.tree:
            await rescue(site, desk, record)
        (tree,) = await site.resolve(f"{commit}^{{tree}}")
        base, base_tree = await _measure(site, record, commit)
        await site.require(update(head_ref(record.run, record.task), commit))
        new = replace(record.advanced(commit, tree), base=base, base_tree=base_tree)
        await move(site, desk, present, new)
        return replace(workspace, base=base)


async def _measure(site: Site, record: Record, commit: str) -> tuple[str, str]:
    """Return what a commit's change is measured against: where it left the integration branch."""
    tip = f"refs/heads/{integration(record.run)}"
    ended = await site.git.ask(site.repository.place, "merge-base", tip, commit)
    if ended.code != 0:
        return record.base, record.base_tree
    base = words(ended.out)
    return base, (await site.resolve(f"{base}^{{tree}}"))[0]


async def rebase(site: Site, run: str, workspace: Workspace) -> tuple[Workspace, tuple[str, ...]]:
    """Bring the integration branch into the workspace, which gets a new base.

    The work so far is committed first and stays a parent of what comes. Returns also the files
    that hold conflict markers for the agent to resolve.
    """
    async with site.lock(workspace.task):
        desk, record = await site.record(workspace)
        message = with_trailers("Work before the run's branch was brought in", run, workspace.task)
        commit, record = await _commit(site, desk, record, message)
        tip = f"refs/heads/{integration(run)}"
        onto, tree = await site.resolve(f"{tip}^{{commit}}", f"{tip}^{{tree}}")
        if onto == record.base:
            return replace(workspace, base=record.base), ()
        if commit == record.base:
            new = replace(record.advanced(onto, tree), base=onto, base_tree=tree)
            conflicts: tuple[str, ...] = ()
        else:
            new, conflicts = await _bring(site, desk, record, onto, tree)
        # What was committed, or the unchanged base: all that is in the files.
        (present,) = await site.resolve(f"{commit}^{{tree}}")
        await site.require(update(head_ref(run, workspace.task), new.head))
        await move(site, desk, present, new)
        return replace(workspace, base=onto), conflicts


async def _bring(
    site: Site, desk: Desk, record: Record, onto: str, onto_tree: str
) -> tuple[Record, tuple[str, ...]]:
    """Merge the integration branch's tip into a task's commit."""
    based = replace(record, base=onto, base_tree=onto_tree)
    if await is_ancestor(site.git, site.repository, onto, record.head):
        return based, ()
    joined = await join(site, desk, record.head, onto)
    head = await make_commit(
        site.git,
        site.repository,
        joined.tree,
        (record.head, onto),
        with_trailers(f"Bring {integration(record.run)} in", record.run, record.task),
        await site.identity(),
    )
    based = replace(based, head=head, tree=joined.tree)
    # A commit with markers in it is only where the agent starts from; the task's history skips it.
    parents = (record.head, onto) if joined.conflicts else (head,)
    return replace(based, parents=parents), joined.conflicts
