"""Keeps the end of a long output, within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

LINES = 200
"""Lines kept: what a person, or an agent as feedback, still reads."""

BYTES = 20_000
"""Bytes kept."""


@dataclass(slots=True)
class Tail:
    """The last BYTES bytes of a stream, of which ``text`` shows the last LINES lines."""

    seen: int = 0
    """Bytes that came by in all."""
    _kept: bytearray = field(default_factory=bytearray)

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        self.seen += len(data)
        self._kept += data[-BYTES:]
        # Cut now and then, not with every byte.
        if len(self._kept) > 2 * BYTES:
            del self._kept[:-BYTES]

    def text(self) -> str:
        """Return the end as text, whole lines where there are any; say how much is left out."""
        kept = bytes(self._kept[-BYTES:])
        whole = len(kept) == self.seen
        if not whole and b"\n" in kept[:-1]:
            kept = kept.partition(b"\n")[2]
        lines = kept.decode("utf-8", "replace").splitlines(keepends=True)
        end = "".join(lines[-LINES:])
        if whole and len(lines) <= LINES:
            return end
        return f"[… the first part of {self.seen} bytes is left out]\n{end}"
