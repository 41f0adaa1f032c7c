"""How git is run: a clean environment, clear errors, patience with locks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from conductor_tui.domain.errors import GitError
from conductor_tui.domain.ports.hosts import Completed
from conductor_tui.workspace.git import LOCK_WAITS_S, Git, Place, quoted
from tests.workspace.conftest import RUN, Room, files
from tests.workspace.host import CountingHost


async def test_the_callers_git_variables_do_not_reach_git(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.leak")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "!env")
    runner = Git(CountingHost(), os.environ)
    said = await runner.line(Place(cwd=str(repo)), "-c", "alias.show-env=!env", "show-env")
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert {"GIT_OPTIONAL_LOCKS", "GIT_TERMINAL_PROMPT", "LC_ALL", "PATH", "HOME"} <= names
    assert not {"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0"} & names
    assert await runner.line(Place(cwd=str(repo)), "rev-parse", "--show-toplevel") == str(repo)


async def test_an_error_names_command_code_and_words(repo: Path) -> None:
    runner = Git(CountingHost(), os.environ)
    with pytest.raises(GitError) as caught:
        await runner.run(Place(cwd=str(repo)), "rev-parse", "--verify", "nonsense")
    assert "rev-parse --verify nonsense" in caught.value.message
    assert "(128)" in caught.value.message
    assert "single revision" in caught.value.message


class Slow(CountingHost):
    """Every command takes too long."""

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        return Completed(137, f"{timeout_s}".encode(), b"", timed_out=True)


async def test_git_that_takes_too_long_is_told(repo: Path) -> None:
    runner = Git(Slow(), os.environ, timeout_s=7)
    with pytest.raises(GitError, match="more than 7 s"):
        await runner.run(Place(cwd=str(repo)), "status")


async def test_a_lock_that_goes_away_is_waited_for(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    lock = room.repo / ".git" / "refs" / "heads" / "conductor" / RUN / "one.lock"
    lock.write_text("")
    room.host.watched = "update-ref"

    async def let_go() -> None:
        await room.host.tried.wait()
        await asyncio.to_thread(lock.unlink)

    async with asyncio.TaskGroup() as group:
        group.create_task(let_go())
        commit = await room.workspaces.commit(RUN, workspace, "Work")
    assert room.git("rev-parse", workspace.branch) == commit


async def test_a_lock_that_stays_is_named(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    lock = room.repo / ".git" / "refs" / "heads" / "conductor" / RUN / "one.lock"
    lock.write_text("")
    with pytest.raises(GitError) as caught:
        await room.workspaces.commit(RUN, workspace, "Work")
    assert str(lock) in caught.value.message
    assert f"rm {lock}" in caught.value.mend
    assert lock.exists()


async def test_the_lock_a_killed_git_left_on_our_own_index_is_cleared(room: Room) -> None:
    workspace = await room.open()
    (files(workspace) / "new.txt").write_text("new\n")
    lock = room.repo / ".conductor" / "git" / "one" / "index.lock"
    lock.write_text("")
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    assert room.git("show", f"{commit}:new.txt") == "new"
    assert not lock.exists()


def test_the_patience_is_bounded() -> None:
    assert 1 <= sum(LOCK_WAITS_S) <= 3


@pytest.mark.parametrize("name", ["a:b", '"quoted', 'a:"b\\c', "plain", 'pl"ain'])
async def test_a_folder_of_objects_with_an_odd_name_is_read(repo: Path, name: str) -> None:
    away = repo.parent / name
    (repo / ".git" / "objects").rename(away)
    (repo / ".git" / "objects").mkdir()
    runner = Git(CountingHost(), os.environ)
    place = Place(cwd=str(repo), git_dir=str(repo / ".git"), alternates=str(away))
    assert await runner.line(place, "log", "--format=%s") == "Start"
    assert quoted(None) is None
    with pytest.raises(GitError):
        await runner.run(replace(place, alternates=None), "log")
