"""A unified diff as numbered lines, and where each file of it begins: pure, fast, total."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conductor_tui.widgets import plain

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")
_NOISE = ("index ", "similarity index", "dissimilarity index", "old mode", "--- ", "+++ ")


@dataclass(slots=True)
class FilePart:
    """One file of a diff."""

    path: str
    first: int
    """The line its header is on."""
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line to show; ``kind`` is file, hunk, add, del, same or note."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class DiffText:
    """A whole diff."""

    lines: tuple[DiffLine, ...] = ()
    files: tuple[FilePart, ...] = ()

    @property
    def added(self) -> int:
        """Lines added in all files."""
        return sum(part.added for part in self.files)

    @property
    def removed(self) -> int:
        """Lines removed in all files."""
        return sum(part.removed for part in self.files)

    def file_at(self, line: int) -> int:
        """Return which file a line belongs to, from 0."""
        place = 0
        for number, part in enumerate(self.files):
            if part.first <= line:
                place = number
        return place


class _Reader:
    """Reads line by line; the counts of a hunk's head say what is inside and what is not."""

    def __init__(self) -> None:
        self.lines: list[DiffLine] = []
        self.files: list[FilePart] = []
        self.old = self.new = self.old_left = self.new_left = 0

    def take(self, raw: str) -> None:
        """Read one line."""
        if self.old_left > 0 or self.new_left > 0:
            self._inside(raw)
        elif raw.startswith("diff --git "):
            self._file(_path_of(raw))
        elif found := _HUNK.match(raw):
            self._hunk(found)
        elif raw.startswith("+++ ") and not self.files:
            self._file(raw[4:].removeprefix("b/"))
        elif raw and not raw.startswith(_NOISE):
            self.lines.append(DiffLine("note", plain.line(raw)))

    def _file(self, path: str) -> None:
        safe = plain.exact_line(path)
        self.files.append(FilePart(safe, len(self.lines)))
        self.lines.append(DiffLine("file", safe))

    def _hunk(self, found: re.Match[str]) -> None:
        self.old, self.new = int(found[1]), int(found[3])
        self.old_left = int(found[2] or 1)
        self.new_left = int(found[4] or 1)
        place = f"@@ {found[1]} → {found[3]} @@"
        self.lines.append(DiffLine("hunk", plain.line(place + found[5])))

    def _inside(self, raw: str) -> None:
        text, mark = plain.exact_line(raw[1:]), raw[:1]
        if mark == "+":
            self.lines.append(DiffLine("add", text, None, self.new))
            self.new, self.new_left = self.new + 1, self.new_left - 1
            self._count(1, 0)
        elif mark == "-":
            self.lines.append(DiffLine("del", text, self.old, None))
            self.old, self.old_left = self.old + 1, self.old_left - 1
            self._count(0, 1)
        elif mark == "\\":
            self.lines.append(DiffLine("note", text.strip()))
        else:
            self.lines.append(DiffLine("same", text, self.old, self.new))
            self.old, self.old_left = self.old + 1, self.old_left - 1
            self.new, self.new_left = self.new + 1, self.new_left - 1

    def _count(self, added: int, removed: int) -> None:
        if self.files:
            self.files[-1].added += added
            self.files[-1].removed += removed


def read_diff(text: str) -> DiffText:
    """Read a unified diff; what is not understood is shown as a note, never dropped silently."""
    reader = _Reader()
    for raw in text.split("\n"):
        reader.take(raw)
    return DiffText(tuple(reader.lines), tuple(reader.files))


def _path_of(raw: str) -> str:
    """Return the new path of ``diff --git a/x b/x``, quoted or not."""
    rest = raw.removeprefix("diff --git ")
    if rest.endswith('"'):
        return rest[rest.rindex(' "') + 2 : -1].removeprefix("b/") if ' "' in rest else rest
    half = rest.find(" b/")
    while half >= 0:
        if rest[2:half] == rest[half + 3 :]:
            return rest[half + 3 :]
        half = rest.find(" b/", half + 1)
    return rest.rsplit(" b/", 1)[-1]
