"""However a program ends, nothing it ever started is alive afterwards, and soon."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from conductor_tui.domain.ports.hosts import Exit
from conductor_tui.hosts import process as processes
from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import (
    FAMILY,
    ROOT,
    BareRunner,
    family,
    gone,
    output,
    read_until,
    shell,
    until,
    wait_for,
)

LEFTOVERS = """
(trap '' INT TERM HUP; while :; do sleep 300; done) &
(setsid sh -c 'sleep 300; true' </dev/null >/dev/null 2>&1 &)
until [ $(grep -lsa "CONDUCTOR_SPOOL=$CONDUCTOR_SPOOL" /proc/[0-9]*/environ | wc -l) -ge 5 ]
do sleep 0.01; done
exit 3
"""


async def test_an_end_takes_the_whole_family(host: LocalHost, spool: Path) -> None:
    process = await host.start(shell(spool, FAMILY, grace_s=0.2))
    await read_until(process, b"ready")
    assert len(family(spool)) >= 4
    started = time.monotonic()
    end = await process.end()
    assert family(spool) == []
    assert end.reason == "ended"
    assert time.monotonic() - started < 2


async def test_the_default_graces_leave_room_below_four_seconds(
    host: LocalHost, spool: Path
) -> None:
    script = "trap '' INT TERM; echo ready; while :; do sleep 1; done"
    process = await host.start(shell(spool, script))
    await read_until(process, b"ready")
    started = time.monotonic()
    assert await process.end() == Exit(137, "ended")
    assert 2.9 < time.monotonic() - started < 4


async def test_a_polite_program_may_clean_up(host: LocalHost, spool: Path) -> None:
    script = "trap 'echo bye; exit 9' INT; echo ready; while :; do sleep 0.01; done"
    process = await host.start(shell(spool, script))
    await read_until(process, b"ready")
    assert await process.end() == Exit(9, "ended")
    assert (await output(process))["out"] == b"ready\nbye\n"


async def test_what_a_program_leaves_behind_is_swept_at_once(host: LocalHost, spool: Path) -> None:
    process = await host.start(shell(spool, LEFTOVERS))
    assert await process.wait() == Exit(3, "exited")
    assert family(spool) == []


async def test_a_forking_storm_does_not_outrun_the_sweep(host: LocalHost, spool: Path) -> None:
    script = """
    storm() { trap '' INT TERM; while :; do setsid sh -c 'sleep 300' & sleep 0.02; done; }
    storm & storm & echo ready; sleep 0.2; exit 0"""
    process = await host.start(shell(spool, script))
    assert await process.wait() == Exit(0, "exited")
    assert family(spool) == []


async def test_cancelling_who_waits_ends_nothing_by_itself(host: LocalHost, spool: Path) -> None:
    process = await host.start(shell(spool, "echo ready; sleep 300"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await process.wait()
    assert family(spool)
    assert (await process.end()).reason == "ended"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_to_the_runner_ends_the_tree(
    host: LocalHost, spool: Path, number: signal.Signals
) -> None:
    process = await host.start(shell(spool, FAMILY, grace_s=0.2, detach=True))
    await read_until(process, b"ready")
    os.kill(process.record.runner, number)
    assert (await process.wait()).reason == "ended"
    assert family(spool) == []


@pytest.mark.parametrize("reading", [True, False])
async def test_a_killed_runner_is_noticed_and_its_family_swept(
    host: LocalHost, spool: Path, reading: bool
) -> None:
    process = await host.start(shell(spool, FAMILY))
    async with aclosing(process.chunks()) as chunks:
        assert (await anext(chunks)).data == b"ready\n"
        os.kill(process.record.runner, signal.SIGKILL)
        started = time.monotonic()
        if reading:
            assert [chunk async for chunk in chunks] == []
    assert await process.wait() == Exit(None, "lost")
    assert time.monotonic() - started < 5
    assert family(spool) == []
    assert os.listdir(os.path.dirname(process.record.socket)) == []


async def test_a_runner_that_hangs_is_ended_too(
    host: LocalHost, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await host.start(shell(spool, FAMILY, grace_s=0.1))
    await read_until(process, b"ready")
    monkeypatch.setattr(processes, "SETTLE_S", 1.5)
    os.kill(process.record.runner, signal.SIGSTOP)
    assert await process.end() == Exit(None, "lost")
    assert family(spool) == []


async def test_a_host_that_closes_leaves_nothing(spool: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    async with LocalHost() as host:
        await host.start(shell(spool, FAMILY, grace_s=0.2))
        kept = await host.start(shell(other, "sleep 300", detach=True))
    assert family(spool) == []
    assert family(other) != []
    await kept.end()
    assert family(other) == []


async def conduct(spool: Path, mode: str) -> tuple[asyncio.subprocess.Process, int]:
    """Start a conductor that started the family; return it and the runner's id."""
    conductor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hosts.conductor", str(spool), FAMILY, mode),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert conductor.stdout
    return conductor, int(await conductor.stdout.readline())


