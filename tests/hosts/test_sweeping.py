"""The second net: processes are found by what they carry, and ended; sockets lie privately."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from conductor_tui.domain.errors import HostError
from conductor_tui.hosts import runtime, sweeping
from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import ENV, gone


async def sleeper(**marks: str) -> asyncio.subprocess.Process:
    script = "trap '' TERM; echo ready; while :; do sleep 300; done"
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", script),
        env={**ENV, **marks},
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    await process.stdout.readline()
    return process


async def test_only_who_carries_all_marks_is_ended(
    host: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "TERM_S", 0.1)
    mine = await sleeper(MARK_RUN="r1", MARK_TASK="a")
    other = await sleeper(MARK_RUN="r1", MARK_TASK="b")
    half = await sleeper(MARK_RUN="r1")
    try:
        ended = await host.sweep({"MARK_RUN": "r1", "MARK_TASK": "a"})
        assert mine.pid in ended
        assert len(ended) == 2, "the shell, and its sleep"
        assert all(gone(pid) for pid in ended)
        assert not gone(other.pid)
        assert not gone(half.pid)
        assert await host.sweep({"MARK_RUN": "r1", "MARK_TASK": "a"}) == []
    finally:
        await host.sweep({"MARK_RUN": "r1"})
        for process in (mine, other, half):
            await process.communicate()


def test_we_never_sweep_ourselves() -> None:
    with open("/proc/self/environ", "rb") as file:
        name, _, value = file.read().split(b"\0")[0].partition(b"=")
    found = sweeping.marked({name.decode(): value.decode()})
    assert os.getpid() not in [process.pid for process in found]


async def test_a_sweep_without_marks_is_refused(host: LocalHost) -> None:
    with pytest.raises(ValueError, match="at least one mark"):
        await host.sweep({})


def test_sockets_lie_in_a_private_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Path(runtime.socket_path()), Path(runtime.socket_path())
    assert first != second
    assert first.parent == Path(os.environ["XDG_RUNTIME_DIR"], "conductor")
    assert first.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("given", ["", "/no/such/folder", "relative", "long"])
def test_another_folder_is_taken_where_the_first_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="ct-") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder) if given == "long" else given)
        path = runtime.socket_path()
        assert Path(path).parent == Path(short, f"conductor-{os.getuid()}")
        assert len(path) <= 100


def test_a_folder_open_to_others_is_refused() -> None:
    folder = Path(os.environ["XDG_RUNTIME_DIR"], "conductor")
    folder.mkdir(mode=0o700)
    folder.chmod(0o755)
    with pytest.raises(HostError, match="open to other users") as caught:
        runtime.socket_path()
    assert "chmod 700" in caught.value.mend


def test_a_link_is_not_a_folder(tmp_path: Path) -> None:
    Path(os.environ["XDG_RUNTIME_DIR"], "conductor").symlink_to(tmp_path)
    with pytest.raises(HostError, match="open to other users"):
        runtime.socket_path()


def test_no_path_short_enough_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    with pytest.raises(HostError, match="short enough"):
        runtime.socket_path()
