"""Many programs, one after the other and at once, and whatever Python the runner is given."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conductor_tui.domain.ports.hosts import Exit
from conductor_tui.hosts import local
from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import BareRunner, family, gone, output, shell, wait_for


def oldest() -> str:
    """Return the oldest Python the runner promises to work with, or else the present one."""
    kept = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    known = shutil.which("python3.8")
    found = [*([Path(known)] if known else []), *kept.glob("3.8.*/bin/python3.8")]
    for program in found:
        told = subprocess.run(
            [program, "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.stdout:
            return told.stdout.strip()
    return sys.executable


OLDEST = oldest()


async def test_twenty_at_once_are_kept_apart(host: LocalHost, tmp_path: Path) -> None:
    async def one(number: int) -> None:
        script = 'cat; echo "end $1"; exit "$1"'
        process = await host.start(shell(tmp_path / str(number), script, str(number)))
        await process.write(b"%d\n" % number * 1000)
        await process.close_input()
        assert (await output(process))["out"] == b"%d\n" % number * 1000 + b"end %d\n" % number
        assert await process.wait() == Exit(number, "exited")

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(one(number))


async def test_descriptors_and_threads_stay_flat(host: LocalHost, tmp_path: Path) -> None:
    async def one(name: str) -> None:
        process = await host.start(shell(tmp_path / name, "echo x"))
        assert (await output(process))["out"] == b"x\n"
        await host.execute(["true"], cwd="/")

    def held() -> int:
        return len(os.listdir("/proc/self/fd"))

    for number in range(3):
        await one(f"warm-{number}")
    before = held()
    for number in range(50):
        await one(str(number))
    assert held() <= before
    assert threading.active_count() < 20


def test_the_runner_works_with_the_oldest_python(tmp_path: Path) -> None:
    script = 'head -n1; echo "$A" >&2; (setsid sleep 300 &); exit 3'
    environment = {"PATH": os.environ["PATH"], "A": "given"}
    with BareRunner(
        tmp_path, ["sh", "-c", script], env=environment, interpreter=OLDEST, background=True
    ) as runner:
        kept, end = runner.follow(b"hello\n", out=1, err=0)
        assert kept == {"out": b"ello\n", "err": b"given\n"}
        assert (end["code"], end["reason"]) == (3, "exited")
        assert wait_for(lambda: gone(runner.answer["ready"]["pid"])) < 3
    assert family(runner.spool) == []
    assert sorted(os.listdir(runner.spool)) == [
        *("exit.json", "runner.json", "runner.log", "stderr", "stdout")
    ]


def test_the_runner_can_be_sent_as_text(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", local.RUNNER.read_text()]
    with BareRunner(tmp_path, ["sh", "-c", "echo hi"], command=command) as runner:
        assert runner.exit()["code"] == 0
    assert (runner.spool / "stdout").read_text() == "hi\n"


def test_the_runner_is_quickly_there(tmp_path: Path) -> None:
    code = local.RUNNER.read_text()
    slow = {"asyncio", "typing", "inspect", "email", "logging", "dataclasses", "pathlib"}
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", "-c", code],
        input=b"",
        capture_output=True,
        check=False,
    ).stderr.decode()
    loaded = {line.rsplit("|", 1)[1].strip() for line in told.splitlines() if "|" in line}
    assert "selectors" in loaded
    assert loaded & slow == set()


def test_children_are_watched_without_threads() -> None:
    if sys.version_info >= (3, 12):
        pytest.skip("asyncio chooses by itself")
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        local.watch_children_by_pidfd()
        done = asyncio.run(LocalHost().execute(["sh", "-c", "exit 4"], cwd="/"))
        assert done.code == 4
        assert not [t for t in threading.enumerate() if t.name.startswith("waitpid")]
        watcher = asyncio.get_child_watcher()
        assert isinstance(watcher, asyncio.PidfdChildWatcher)
    finally:
        asyncio.set_event_loop_policy(before)
