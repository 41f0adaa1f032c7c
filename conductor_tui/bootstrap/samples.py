"""``conductor init``: the commented settings and the sample plan, never over a file of the user."""

from __future__ import annotations

from pathlib import Path

from conductor_tui.settings.samples import sample_plan, sample_settings

_FILES = {"conductor.yaml": sample_settings, "plan.yaml": sample_plan}


def write_samples(directory: Path) -> list[tuple[Path, bool]]:
    """Write the files that are missing; return each path, and whether it was written."""
    written = []
    for name, make in _FILES.items():
        path = directory / name
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(make())
        except FileExistsError:
            written.append((path, False))
        else:
            written.append((path, True))
    return written
