"""Checks really run: what they see, what is kept of them, and nothing that outlives them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from conductor_tui.checks.shell import ShellChecker
from conductor_tui.domain.errors import CheckError
from conductor_tui.domain.ports.hosts import Chunk, Completed, Exit, Host, Process, ProcessSpec
from conductor_tui.domain.ports.work import Checker, CheckResult, Workspace
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Scope
from conductor_tui.hosts.local import LocalHost


class Bench:
    """A checker on this machine, a workspace and a task's folder."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.folder = folder
        (folder / "work").mkdir()
        self.workspace = Workspace("slug", str(folder / "work"), "conductor/r1/slug", "base")
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        self.checker: Checker = ShellChecker(
            host, environment, lambda run, task: str(folder / run / task)
        )

    async def run(self, check: str, limit_s: float = 30.0, **env: str) -> CheckResult:
        task = Task("slug", "Slug", "do", check_timeout_s=limit_s, env=env)
        return await self.checker.run("r1", task, self.workspace, check, Scope.WORKSPACE)

    def spools(self) -> list[Path]:
        return sorted((self.folder / "r1" / "slug" / "checks").iterdir())

    def alive(self) -> list[str]:
        """Return the processes any check of this bench left."""
        mark = f"CONDUCTOR_SPOOL={self.folder}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text())
            except OSError:
                continue
        return found


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with LocalHost() as host:
        yield Bench(host, tmp_path)


@pytest.mark.parametrize(
    ("check", "ok", "code", "output"),
    [
        ("true", True, 0, ""),
        ("echo fine", True, 0, "fine\n"),
        ("exit 3", False, 3, ""),
        ("echo one; echo two >&2; echo three; exit 1", False, 1, "one\ntwo\nthree\n"),
        ("printf '\\033[1mbold'", True, 0, "\x1b[1mbold"),
        ("cat", True, 0, ""),
        ('echo "it\'s \\"quoted\\" $((1+1))"', True, 0, 'it\'s "quoted" 2\n'),
        ("kill -TERM $$", False, 143, ""),
    ],
)
async def test_what_a_check_shows(
    bench: Bench, check: str, ok: bool, code: int, output: str
) -> None:
    result = await bench.run(check)
    assert (result.ok, result.exit_code, result.output) == (ok, code, output)
    assert (result.check, result.on) == (check, Scope.WORKSPACE)
    assert 0 < result.duration_s < 20


async def test_a_check_that_is_no_shell_script_says_so(bench: Bench) -> None:
    result = await bench.run("no-such-program --version")
    assert (result.ok, result.exit_code) == (False, 127)
    assert "no-such-program" in result.output


async def test_it_runs_in_the_workspace_with_a_clean_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    result = await bench.run("pwd; env | sort", MY="task's own", LANG="C")
    where, *variables = result.output.splitlines()
    assert where == bench.workspace.path
    names = {line.partition("=")[0] for line in variables} - {"_", "SHLVL", "OLDPWD", "PWD"}
    marks = {"CONDUCTOR_RUN_ID", "CONDUCTOR_TASK_ID", "CONDUCTOR_SPOOL", "GIT_CEILING_DIRECTORIES"}
    assert names == {"PATH", "LANG", "MY"} | marks
    assert {"MY=task's own", "LANG=C", "CONDUCTOR_RUN_ID=r1", "CONDUCTOR_TASK_ID=slug"} <= set(
        variables
    )


async def test_the_whole_output_is_kept_and_the_end_shown(bench: Bench) -> None:
    result = await bench.run("i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done")
    [spool] = bench.spools()
    whole = "".join(f"line {number}\n" for number in range(1000))
    assert (spool / "stdout").read_text() == whole
    first, *lines = result.output.splitlines()
    assert str(len(whole)) in first
    assert lines == [f"line {number}" for number in range(800, 1000)]


async def test_each_run_has_a_spool_of_its_own(bench: Bench) -> None:
    await bench.run("echo 1")
    await bench.run("echo 2")
    assert [(spool / "stdout").read_text() for spool in bench.spools()] == ["1\n", "2\n"]


@pytest.mark.parametrize("before", ["", "echo begun; ", "printf begun; "])
async def test_a_time_limit_ends_the_tree_and_says_so(bench: Bench, before: str) -> None:
    started = time.monotonic()
    result = await bench.run(f"{before}(setsid sleep 300 &) ; sleep 300", limit_s=0.5)
    assert (result.ok, result.exit_code) == (False, None)
    said = "[time limit of 0.5 s reached: ended with all it had started]\n"
    assert result.output == ("begun\n" if before else "") + said
    assert time.monotonic() - started < 6
    assert bench.alive() == []


class LateProcess:
    """A program that ends well, but only while it is being ended for its lateness."""

    pid = 1

    async def chunks(self) -> AsyncIterator[Chunk]:
        yield Chunk("out", 0, b"slow\n")
        await asyncio.Event().wait()

    async def write(self, data: bytes) -> None:
        raise NotImplementedError

    async def close_input(self) -> None:
        raise NotImplementedError

    async def signal(self, number: int) -> None:
        raise NotImplementedError

    async def end(self) -> Exit:
        return Exit(0, "exited")

    async def wait(self) -> Exit:
        raise NotImplementedError

    async def release(self) -> None:
        raise NotImplementedError


class LateHost:
    """A host on which every program is late."""

    name = "late"

    async def start(self, spec: ProcessSpec) -> Process:
        return LateProcess()

    async def attach(self, spool: str, out: int = 0, err: int = 0) -> Process | None:
        raise NotImplementedError

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        raise NotImplementedError

    async def sweep(self, marks: Mapping[str, str]) -> list[int]:
        raise NotImplementedError


async def test_late_is_late_even_if_it_ends_well(tmp_path: Path) -> None:
    result = await Bench(LateHost(), tmp_path).run("slow", limit_s=0.05)
    assert (result.ok, result.exit_code) == (False, None)
    assert result.output.startswith("slow\n[time limit of 0.05 s reached")


async def test_what_a_check_leaves_in_the_background_is_dead(bench: Bench) -> None:
    result = await bench.run("sleep 300 & (setsid sleep 301 &); echo served; exit 0")
    assert (result.ok, result.output) == (True, "served\n")
    assert bench.alive() == []


async def test_cancelling_ends_the_tree_first(bench: Bench) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await bench.run("(setsid sleep 300 &) ; sleep 300")
    assert bench.alive() == []


async def test_a_check_whose_runner_was_killed_did_not_pass(bench: Bench) -> None:
    # The subreaper above a check is its runner: here the check kills it.
    result = await bench.run("sleep 0.5; kill -9 $PPID; sleep 300")
    assert (result.ok, result.exit_code) == (False, None)
    assert result.output == "[ended before it was done: lost]\n"
    assert bench.alive() == []


async def test_without_a_workspace_there_is_no_check(bench: Bench) -> None:
    os.rmdir(bench.workspace.path)
    with pytest.raises(CheckError, match="cannot run the check 'true'") as caught:
        await bench.run("true")
    assert bench.workspace.path in caught.value.message
