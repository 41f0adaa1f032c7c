"""Who judges in this process: named, found by looking, or nobody (contract, section 4)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from conductor_tui.domain.ports.judging import JudgeHealth, JudgeModel
from conductor_tui.domain.views import Snapshot
from conductor_tui.engine.asking import Judge
from conductor_tui.engine.conductor import is_open
from conductor_tui.models.registry import AUTO_S, create_judge, resolve_auto
from conductor_tui.settings.models import JudgeProvider, QualitySettings, Settings
from conductor_tui.settings.secrets import read_token
from conductor_tui.supervision.judging import JudgePrompts
from conductor_tui.supervision.standing import Quality

_NO_JUDGE = "no judge: only checks decide, and a task without any check ends in a breakpoint"


@dataclass(frozen=True, slots=True)
class Appointed:
    """Who judges, for the record and for the engine, and what a human should know of it."""

    record: dict[str, Any] = field(default_factory=lambda: {"provider": "none", "model": None})
    judging: Judge | None = None
    notices: tuple[str, ...] = ()


async def appoint(settings: Settings, env: Mapping[str, str], known: Snapshot) -> Appointed:
    """Settle who judges.

    One that was named is used whether it is there or not. ``auto`` is found once for a run: a run
    that goes on keeps whom it had.

    Args:
        settings: whom the user wants.
        env: the environment, for a token.
        known: the newest run.

    Raises:
        SettingsError: its token cannot be read.
    """
    wanted = settings.judge.provider
    if wanted is JudgeProvider.NONE:
        return Appointed()
    if wanted is not JudgeProvider.AUTO:
        return await _named(settings, env, wanted.value, settings.judge.model)
    run = known.run
    if run is None or not is_open(known) or "provider" not in run.judge:
        model, reason = await _found(settings, env)
        return await _appointed(settings, model) if model is not None else _nobody(reason)
    if run.judge["provider"] == JudgeProvider.NONE.value:
        return _nobody("the run was started without one; --judge names one")
    return await _named(settings, env, run.judge["provider"], run.judge["model"])


async def look_for_judge(settings: Settings, env: Mapping[str, str]) -> JudgeHealth | None:
    """Say how the judge of the settings is; None where nobody is to judge.

    Raises:
        SettingsError: its token cannot be read.
    """
    wanted = settings.judge.provider
    if wanted is JudgeProvider.NONE:
        return None
    if wanted is JudgeProvider.AUTO:
        model, reason = await _found(settings, env)
        # Nobody is no fault then: the run says so and goes on with its checks alone.
        return JudgeHealth(True, reason if model is not None else f"{_NO_JUDGE} ({reason})")
    return await _create(settings, env, wanted.value, settings.judge.model).health()


def quality_of(settings: QualitySettings) -> Quality:
    """Return the thresholds of ``quality:``."""
    return Quality(settings.passing, settings.retry_below, settings.breakpoint_below)


async def _named(
    settings: Settings, env: Mapping[str, str], provider: str, model: str
) -> Appointed:
    return await _appointed(settings, _create(settings, env, provider, model))


async def _appointed(settings: Settings, model: JudgeModel) -> Appointed:
    prompts = await asyncio.to_thread(JudgePrompts)
    return Appointed(
        {"provider": model.provider, "model": model.model},
        Judge(model, prompts, quality_of(settings.quality)),
    )


def _nobody(reason: str) -> Appointed:
    return Appointed(notices=(f"{_NO_JUDGE} ({reason})",))


def _create(settings: Settings, env: Mapping[str, str], provider: str, model: str) -> JudgeModel:
    _without_rich()
    judge = settings.judge
    return create_judge(provider, judge.url, model, judge.timeout, read_token(None, judge, env))


async def _found(settings: Settings, env: Mapping[str, str]) -> tuple[JudgeModel | None, str]:
    """Look for Ollama; return its judge, or None and why not."""
    judge = settings.judge
    if not await _may_listen(judge.url):
        return None, f"nothing listens at {judge.url}"
    _without_rich()
    token = read_token(None, judge, env)
    found = await resolve_auto(judge.url, judge.model, judge.timeout, token)
    return found.judge, found.reason


def _without_rich() -> None:
    """Keep httpx, which the judges load, from loading its own command line.

    It needs rich and pygments, which the headless faces never load; httpx goes on without it.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


async def _may_listen(url: str) -> bool:
    """Knock at an address of this machine: to ask properly loads half a second of libraries."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not _is_here(host):
        return True
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(AUTO_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
