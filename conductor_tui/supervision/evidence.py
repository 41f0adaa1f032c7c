"""A unified diff as evidence: which lines of which files can be cited, and how they are shown.

The counts in a hunk's head say what is inside it, never the look of a line: the work may contain
text that looks like a diff.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from conductor_tui.domain.plaintext import plain, plain_line

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_CUT = "\\ conductor: "
"""How the line begins that says where a long diff was cut off."""

_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPED = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}

_BREAKS = re.compile("[\u2028\u2029\n]")
"""What a model may take for the end of a line; the others are control characters."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a hunk; ``number`` counts on the new side, on the old one where it is gone."""

    mark: str
    """`` ``, ``+`` or ``-``."""
    number: int
    text: str

    def shown(self) -> str:
        """Return the line as a model is shown it: a removed one has no number on the new side."""
        number = "" if self.mark == "-" else str(self.number)
        return f"{number:>6} {self.mark} {harmless(self.text)}"


@dataclass(slots=True)
class FileDiff:
    """What a diff says of one file."""

    path: str
    change: str = "modified"
    binary: bool = False
    hunks: list[list[DiffLine]] = field(default_factory=list)

    def citable(self) -> frozenset[int]:
        """Return the line numbers that can be cited; of a deleted file those it had."""
        return frozenset(
            line.number
            for hunk in self.hunks
            for line in hunk
            if line.mark != "-" or self.change == "deleted"
        )

    def shown(self) -> list[str]:
        """Return its lines as a model is shown them, each hunk after a mark."""
        lines = []
        for hunk in self.hunks:
            lines.append(f"{'':>6} @@")
            lines += [line.shown() for line in hunk]
        return lines


@dataclass(frozen=True)
class DiffEvidence:
    """A whole diff."""

    files: tuple[FileDiff, ...] = ()
    cut: str = ""
    """What was said where the diff was cut off; empty where it is whole."""

    @cached_property
    def lines(self) -> Mapping[str, frozenset[int]]:
        """Path → the line numbers that can be cited."""
        return {file.path: file.citable() for file in self.files}


def harmless(text: str) -> str:
    """Return one line of foreign text that stays one line."""
    return _BREAKS.sub("\ufffd", plain(text))


def plain_path(path: str, known: Collection[str]) -> str:
    """Return a path as the diff names it, where a model writes ``./x`` or ``b/x`` for it."""
    for candidate in (path, path.removeprefix("./"), re.sub(r"^[ab]/", "", path)):
        if candidate in known:
            return candidate
    return path


def read_diff(text: str) -> DiffEvidence:
    """Return a diff of git (prefixes ``a/`` and ``b/``, no renames) as evidence."""
    reader = _Reader()
    for line in text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split("\n"):
        reader.take(line)
    return DiffEvidence(tuple(reader.files), reader.cut)


class _Reader:
    """Takes a diff line by line."""

    def __init__(self) -> None:
        self.files: list[FileDiff] = []
        self.cut = ""
        self._old = self._new = 0
        self._old_left = self._new_left = 0

    def take(self, line: str) -> None:
        """Take one line."""
        if line.startswith(_CUT):  # inside of a hunk each line begins with its mark
            self.cut = plain_line(line.removeprefix(_CUT))
            self._old_left = self._new_left = 0
        elif self._old_left > 0 or self._new_left > 0:
            self._inside(line)
        elif line.startswith("diff --git "):
            self.files.append(FileDiff(_path(line.removeprefix("diff --git "))))
        elif self.files:
            self._head(self.files[-1], line)

    def _head(self, file: FileDiff, line: str) -> None:
        if found := _HUNK.match(line):
            self._old, self._new = int(found[1]), int(found[3])
            self._old_left = int(found[2] or 1)
            self._new_left = int(found[4] or 1)
            file.hunks.append([])
        elif line.startswith("new file mode"):
            file.change = "added"
        elif line.startswith("deleted file mode"):
            file.change = "deleted"
        elif line.startswith(("Binary files ", "GIT binary patch")):
            file.binary = True

    def _inside(self, line: str) -> None:
        mark, text = line[:1] or " ", line[1:]
        if mark == "\\":  # "No newline at end of file"
            return
        hunk = self.files[-1].hunks[-1]
        if mark == "-":
            hunk.append(DiffLine("-", self._old, text))
        else:
            hunk.append(DiffLine("+" if mark == "+" else " ", self._new, text))
        if mark != "+":
            self._old += 1
            self._old_left -= 1
        if mark != "-":
            self._new += 1
            self._new_left -= 1


def _path(names: str) -> str:
    """Return the path out of ``a/P b/P``, where P may be quoted or hold blanks."""
    if names.startswith('"'):
        return _unquoted(names[1 : len(names) // 2 - 1]).removeprefix("a/")
    return names[2 : 2 + (len(names) - 5) // 2]


def _unquoted(text: str) -> str:
    """Undo git's quoting of unusual names."""
    raw = bytearray()
    at = 0
    for found in _ESCAPE.finditer(text):
        raw += text[at : found.start()].encode()
        code = found[1]
        raw.append(int(code, 8) & 0xFF if len(code) == 3 else _ESCAPED.get(code, ord(code) & 0xFF))
        at = found.end()
    raw += text[at:].encode()
    return raw.decode("utf-8", "replace")
