"""Headless means headless: what a run without a terminal really loads, seen in its own process.

The import contracts hold on paper; this looks at `sys.modules` of the running program as it ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"textual", "rich", "asyncssh", "ollama"}

# Python runs a module of this name at every start. Written per process, as conductor has children.
WITNESS = """
import atexit, os, sys

def tell():
    path = os.path.join({folder!r}, "modules-%d" % os.getpid())
    with open(path, "w") as file:
        file.write("\\n".join(sys.modules))

atexit.register(tell)
"""


def loaded_by(tmp_path: Path, *arguments: str, timeout: float = 20) -> set[str]:
    """Run Python with these arguments to a good end, and return the packages it had loaded."""
    seen = tmp_path / "seen"
    seen.mkdir()
    (tmp_path / "sitecustomize.py").write_text(WITNESS.format(folder=str(seen)))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == 0, output
    modules = (seen / f"modules-{process.pid}").read_text().splitlines()
    return {module.split(".")[0] for module in modules}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("-c", "import conductor_tui.batch"), id="import"),
        pytest.param(("-m", "conductor_tui", "--help"), id="help"),
        pytest.param(("-m", "conductor_tui", "--version"), id="version"),
    ],
)
def test_nothing_heavy_is_loaded(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(tmp_path, *arguments)
    assert "conductor_tui" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.timeout(120)
def test_a_whole_batch_run_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_by(tmp_path, "-m", "conductor_tui", "demo", "--batch", timeout=110)
    assert {"conductor_tui", "aiosqlite"} <= loaded
    assert loaded & HEAVY == set()


def test_the_witness_sees_what_is_loaded(tmp_path: Path) -> None:
    loaded = loaded_by(tmp_path, "-c", "def f():\n    import textual.app\nf()")
    assert loaded >= {"textual", "rich"}
