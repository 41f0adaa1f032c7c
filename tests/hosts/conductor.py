"""A conductor to be killed: starts one shell program through a host, says so, and stays."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import read_until, shell


async def main(spool: str, script: str, mode: str) -> None:
    """Start the program, tell its runner's id once it is ready, and wait for its end."""
    process = await LocalHost().start(shell(Path(spool), script, detach=mode == "detach"))
    await read_until(process, b"ready")
    sys.stdout.write(f"{process.record.runner}\n")
    sys.stdout.flush()
    await process.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
