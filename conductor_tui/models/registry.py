"""Providers of judges by name: the one door through which bootstrap builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.models.ollama import OllamaJudge
from conductor_tui.models.openai import OpenAIJudge
from conductor_tui.models.server import ServerJudge
from conductor_tui.models.wire import DEFAULT_WINDOW, Limits

AUTO_S = 2.0
"""Seconds a run's start may wait for an Ollama of which nobody has said that it is there."""


class Factory(Protocol):
    """How a provider's judge is made."""

    def __call__(
        self, url: str, model: str, limits: Limits, *, token: str | None = None
    ) -> ServerJudge:
        """Make it; nothing is loaded or opened."""


PROVIDERS: Mapping[str, Factory] = MappingProxyType({"ollama": OllamaJudge, "openai": OpenAIJudge})


@dataclass(frozen=True, slots=True)
class Resolution:
    """What provider ``auto`` came to."""

    judge: ServerJudge | None
    reason: str
    """One sentence: who judges, or why nobody does and what to do."""


def create_judge(
    provider: str,
    url: str,
    model: str,
    timeout_s: float,
    token: str | None = None,
    *,
    window: int = DEFAULT_WINDOW,
) -> ServerJudge:
    """Build a judge that was named; whether it is there shows its `health`.

    Args:
        provider: a key of `PROVIDERS`.
        url: the server's address.
        model: the model's name on the server.
        timeout_s: seconds for one answer, retries included.
        token: the server's key.
        window: tokens of question and answer, at most.

    Raises:
        JudgeUnavailable: nobody knows the provider.
    """
    factory = PROVIDERS.get(provider)
    if factory is None:
        raise JudgeUnavailable(
            f"there is no judge {provider!r}", f"choose one of {', '.join(sorted(PROVIDERS))}, none"
        )
    return factory(url, model, Limits(whole_s=timeout_s, window=window), token=token)


async def resolve_auto(
    url: str,
    model: str,
    timeout_s: float,
    token: str | None = None,
    *,
    window: int = DEFAULT_WINDOW,
    within_s: float = AUTO_S,
) -> Resolution:
    """Find out whether Ollama answers and has the model (contract, section 4, "Judge auto").

    Args:
        url: Ollama's address.
        model: the model's name.
        timeout_s: seconds for one answer, retries included.
        token: the server's key.
        window: tokens of question and answer, at most.
        within_s: seconds it is waited for.
    """
    limits = Limits(
        whole_s=timeout_s, window=window, connect_s=min(within_s, 5.0), health_s=within_s
    )
    judge = OllamaJudge(url, model, limits, token=token)
    health = await judge.health()
    return Resolution(judge if health.ok else None, health.reason)
