"""``python -m conductor_tui`` is ``conductor``."""

from __future__ import annotations

from conductor_tui.cli import main

if __name__ == "__main__":
    main()
