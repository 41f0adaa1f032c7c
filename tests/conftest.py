"""What holds for every test: a world of its own, an event loop nobody blocks, honest skips."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

from tests.support import external

settings.register_profile("dev", deadline=None)
# The same examples each time: a red CI run can be repeated, a green one means the same tomorrow.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

FOREIGN = (
    "CONDUCTOR_",
    "ANTHROPIC_",
    "CLAUDE",
    "OPENAI_",
    "GEMINI_",
    "CODEX_",
    "QWEN_",
    "GIT_",
    "XDG_",
    "TMUX",
)
"""Beginnings of variables that would let the developer's own world reach into a test."""

TERMINAL = ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "TEXTUAL")
"""Beginnings of variables that change what is drawn."""

MAY_BLOCK = (
    # Where Textual finds its stylesheet as the app is made, before there is anything to hold up.
    ("textual/_path.py", "_make_path_object_relative"),
)
"""Functions of others that may block the loop although conductor is on the stack."""


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the test an empty home, git without anybody's settings, and no keys to anything."""
    for name in tuple(os.environ):
        if name.startswith(FOREIGN + TERMINAL):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    # Sockets live here, and a socket's path is limited to about 100 bytes: tmp_path is too long.
    runtime = tempfile.mkdtemp(prefix="ct-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    git_identity(tmp_path / "gitconfig", monkeypatch)
    monkeypatch.chdir(tmp_path)
    yield
    shutil.rmtree(runtime, ignore_errors=True)


def git_identity(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git see nothing of the machine's settings, and one identity of the tests' own."""
    config.write_text("[init]\n\tdefaultBranch = main\n[commit]\n\tgpgSign = false\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")


@pytest.fixture(autouse=True)
def nothing_blocks() -> Iterator[None]:
    """Fail the test where code of conductor blocks the one event loop it lives on."""
    with blockbuster_ctx("conductor_tui") as watch:
        for file, caller in MAY_BLOCK:
            for function in watch.functions.values():
                function.can_block_in(file, caller)
        yield


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Make a small real repository: a package and its test, one commit on `main`."""
    folder = tmp_path / "repo"
    files = {
        "README.md": "# textkit\n\nSmall functions on text.\n",
        ".gitignore": "__pycache__/\n*.pyc\n",
        "textkit/__init__.py": '"""Small functions on text."""\n',
        "textkit/words.py": "def words(text):\n    return text.split()\n",
        "tests/test_words.py": (
            "from textkit.words import words\n\n\n"
            "def test_words():\n    assert words('a b') == ['a', 'b']\n"
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Count what was not tried because a program is missing, last of all, below pytest's own."""
    yield
    skipped = terminalreporter.getreports("skipped")
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    for line in external.summary(reasons):
        terminalreporter.write_line(line, yellow=True, bold=True)
