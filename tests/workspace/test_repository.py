"""What a run can start on, and what it says where it cannot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conductor_tui.domain.errors import EXIT_USAGE, RepositoryError
from conductor_tui.workspace.git import Git
from conductor_tui.workspace.repository import (
    Repository,
    Settings,
    exclude,
    find_repository,
    read_settings,
    workspace_settings,
)
from tests.support.fingerprint import fingerprint
from tests.workspace.conftest import Room, git, make_room
from tests.workspace.host import CountingHost


async def refusal(path: Path) -> RepositoryError:
    """Return why no run can start in a folder."""
    with pytest.raises(RepositoryError) as caught:
        await (await make_room(path)).workspaces.preflight()
    assert caught.value.exit_code == EXIT_USAGE
    return caught.value


async def test_a_good_repository_passes_untouched(repo: Path) -> None:
    before = fingerprint(repo)
    room = await make_room(repo)
    head = await room.workspaces.preflight()
    assert (head.commit, head.branch) == (git(repo, "rev-parse", "HEAD"), "main")
    assert fingerprint(repo) == before
    assert not (repo / ".conductor").exists()
    git(repo, "checkout", "-q", "--detach")
    assert (await room.workspaces.preflight()).branch is None


def unborn(repo: Path) -> Path:
    git(repo.parent, "init", "-q", "unborn")
    return repo.parent / "unborn"


def bare(repo: Path) -> Path:
    git(repo.parent, "clone", "-q", "--bare", str(repo), "bare")
    return repo.parent / "bare"


def barred(repo: Path) -> Path:
    git(repo, "branch", "conductor")
    return repo


def partial(repo: Path) -> Path:
    git(repo, "config", "uploadpack.allowFilter", "true")
    source = f"file://{repo}"
    git(repo.parent, "clone", "-q", "--filter=blob:none", source, "partial")
    return repo.parent / "partial"


def merging(repo: Path) -> Path:
    git(repo, "checkout", "-qb", "side")
    (repo / "README.md").write_text("side\n")
    git(repo, "commit", "-qam", "side")
    git(repo, "checkout", "-q", "main")
    (repo / "README.md").write_text("main\n")
    git(repo, "commit", "-qam", "main")
    git(repo, "merge", "side", check=False)
    return repo


def rebasing(repo: Path) -> Path:
    merging(repo)
    git(repo, "merge", "--abort")
    git(repo, "rebase", "side", check=False)
    return repo


def picking(repo: Path) -> Path:
    merging(repo)
    git(repo, "merge", "--abort")
    git(repo, "cherry-pick", "side", check=False)
    return repo


def bisecting(repo: Path) -> Path:
    git(repo, "bisect", "start")
    return repo


@pytest.mark.parametrize(
    ("make", "reason", "mend"),
    [
        (lambda repo: repo.parent, "not in a git repository", "git init"),
        (lambda repo: repo / "nowhere", "not a folder", ""),
        (lambda repo: repo / ".git", "inside of a .git folder", "git clone"),
        (unborn, "no commit yet", "git commit"),
        (bare, "bare", "git clone"),
        (barred, "branch called `conductor`", "git branch -m"),
        (partial, "partial clone", "--filter"),
        (merging, "a merge is under way", "git merge --abort"),
        (rebasing, "a rebase is under way", "git rebase --abort"),
        (picking, "a cherry-pick is under way", "--abort"),
        (bisecting, "a bisect is under way", "git bisect reset"),
    ],
)
async def test_refusals(repo: Path, make: Callable[[Path], Path], reason: str, mend: str) -> None:
    error = await refusal(make(repo))
    assert reason in error.message
    assert mend in error.mend


@pytest.mark.parametrize("version", ["git version 2.37.9", "git version 1.9", "what?", None])
async def test_git_too_old_or_missing(
    repo: Path, tmp_path: Path, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if version is not None:
        (programs / "git").write_text(f"#!/bin/sh\necho '{version}'\n")
        (programs / "git").chmod(0o755)
    # The host looks its programs up in our own PATH.
    monkeypatch.setenv("PATH", str(programs) + (":/bin" if version else ""))
    with pytest.raises(RepositoryError) as caught:
        await find_repository(Git(CountingHost(), os.environ), str(repo))
    assert "install git" in caught.value.mend


async def test_somebody_elses_repository(repo: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a repository away")
    os.chown(repo, 12345, 12345)
    os.chown(repo / ".git", 12345, 12345)
    assert "safe.directory" in (await refusal(repo)).mend


def test_exclude_is_written_once(repo: Path) -> None:
    found = Repository(str(repo), str(repo / ".git"), str(repo / ".git"), "sha1")
    file = repo / ".git" / "info" / "exclude"
    file.write_text("mine")
    exclude(found)
    exclude(found)
    assert file.read_text() == "mine\n.conductor/\n"
    (repo / ".conductor").chmod(0o755)
    file.write_text("/.conductor\n")
    exclude(found)
    assert file.read_text() == "/.conductor\n"
    assert (repo / ".conductor").stat().st_mode & 0o777 == 0o700
    assert git(repo, "status", "--porcelain") == ""


async def test_settings_are_the_users_own(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = room.workspaces.site.git
    found = await read_settings(runner, room.workspaces.site.repository)
    assert (found.name, found.email) == ("conductor", "conductor@localhost")
    room.git("config", "user.name", "Ada")
    room.git("config", "user.email", "ada@example.org")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody else")
    found = await read_settings(runner, room.workspaces.site.repository)
    assert (found.name, found.email) == ("Ada", "ada@example.org")


async def test_a_workspace_gets_the_settings_that_shape_files(repo: Path) -> None:
    value = 'a "quoted" \\ value\nof two lines; # no comment'
    git(repo, "config", "filter.odd name.clean", value)
    git(repo, "config", "core.autocrlf", "true")
    git(repo, "config", "core.fsmonitor", "/bin/false")
    git(repo, "config", "alias.x", "!false")
    git(repo, "remote", "add", "origin", "https://example.org/x.git")
    room = await make_room(repo)
    text = workspace_settings(await room.workspaces.site.settings())
    file = repo.parent / "settings"
    file.write_text(text)
    assert git(repo, "config", "-f", str(file), "filter.odd name.clean") == value
    assert git(repo, "config", "-f", str(file), "core.autocrlf") == "true"
    names = git(repo, "config", "-f", str(file), "--list", "--name-only")
    assert not any(word in names for word in ("fsmonitor", "alias", "remote"))
    assert git(repo, "config", "-f", str(file), "--bool", "commit.gpgsign") == "false"


def test_settings_without_any_local_ones() -> None:
    assert "gpgsign" in workspace_settings(Settings("n", "e", (), False))
