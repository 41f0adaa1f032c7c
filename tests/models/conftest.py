"""What holds for every test of a judge: nothing it opened is left behind."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """Collect at once, so that a socket left open fails the test that left it."""
    yield
    gc.collect()
