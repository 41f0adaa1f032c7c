"""Bash itself as the judge: what we allow never runs a command that we did not see."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from conductor_tui.domain.values import Verdict
from conductor_tui.supervision.permissions import Policy, judge

POLICY = Policy.of(allow=["Bash(echo *)", "Bash(true *)", "Bash(cat *)"])

TOKENS = [
    "echo",
    "true",
    "cat",
    "EVIL",
    "EVIL",
    "EVIL",
    ";",
    "&&",
    "|",
    "&",
    "(",
    ")",
    "{",
    "}",
    "E",
    "'",
    '"',
    "`",
    "$(",
    ")",
    "$",
    "\\",
    "#",
    "$'",
    "<",
    ">",
    "[[",
    "]]",
    "((",
    "))",
    "if",
    "then",
    "fi",
    "do",
    "done",
    "case",
    "esac",
    "in",
    "x",
    "=",
    "!",
    "*",
    "<<<",
    "${x:-",
    "}",
    "$((",
    "))",
    "x=",
    "@P",
    "eval",
    "-c",
    "xargs",
    "env",
    "/dev/null",
    ">&2",
    "2>&1",
]
BLANKS = [" ", " ", " ", " ", "\n", "\n", "\t", "\\\n", "timeout 1 ", "bash -c "]
HEREDOCS = ["<<E", "<<'E'", "<<-E", "<<-'E'", '<<"E"', "<<\\E", "<< E", "<<E;true", "<<'E' && echo"]
LINES = ["E", " E", "\tE", "E ", "x", "EVIL", "$(EVIL)", "`EVIL`", "\\", "'", '"', "E)", "x\\", ""]
ENDS = ["", "\n", ")", "\n)", "\nE", "\nE\n", "\nE\n)"]


def soup(source: random.Random) -> str:
    text = "".join(source.choice(TOKENS + BLANKS) for _ in range(source.randint(3, 16)))
    return f"echo {text}" if source.random() < 0.5 else text


def heredoc(source: random.Random) -> str:
    lines = [source.choice(LINES) for _ in range(source.randint(1, 5))]
    begin = source.choice(["cat ", "echo $(cat ", "cat | cat ", "(cat "])
    return begin + "\n".join([source.choice(HEREDOCS), *lines]) + source.choice(ENDS)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """Make a program EVIL that leaves a trace in the folder it stands in."""
    program = tmp_path / "bin" / "EVIL"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho ran > '{tmp_path}/trace'\n")
    program.chmod(0o755)
    return tmp_path


def ran_evil(command: str, trap: Path) -> bool:
    subprocess.run(
        ["bash", "-c", command],
        env={"PATH": f"{trap / 'bin'}{os.pathsep}{os.defpath}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=10,
        cwd=trap,
        check=False,
    )
    return (trap / "trace").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("make", [soup, heredoc])
def test_what_is_allowed_runs_nothing_else(make: object, trap: Path) -> None:
    assert callable(make)
    source = random.Random(20_261_120)
    allowed = set()
    for _ in range(4000):
        command = make(source)
        if "EVIL" not in command or command in allowed:
            continue
        if judge(POLICY, "Bash", {"command": command}, str(trap)).verdict is Verdict.ALLOW:
            allowed.add(command)
            assert not ran_evil(command, trap), command
    assert len(allowed) >= 10


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_trap_works(trap: Path) -> None:
    assert not ran_evil("echo 'EVIL'", trap)
    assert ran_evil("echo $(EVIL)", trap)
