"""The source files of the project, read once as text and as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "conductor_tui"


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path
    text: str
    tree: ast.Module

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Name a place in the file, as an editor opens it."""
        return f"{self.path}:{node.lineno}"


def sources(folder: Path) -> Sequence[Source]:
    """Read every Python file below a folder, in the order of their names."""
    return list(_read(folder))


def _read(folder: Path) -> Iterator[Source]:
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield Source(path.relative_to(folder.parent), text, ast.parse(text))
