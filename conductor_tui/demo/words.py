"""What `conductor demo` says before and after: what is real, where it lies, what to look at."""

from __future__ import annotations

import shlex
import shutil
import sys

from conductor_tui.demo.sample import BRANCH, Sample


def greeting(sample: Sample) -> str:
    """Return the lines to be printed before the run begins."""
    return (
        f"A sample repository: {sample.repository}\n"
        "Four scripted agents work on it; git, files and checks are real, costs are invented.\n"
    )


def farewell(sample: Sample, branch: str | None) -> str:
    """Return the lines to be printed when the run has ended.

    Args:
        sample: the repository.
        branch: the run's integration branch; None where no run was begun.
    """
    place, conductor = shlex.quote(str(sample.repository)), _conductor()
    lines = [f"The sample repository lies in {sample.repository}. Look at the result:"]
    if branch is not None:
        lines.append(f"  git -C {place} log --oneline --graph {shlex.quote(branch)}")
    lines += [
        f"  {conductor} -C {place} status",
        f"  {conductor} -C {place} show slugify   # failed its check, was told so, mended it",
        f"  {conductor} -C {place} land           # merge the accepted work into {BRANCH}",
    ]
    return "\n".join(lines) + "\n"


def _conductor() -> str:
    """Return how a shell calls conductor here: after `make demo` it is on nobody's PATH."""
    if shutil.which("conductor"):
        return "conductor"
    return f"{shlex.quote(sys.executable)} -m conductor_tui"
