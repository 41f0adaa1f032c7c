"""The floors hold: what import-linter says of the package as it stands."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from tests.architecture.contracts import contract_names, lint
from tests.architecture.source import PACKAGE, ROOT


def test_every_contract_is_kept() -> None:
    verdict = lint(ROOT)
    assert verdict.exit_code == 0, verdict.output
    assert verdict.kept == dict.fromkeys(contract_names().values(), True)


def test_every_room_is_seen() -> None:
    """A folder without `__init__.py` is no package to the linter: nothing would hold in it."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [
        str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").exists()
    ] == []


def test_the_runner_stands_alone() -> None:
    """It is copied to machines that have nothing but a Python: standard library only."""
    runner = PACKAGE / "hosts" / "runner.py"
    assert foreign_imports(runner) == set()
    ast.parse(runner.read_text(encoding="utf-8"), feature_version=(3, 8))


def foreign_imports(path: Path) -> set[str]:
    """Return the imported packages that do not come with Python."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found - set(sys.stdlib_module_names)


def test_a_foreign_import_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "runner.py"
    path.write_text("import os, psutil\ndef f():\n    from conductor_tui.domain import values\n")
    assert foreign_imports(path) == {"psutil", "conductor_tui"}