async def test_when_conductor_is_killed_everything_dies(host: LocalHost, spool: Path) -> None:
    conductor, runner = await conduct(spool, "tied")
    assert len(family(spool)) >= 4
    conductor.kill()
    await conductor.wait()
    took = await until(lambda: not family(spool) and gone(runner), 5)
    assert took < 5
    process = await host.attach(str(spool))
    assert process is not None
    assert (await process.wait()).reason == "orphaned"


async def test_a_lease_nobody_holds_runs_out(tmp_path: Path) -> None:
    with BareRunner(tmp_path, ["sleep", "300"], lifeline=False, lease_s=0.5) as runner:
        runner.stdin.close()
        link = runner.connect({"op": "attach"})
        # While somebody is attached it does not.
        await asyncio.sleep(1.2)
        assert runner.program.poll() is None
        link.close()
        took = await until(lambda: runner.program.poll() is not None, 3)
        assert 0.4 < took < 2
        assert runner.exit()["reason"] == "lease"


async def test_a_heartbeat_renews_the_lease(tmp_path: Path) -> None:
    with BareRunner(tmp_path, ["sleep", "300"], lifeline=False, lease_s=0.6) as runner:
        for _ in range(6):
            assert runner.ask({"op": "lease"}) == {"ok": True}
            await asyncio.sleep(0.2)
        assert runner.program.poll() is None
        await until(lambda: runner.program.poll() is not None, 3)
        assert runner.exit()["reason"] == "lease"


def test_a_detached_program_has_no_lease(tmp_path: Path) -> None:
    options = {"lifeline": False, "detach": True, "lease_s": 0.1}
    with BareRunner(tmp_path, ["sh", "-c", "sleep 1; exit 5"], **options) as runner:
        runner.stdin.close()
        end = runner.exit()
        assert (end["code"], end["reason"]) == (5, "exited")


def test_output_that_cannot_be_kept_ends_the_program(tmp_path: Path) -> None:
    # A file size limit fails in the middle of a write, as a full disk does.
    prefix = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh"]
    script = "read go; head -c 100000 /dev/zero; sleep 300"
    with BareRunner(tmp_path, ["sh", "-c", script], prefix=prefix) as runner:
        kept, end = runner.follow(out=0)
        assert end["reason"] == "spool: EFBIG"
        assert runner.exit() == end
    # What is kept is whole up to the limit, and what was kept was told.
    assert kept["out"] == (tmp_path / "spool" / "stdout").read_bytes() == bytes(len(kept["out"]))
    assert len(kept["out"]) in (64 * 512, 64 * 1024)


def test_what_cannot_be_killed_in_time_is_named(tmp_path: Path) -> None:
    with BareRunner(tmp_path, ["sh", "-c", "exit 0"]) as runner:
        end = runner.exit()
        assert end["left"] == []
        assert abs(end["ended_at"] - time.time()) < 60


def test_the_program_dies_with_its_runner_though_nobody_sweeps(tmp_path: Path) -> None:
    with BareRunner(tmp_path, ["sleep", "300"]) as runner:
        runner.program.kill()
        assert wait_for(lambda: gone(runner.answer["ready"]["program"])) < 2


def test_the_runner_is_ended_by_its_life_line(tmp_path: Path) -> None:
    with BareRunner(tmp_path, ["sleep", "300"]) as runner:
        program = runner.answer["ready"]["program"]
        runner.stdin.close()
        assert wait_for(lambda: gone(program)) < 4
        assert runner.exit()["reason"] == "orphaned"
