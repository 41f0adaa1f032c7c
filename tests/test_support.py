"""The tests' own ground: isolation, the loop's guard, and the account of what was skipped."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from blockbuster import BlockingError
from hypothesis import given
from hypothesis import strategies as st

import conductor_tui
from tests.support import external

INNER_CONFTEST = "from tests.conftest import pytest_terminal_summary  # noqa: F401\n"

INNER_TEST = """
import pytest
from tests.support.external import external

@pytest.mark.external
def test_absent():
    external("no-such-program")

@pytest.mark.external
def test_absent_too():
    external("no-such-program")

@pytest.mark.external
def test_present():
    assert external("sh").exists()

@pytest.mark.skip(reason="another reason")
def test_other():
    pass
"""


def run_inner(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    """Run a small suite of its own, as CI does or as a person does."""
    (folder / "conftest.py").write_text(INNER_CONFTEST)
    (folder / "test_inner.py").write_text(INNER_TEST)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    external: needs a program\n")
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(external.ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_missing_program_is_a_counted_skip(tmp_path: Path) -> None:
    result = run_inner(tmp_path, ci="")
    assert result.returncode == 0, result.stdout
    told, closing = result.stdout.splitlines()[-2:]
    assert told == "2 external tests skipped: missing no-such-program"
    assert "1 passed, 3 skipped" in closing


def test_missing_program_fails_in_ci(tmp_path: Path) -> None:
    result = run_inner(tmp_path, ci="true")
    assert result.returncode == 1
    assert "2 failed, 1 passed, 1 skipped" in result.stdout
    assert "external program missing: no-such-program; with CI=true" in result.stdout


def test_a_named_program_wins(tmp_path: Path) -> None:
    environment = {"CONDUCTOR_TEST_CLAUDE": str(tmp_path / "mine"), "PATH": "/usr/bin"}
    assert external.find("claude", environment) == tmp_path / "mine"


def test_programs_are_found_on_the_path(tmp_path: Path) -> None:
    program = tmp_path / "some-agent"
    program.write_text("#!/bin/sh\n")
    assert external.find("some-agent", {"PATH": str(tmp_path)}) is None
    program.chmod(0o755)
    assert external.find("some-agent", {"PATH": str(tmp_path)}) == program


def test_the_summary_names_each_program_once_with_its_mend() -> None:
    reasons = ["Skipped: " + external.missing_reason(n) for n in ("claude", "claude", "tmux")]
    assert external.summary(reasons) == [
        "3 external tests skipped: missing "
        "claude (npm install --prefix .node @anthropic-ai/claude-code@latest), "
        "tmux (apt-get install tmux)"
    ]
    assert external.summary(["Skipped: something else"]) == []


def test_the_world_is_empty(tmp_path: Path) -> None:
    assert Path.cwd() == tmp_path
    assert Path.home() == tmp_path / "home"
    assert list(Path.home().iterdir()) == []
    assert len(os.environ["XDG_RUNTIME_DIR"]) < 40
    left = [name for name in os.environ if name.startswith(("ANTHROPIC_", "CLAUDE", "CONDUCTOR_"))]
    assert left == []


def test_git_knows_only_the_tests_identity(repo: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(repo), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert git("log", "--format=%an <%ae> %s") == "Test Person <test@example.org> Start"
    assert git("branch", "--show-current") == "main"
    assert git("status", "--porcelain") == ""
    origins = git("config", "--list", "--show-origin", "--name-only").splitlines()
    allowed = (f"file:{repo.parent / 'gitconfig'}", "file:.git/config")
    assert [line for line in origins if not line.startswith(allowed)] == []


async def test_blocking_the_loop_is_seen(tmp_path: Path) -> None:
    """A planted module of conductor that sleeps in a coroutine; the same call elsewhere may."""
    assert conductor_tui.__file__ is not None
    source = "import time\n\n\nasync def nap():\n    time.sleep(0)\n"
    # Compiled under a name inside the package, which is what the guard looks at.
    inside = Path(conductor_tui.__file__).parent / "planted.py"
    namespace: dict[str, object] = {}
    exec(compile(source, str(inside), "exec"), namespace)
    nap = namespace["nap"]
    assert callable(nap)
    with pytest.raises(BlockingError):
        await nap()
    assert importlib.util.find_spec("conductor_tui.planted") is None


@given(st.text())
def test_properties_run_under_the_isolation(text: str) -> None:
    assert text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") == text
