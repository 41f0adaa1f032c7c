"""What this app uses of Textual beyond its public interface, and how it is tuned: all in one place.

1. ``App._driver._writer_thread._queue``: how many frames the terminal has not taken yet. Textual's
   writer blocks the event loop once 30 frames wait, so floods must not add to them; there is no
   public way to ask. Where these names are gone, nothing is skipped.
"""

from __future__ import annotations

import gc
from typing import Any

from textual.app import App


def busy(app: App[Any]) -> bool:
    """Return whether frames wait for the terminal."""
    driver = getattr(app, "_driver", None)
    queue = getattr(getattr(driver, "_writer_thread", None), "_queue", None)
    return queue is not None and queue.qsize() > 0


def calm_collector() -> None:
    """Keep full garbage collections (about 50 ms) out of the frames; young ones go on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 1_000_000)
