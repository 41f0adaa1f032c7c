"""Setting up: when it works anew, when it does nothing, and what it says where it cannot."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.external import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a folder that holds what setting up reads."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    for name in ("scripts/setup.py", "scripts/setup.sh", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def setup(checkout: Path) -> ModuleType:
    """Load the script as it would run in that folder."""
    spec = importlib.util.spec_from_file_location("setup_script", checkout / "scripts/setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pretend_installed(setup: ModuleType) -> None:
    setup.VENV_PYTHON.parent.mkdir(parents=True, exist_ok=True)
    if not setup.VENV_PYTHON.exists():
        setup.VENV_PYTHON.symlink_to(sys.executable)
    setup.STAMP.write_text(setup.stamp_text())


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "scripts/setup.py"])
def test_a_change_of_what_it_reads_asks_for_setup(
    setup: ModuleType, checkout: Path, name: str
) -> None:
    assert not setup.is_current()
    pretend_installed(setup)
    assert setup.is_current()
    with (checkout / name).open("a") as file:
        file.write("\n# changed\n")
    assert not setup.is_current()
    assert setup.can_be_kept(), "packages are brought up to date, not all installed anew"


def test_an_interrupted_installation_is_not_built_upon(setup: ModuleType) -> None:
    pretend_installed(setup)
    setup.STAMP.write_text(setup.UNFINISHED)
    assert not setup.is_current()
    assert not setup.can_be_kept()


def test_an_environment_copied_with_its_checkout_is_not_built_upon(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_installed(setup)
    monkeypatch.setattr(setup, "ROOT", tmp_path / "elsewhere")
    monkeypatch.setattr(setup, "LOCK", ROOT / "requirements.lock")
    shutil.copytree(ROOT / "scripts", tmp_path / "elsewhere" / "scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "elsewhere")
    assert not setup.is_current()
    assert not setup.can_be_kept()


def test_an_environment_of_another_tool_is_kept_if_its_python_fits(
    setup: ModuleType, tmp_path: Path
) -> None:
    setup.VENV_PYTHON.parent.mkdir(parents=True)
    setup.VENV_PYTHON.symlink_to(sys.executable)
    assert setup.can_be_kept()
    setup.VENV_PYTHON.unlink()
    other = tmp_path / "python3.9"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    setup.VENV_PYTHON.symlink_to(other)
    assert not setup.can_be_kept()


def test_what_the_lock_dropped_is_surplus(setup: ModuleType, tmp_path: Path) -> None:
    names = ["pip", "setuptools", "conductor_tui", "PyYAML", "Jinja2", "mdit-py-plugins", "Six"]
    pip = tmp_path / "pip"
    pip.write_text(f"#!/bin/sh\necho '{json.dumps([{'name': name} for name in names])}'\n")
    pip.chmod(0o755)
    assert setup.surplus([str(pip)]) == ["Six"]


def run_script(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(checkout / "scripts/setup.sh")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(folder: Path, name: str, body: str) -> Path:
    """Put a program in the place of a Python, and the tools of the shell beside it."""
    folder.mkdir(exist_ok=True)
    dirname = shutil.which("dirname")
    assert dirname is not None
    if not (folder / "dirname").exists():
        (folder / "dirname").symlink_to(dirname)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_without_a_python_it_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", "exit 1")
    result = run_script(checkout, PATH=str(tmp_path / "bin"))
    assert result.returncode == 1
    assert "no Python 3.11 or newer found" in result.stderr
    assert "apt-get install python3 python3-venv" in result.stderr


def test_an_old_python_that_was_asked_for_is_refused(checkout: Path, tmp_path: Path) -> None:
    old = fake_python(tmp_path / "bin", "old", "exit 1")
    result = run_script(checkout, PATH=os.environ["PATH"], PYTHON=str(old))
    assert result.returncode == 1
    assert result.stderr == f"setup: PYTHON={old} is not a Python 3.11 or newer\n"


def test_a_python_that_can_make_an_environment_comes_first(checkout: Path, tmp_path: Path) -> None:
    """Debian's python3.11 may lack ensurepip while a python3.12 beside it has all it needs."""
    told = 'case "$*" in *scripts/setup.py*) echo "{}";; *ensurepip*) exit {};; esac'
    fake_python(tmp_path / "bin", "python3.11", told.format("3.11", 1))
    fake_python(tmp_path / "bin", "python3.12", told.format("3.12", 0))
    assert run_script(checkout, PATH=str(tmp_path / "bin")).stdout == "3.12\n"
    (tmp_path / "bin" / "python3.12").unlink()
    assert run_script(checkout, PATH=str(tmp_path / "bin")).stdout == "3.11\n"


def test_neither_pip_nor_ensurepip_is_told_with_the_mend(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing_works(*command: str | Path, quiet: bool = False) -> bool:
        return False

    monkeypatch.setattr(setup, "run", nothing_works)
    monkeypatch.setattr(setup, "make_venv", lambda: None)
    assert setup.main([]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].endswith("brings neither ensurepip nor pip: apt-get install python3-venv")
