"""Cutting a stream into lines of any length, in time linear in its bytes.

`asyncio`'s own readline gives up at 64 KiB; one picture an agent reads is a line of a megabyte.
"""

from __future__ import annotations

from dataclasses import dataclass

LINE_LIMIT = 256 << 20
"""Bytes of one line that are kept. Longest seen of a real program: 1.2 MB (a picture)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline; ``end`` is the offset behind it in the stream."""

    data: bytes
    start: int
    end: int
    cut: bool = False
    """It was longer than the limit; ``data`` is its beginning."""


class LineSplitter:
    """Collects chunks of one stream and gives back whole lines with their offsets."""

    def __init__(self, start: int = 0, limit: int = LINE_LIMIT) -> None:
        self._parts: list[bytes] = []
        self._kept = 0
        self._limit = limit
        self._cut = False
        self._begin = start
        self._end = start

    @property
    def position(self) -> int:
        """The offset behind the last whole line."""
        return self._begin

    def feed(self, data: bytes) -> list[Line]:
        """Take a chunk; return the lines that it completes."""
        lines: list[Line] = []
        at = 0
        while (newline := data.find(b"\n", at)) >= 0:
            self._keep(data[at:newline])
            self._end += newline + 1 - at
            lines.append(self._take())
            at = newline + 1
        if at < len(data):
            self._keep(data[at:])
            self._end += len(data) - at
        return lines

    def rest(self) -> list[Line]:
        """Return the last line where the stream ended without a newline."""
        return [self._take()] if self._end > self._begin else []

    def _keep(self, part: bytes) -> None:
        room = self._limit - self._kept
        if len(part) > room:
            self._cut = True
            part = part[:room]
        if part:
            self._parts.append(part)
            self._kept += len(part)

    def _take(self) -> Line:
        line = Line(b"".join(self._parts), self._begin, self._end, self._cut)
        self._parts, self._kept, self._cut = [], 0, False
        self._begin = self._end
        return line
