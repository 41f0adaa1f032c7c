"""Where faces send what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from conductor_tui.domain.commands import Command


class CommandSink(Protocol):
    """Where faces send what is wanted."""

    async def send(self, command: Command) -> Mapping[str, Any]:
        """Carry out a command and return its JSON-able result.

        Raises:
            ConductorError: it could not be carried out.
        """
