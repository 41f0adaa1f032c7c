"""Whoever attaches, at whatever offset and whenever, gets each byte once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_tui.domain.ports.hosts import Exit
from conductor_tui.hosts import local
from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import ROOT, BareRunner, family, gone, output, python, shell, until

WRITER = """
import os, sys
at = [0, 0, 0]
for word in sys.argv[1:]:
    fd, size = map(int, word.split(":"))
    data = b"".join(b"%d.%d " % (fd, n) for n in range(at[fd], at[fd] + size))
    at[fd] += size
    while data:
        data = data[os.write(fd, data):]
"""
"""Writes numbered words: arguments ``FD:COUNT``."""


def words(fd: int, count: int) -> bytes:
    return b"".join(b"%d.%d " % (fd, number) for number in range(count))


@settings(max_examples=25)
@given(
    writes=st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 30_000)), max_size=12),
    readers=st.lists(st.integers(1, 4), max_size=5),
)
async def test_readers_in_a_row_get_each_byte_once(
    writes: list[tuple[int, int]], readers: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        spool = Path(folder, "spool")
        kept = {"out": b"", "err": b""}
        async with LocalHost() as host:
            arguments = [f"{fd}:{count}" for fd, count in writes]
            await host.start(python(spool, WRITER, *arguments))
            for chunks_of_this_one in [*readers, 1_000_000]:
                offsets = {stream: len(data) for stream, data in kept.items()}
                process = await host.attach(str(spool), **offsets)
                assert process is not None
                left = chunks_of_this_one
                async with aclosing(process.chunks()) as chunks:
                    async for chunk in chunks:
                        assert chunk.offset == len(kept[chunk.stream])
                        kept[chunk.stream] += chunk.data
                        left -= 1
                        if not left:
                            break
            assert process is not None
            assert await process.wait() == Exit(0, "exited")
        totals = {fd: sum(count for f, count in writes if f == fd) for fd in (1, 2)}
        assert kept == {"out": words(1, totals[1]), "err": words(2, totals[2])}


BLIND = """
import os, runner
reap = runner.Tree.reap
def late(self):
    if self.code is None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
    return reap(self)
