"""The user's repository: where it is, whether a run can start on it, and who commits in it."""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conductor_tui.domain.errors import GitError, RepositoryError
from conductor_tui.domain.ports.work import Head
from conductor_tui.workspace.git import Git, Place, failure, words

OLDEST = (2, 38)
"""The first git with ``merge-tree --write-tree``."""

HOME = ".conductor"
"""Conductor's folder in the repository's root (contract, section 1)."""

EXCLUDED = f"{HOME}/"

UNDER_WAY = {
    "MERGE_HEAD": ("a merge", "git merge --continue, or git merge --abort"),
    "rebase-merge": ("a rebase", "git rebase --continue, or git rebase --abort"),
    "rebase-apply": ("a rebase or git am", "git rebase --abort, or git am --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue, or --abort"),
    "REVERT_HEAD": ("a revert", "git revert --continue, or git revert --abort"),
    "BISECT_LOG": ("a bisect", "git bisect reset"),
}
"""What git leaves in its folder while it is in the middle of something."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The user's repository, as one of its work trees shows it."""

    top: str
    """The root of the work tree."""
    git_dir: str
    """Of this work tree; in a linked one not the common folder."""
    common_dir: str
    """Where objects, branches and ``info`` are."""
    object_format: str
    shallow: bool = False

    @property
    def home(self) -> Path:
        """Conductor's own folder."""
        return Path(self.top) / HOME

    @property
    def objects(self) -> str:
        """The store of objects, which workspaces borrow."""
        return str(Path(self.common_dir) / "objects")

    @property
    def place(self) -> Place:
        """Commands that need neither files nor an index."""
        return Place(cwd=self.top, git_dir=self.git_dir, work_tree=self.top)


@dataclass(frozen=True, slots=True)
class Settings:
    """The user's git settings as far as a run needs them."""

    name: str
    email: str
    local: tuple[tuple[str, str], ...]
    """What the repository itself sets, in order: (key, value)."""
    partial: bool
    """Objects are fetched on demand from a remote."""

    @property
    def identity(self) -> dict[str, str]:
        """Return the variables that make git commit as this user."""
        return {
            "GIT_AUTHOR_NAME": self.name,
            "GIT_AUTHOR_EMAIL": self.email,
            "GIT_COMMITTER_NAME": self.name,
            "GIT_COMMITTER_EMAIL": self.email,
        }


async def find_repository(git: Git, path: str) -> Repository:
    """Find the repository a folder belongs to, from the folder itself upwards.

    Raises:
        RepositoryError: there is none, it has no work tree, or git is missing or too old.
    """
    await _require_version(git, path)
    ended = await git.ask(
        Place(cwd=path),
        *("rev-parse", "--path-format=absolute", "--is-bare-repository", "--is-inside-git-dir"),
        *("--show-object-format", "--is-shallow-repository", "--absolute-git-dir"),
        *("--git-common-dir", "--show-toplevel"),
    )
    found = ended.out.decode("utf-8", "surrogateescape").splitlines()
    if len(found) < 6:
        raise _not_found(path, words(ended.err))
    if len(found) == 6 and "true" in found[:2]:
        kind = "bare" if found[0] == "true" else "the inside of a .git folder"
        raise RepositoryError(
            f"{path} is {kind}: there is no work tree", "work in a clone: git clone REPOSITORY"
        )
    if ended.code != 0 or len(found) != 7:
        raise RepositoryError(f"git cannot say where {path} belongs: {words(ended.err)}")
    object_format, shallow, git_dir, common_dir, top = found[2:]
    return Repository(top, git_dir, common_dir, object_format, shallow == "true")


def _not_found(path: str, said: str) -> RepositoryError:
    """Tell why git found no repository it is willing to work on."""
    if "dubious ownership" in said:
        return RepositoryError(
            f"{path} belongs to another user", f"git config --global --add safe.directory {path}"
        )
    if "not a git repository" in said:
        return RepositoryError(
            f"{path} is not in a git repository",
            "make it one: git init && git add -A && git commit",
        )
    return RepositoryError(f"git cannot read the repository of {path}: {said}")


