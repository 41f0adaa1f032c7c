"""How faces look at a run and say what is wanted; they need nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from conductor_tui.domain.commands import Command
from conductor_tui.domain.events import Recorded
from conductor_tui.domain.views import Snapshot


class CommandSink(Protocol):
    """Where faces send what is wanted."""

    async def send(self, command: Command) -> Mapping[str, Any]:
        """Carry out a command and return its JSON-able result.

        Raises:
            ConductorError: it could not be carried out.
        """


class Feed(Protocol):
    """What happens, for faces to follow."""

    @property
    def snapshot(self) -> Snapshot:
        """The newest picture of the open run."""

    def follow(self, min_interval_s: float = 0.0) -> AsyncIterator[Snapshot]:
        """Yield the newest snapshot at once and after each change, never a backlog of them."""

    def events(self, since: int = 0) -> AsyncIterator[Recorded]:
        """Yield every event of the open run with a ``seq`` above ``since``, then what comes."""
