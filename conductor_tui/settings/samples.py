"""The files that ``conductor init`` writes."""

from __future__ import annotations

from importlib.resources import files


def sample_settings() -> str:
    """Return a conductor.yaml with every key, most of them commented out."""
    return _template("conductor.yaml")


def sample_plan() -> str:
    """Return a plan of two tasks that makes sense in any repository."""
    return _template("plan.yaml")


def _template(name: str) -> str:
    return files("conductor_tui.settings").joinpath("templates", name).read_text(encoding="utf-8")
