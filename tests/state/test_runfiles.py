from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest

from conductor_tui.state.runfiles import RunFiles, new_run_id, write_atomic


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content(path: Path) -> bytes:
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_run_id_is_the_time_in_utc_and_four_random_letters() -> None:
    now = datetime(2026, 11, 20, 23, 59, 58, tzinfo=timezone(timedelta(hours=-3)))
    assert re.fullmatch(r"20261121-025958-[a-z0-9]{4}", new_run_id(now, Random(1)))
    ids = {new_run_id(datetime.now(UTC), Random(seed)) for seed in range(100)}
    assert len(ids) > 95


def test_an_attempt_has_its_folder(tmp_path: Path) -> None:
    files = RunFiles(tmp_path / ".conductor", "20261120-100000-aaaa").attempt("slugify", 2)
    folder = tmp_path / ".conductor/runs/20261120-100000-aaaa/slugify/2"
    assert files.prompt == folder / "prompt.md"
    assert files.run_info == folder / "run-info.yaml"
    assert files.output == folder / "output.md"


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        ("héllo\n", "héllo\n".encode()),
        ("caf\udce9", b"caf\xe9"),
        (b"\x00\xff", b"\x00\xff"),
        ("", b""),
        ("x" * 3_000_000, b"x" * 3_000_000),
    ],
)
async def test_a_file_is_written_whole_and_private(
    tmp_path: Path, data: str | bytes, raw: bytes
) -> None:
    path = tmp_path / "runs" / "one" / "prompt.md"
    await write_atomic(path, data)
    assert content(path) == raw
    assert mode(path) == 0o600
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert names(path.parent) == ["prompt.md"]


def fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
async def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "prompt.md"
    await write_atomic(path, "old")
    before = names(tmp_path)
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        await write_atomic(path, "new")
    monkeypatch.undo()
    assert content(path) == b"old"
    assert names(tmp_path) == before


async def test_bytes_are_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def watched(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*args: object) -> object:
            calls.append(name)
            return real(*args)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, watched(name))
    await write_atomic(tmp_path / "prompt.md", "text")
    assert calls == ["fsync", "replace", "fsync"]


async def test_two_who_write_the_same_file_leave_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "output.md"
    texts = [str(number) * 50_000 for number in range(8)]
    async with asyncio.TaskGroup() as group:
        for text in texts:
            group.create_task(write_atomic(path, text))
    assert content(path).decode() in texts
    assert [name for name in names(tmp_path) if "output" in name] == ["output.md"]
