"""What libraries log goes to a file: standard error is the app's screen, and for our words."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import os
import queue
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import FileIO, TextIOWrapper
from pathlib import Path

NAME = "conductor.log"

_BYTES = 1_000_000
"""Size at which the file is put aside; two are kept."""


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A log nobody else may read, opened by whoever writes the first line."""

    def _open(self) -> TextIOWrapper:
        file = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return TextIOWrapper(FileIO(file, "a"), encoding=self.encoding, errors=self.errors)


@asynccontextmanager
async def logging_to(folder: Path) -> AsyncIterator[None]:
    """Send log records of level WARNING and above to a file in the folder, and nowhere else."""
    # Written by a thread of its own: a record may come from the event loop, which must not wait.
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    sender = logging.handlers.QueueHandler(records)
    handler = await asyncio.to_thread(_handler, folder)
    listener = logging.handlers.QueueListener(records, handler)
    root = logging.getLogger()
    root.addHandler(sender)
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(sender)
        await asyncio.to_thread(listener.stop)
        handler.close()


def _handler(folder: Path) -> logging.Handler:
    handler = _PrivateFile(
        folder / NAME,
        maxBytes=_BYTES,
        backupCount=1,
        encoding="utf-8",
        errors="backslashreplace",
        delay=True,
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
