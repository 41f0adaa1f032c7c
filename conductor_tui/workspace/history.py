"""Commits: making ours, and bringing in those an agent made itself.

An agent's repository is never opened by git: its objects are read as a further folder of objects,
under the user's own configuration, packed, and unpacked again, which computes every name anew from
the content (a forged object gets its true name and is not found) and checks that nothing is
missing. That is what `git fetch` does, without starting git inside the agent's folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from conductor_tui.domain.errors import GitError
from conductor_tui.workspace.agent_git import objects_of, read_head
from conductor_tui.workspace.git import Git, words
from conductor_tui.workspace.records import Desk
from conductor_tui.workspace.repository import Repository


async def make_commit(
    git: Git,
    repository: Repository,
    tree: str,
    parents: Sequence[str],
    message: str,
    identity: Mapping[str, str],
) -> str:
    """Make a commit of a tree; no branch moves."""
    upon = [part for parent in parents for part in ("-p", parent)]
    return await git.line(
        repository.place,
        *("commit-tree", tree, *upon, "-F", "-"),
        stdin=message.encode("utf-8", "surrogateescape"),
        env=identity,
    )


def with_trailers(message: str, run: str, task: str) -> str:
    """Return a message that says which run and task a commit belongs to."""
    return f"{message.strip() or task}\n\nConductor-Run: {run}\nConductor-Task: {task}\n"


async def is_ancestor(git: Git, repository: Repository, older: str, newer: str) -> bool:
    """Tell whether a commit contains another."""
    ended = await git.ask(repository.place, "merge-base", "--is-ancestor", older, newer)
    if ended.code not in {0, 1}:
        raise GitError(f"cannot compare {older} with {newer}: {words(ended.err)}")
    return ended.code == 0


async def bring_in(git: Git, desk: Desk, head: str) -> str | None:
    """Bring the commits an agent made upon ``head`` into the repository; return the newest.

    None where it made none, where they do not descend from ``head``, or where they are not sound:
    then the files alone are taken.
    """
    tip = await asyncio.to_thread(read_head, desk.path)
    objects = await asyncio.to_thread(objects_of, desk.path)
    if tip is None or tip == head or objects is None:
        return None
    repository = desk.repository
    place = replace(repository.place, alternates=objects)
    ended = await git.ask(place, "merge-base", "--is-ancestor", head, tip)
    if ended.code != 0:
        return None
    pack = await git.ask(
        place,
        *("pack-objects", "-q", "--revs", "--stdout", "--no-reuse-object"),
        stdin=f"{tip}\n^{head}\n".encode(),
    )
    if pack.code != 0:
        return None
    unpacked = await git.ask(repository.place, "unpack-objects", "-q", "--strict", stdin=pack.out)
    return tip if unpacked.code == 0 else None
