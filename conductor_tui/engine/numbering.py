"""Short ids for breakpoints, never given twice although several tasks ask at the same moment."""

from __future__ import annotations

from collections.abc import Callable


class Numbering:
    """Gives the ids ``b1``, ``b2`` … of one run.

    Args:
        taken: how many breakpoints the state knows already.
    """

    def __init__(self, taken: Callable[[], int]) -> None:
        self._taken = taken
        self._given = 0

    def next(self) -> str:
        """Return an id that neither the state nor this process has given."""
        self._given = max(self._given, self._taken()) + 1
        return f"b{self._given}"

    def restart(self) -> None:
        """Begin anew: another run was opened."""
        self._given = 0
