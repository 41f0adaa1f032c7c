"""Makes the sample repository: real files, real git, agents that follow scripts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from conductor_tui.domain.errors import RepositoryError

NAME = "textkit"

PLAN = "plan.yaml"

BRANCH = "main"

GIT_TIMEOUT_S = 60.0
"""How long one git command may take; each of them is a matter of milliseconds."""

_HIDING = ".txt"
"""What the names of the sample's files may carry besides."""

_WAIT = re.compile(r"^( *)- wait: ([0-9.]+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """Where the sample lies."""

    repository: Path
    plan: Path


def create_sample(folder: Path, speed: float = 1.0) -> Sample:
    """Make the sample repository in a folder: one commit on ``main``, nothing else touched.

    Args:
        folder: an existing folder; the repository becomes ``textkit`` in it.
        speed: factor for the agents' pauses; with 0 they make none.

    Raises:
        RepositoryError: git is missing or failed, or there is a ``textkit`` already.
        ValueError: ``speed`` is negative.
    """
    if speed < 0:
        raise ValueError(f"speed should not be negative: {speed}")
    repository = folder.resolve() / NAME
    try:
        repository.mkdir()
    except FileExistsError:
        raise RepositoryError(f"{repository} is there already", "name an empty folder") from None
    for name, text in _contents(speed):
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    # An empty template: no hook and no setting of the machine's gets into the repository.
    _git(repository, "init", "--quiet", f"--initial-branch={BRANCH}", "--template=")
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message=Start textkit")
    return Sample(repository, repository / PLAN)


def _contents(speed: float) -> Iterator[tuple[str, str]]:
    """Yield each file's name in the repository and its text."""
    python = _python()
    for name, source in _walk(files("conductor_tui.demo").joinpath("sample"), ""):
        text = source.read_text(encoding="utf-8")
        if name.endswith(".yaml"):
            text = _WAIT.sub(lambda match: _pause(match, speed), text)
            text = text.replace("python3", python)
        yield name.removesuffix(_HIDING), text


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _python() -> str:
    """Return how the shell calls a Python: ``python3`` wherever that is known."""
    return "python3" if shutil.which("python3") else shlex.quote(sys.executable)


def _pause(match: re.Match[str], speed: float) -> str:
    seconds = round(float(match[2]) * speed, 3)
    return f"{match[1]}- wait: {seconds:g}\n" if seconds else ""


def _git(repository: Path, *arguments: str) -> None:
    """Run git as if nobody had ever configured one on this machine."""
    command = ["git", "-c", "commit.gpgSign=false", *arguments]
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "conductor demo",
        "GIT_AUTHOR_EMAIL": "demo@conductor.invalid",
        "GIT_COMMITTER_NAME": "conductor demo",
        "GIT_COMMITTER_EMAIL": "demo@conductor.invalid",
    }
    try:
        subprocess.run(
            command,
            cwd=repository,
            env=environment,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
        )
    except FileNotFoundError:
        raise RepositoryError("git is not installed", "install git 2.38 or newer") from None
    except subprocess.TimeoutExpired:
        raise RepositoryError(
            f"`git {arguments[0]}` took longer than {GIT_TIMEOUT_S:g} s"
        ) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()
        raise RepositoryError(f"`git {arguments[0]}` failed in {repository}: {said}") from None
