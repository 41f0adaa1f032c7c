"""How the patterns of permission rules are held against texts, shell commands and paths."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from conductor_tui.settings.rules import anchored

_HOMES = re.compile(r"(/root|/home/[^/]+|/Users/[^/]+)(?=/|$)")
"""Where homes lie when nobody says where this one does."""
_OTHER_VIEW = re.compile(r"/(proc/(self|thread-self|[0-9]+)/(task/[0-9]+/)?(cwd|root|fd)|dev/fd)\b")
"""Names under which the kernel shows any file once more."""
_PROBE = "\x02any"
"""A name that no file has: what covers it in a folder covers every file there."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text in which ``*`` stands for anything, ``\\*`` for a star."""

    pieces: tuple[str, ...]
    """What stands between the stars."""
    bare: str | None
    """What matches too: ``git diff`` for ``git diff *``."""

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern; ``prefix:*`` is ``prefix *``, and a last `` *`` may be left out."""
        pieces = [""]
        for token in re.findall(r"\\[\\*]|[\s\S]", text):
            if token == "*":
                pieces.append("")
            else:
                pieces[-1] += token[1:] if len(token) == 2 else token
        if len(pieces) > 1 and text.endswith(":*"):
            pieces[-2] = pieces[-2].removesuffix(":") + " "
        ends_open = len(pieces) > 1 and pieces[-1] == "" and pieces[-2].endswith(" ")
        bare = pieces[0].rstrip(" ") if ends_open and len(pieces) == 2 else None
        return cls(tuple(pieces), bare)

    @property
    def head(self) -> str:
        """What every match begins with."""
        return self.pieces[0]

    def matches(self, text: str) -> bool:
        """Say whether the whole of a text is meant; takes time in proportion to its length."""
        if self.bare is not None and text == self.bare:
            return True
        first, last = self.pieces[0], self.pieces[-1]
        if len(self.pieces) == 1:
            return text == first
        if len(text) < len(first) + len(last) or not text.startswith(first):
            return False
        if not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in self.pieces[1:-1]:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


def escaped(text: str) -> str:
    """Spell a text as a pattern that means it alone."""
    return text.replace("\\", "\\\\").replace("*", "\\*")


@dataclass(frozen=True, slots=True)
class Place:
    """A path a tool names, as seen from the workspace."""

    path: str
    """Absolute and without ``.`` and ``..``."""
    workspace: str
    home: str

    @classmethod
    def of(cls, path: str, workspace: str, home: str) -> Place:
        """Make a place of a path as it was given."""
        if path == "~" or path.startswith("~/"):
            path = home + path[1:] if home else path
        workspace = posixpath.normpath(workspace)
        joined = posixpath.join(workspace, path)
        normal = "/" + posixpath.normpath(joined).lstrip("/")
        return cls(normal, workspace, home)

    def place(self, path: str) -> Place:
        """Make a place of another path in the same workspace."""
        return Place.of(path, self.workspace, self.home)

    @property
    def certain(self) -> bool:
        """Whether the path's name tells where it leads, symbolic links apart."""
        return not _OTHER_VIEW.match(self.path) and "\0" not in self.path

    @property
    def inside(self) -> str | None:
        """The path from the workspace; None outside, or where its name may lead elsewhere."""
        if not self.certain:
            return None
        if self.path == self.workspace:
            return ""
        prefix = self.workspace.rstrip("/") + "/"
        return self.path.removeprefix(prefix) if self.path.startswith(prefix) else None

    def matches(self, specifier: str, *, folder: bool) -> bool:
        """Say whether a path rule means this place.

        Args:
            specifier: what stands in the rule's brackets.
            folder: the place is a folder to be searched: all that is in it has to be meant.
        """
        start, pattern = anchored(specifier)
        relative = self._from(start)
        if relative is None:
            return False
        if folder:
            relative = posixpath.join(relative, _PROBE) if relative else _PROBE
        return bool(relative) and GitIgnoreSpec.from_lines([pattern]).match_file(relative)

    def _from(self, start: str) -> str | None:
        if start == "workspace":
            return self.inside
        if start == "root":
            return self.path.lstrip("/")
        home = posixpath.normpath(self.home) if self.home else ""
        if not home:
            found = _HOMES.match(self.path)
            home = found.group() if found else ""
        if not home or not self.path.startswith(home.rstrip("/") + "/"):
            return None
        return self.path.removeprefix(home.rstrip("/") + "/")


def escaped_path(path: str) -> str:
    """Spell a path as a ``.gitignore`` pattern that means it alone."""
    found = re.sub(r"([\\*?\[\]])", r"\\\1", path)
    return re.sub(r" +$", lambda match: match.group().replace(" ", "\\ "), found)
