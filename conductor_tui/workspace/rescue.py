"""Before files could be lost: all of a workspace's bytes, kept under a ref of their own.

The bytes are exact (no filter, no change of line ends), new files are in it, so are the files of
embedded repositories and ignored files up to a size. What git cannot hold stands in the manifest,
which is the body of the commit's message.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from conductor_tui.workspace.git import fields, packed
from conductor_tui.workspace.history import bring_in, make_commit
from conductor_tui.workspace.records import Desk, Record
from conductor_tui.workspace.site import Site, create

IGNORED_BYTES = 1 << 20
"""An ignored file above this size is named in the manifest, not kept."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """A rescue that was made."""

    id: str
    ref: str
    commit: str
    tree: str
    left_out: tuple[str, ...]
    """What could not be taken in, each with its reason."""


@dataclass(slots=True)
class Manifest:
    """What a tree of git cannot hold."""

    modes: dict[str, str] = field(default_factory=dict)
    """Octal modes of files other than 0644 and 0755."""
    empty: list[str] = field(default_factory=list)
    """Empty folders."""
    embedded: list[str] = field(default_factory=list)
    """Repositories within: their files are taken in, their history is not."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Path → why it is not in the tree."""


@dataclass(slots=True)
class Found:
    """What lies in a workspace."""

    files: dict[str, str] = field(default_factory=dict)
    """Path → git's mode."""
    links: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=Manifest)


async def rescue(site: Site, desk: Desk, record: Record | None) -> Rescue:
    """Keep all of a workspace's state under ``refs/conductor/rescue/``; nothing else changes."""
    found = await asyncio.to_thread(_gather, desk.path)
    await _leave_out_ignored(site, desk, found)
    tree = await _store(site, desk, found)
    head = record.head if record is not None and await site.find(record.head) else None
    tip = await bring_in(site.git, desk, head) if head is not None else None
    now = datetime.datetime.now(datetime.UTC)
    name = f"{now:%Y%m%dT%H%M%S%fZ}-{desk.task}"
    body = json.dumps(asdict(found.manifest), sort_keys=True)
    commit = await make_commit(
        site.git,
        site.repository,
        tree,
        [part for part in (tip or head,) if part],
        f"conductor: rescue of {desk.task}\n\n{body}\n",
        await site.identity(),
    )
    ref = f"refs/conductor/rescue/{name}"
    await site.require(create(ref, commit))
    left_out = tuple(f"{path}: {why}" for path, why in sorted(found.manifest.left_out.items()))
    return Rescue(name, ref, commit, tree, left_out)


def move_aside(desk: Desk) -> Path:
    """Move a workspace out of the way, with conductor's notes on it; return where it is now."""
    now = datetime.datetime.now(datetime.UTC)
    aside = desk.repository.home / "aside" / f"{now:%Y%m%dT%H%M%S%fZ}-{desk.task}"
    aside.parent.mkdir(mode=0o700, exist_ok=True)
    desk.path.rename(aside)
    return aside


def _gather(root: Path) -> Found:
    """Look at every file of a workspace but git's own."""
    found = Found()
    for place, folders, names in os.walk(root):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        hidden = [name for name in (*folders, *names) if name.lower() == ".git"]
        if hidden and here != root:
            found.manifest.embedded.append(str(here.relative_to(root)))
        folders[:] = [name for name in folders if name not in links and name not in hidden]
        for name in (*names, *links):
            if name not in hidden:
                _note(found, root, here / name)
        if not folders and not names and not links and here != root:
            found.manifest.empty.append(str(here.relative_to(root)))
    return found


def _note(found: Found, root: Path, file: Path) -> None:
    """Note one file, or why it cannot be kept."""
    path = str(file.relative_to(root))
    status = file.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        found.links[path] = os.fsencode(file.readlink())
    elif not stat.S_ISREG(status.st_mode):
        found.manifest.left_out[path] = "not a file"
    elif not os.access(file, os.R_OK):
        found.manifest.left_out[path] = "cannot be read"
    else:
        found.files[path] = "100755" if mode & stat.S_IXUSR else "100644"
        found.sizes[path] = status.st_size
        if mode not in {0o644, 0o755}:
            found.manifest.modes[path] = f"{mode:04o}"


async def _leave_out_ignored(site: Site, desk: Desk, found: Found) -> None:
    """Leave out ignored files that are large; those git tracks are never ignored."""
    large = [path for path, size in found.sizes.items() if size > IGNORED_BYTES]
    if not large:
        return
    ended = await site.git.ask(desk.place, "check-ignore", "-z", "--stdin", stdin=packed(large))
    for path in fields(ended.out):
        del found.files[path]
        found.manifest.left_out[path] = f"ignored, {found.sizes[path]} bytes"


async def _store(site: Site, desk: Desk, found: Found) -> str:
    """Store the exact bytes in the repository and return their tree."""
    scratch = desk.private / "rescue"
    place = replace(desk.place, index=str(scratch / "index"))
    links = await asyncio.to_thread(_write_links, scratch, found.links)
    paths = [*found.files, *links.values()]
    names = "".join(f"{_c_quoted(path)}\n" for path in paths).encode("utf-8", "surrogateescape")
    said = await site.git.line(
        place, "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names
    )
    hashes = said.split()
    modes = [*found.files.values(), *("120000" for _ in links)]
    entries = [
        f"{mode} {name}\t{path}"
        for mode, name, path in zip(modes, hashes, [*found.files, *links], strict=True)
    ]
    await site.git.run(place, "update-index", "-z", "--index-info", stdin=packed(entries))
    tree = await site.git.line(place, "write-tree")
    await asyncio.to_thread(shutil.rmtree, scratch)
    return tree


def _write_links(scratch: Path, links: dict[str, bytes]) -> dict[str, str]:
    """Write the targets of links as files for git to store; return link → file."""
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(mode=0o700, parents=True)
    written: dict[str, str] = {}
    for number, (path, target) in enumerate(links.items()):
        file = scratch / f"link-{number}"
        file.write_bytes(target)
        written[path] = str(file)
    return written


def _c_quoted(path: str) -> str:
    """Quote a path as git reads it from a line."""
    raw = path.encode("utf-8", "surrogateescape")
    inner = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03o}" for byte in raw
    )
    return f'"{inner}"'
