"""Make `.venv` hold exactly what `requirements.lock` names, and the project itself.

Standard library only, as it runs before anything is installed. `scripts/setup.sh` finds the Python
to run it with. Where nothing changed it returns at once; two at a time wait for each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "conductor-setup.stamp"
LOCK = ROOT / "requirements.lock"

UNFINISHED = "unfinished\n"
"""What the stamp says while an installation is under way; found later, that one was cut off."""


class SetupError(Exception):
    """The environment cannot be made; the text says what to do."""


def say(text: str) -> None:
    """Tell the person who waits; standard output belongs to the program that runs next."""
    sys.stderr.write(f"setup: {text}\n")
    sys.stderr.flush()


def stamp_text() -> str:
    """Name everything the environment depends on; its first line, what it cannot outlive.

    The folder is part of that: scripts and the editable install hold absolute paths, so an
    environment that was copied with its checkout would run the code of the other one.
    """
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    version = ".".join(map(str, sys.version_info[:2]))
    return f"python {version} in {ROOT}\ninputs {digest.hexdigest()}\n"


def read_stamp() -> str | None:
    """Return what the last installation left, None where there was none."""
    try:
        return STAMP.read_text(encoding="utf-8")
    except OSError:
        return None


def is_current() -> bool:
    """Tell whether the environment is the one the files ask for."""
    return VENV_PYTHON.exists() and read_stamp() == stamp_text()


def run(*command: str | Path, quiet: bool = False) -> bool:
    """Run a program and tell whether it ended well; its words go to standard error."""
    output = subprocess.DEVNULL if quiet else sys.stderr
    arguments = [str(part) for part in command]
    return subprocess.run(arguments, stdout=output, stderr=output, check=False).returncode == 0


def has_module(python: str | Path, module: str) -> bool:
    """Tell whether an interpreter can import a module."""
    return run(python, "-c", f"import {module}", quiet=True)


def can_be_kept() -> bool:
    """Tell whether what stands in `.venv` can be built upon."""
    stamp = read_stamp()
    if stamp is None:
        # Made by another tool (uv, an editor): good, if it is of the same Python.
        question = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
        return run(VENV_PYTHON, "-c", question, quiet=True)
    return stamp.splitlines()[:1] == stamp_text().splitlines()[:1]


def make_venv() -> None:
    """Make the empty environment, with pip where this Python brings one."""
    if VENV.exists():
        if VENV_PYTHON.exists() and can_be_kept():
            return
        shutil.rmtree(VENV)
    if not has_module(sys.executable, "venv"):
        raise SetupError(f"{sys.executable} has no venv module: apt-get install python3-venv")
    # Debian keeps ensurepip in a package of its own; a pip of the system can stand in for it.
    options = [] if has_module(sys.executable, "ensurepip.__main__") else ["--without-pip"]
    if not run(sys.executable, "-I", "-m", "venv", *options, VENV):
        raise SetupError(f"{sys.executable} -m venv failed: apt-get install python3-venv")


def find_pip() -> list[str]:
    """Return the command that installs into the environment."""
    inside = [str(VENV_PYTHON), "-m", "pip"]
    if has_module(VENV_PYTHON, "pip") or run(VENV_PYTHON, "-m", "ensurepip", quiet=True):
        return inside
    outside = [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON)]
    if run(*outside, "--version", quiet=True):
        return outside
    raise SetupError(
        f"{sys.executable} brings neither ensurepip nor pip: apt-get install python3-venv"
    )


def canonical(name: str) -> str:
    """Return a package's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def surplus(pip: list[str]) -> list[str]:
    """Return the installed packages that the lock does not name."""
    listing = subprocess.run(
        [*pip, "list", "--format=json"], capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        return []
    locked = re.findall(r"^([A-Za-z0-9._-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    kept = {canonical(name) for name in locked} | {"pip", "setuptools", "conductor-tui"}
    return [
        entry["name"]
        for entry in json.loads(listing.stdout)
        if canonical(entry["name"]) not in kept
    ]


def install(pip: list[str]) -> None:
    """Install the locked packages by their hashes, then the project from this folder."""
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    if not run(
        *pip, "install", *options, "--require-hashes", "--no-deps", "--use-pep517", "-r", LOCK
    ):
        raise SetupError("the packages of requirements.lock could not be installed (see above)")
    if extra := surplus(pip):
        # A package the lock has dropped would hide an import that nobody declares any more.
        run(*pip, "uninstall", *options, "--yes", *extra)
    # The build backend is in the lock as well: nothing is fetched that has no hash.
    if not run(*pip, "install", *options, "--no-deps", "--no-build-isolation", "--editable", ROOT):
        raise SetupError("the project itself could not be installed (see above)")
    # Also where PYTHONDONTWRITEBYTECODE would have every start compile the package anew.
    run(VENV_PYTHON, "-m", "compileall", "-q", ROOT / "conductor_tui", quiet=True)


def set_up() -> None:
    """Bring the environment up to date, alone."""
    # The lock is on the folder itself, so there is no lock file to ignore or to leave behind.
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another installation into .venv")
            fcntl.flock(folder, fcntl.LOCK_EX)
        if is_current():
            return
        say("installing into .venv (once)")
        make_venv()
        pip = find_pip()
        STAMP.write_text(UNFINISHED, encoding="utf-8")
        install(pip)
        STAMP.write_text(stamp_text(), encoding="utf-8")
    finally:
        os.close(folder)


def main(arguments: list[str]) -> int:
    """Set up, or with `--check` only tell whether that is needed."""
    if is_current():
        return 0
    if arguments == ["--check"]:
        return 1
    try:
        set_up()
    except SetupError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
