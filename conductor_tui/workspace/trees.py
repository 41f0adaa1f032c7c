"""From the files of a workspace to git trees, through the private index.

``list_changed`` says what differs from the private index, ``mark`` makes new files visible to a
diff without writing their content anywhere, ``snapshot`` stores everything and returns the tree.
"""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from conductor_tui.workspace.git import Git, fields, packed
from conductor_tui.workspace.records import Desk

GITLINK = "160000"
Stamp = tuple[int, int, int, int, int]
"""mtime, ctime (ns), size, inode, mode of a file."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A path of the workspace that differs from the private index."""

    path: str
    new: bool
    """The index does not know it."""
    mode: str | None
    """As git would store it; None: nothing git can store is there any more."""
    stamp: Stamp | None = None
    plain: bool = True
    """A path that is gone can be removed by the usual way: nothing else lies there instead."""
    folder: bool = False
    """A folder is there."""


async def list_changed(git: Git, desk: Desk) -> list[Changed]:
    """Return what differs from the private index, new files that are not ignored too.

    Embedded repositories are taken in file by file. One git process, unless there are such.
    """
    listed = await git.run(
        desk.place,
        *("ls-files", "-z", "-t", "--modified", "--deleted", "--others", "--exclude-standard"),
    )
    known: dict[str, bool] = {}
    embedded: list[str] = []
    for entry in fields(listed):
        tag, path = entry[0], entry[2:]
        if tag == "?" and path.endswith("/"):
            embedded.append(path)
        else:
            known[path] = tag == "?"
    for path in await _inside(git, desk, embedded):
        known.setdefault(path, True)
    changed = await asyncio.to_thread(_look, desk.path, known)
    return await _submodules(git, desk, changed)


async def mark(git: Git, desk: Desk, changed: list[Changed]) -> None:
    """Make the index name what is there, so that a diff against it shows new files.

    Their content stays where it is: an entry with an impossible object is always read anew.
    """
    nothing = "0" * _length(desk)
    pending = "1" * _length(desk)
    lines = [f"0 {nothing}\t{item.path}" for item in changed if item.mode is None]
    lines += [f"{item.mode} {pending}\t{item.path}" for item in changed if item.mode and item.new]
    if lines:
        await git.run(desk.place, "update-index", "-z", "--index-info", stdin=packed(lines))


async def snapshot(git: Git, desk: Desk) -> str:
    """Store all files of the workspace in the repository and return their tree."""
    changed = await list_changed(git, desk)
    odd = [f"0 {'0' * _length(desk)}\t{item.path}" for item in changed if not item.plain]
    if odd:
        await git.run(desk.place, "update-index", "-z", "--index-info", stdin=packed(odd))
    paths = [item.path for item in changed if item.plain]
    if paths:
        await git.run(
            desk.place,
            *("update-index", "-z", "--add", "--remove", "--replace", "--stdin"),
            stdin=packed(paths),
        )
    return await git.line(desk.place, "write-tree")


def _length(desk: Desk) -> int:
    """Return how many digits an object's name has here."""
    return 64 if desk.repository.object_format == "sha256" else 40


async def _inside(git: Git, desk: Desk, embedded: list[str]) -> list[str]:
    """Return the files within repositories that an agent made inside its workspace."""
    if not embedded:
        return []
    paths = await asyncio.to_thread(_walk, desk.path, embedded)
    ended = await git.ask(
        desk.place, "check-ignore", "-z", "--no-index", "--stdin", stdin=packed(paths)
    )
    ignored = set(fields(ended.out))
    return [path for path in paths if path not in ignored]


def _walk(root: Path, folders: list[str]) -> list[str]:
    """Return all files and links below some folders, what git keeps for itself left out."""
    found: list[str] = []
    for folder in folders:
        for place, names, files in os.walk(root / folder):
            links = [name for name in names if os.path.islink(os.path.join(place, name))]
            names[:] = [name for name in names if name.lower() != ".git" and name not in links]
            here = os.path.relpath(place, root)
            found += [f"{here}/{name}" for name in (*files, *links) if name.lower() != ".git"]
    return found


async def _submodules(git: Git, desk: Desk, changed: list[Changed]) -> list[Changed]:
    """Tell a submodule on another commit from a folder that stands where a file was."""
    folders = [item.path for item in changed if item.folder and not item.new]
    if not folders:
        return changed
    listed = await git.run(
        desk.place, "--literal-pathspecs", "ls-files", "-z", "-s", "--", *folders
    )
    staged = (entry.partition("\t") for entry in fields(listed))
    links = {path for meta, _, path in staged if meta.startswith(GITLINK)}
    return [
        replace(item, mode=GITLINK, plain=True) if item.path in links else item for item in changed
    ]


def _look(root: Path, known: dict[str, bool]) -> list[Changed]:
    """Say of each path what lies there now."""
    links: dict[str, bool] = {}
    return [_look_at(root, path, new, links) for path, new in sorted(known.items())]


def _look_at(root: Path, path: str, new: bool, links: dict[str, bool]) -> Changed:
    """Say what lies at one path, not looking through links."""
    if _beyond_link(root, path, links):
        return Changed(path, new, None, plain=False)
    try:
        status = os.lstat(root / path)
    except (FileNotFoundError, NotADirectoryError):
        return Changed(path, new, None)
    stamp = (
        *(status.st_mtime_ns, status.st_ctime_ns, status.st_size),
        *(status.st_ino, status.st_mode),
    )
    if stat.S_ISLNK(status.st_mode):
        return Changed(path, new, "120000", stamp)
    if stat.S_ISREG(status.st_mode):
        kind = "100755" if status.st_mode & stat.S_IXUSR else "100644"
        return Changed(path, new, kind, stamp)
    # A folder or a pipe where a file was: git would read the pipe and wait for ever.
    folder = stat.S_ISDIR(status.st_mode)
    return Changed(path, new, None, stamp if folder else None, plain=False, folder=folder)


def _beyond_link(root: Path, path: str, links: dict[str, bool]) -> bool:
    """Tell whether a folder on the way to a path is a link by now."""
    parent, slash, _ = path.rpartition("/")
    if not slash:
        return False
    if parent not in links:
        inner = _beyond_link(root, parent, links)
        links[parent] = inner or os.path.islink(root / parent)
    return links[parent]
