"""How a workspace differs from its base: per file, and as text. Nothing is stored by looking."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from conductor_tui.domain.ports.work import Workspace
from conductor_tui.domain.views import FileView
from conductor_tui.workspace.records import Desk, Record
from conductor_tui.workspace.site import Site
from conductor_tui.workspace.trees import Changed, list_changed, mark

PLAIN = (
    *("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"),
    *("--ignore-submodules=dirty", "--submodule=short"),
)
"""No program of anybody is run for a diff; git does not look into embedded repositories."""

WORDS = {"A": "added", "D": "deleted", "M": "modified", "T": "modified"}

FRESH_NS = 100_000_000
"""A file written this short ago may change again without its time of change telling."""

Key = tuple[object, ...]


@dataclass(slots=True)
class Diffs:
    """Answers for the workspaces of one repository, kept while the files stay the same."""

    site: Site
    limit: int = 2_000_000
    """How many bytes of a diff are handed out."""
    _files: dict[str, tuple[Key, tuple[FileView, ...]]] = field(default_factory=dict)
    _texts: dict[str, tuple[Key, str]] = field(default_factory=dict)
    _settled: dict[str, str] = field(default_factory=dict)
    """Task → the head for which its index was written again after the files."""

    async def changes(self, workspace: Workspace) -> tuple[FileView, ...]:
        """Return how each file differs from the base; one git process where nothing is new."""
        async with self.site.lock(workspace.task):
            desk, record = await self.site.record(workspace)
            key = await self._look(desk, record)
            known = self._files.get(workspace.task)
            if known is not None and known[0] == key:
                return known[1]
            out = await self.site.git.run(
                desk.place, "diff-index", "-z", "--raw", "--numstat", *PLAIN, record.base, "--"
            )
        found = parse(out)
        self._files[workspace.task] = (key, found)
        return found

    async def diff(self, workspace: Workspace) -> str:
        """Return the unified diff against the base, new files included, cut at the limit."""
        async with self.site.lock(workspace.task):
            desk, record = await self.site.record(workspace)
            key = await self._look(desk, record)
            known = self._texts.get(workspace.task)
            if known is not None and known[0] == key:
                return known[1]
            # Without it a file that was merely touched shows as an empty change.
            await self.site.git.ask(desk.place, "update-index", "-q", "--refresh")
            out = await self.site.git.run(
                desk.place,
                *("diff-index", "-p", "--histogram", "--src-prefix=a/", "--dst-prefix=b/"),
                *(*PLAIN, record.base, "--"),
            )
            key = await asyncio.to_thread(_key, desk, record.base, ())
        text = cut(out, self.limit)
        self._texts[workspace.task] = (key, text)
        return text

    async def _look(self, desk: Desk, record: Record) -> Key:
        """Bring the private index up to date; return what the answer hangs on."""
        # Git compares by the second: files written in the same one as the index are read again
        # and again (10,000 files: 100 ms a look), until the index is written once more.
        if self._settled.get(desk.task) != record.head and await asyncio.to_thread(
            _is_past, desk.index
        ):
            await self.site.git.ask(desk.place, "update-index", "-q", "--refresh")
            self._settled[desk.task] = record.head
        changed = await list_changed(self.site.git, desk)
        await mark(self.site.git, desk, changed)
        return await asyncio.to_thread(_key, desk, record.base, tuple(changed))


def _is_past(index: Path) -> bool:
    """Tell whether the second is over in which an index was written."""
    return int(index.stat().st_mtime) < int(time.time())


def _key(desk: Desk, base: str, changed: tuple[Changed, ...]) -> Key:
    """Return a value that differs whenever the answer may."""
    status = desk.index.stat()
    files = tuple((item.path, item.stamp) for item in changed if item.mode is not None)
    newest = max((stamp[0] for _, stamp in files if stamp is not None), default=0)
    doubt = time.time_ns() if time.time_ns() - newest < FRESH_NS else 0
    return (base, status.st_mtime_ns, status.st_ino, status.st_size, files, doubt)


def parse(out: bytes) -> tuple[FileView, ...]:
    """Read ``--raw --numstat -z``: what happened to each file, and how many lines."""
    parts = out.decode("utf-8", "surrogateescape").split("\0")
    changes: dict[str, str] = {}
    found: list[FileView] = []
    position = 0
    while position < len(parts) - 1:
        part = parts[position]
        if part.startswith(":"):
            changes[parts[position + 1]] = WORDS.get(part.rsplit(" ", 1)[1][:1], "modified")
            position += 2
            continue
        added, removed, path = part.split("\t", 2)
        # Only what has counts differs: a file that was merely touched has none.
        found.append(FileView(path, changes.get(path, "modified"), _count(added), _count(removed)))
        position += 1
    return tuple(sorted(found, key=lambda view: view.path))


def _count(said: str) -> int:
    """Return a number of lines; a binary file has none."""
    return 0 if said == "-" else int(said)


def cut(out: bytes, limit: int) -> str:
    """Return a diff as text, cut at a line where it is too long, with a line that says so.

    Bytes that are not UTF-8 become surrogates, so that the patch can be written out exactly.
    """
    if len(out) <= limit:
        return out.decode("utf-8", "surrogateescape")
    end = out.rfind(b"\n", 0, limit) + 1
    kept = out[:end].decode("utf-8", "surrogateescape")
    return (
        f"{kept}\\ conductor: the diff is cut here, {len(out) - end} of {len(out)} bytes follow\n"
    )