async def _require_version(git: Git, path: str) -> None:
    """Refuse a git that is missing or too old."""
    wanted = ".".join(map(str, OLDEST))
    if not await asyncio.to_thread(Path(path).is_dir):
        raise RepositoryError(f"{path} is not a folder")
    try:
        said = await git.line(Place(cwd=path), "version")
    except GitError as error:
        raise RepositoryError(f"git cannot be run: {error.message}", "install git") from error
    version = re.search(r"(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        raise RepositoryError(f"{said} is too old", f"install git {wanted} or newer")


async def read_settings(git: Git, repository: Repository) -> Settings:
    """Read the user's git settings, by one command."""
    listed = await git.run(repository.place, "config", "-z", "--show-scope", "--list")
    parts = listed.decode("utf-8", "surrogateescape").split("\0")
    values: dict[str, str] = {}
    local: list[tuple[str, str]] = []
    partial = False
    for scope, entry in zip(parts[::2], parts[1::2], strict=False):
        key, _, value = entry.partition("\n")
        if scope == "command":
            continue
        values[key] = value
        partial |= key == "extensions.partialclone"
        partial |= key.startswith("remote.") and key.endswith(".promisor") and value != "false"
        if scope in {"local", "worktree"}:
            local.append((key, value))
    name = values.get("user.name", "").strip() or "conductor"
    email = values.get("user.email", "").strip() or "conductor@localhost"
    return Settings(name, email, tuple(local), partial)


async def preflight(git: Git, repository: Repository, settings: Settings) -> Head:
    """Say what is checked out, having made sure that a run can start here.

    Raises:
        RepositoryError: it cannot, with the mend.
    """
    if settings.partial:
        raise RepositoryError(
            "this is a partial clone: a workspace borrows its objects and could not fetch the rest",
            "work in a complete clone, made without --filter",
        )
    head = await read_head(git, repository)
    if head is None:
        raise RepositoryError(
            "the repository has no commit yet", "make the first one: git add -A && git commit"
        )
    barred = await git.ask(
        repository.place, "rev-parse", "--verify", "--quiet", "refs/heads/conductor"
    )
    if barred.code == 0:
        raise RepositoryError(
            "a branch called `conductor` bars the branches conductor/…",
            "rename it: git branch -m conductor another-name",
        )
    under_way = await asyncio.to_thread(find_under_way, repository)
    if under_way is not None:
        what, mend = under_way
        raise RepositoryError(f"{what} is under way in {repository.top}", mend)
    return head


async def read_head(git: Git, repository: Repository) -> Head | None:
    """Return what is checked out; None where there is no commit yet."""
    ended = await git.ask(repository.place, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if ended.code != 0:
        return None
    named = await git.ask(repository.place, "symbolic-ref", "--quiet", "HEAD")
    if named.code not in {0, 1}:
        raise failure(("symbolic-ref",), named)
    branch = words(named.out).removeprefix("refs/heads/") or None
    return Head(words(ended.out), branch)


def find_under_way(repository: Repository) -> tuple[str, str] | None:
    """Return what git is in the middle of, and how to end it; None if nothing is."""
    for file, told in UNDER_WAY.items():
        if (Path(repository.git_dir) / file).exists():
            return told
    return None


def exclude(repository: Repository) -> None:
    """Make conductor's folder (0700) and keep it out of the user's ``git status``, once.

    Raises:
        RepositoryError: something else is in its place; a link would be followed out of here.
    """
    home = repository.home
    if home.is_symlink() or (home.exists() and not home.is_dir()):
        kind = "a symbolic link" if home.is_symlink() else "no folder"
        raise RepositoryError(
            f"{home} is {kind}; conductor keeps its state in a folder there",
            f"remove it: rm {home}",
        )
    home.mkdir(mode=0o700, exist_ok=True)
    if stat.S_IMODE(home.stat().st_mode) != 0o700:
        home.chmod(0o700)
    file = Path(repository.common_dir) / "info" / "exclude"
    present = file.read_bytes() if file.exists() else b""
    names = {EXCLUDED, HOME, f"/{EXCLUDED}", f"/{HOME}"}
    if names & set(present.decode("utf-8", "surrogateescape").splitlines()):
        return
    file.parent.mkdir(exist_ok=True)
    with file.open("ab") as out:
        gap = b"" if not present or present.endswith(b"\n") else b"\n"
        out.write(gap + EXCLUDED.encode() + b"\n")


COPIED = re.compile(
    r"(user\.(name|email)|core\.(autocrlf|eol|safecrlf|filemode|symlinks|ignorecase"
    r"|precomposeunicode|checkroundtripencoding)|i18n\.commitencoding|filter\..*)",
    re.DOTALL,
)
"""Settings of the repository that decide how its files look: a workspace needs the same."""


def workspace_settings(settings: Settings) -> str:
    """Return the text added to a workspace's own git settings."""
    entries = [entry for entry in settings.local if COPIED.fullmatch(entry[0])]
    # A signature would ask the user for a passphrase, a background gc would outlive the agent.
    entries += [("commit.gpgsign", "false"), ("tag.gpgsign", "false")]
    entries += [("gc.auto", "0"), ("maintenance.auto", "false")]
    return "".join(_setting(key, value) for key, value in entries)


def _setting(key: str, value: str) -> str:
    """Return one setting in the syntax of git's files."""
    section, _, rest = key.partition(".")
    middle, _, name = rest.rpartition(".")
    head = f'[{section} "{_escaped(middle)}"]' if middle else f"[{section}]"
    return f'{head}\n\t{name} = "{_escaped(value)}"\n'


def _escaped(value: str) -> str:
    """Escape what git's syntax gives a meaning within quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def identity_of(settings: Settings, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables for a commit made by conductor."""
    return settings.identity | dict(extra or {})
