"""What of a user's repository must be the same, byte for byte, after everything a run does.

``fingerprint(repo)`` returns it as a flat dictionary, so that a failing assertion names the very
file or ref that changed. Not in it, because a run may make them: ``.conductor/``, its line in
``info/exclude``, ``refs/heads/conductor/``, ``refs/conductor/``, and objects.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from pathlib import Path

OURS = ("refs/heads/conductor/", "refs/conductor/")

STATE = (
    *("HEAD", "index", "config", "config.worktree", "packed-refs", "ORIG_HEAD", "MERGE_HEAD"),
    *("FETCH_HEAD", "MERGE_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "shallow"),
    *("index.lock", "HEAD.lock", "packed-refs.lock", "description"),
)
"""Files of the git folder that tell or change what a user sees."""

FOLDERS = ("hooks", "info", "logs", "rebase-merge", "rebase-apply", "worktrees", "modules")


def fingerprint(repo: Path) -> dict[str, str]:
    """Return what must not change: work tree, index, HEAD, refs, stash, config, hooks, reflogs."""
    found = {f"work/{name}": print_of(file) for name, file in _files(repo, skip_top=True)}
    git_dir, common = _git_folders(repo)
    for base in {git_dir, common}:
        for name in STATE:
            if os.path.lexists(base / name):
                found[f"git/{base.name}/{name}"] = _state(base / name)
        for folder in FOLDERS:
            for name, file in _files(base / folder):
                if not f"{folder}/{name}/".startswith(tuple(f"logs/{ref}" for ref in OURS)):
                    found[f"git/{base.name}/{folder}/{name}"] = _state(file)
    return found | _refs(repo)


def print_of(file: Path) -> str:
    """Return kind, mode and content of one file as a short text."""
    status = file.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return f"link {os.readlink(file)!r}"
    if stat.S_ISDIR(status.st_mode):
        return f"folder {mode:o}"
    if not stat.S_ISREG(status.st_mode):
        return f"special {status.st_mode:o}"
    return f"{mode:o} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def _state(file: Path) -> str:
    """Return the print of one of git's files without the lines a run may add."""
    if file.name == "exclude" and file.parent.name == "info":
        lines = file.read_bytes().splitlines()
        return repr([line for line in lines if line != b".conductor/"])
    if file.name == "packed-refs":
        return "see refs"
    return print_of(file)


def _files(root: Path, skip_top: bool = False) -> list[tuple[str, Path]]:
    """Return all files, links and folders below a folder, by their names from there."""
    found = []
    for place, folders, names in os.walk(root):
        if skip_top and Path(place) == root:
            folders[:] = [name for name in folders if name not in {".git", ".conductor"}]
            names = [name for name in names if name != ".git"]
        for name in (*names, *folders):
            file = Path(place, name)
            found.append((str(file.relative_to(root)), file))
    return found


def _git_folders(repo: Path) -> tuple[Path, Path]:
    """Return the folder of this work tree and the common one."""
    command = ["git", "rev-parse", "--absolute-git-dir", "--git-common-dir"]
    lines = _git(repo, *command[1:]).splitlines()
    return Path(lines[0]), (repo / lines[1]).resolve()


def _refs(repo: Path) -> dict[str, str]:
    """Return every ref but those of runs."""
    lines = _git(repo, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    pairs = (line.split(" ", 1) for line in lines)
    return {f"ref/{name}": value for name, value in pairs if not name.startswith(OURS)}


def _git(repo: Path, *arguments: str) -> str:
    """Run git so that it writes nothing, not even a fresher index."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments],
        cwd=repo,
        env=environment | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
        errors="surrogateescape",
    ).stdout
