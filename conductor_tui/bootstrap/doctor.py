"""What is installed, reachable and configured here; each fault with its mend."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conductor_tui import __version__
from conductor_tui.agents.claude_launch import MEND as CLAUDE_MEND
from conductor_tui.agents.registry import KINDS
from conductor_tui.bootstrap.judges import look_for_judge
from conductor_tui.bootstrap.loop import run
from conductor_tui.bootstrap.translation import make_agents
from conductor_tui.bootstrap.workshop import STATE_FOLDER, RunRequest, load_settings_for, look_at
from conductor_tui.control.server import CONTROL_FILE
from conductor_tui.domain.errors import ConductorError, FileFaults
from conductor_tui.domain.ports.hosts import Completed
from conductor_tui.hosts.local import LocalHost
from conductor_tui.settings.loading import list_settings
from conductor_tui.settings.models import AgentKind, AgentSettings, Settings

_MENDS = {AgentKind.CLAUDE: CLAUDE_MEND}

_VERSION_S = 20.0
"""How long a program may take to tell its version."""

_ROOM = 1 << 30
"""Free bytes below which agents soon meet a full disk."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    text: str
    mend: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def examine(directory: Path) -> list[Finding]:
    """Look at everything a run needs, from this folder."""
    return run(_examine(directory))


async def _examine(directory: Path) -> list[Finding]:
    findings = [_platform(), _python()]
    async with LocalHost() as host:
        findings.append(await _git(host))
        root = directory
        try:
            spaces, root = await look_at(host, directory)
            head = await spaces.preflight()
        except ConductorError as error:
            findings.append(Finding("repository", False, error.message, error.mend))
        else:
            where = head.branch or "a detached HEAD"
            findings.append(Finding("repository", True, f"{root} on {where}"))
        findings += [_disk(root), _conductor(root)]
        try:
            settings = load_settings_for(root, RunRequest(directory))
        except FileFaults as error:
            return [*findings, *(Finding("settings", False, str(fault)) for fault in error.faults)]
        findings += _settings(settings)
        findings += [await _agent(host, name, agent) for name, agent in settings.agents.items()]
        findings += _makable(settings, host)
        findings.append(await _judge(settings))
    return findings


async def _git(host: LocalHost) -> Finding:
    program = shutil.which("git")
    if program is None:
        return Finding("git", False, "there is no program git on PATH", "install git 2.38 or newer")
    said = await host.execute([program, "--version"], cwd="/", timeout_s=_VERSION_S)
    return _version("git", program, said)


def _platform() -> Finding:
    name = platform.system()
    if name == "Linux":
        return Finding("platform", True, f"Linux {platform.release()}")
    if name == "Darwin":
        text = "macOS: best effort; processes an agent leaves behind may not all be found"
        return Finding("platform", True, text)
    return Finding("platform", False, f"{name} is not supported", "use Linux, WSL2 or macOS")


def _python() -> Finding:
    return Finding("conductor", True, f"{__version__} on Python {sys.version.split()[0]}")


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    text = f"{free / (1 << 30):.1f} GiB free"
    if free < _ROOM:
        return Finding("disk", False, text, "free some space, or run `conductor gc`")
    return Finding("disk", True, text)


def _conductor(root: Path) -> Finding:
    running = (root / STATE_FOLDER / CONTROL_FILE).exists()
    return Finding("state", True, "a conductor runs here" if running else "no conductor runs here")


def _settings(settings: Settings) -> Iterator[Finding]:
    files = ", ".join(settings.files) or "no file: the defaults hold (`conductor init` writes one)"
    yield Finding("settings", True, files)
    for setting in list_settings(settings):
        if setting.origin != "default":
            yield Finding("setting", True, f"{setting.key} = {setting.value} ({setting.origin})")


async def _agent(host: LocalHost, name: str, agent: AgentSettings) -> Finding:
    what = f"agent {name}"
    if agent.kind.value not in KINDS or agent.host is not None:
        kind = f"kind {agent.kind}" + (f" on host {agent.host}" if agent.host else "")
        return Finding(what, False, f"{kind} is not supported by this version")
    if not agent.command:
        return Finding(what, True, f"kind {agent.kind}")
    program = shutil.which(agent.command[0])
    if program is None:
        mend = _MENDS.get(agent.kind, "install it, or set `command:`")
        return Finding(what, False, f"there is no program {agent.command[0]} on PATH", mend)
    said = await host.execute(
        [program, "--version"], cwd="/", env=dict(os.environ), timeout_s=_VERSION_S
    )
    return _version(what, program, said)


def _version(what: str, program: str, said: Completed) -> Finding:
    words = said.out.decode("utf-8", "replace").strip().splitlines()
    if said.code != 0 or not words:
        return Finding(what, False, f"{program} --version failed", "install it again")
    return Finding(what, True, f"{program}, {words[0]}")


def _makable(settings: Settings, host: LocalHost) -> Iterator[Finding]:
    """Tell faults of scripts, tokens and modes, which are met when an agent is made."""
    try:
        make_agents(settings, host, dict(os.environ), i_know=False)
    except FileFaults as error:
        for fault in error.faults:
            yield Finding("agents", False, str(fault))


async def _judge(settings: Settings) -> Finding:
    try:
        health = await look_for_judge(settings, dict(os.environ))
    except FileFaults as error:
        return Finding("judge", False, str(error))
    if health is None:
        return Finding("judge", True, "none: only checks decide")
    said, _, mend = health.reason.partition("; ")
    return Finding("judge", health.ok, said, mend) if mend else Finding("judge", health.ok, said)
