"""How often screens may repaint: said before textual loads, and so apart from all else here."""

from __future__ import annotations

from collections.abc import MutableMapping

VARIABLE = "TEXTUAL_FPS"
FRAMES = "240"
"""Repaints a second at most.

Screens repaint on the ticks of a timer: a fine one makes keys quick, and floods have a clock of
their own (p99 from key to paint 13 ms against 27 ms at the default of 60; 4 panes, 50,000 lines/s).
"""


def ask_for_frames(environ: MutableMapping[str, str]) -> None:
    """Say the frame rate in the environment; to be called before textual is imported."""
    environ.setdefault(VARIABLE, FRAMES)
