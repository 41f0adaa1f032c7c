"""Real programs that some tests drive, and what to say when one is not installed.

    @pytest.mark.external
    async def test_real_session(...):
        claude = external("claude")

A missing program skips the test, and is counted at the end of the run; with `CI=true` it fails it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MISSING = "external program missing: "
"""How each reason begins, so that the closing line can count them."""

HOW_TO_GET = {
    "claude": "npm install --prefix .node @anthropic-ai/claude-code@latest",
    "sshd": "apt-get install openssh-server",
    "ssh": "apt-get install openssh-client",
    "ssh-keygen": "apt-get install openssh-client",
    "tmux": "apt-get install tmux",
    "git": "apt-get install git",
}

# Taken when the tests are collected: every test's own environment has lost these by then.
_ENVIRONMENT = dict(os.environ)


def external(name: str) -> Path:
    """Return the path of a real program, or end the test where there is none.

    `CONDUCTOR_TEST_<NAME>` names one outright; else it is looked for in `.node`, on PATH, and
    where servers are kept.
    """
    program = find(name, _ENVIRONMENT)
    if program is not None:
        return program
    reason = missing_reason(name)
    if _ENVIRONMENT.get("CI", "").lower() == "true":
        pytest.fail(f"{reason}; with CI=true it has to be there", pytrace=False)
    pytest.skip(reason)


def find(name: str, environment: dict[str, str]) -> Path | None:
    """Look for a program without judging its absence."""
    named = environment.get(f"CONDUCTOR_TEST_{name.upper().replace('-', '_')}")
    if named:
        return Path(named)
    places = os.pathsep.join(
        [
            str(ROOT / ".node" / "node_modules" / ".bin"),
            environment.get("PATH", os.defpath),
            "/usr/local/sbin:/usr/sbin:/sbin",
        ]
    )
    found = shutil.which(name, path=places)
    return Path(found) if found else None


def missing_reason(name: str) -> str:
    """Say which program is missing and how to get it."""
    mend = HOW_TO_GET.get(name)
    return f"{MISSING}{name} ({mend})" if mend else f"{MISSING}{name}"


def summary(reasons: Iterable[str]) -> Sequence[str]:
    """Return the closing lines for the skips of a run; none where nothing external was skipped."""
    missing = [r.split(MISSING, 1)[1] for r in reasons if MISSING in r]
    if not missing:
        return []
    noun = "test" if len(missing) == 1 else "tests"
    programs = ", ".join(sorted(set(missing)))
    return [f"{len(missing)} external {noun} skipped: missing {programs}"]
