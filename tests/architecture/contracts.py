"""Run the import contracts on a tree, and say which of them hold."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source import ROOT

CONFIG = ROOT / ".importlinter"


@dataclass(frozen=True)
class Verdict:
    """What import-linter said."""

    exit_code: int
    output: str

    kept: Mapping[str, bool]
    """For each contract by its name, whether it holds."""

    @property
    def broken(self) -> set[str]:
        """Return the names of the contracts that do not hold."""
        return {name for name, kept in self.kept.items() if not kept}


def lint(folder: Path) -> Verdict:
    """Check the package that lies in a folder against the project's contracts.

    In a process of its own, as the import graph is found by the path the interpreter started with.
    """
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--config", str(CONFIG), "--no-cache", "--no-logo"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = re.findall(r"^(.+?) (KEPT|BROKEN)\b", result.stdout, re.MULTILINE)
    kept = {name.strip(): word == "KEPT" for name, word in lines}
    return Verdict(result.returncode, result.stdout + result.stderr, kept)


def contract_names() -> dict[str, str]:
    """Return the contracts' names by their short ones."""
    text = CONFIG.read_text(encoding="utf-8")
    return dict(re.findall(r"^\[importlinter:contract:(\w+)\]\nname = (.+)$", text, re.MULTILINE))
