"""Who judges: named, found by looking, kept for a run that goes on, or nobody."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from conductor_tui.bootstrap.judges import appoint, look_for_judge, quality_of
from conductor_tui.domain.values import RunStatus
from conductor_tui.domain.views import RunView, Snapshot
from conductor_tui.settings.models import Settings
from conductor_tui.supervision.standing import DEFAULT_QUALITY, Quality
from tests.support.external import ROOT
from tests.support.ollama_server import MODEL, OllamaServer

NONE: dict[str, Any] = {"provider": "none", "model": None}


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def nobody() -> str:
    """Return an address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def settings(url: str, provider: str = "auto", model: str = MODEL) -> Settings:
    return Settings.model_validate({"judge": {"provider": provider, "url": url, "model": model}})


def known(status: RunStatus = RunStatus.PARKED, **judge: object) -> Snapshot:
    return Snapshot(RunView("r", status, (), {}, judge, "base", "branch"))


async def test_auto_finds_ollama_with_its_model(ollama: OllamaServer) -> None:
    found = await appoint(settings(ollama.url), {}, Snapshot())
    assert found.record == {"provider": "ollama", "model": MODEL}
    assert found.judging is not None
    assert found.notices == ()


async def test_auto_without_the_model_judges_nobody_and_says_so(ollama: OllamaServer) -> None:
    found = await appoint(settings(ollama.url, model="llama9:1b"), {}, Snapshot())
    assert (found.record, found.judging) == (NONE, None)
    assert "llama9:1b" in found.notices[0]
    assert "only checks decide" in found.notices[0]


async def test_auto_where_nothing_listens(nobody: str) -> None:
    found = await appoint(settings(nobody), {}, Snapshot())
    assert (found.record, found.judging) == (NONE, None)
    assert f"nothing listens at {nobody}" in found.notices[0]


@pytest.mark.parametrize("provider", ["ollama", "openai"])
async def test_one_that_is_named_judges_also_while_it_is_away(nobody: str, provider: str) -> None:
    found = await appoint(settings(nobody, provider), {}, Snapshot())
    assert found.record == {"provider": provider, "model": MODEL}
    assert found.judging is not None


async def test_none_is_nobody_without_a_word(ollama: OllamaServer) -> None:
    found = await appoint(settings(ollama.url, "none"), {}, known(provider="ollama", model=MODEL))
    assert (found.record, found.judging, found.notices) == (NONE, None, ())
    assert not ollama.requests


async def test_a_run_that_goes_on_keeps_its_judge_although_it_is_away(nobody: str) -> None:
    before = known(provider="ollama", model="other:7b")
    found = await appoint(settings(nobody), {}, before)
    assert found.record == {"provider": "ollama", "model": "other:7b"}
    assert found.judging is not None


async def test_a_run_that_began_without_a_judge_gets_none(ollama: OllamaServer) -> None:
    found = await appoint(settings(ollama.url), {}, known(**NONE))
    assert found.judging is None
    assert "--judge" in found.notices[0]


async def test_a_run_that_is_over_binds_nobody(ollama: OllamaServer) -> None:
    found = await appoint(settings(ollama.url), {}, known(RunStatus.COMPLETED, **NONE))
    assert found.judging is not None


async def test_the_doctor_tells_how_it_is(ollama: OllamaServer, nobody: str) -> None:
    assert await look_for_judge(settings(nobody, "none"), {}) is None
    well = await look_for_judge(settings(ollama.url, "ollama"), {})
    assert well is not None
    assert well.ok
    away = await look_for_judge(settings(nobody, "ollama"), {})
    assert away is not None
    assert not away.ok
    assert "ollama serve" in away.reason
    found = await look_for_judge(settings(nobody), {})
    assert found is not None
    assert found.ok
    assert "only checks decide" in found.reason


def test_the_thresholds_are_the_settings_own() -> None:
    assert quality_of(Settings().quality) == DEFAULT_QUALITY
    given = Settings.model_validate({"quality": {"pass": 90, "retry_below": 60}})
    assert quality_of(given.quality) == Quality(90, 60, 30)


LEAN = """
import asyncio, os, sys
from conductor_tui.bootstrap.judges import look_for_judge
from conductor_tui.settings.models import Settings
judge = {"provider": sys.argv[1], "url": sys.argv[2], "model": sys.argv[3]}
health = asyncio.run(look_for_judge(Settings.model_validate({"judge": judge}), {}))
assert health and health.ok, health
print(sorted({"rich", "textual", "httpx"} & set(sys.modules)))
"""


@pytest.mark.parametrize("provider", ["auto", "ollama"])
def test_a_judge_brings_no_rich_with_it(ollama: OllamaServer, provider: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", LEAN, provider, ollama.url, MODEL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert said.stdout.strip() == "['httpx']"
