"""Pages made from something else: `python -m tests.demo.pages` writes them anew.

The page of keys is the app's own table; the README's picture is that of a snapshot test, so neither
can show what is not there.
"""

from __future__ import annotations

from pathlib import Path

from conductor_tui.screens.actions import as_markdown

ROOT = Path(__file__).parents[2]

KEYS = ROOT / "docs" / "keys.md"
PICTURE = ROOT / "docs" / "pictures" / "running.svg"
SNAPSHOT = ROOT / "tests/snapshots/__snapshots__/test_pictures/test_normal[running-dark].svg"

AGAIN = "run: .venv/bin/python -m tests.demo.pages"

_HEAD = """# Keys

A key has one meaning in a pane, and the keys that answer a breakpoint mean nothing elsewhere.
Written by `.venv/bin/python -m tests.demo.pages` from `conductor_tui/screens/actions.py`.

"""


def keys() -> str:
    """Return the page of keys as it should be."""
    return _HEAD + as_markdown()


def write() -> None:
    """Write both pages."""
    KEYS.write_text(keys(), encoding="utf-8")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(SNAPSHOT.read_bytes())


if __name__ == "__main__":
    write()
