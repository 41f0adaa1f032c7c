"""Diffs of single tool calls, as unified text with git's file headers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from conductor_tui.agents import wire

NULL = "/dev/null"


def shown(path: str, folders: Iterable[str]) -> str:
    """Return a path as a diff of one of these folders names it; one outside keeps its full name."""
    for folder in folders:
        if folder and PurePosixPath(path).is_relative_to(folder):
            return str(PurePosixPath(path).relative_to(folder))
    return path


def header(path: str, *, created: bool) -> str:
    """Return the two lines that name the file before and after."""
    old, new = ("", "") if path.startswith("/") else ("a/", "b/")
    before = NULL if created else old + path
    return f"--- {before}\n+++ {new}{path}\n"


def unified(path: str, before: str | None, after: str) -> str:
    """Return the unified diff between two texts of a file; ``before`` None: it was not there."""
    lines: list[str] = []
    changes = difflib.unified_diff(_lines(before or ""), _lines(after), lineterm="", n=3)
    for line in list(changes)[2:]:  # the first two are its own header
        body, newline, _ = line.partition("\n")
        lines.append(body)
        if not newline and line[:1] in "+- ":
            lines.append("\\ No newline at end of file")
    if not lines and before is not None:
        return ""
    return header(path, created=before is None) + "".join(f"{line}\n" for line in lines)


def from_hunks(path: str, hunks: Iterable[Mapping[str, Any]]) -> str:
    """Return the unified diff of hunks as Claude Code writes them (``structuredPatch``)."""
    out: list[str] = []
    for hunk in hunks:
        old, new = wire.count(hunk, "oldStart"), wire.count(hunk, "newStart")
        olds, news = wire.count(hunk, "oldLines"), wire.count(hunk, "newLines")
        out.append(f"@@ -{old},{olds} +{new},{news} @@\n")
        lines = hunk.get("lines")
        if isinstance(lines, list):
            out += [f"{line}\n" for line in lines if isinstance(line, str)]
    return header(path, created=False) + "".join(out) if out else ""


def _lines(content: str) -> list[str]:
    """Split at newlines only, as git does; the newline stays, so a missing one is seen."""
    lines = content.split("\n")
    kept = [f"{line}\n" for line in lines[:-1]]
    return [*kept, lines[-1]] if lines[-1] else kept
