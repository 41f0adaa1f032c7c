"""A host that runs commands on this machine and remembers which."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conductor_tui.domain.ports.hosts import Completed


@dataclass
class CountingHost:
    """Runs short commands; the environment is exactly the one given."""

    commands: list[tuple[str, ...]] = field(default_factory=list)
    fail: str = ""
    """A git verb that ends as if it had been killed before it did anything."""
    failures: list[str] = field(default_factory=list)
    """What commands that failed said."""
    watched: str = ""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the watched verb has run."""

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        self.commands.append(tuple(argv))
        if self.fail and verb(argv) == self.fail:
            return Completed(137, b"", b"Killed")
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=dict(env or {}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate(stdin)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if self.watched and verb(argv) == self.watched:
            self.tried.set()
        if process.returncode:
            self.failures.append(err.decode("utf-8", "replace"))
        return Completed(process.returncode or 0, out, err)

    def verbs(self) -> list[str]:
        """Return the git verbs run since the last call, and forget them."""
        found = [verb(command) for command in self.commands]
        self.commands.clear()
        return found


def verb(command: Sequence[str]) -> str:
    """Return the verb of a git command line."""
    words = iter(command[1:])
    for word in words:
        if word == "-c":
            next(words)
        else:
            return word
    return ""