runner.Tree.reap = late
runner.main()
"""
"""A runner that sees its program only after that has ended, all its output still unread."""


def test_the_last_words_are_read_though_the_end_is_seen_first(tmp_path: Path) -> None:
    place = f"import sys; sys.path.append({str(local.RUNNER.parent)!r})"
    command = [sys.executable, "-I", "-S", "-c", place + BLIND]
    script = "head -c 60000 /dev/zero; echo last >&2"
    with BareRunner(tmp_path, ["sh", "-c", script], command=command) as runner:
        assert runner.exit()["code"] == 0
    assert (tmp_path / "spool" / "stdout").read_bytes() == bytes(60_000)
    assert (tmp_path / "spool" / "stderr").read_bytes() == b"last\n"
    # Whoever sees how it ended can rely on all of it being there.
    times = [(tmp_path / "spool" / name).stat().st_mtime_ns for name in ("stdout", "exit.json")]
    assert times == sorted(times)


async def test_a_line_of_five_megabytes(host: LocalHost, spool: Path) -> None:
    code = "import sys; sys.stdout.write('x' * 5_000_000 + '\\n'); sys.stdout.write('next\\n')"
    process = await host.start(python(spool, code))
    assert (await output(process))["out"] == b"x" * 5_000_000 + b"\nnext\n"


async def test_after_the_end_all_comes_from_the_spool(host: LocalHost, spool: Path) -> None:
    process = await host.start(shell(spool, "echo one; echo two >&2; exit 6"))
    await process.wait()
    await until(lambda: gone(process.record.runner))
    for out, expected in [(0, b"one\n"), (2, b"e\n"), (4, b""), (99, b"")]:
        late = await LocalHost().attach(str(spool), out, 4)
        assert late is not None
        assert late.pid == process.pid
        assert b"".join([chunk.data async for chunk in late.chunks()]) == expected
        assert await late.wait() == await late.end() == Exit(6, "exited")


async def test_a_process_id_used_again_is_not_taken_for_the_runner(
    host: LocalHost, spool: Path
) -> None:
    process = await host.start(shell(spool, "echo one; exit 6"))
    await process.wait()
    (spool / "exit.json").unlink()
    record = json.loads((spool / "runner.json").read_text())
    (spool / "runner.json").write_text(json.dumps({**record, "pid": os.getpid()}))
    late = await host.attach(str(spool))
    assert late is not None
    assert await late.end() == Exit(None, "lost")
    assert (await output(late))["out"] == b"one\n"


async def test_nothing_is_known_of_an_empty_spool(host: LocalHost, spool: Path) -> None:
    assert await host.attach(str(spool)) is None
    os.mkdir(spool)
    assert await host.attach(str(spool)) is None


async def test_a_client_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    size = 30_000_000
    script = f"read go; head -c {size} /dev/zero; echo done >&2"
    with BareRunner(tmp_path, ["sh", "-c", script]) as runner:
        lazy = runner.connect({"op": "attach", "out": 0, "err": 0})
        kept, end = await asyncio.to_thread(lambda: runner.follow(out=0, err=0))
        assert end["code"] == 0
        assert (len(kept["out"]), kept["err"]) == (size, b"done\n")
        assert psutil.Process(runner.answer["ready"]["pid"]).memory_info().rss < 60_000_000
        with lazy, lazy.makefile("rb") as lines:
            assert json.loads(lines.readline())["off"] == 0


async def test_a_lazy_reader_gets_all_after_the_runner_has_gone(
    host: LocalHost, spool: Path
) -> None:
    process = await host.start(shell(spool, "head -c 20000000 /dev/zero; echo end"))
    chunks = process.chunks()
    size = len((await anext(chunks)).data)
    await process.wait()
    await until(lambda: gone(process.record.runner))
    async for chunk in chunks:
        assert chunk.offset == size
        size += len(chunk.data)
    assert size == 20_000_004


GATED = """
i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); done
echo ready
until [ -e "{gate}" ]; do sleep 0.01; done
while [ $i -lt 4000 ]; do echo "line $i"; i=$((i+1)); done
exit 8
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_a_detached_program_outlives_conductor(
    spool: Path, tmp_path: Path, death: signal.Signals
) -> None:
    gate = tmp_path / "gate"
    conductor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hosts.conductor"),
        *(str(spool), GATED.format(gate=gate), "detach"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert conductor.stdout
    await conductor.stdout.readline()
    conductor.send_signal(death)
    await conductor.wait()
    first = b"".join(b"line %d\n" % number for number in range(2000)) + b"ready\n"
    position = len(b"".join(first.splitlines(keepends=True)[:1234]))
    async with LocalHost() as host:
        process = await host.attach(str(spool), position)
        assert process is not None
        assert family(spool)
        gate.touch()
        rest = b"".join([chunk.data async for chunk in process.chunks()])
        assert await process.wait() == Exit(8, "exited")
    second = b"".join(b"line %d\n" % number for number in range(2000, 4000))
    assert first[:position] + rest == first + second


async def test_a_detached_program_takes_input_from_the_next_host(spool: Path) -> None:
    async with LocalHost() as first:
        process = await first.start(shell(spool, "cat", detach=True))
        await process.write(b"one ")
        await process.release()
    async with LocalHost() as second:
        again = await second.attach(str(spool))
        assert again is not None
        await again.write(b"two")
        await again.close_input()
        assert (await output(again))["out"] == b"one two"
        await again.release()


def test_requests_sent_all_at_once_are_done_in_order(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f'until [ -e "{gate}" ]; do sleep 0.01; done; wc -c'
    with BareRunner(tmp_path, ["sh", "-c", script]) as runner:
        piece = b'{"op": "input", "n": 100000}\n' + b"x" * 100_000
        with runner.connect({"op": "lease"}) as link, link.makefile("rb") as lines:
            link.sendall(piece * 2)
            gate.touch()
            link.sendall(piece + b'{"op": "eof"}\n')
            answers = [json.loads(lines.readline())["ok"] for _ in range(5)]
        assert answers == [True] * 5
        assert runner.exit()["code"] == 0
    assert (tmp_path / "spool" / "stdout").read_text().strip() == "300000"


@pytest.mark.parametrize(
    "nonsense", [b"hello\n", b"[]\n", b'{"op": 1}\n', b'{"op": "input", "n": -5}\n', b"\xff\n"]
)
def test_nonsense_on_the_socket_harms_nobody(tmp_path: Path, nonsense: bytes) -> None:
    with BareRunner(tmp_path, ["cat"]) as runner:
        link = runner.connect({"op": "lease"})
        link.sendall(nonsense)
        link.close()
        assert runner.ask({"op": "input", "n": 3}, b"abc")["ok"]
        assert runner.ask({"op": "eof"})["ok"]
        assert runner.exit()["code"] == 0
    assert (tmp_path / "spool" / "stdout").read_bytes() == b"abc"
