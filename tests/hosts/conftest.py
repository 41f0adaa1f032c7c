"""A host of its own for each test, which must leave nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_tui.hosts.local import LocalHost
from tests.hosts.support import family, until


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
async def host(spool: Path) -> AsyncIterator[LocalHost]:
    async with LocalHost() as host:
        yield host
    await until(lambda: not family(spool))
