"""Short commands: all they print, within their time, and nothing left of their group."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from conductor_tui.domain.errors import HostError
from conductor_tui.domain.ports.hosts import Completed
from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import ENV, family, gone, until


@pytest.mark.parametrize(
    ("script", "stdin", "done"),
    [
        ("echo out; echo err >&2; exit 3", b"", Completed(3, b"out\n", b"err\n")),
        ("cat", b"a\0b" * 100_000, Completed(0, b"a\0b" * 100_000, b"")),
        ("cat", b"", Completed(0, b"", b"")),
        ("exit 1", b"x" * 1_000_000, Completed(1, b"", b"")),
        ("kill -9 $$", b"", Completed(137, b"", b"")),
        ('echo "$PWD $A"', b"", Completed(0, b"/ given\n", b"")),
    ],
)
async def test_it_tells_all(host: LocalHost, script: str, stdin: bytes, done: Completed) -> None:
    env = {**ENV, "A": "given"}
    assert await host.execute(["sh", "-c", script], cwd="/", env=env, stdin=stdin) == done


async def test_the_environment_is_ours_or_exactly_the_given(
    host: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")
    argv = [sys.executable, "-I", "-S", "-c", "import os; print(sorted(os.environ))"]
    assert b"'OURS'" in (await host.execute(argv, cwd="/")).out
    done = await host.execute(argv, cwd="/", env={"LC_CTYPE": "C.UTF-8"})
    assert done.out == b"['LC_CTYPE']\n"


@pytest.mark.parametrize(
    ("argv", "cwd", "named"),
    [(["no-such-program"], "/", "no-such-program"), (["sh"], "/no/such", "/no/such")],
)
async def test_what_cannot_start_is_told(
    host: LocalHost, argv: list[str], cwd: str, named: str
) -> None:
    with pytest.raises(HostError, match=named):
        await host.execute(argv, cwd=cwd)


STAYS = 'sleep 300 & (trap "" TERM INT; echo ready; sleep 300); wait'


async def test_at_its_time_limit_the_whole_group_is_killed(host: LocalHost, spool: Path) -> None:
    env = {**ENV, "CONDUCTOR_SPOOL": str(spool)}
    started = time.monotonic()
    done = await host.execute(["sh", "-c", STAYS], cwd="/", env=env, timeout_s=0.5)
    assert done == Completed(137, b"ready\n", b"", timed_out=True)
    assert time.monotonic() - started < 3
    await until(lambda: not family(spool))


async def test_a_cancelled_command_leaves_nothing(host: LocalHost, spool: Path) -> None:
    env = {**ENV, "CONDUCTOR_SPOOL": str(spool)}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await host.execute(["sh", "-c", STAYS], cwd="/", env=env)
    await until(lambda: not family(spool))


async def test_a_child_that_holds_the_output_open_does_not_hold_us_up(host: LocalHost) -> None:
    started = time.monotonic()
    done = await host.execute(["sh", "-c", "setsid sleep 300 & echo $!"], cwd="/")
    stray = int(done.out)
    assert done.code == 0
    assert time.monotonic() - started < 10
    # In a session of its own it is not ours to end: a short command may start a service.
    assert not gone(stray)
    await host.execute(["kill", "-9", str(stray)], cwd="/")
    await until(lambda: gone(stray))
