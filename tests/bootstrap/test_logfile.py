"""What libraries log lands in a file, whoever logs it, and not on the screen."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path

import pytest

from conductor_tui.bootstrap.logfile import NAME, logging_to


async def test_a_record_from_the_loop_goes_to_the_file_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with logging_to(tmp_path):
        logging.getLogger("asyncio").error("it broke: %s", "\udcff")
        logging.getLogger("chatty").info("never mind")
    text = await asyncio.to_thread((tmp_path / NAME).read_text, encoding="utf-8")
    assert "ERROR asyncio: it broke" in text
    assert "never mind" not in text
    assert capfd.readouterr().err == ""


async def test_the_file_is_ours_alone_and_logging_is_as_before(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    async with logging_to(tmp_path):
        assert len(logging.getLogger().handlers) == len(before) + 1
        logging.getLogger().error("a line")
    assert logging.getLogger().handlers == before
    state = await asyncio.to_thread((tmp_path / NAME).stat)
    assert stat.S_IMODE(state.st_mode) == 0o600
