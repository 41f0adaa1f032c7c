"""A program behind its runner: what it is given, what comes back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from conductor_tui.domain.errors import HostError
from conductor_tui.domain.ports.hosts import Exit, ProcessSpec
from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import ENV, BareRunner, family, output, python, read_until, shell, until

ENVIRON = "import os, json; print(json.dumps({k: os.environ[k] for k in os.environ}))"


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("exit 0", Exit(0, "exited")),
        ("exit 7", Exit(7, "exited")),
        ("kill -9 $$", Exit(137, "exited")),
        ("kill -15 $$", Exit(143, "exited")),
    ],
)
async def test_it_tells_how_the_program_ended(
    host: LocalHost, spool: Path, script: str, end: Exit
) -> None:
    process = await host.start(shell(spool, script))
    assert await process.wait() == end
    assert await process.end() == end


async def test_both_streams_come_apart_and_exact(host: LocalHost, spool: Path) -> None:
    code = "import os; os.write(1, bytes(range(256)) * 4); os.write(2, b'\\xff\\0\\r\\n')"
    process = await host.start(python(spool, code))
    assert await output(process) == {"out": bytes(range(256)) * 4, "err": b"\xff\0\r\n"}


async def test_the_environment_is_exactly_what_is_given(
    host: LocalHost, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("CLAUDECODE", "1")
    # LC_CTYPE keeps Python from setting it itself.
    given = {"A": "1", "LC_CTYPE": "C.UTF-8", "ODD": "a=b \udcff\n"}
    argv = (sys.executable, "-I", "-S", "-c", ENVIRON)
    process = await host.start(ProcessSpec(argv=argv, cwd="/", env=given, spool=str(spool)))
    told = json.loads((await output(process))["out"])
    assert told == {**given, "CONDUCTOR_SPOOL": str(spool)}


async def test_it_runs_in_its_folder_and_a_session_of_its_own(
    host: LocalHost, spool: Path, tmp_path: Path
) -> None:
    code = "import os; print(os.getcwd(), os.getsid(0) == os.getpid())"
    argv = (sys.executable, "-I", "-S", "-c", code)
    spec = ProcessSpec(argv=argv, cwd=str(tmp_path), env=ENV, spool=str(spool))
    process = await host.start(spec)
    assert (await output(process))["out"] == f"{tmp_path} True\n".encode()
    assert os.getsid(0) != process.pid


def test_what_conductor_ignores_its_programs_do_not(tmp_path: Path) -> None:
    prefix = ["sh", "-c", "trap '' INT TERM HUP PIPE; exec \"$@\"", "sh"]
    argv = ["sh", "-c", "cat /proc/self/status"]
    with BareRunner(tmp_path, argv, prefix=prefix) as runner:
        assert runner.exit()["code"] == 0
    lines = (tmp_path / "spool" / "stdout").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    ignored = int(status["SigIgn"], 16)
    # Others may have been ignored before us: a shell may leave signals that only libc uses.
    trapped = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    assert not any(ignored >> (number - 1) & 1 for number in trapped)
    assert int(status["SigBlk"], 16) == 0


@pytest.mark.parametrize(
    ("argv", "cwd", "named"),
    [
        (("no-such-program",), "/", "no-such-program"),
        (("sh",), "/no/such/folder", "/no/such/folder"),
        (("/etc/hostname",), "/", "/etc/hostname"),
        (("sh", "zero\0byte"), "/", "null byte"),
    ],
)
async def test_what_cannot_start_is_told(
    host: LocalHost, spool: Path, argv: tuple[str, ...], cwd: str, named: str
) -> None:
    with pytest.raises(HostError, match=r"cannot start|the runner broke") as caught:
        await host.start(ProcessSpec(argv=argv, cwd=cwd, env=ENV, spool=str(spool)))
    assert named in caught.value.message
    assert await host.attach(str(spool)) is None
    assert os.listdir(os.path.join(os.environ["XDG_RUNTIME_DIR"], "conductor")) == []


async def test_a_runner_killed_while_it_starts_leaves_nothing(host: LocalHost, spool: Path) -> None:
    script = "(setsid sleep 300 &); kill -9 $PPID; sleep 300"
    try:
        process = await host.start(shell(spool, script))
        told = (await process.wait()).reason
    except HostError as error:
        told = error.message
    assert told in ("lost", "the runner broke: ")
    assert family(spool) == []


async def test_a_spool_is_for_one_program(host: LocalHost, spool: Path) -> None:
    await (await host.start(shell(spool, "echo first"))).wait()
    with pytest.raises(HostError, match="belongs to another"):
        await host.start(shell(spool, "echo second"))
    assert (spool / "stdout").read_text() == "first\n"


async def test_what_lies_on_disk_is_private(host: LocalHost, spool: Path) -> None:
    await (await host.start(shell(spool, "echo x"))).wait()
    assert stat.S_IMODE(os.stat(spool).st_mode) == 0o700
    modes = {name: stat.S_IMODE(os.stat(spool / name).st_mode) for name in os.listdir(spool)}
    assert set(modes) == {"stdout", "stderr", "runner.json", "exit.json", "runner.log"}
    assert set(modes.values()) == {0o600}


async def test_input_arrives_and_its_end_too(host: LocalHost, spool: Path) -> None:
    process = await host.start(shell(spool, "cat; echo over"))
    for number in range(50):
        await process.write(f"line {number}\n".encode())
    await process.close_input()
    await process.close_input()
    lines = "".join(f"line {number}\n" for number in range(50))
    assert (await output(process))["out"] == f"{lines}over\n".encode()


async def test_large_input_in_both_directions_at_once(host: LocalHost, spool: Path) -> None:
    data = os.urandom(1 << 20) * 3
    process = await host.start(shell(spool, "cat"))
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(output(process))
        await process.write(data)
        await process.close_input()
    assert reading.result()["out"] == data


async def test_a_writer_waits_for_a_program_that_does_not_read(
    host: LocalHost, spool: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = 'until [ -e "$1" ]; do sleep 0.01; done; wc -c'
    process = await host.start(shell(spool, script, str(gate)))
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(process.write(b"x" * 1_000_000))
        done, _ = await asyncio.wait([writing], timeout=0.3)
        assert not done
        # An end, or any other request, is not stuck behind the input.
        await process.signal(signal.SIGCONT)
        gate.touch()
        await writing
        await process.close_input()
    assert (await output(process))["out"].strip() == b"1000000"


async def test_writing_to_a_program_that_stopped_reading_is_refused(
    host: LocalHost, spool: Path
) -> None:
    process = await host.start(shell(spool, "exec <&-; echo closed; sleep 300"))
    await read_until(process, b"closed")
    with pytest.raises(HostError, match="does not read"):
        await process.write(b"x")
    await process.end()
    with pytest.raises(HostError, match="has ended"):
        await process.write(b"x")
    await process.signal(signal.SIGTERM)
    await process.close_input()


async def test_the_runner_holds_no_folder_of_ours(
    host: LocalHost, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ProcessSpec(argv=("pwd",), cwd="sub", env=ENV, spool="spool")
    os.mkdir(tmp_path / "sub")
    monkeypatch.chdir(tmp_path)
    process = await host.start(spec)
    assert (await output(process))["out"] == f"{tmp_path}/sub\n".encode()
    cat = await host.start(shell(tmp_path / "other", "cat"))
    assert os.readlink(f"/proc/{cat.record.runner}/cwd") == "/"


async def test_a_signal_reaches_the_program_alone(host: LocalHost, spool: Path) -> None:
    script = "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.01; done"
    process = await host.start(shell(spool, script))
    await read_until(process, b"ready")
    await process.signal(signal.SIGUSR1)
    assert await process.wait() == Exit(5, "exited")
    assert (await output(process))["out"] == b"ready\ncaught\n"


async def test_only_a_detached_program_is_released(host: LocalHost, spool: Path) -> None:
    process = await host.start(shell(spool, "sleep 300"))
    with pytest.raises(HostError, match="not started detached"):
        await process.release()


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.05])
async def test_a_start_that_is_given_up_leaves_nothing(
    host: LocalHost, spool: Path, delay: float, detach: bool
) -> None:
    process = None
    try:
        async with asyncio.timeout(delay):
            process = await host.start(shell(spool, "sleep 300", detach=detach))
    except TimeoutError:
        pass
    if process is not None:
        await process.end()
    runtime = Path(os.environ["XDG_RUNTIME_DIR"], "conductor")
    await until(lambda: not family(spool) and not list(runtime.glob("*.sock")))
