"""Gives the picture tests back what the isolation of every test takes away."""

from __future__ import annotations

import os

import pytest

FOLDER = "TEXTUAL_SNAPSHOT_TEMPDIR"
"""Where pytest-textual-snapshot gathers its report; it is set before the tests are collected."""

GATHERED = os.environ.get(FOLDER, "")


@pytest.fixture(autouse=True)
def report_folder(isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the plugin find its folder: variables beginning with TEXTUAL are taken away."""
    monkeypatch.setenv(FOLDER, GATHERED)
