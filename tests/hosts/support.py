"""What the tests of hosts share: programs to start, and a look at what is alive."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil

from conductor_tui.domain.ports.hosts import Process, ProcessSpec
from conductor_tui.hosts import local
from conductor_tui.hosts.process import LocalProcess

ROOT = Path(__file__).resolve().parents[2]

ENV = {"PATH": os.environ["PATH"]}

FAMILY = """
(trap '' INT TERM HUP; while :; do sleep 300; done) &
(setsid sh -c 'sleep 300; true' </dev/null >/dev/null 2>&1 &)
until [ $(grep -lsa "CONDUCTOR_SPOOL=$CONDUCTOR_SPOOL" /proc/[0-9]*/environ | wc -l) -ge 5 ]
do sleep 0.01; done
echo ready
wait
"""
"""A shell program with a child deaf to signals and an orphan in a session of its own."""


def shell(spool: Path, script: str, *arguments: str, **options: Any) -> ProcessSpec:
    """Specify a shell script with the least environment."""
    argv = ("sh", "-c", script, "sh", *arguments)
    return ProcessSpec(argv=argv, cwd="/", env=ENV, spool=str(spool), **options)


def python(spool: Path, code: str, *arguments: str, **options: Any) -> ProcessSpec:
    """Specify a Python program with the least environment."""
    argv = (sys.executable, "-I", "-S", "-c", code, *arguments)
    return ProcessSpec(argv=argv, cwd="/", env=ENV, spool=str(spool), **options)


async def output(process: Process) -> dict[str, bytes]:
    """Read a program to its end; every offset must be where the last chunk ended."""
    kept: dict[str, bytes] = {"out": b"", "err": b""}
    async for chunk in process.chunks():
        assert chunk.offset == len(kept[chunk.stream])
        kept[chunk.stream] += chunk.data
    return kept


async def read_until(process: LocalProcess, words: bytes) -> bytes:
    """Read a program's output until it holds some words."""
    kept = b""
    async with aclosing(process.chunks()) as chunks:
        async for chunk in chunks:
            kept += chunk.data
            if words in kept:
                return kept
    raise AssertionError(f"ended without {words!r}: {kept!r}")


def family(spool: Path) -> list[int]:
    """Return the living processes that a spool's program started, by their environment."""
    mark = f"CONDUCTOR_SPOOL={spool}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def gone(pid: int) -> bool:
    """Say whether a process is dead, reaped or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition: Callable[[], object], limit_s: float = 10.0) -> float:
    """Block until a condition holds; return how long that took, seconds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < limit_s, "waited in vain"
        time.sleep(0.01)
    return time.monotonic() - started


async def until(condition: Callable[[], object], limit_s: float = 10.0) -> float:
    """Await that a condition holds; return how long that took, seconds."""
    return await asyncio.to_thread(wait_for, condition, limit_s)


class BareRunner:
    """A runner without a host, spoken to in its own words."""

    def __init__(self, folder: Path, argv: list[str], **options: Any) -> None:
        interpreter = options.pop("interpreter", sys.executable)
        command = options.pop("command", [interpreter, "-I", "-S", str(local.RUNNER)])
        self.spool = folder / "spool"
        self.spec: dict[str, Any] = {
            "argv": argv,
            "cwd": "/",
            "env": ENV,
            "spool": str(self.spool),
            "socket": str(Path(os.environ["XDG_RUNTIME_DIR"], "bare.sock")),
            "detach": False,
            "lease_s": 30.0,
            "grace_s": 0.2,
            "lifeline": True,
            "background": False,
            **{name: value for name, value in options.items() if name != "prefix"},
        }
        self.program = subprocess.Popen(
            [*options.pop("prefix", []), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},
        )
        assert self.program.stdin
        assert self.program.stdout
        self.stdin, self.stdout = self.program.stdin, self.program.stdout
        self.stdin.write(json.dumps(self.spec).encode() + b"\n")
        self.stdin.flush()
        self.answer: dict[str, Any] = json.loads(self.stdout.readline())

    def __enter__(self) -> BareRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdin.close()
        self.program.wait(10)
        self.stdout.close()

    def connect(self, request: dict[str, Any], payload: bytes = b"") -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(10)
        link.connect(self.spec["socket"])
        link.sendall(json.dumps(request).encode() + b"\n" + payload)
        return link

    def ask(self, request: dict[str, Any], payload: bytes = b"") -> dict[str, Any]:
        """Have a request carried out; return the answer."""
        with self.connect(request, payload) as link, link.makefile("rb") as lines:
            answer: dict[str, Any] = json.loads(lines.readline())
            return answer

    def follow(
        self, go: bytes = b"\n", **positions: int
    ) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Attach, give the program a line to go on, and read to the end: streams and exit."""
        kept = {"out": b"", "err": b""}
        with self.connect({"op": "attach", **positions}) as link, link.makefile("rb") as lines:
            self.ask({"op": "input", "n": len(go)}, go)
            while True:
                head = json.loads(lines.readline())
                if "exit" in head:
                    return kept, head["exit"]
                kept[head["s"]] += lines.read(head["n"])

    def exit(self) -> dict[str, Any]:
        """Wait for the runner's own end; return how it says the program ended."""
        self.program.wait(10)
        end: dict[str, Any] = json.loads((self.spool / "exit.json").read_text())
        return end
