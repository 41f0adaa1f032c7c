"""One agent as a user configured it, in the words of this room (bootstrap maps settings to it)."""

from __future__ import annotations

from dataclasses import dataclass, field

from conductor_tui.domain.errors import Fault, SettingsError
from conductor_tui.domain.values import PermissionMode

CLAUDE = "claude"
SCRIPTED = "scripted"

BYPASS_REFUSED = (
    "bypassPermissions lets the agent run anything as you, unasked; it is accepted only on a host "
    "marked `isolated: true`, or with --i-know"
)


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """An entry under ``agents:`` of conductor.yaml."""

    name: str
    kind: str
    command: tuple[str, ...] = ()
    """The program and its first arguments; empty: the kind's own."""
    model: str | None = None
    permission_mode: PermissionMode = PermissionMode.MANUAL
    script: str | None = None
    """Path of a scripted agent's file."""
    args: tuple[str, ...] = ()
    """Further arguments, behind all others."""
    environment: tuple[str, ...] = ()
    """Names and globs of variables handed on beyond the default list."""
    token: str | None = field(default=None, repr=False)
    """The login, read by settings from where the user keeps it; never printed."""
    setting_sources: str = "user"
    """Whose settings Claude Code reads. Not ``project``: a hook that the repository holds, or that
    an agent writes into it, would run without passing the permission rules."""
    isolated: bool = False
    """Its host is marked as a sandbox."""
    i_know: bool = False
    """The user accepted the dangers on the command line."""
    file: str = "conductor.yaml"
    line: int | None = None
    """Where it is configured, for faults."""

    def fault(self, key: str, text: str) -> SettingsError:
        """Return the error for one key of this entry."""
        return SettingsError([Fault(self.file, self.line, f"agents.{self.name}.{key}", text)])

    def check_mode(self) -> None:
        """Refuse a mode that needs a sandbox where there is none.

        Raises:
            SettingsError: bypassPermissions without leave.
        """
        if self.permission_mode is PermissionMode.BYPASS and not (self.isolated or self.i_know):
            raise self.fault("permission_mode", BYPASS_REFUSED)
