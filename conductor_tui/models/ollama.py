"""A judge's model on Ollama."""

from __future__ import annotations

import asyncio

from conductor_tui.models.server import ServerJudge, Sleep
from conductor_tui.models.wire import Endpoint, Limits, Wire

KEEP_ALIVE = "30m"
"""How long Ollama keeps the model loaded after a question: the next attempt is minutes away."""


class OllamaJudge(ServerJudge):
    """Asks a model through Ollama's own API, with the answer's JSON schema enforced by it."""

    provider = "ollama"

    def __init__(
        self,
        url: str,
        model: str,
        limits: Limits | None = None,
        *,
        token: str | None = None,
        keep_alive: str = KEEP_ALIVE,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Keep where the model is; nothing is loaded or opened before the first call.

        Args:
            url: of the server, without ``/api``.
            model: its name; without a tag the latest.
            limits: how long it is waited for, and how much it is given.
            token: a bearer's key, where a proxy before Ollama wants one.
            keep_alive: in Ollama's words (``30m``, ``-1`` for ever).
            sleep: how to pause between two tries, seconds.
        """
        limits = limits or Limits()
        endpoint = Endpoint(
            url=url,
            model=model,
            token=token,
            connect_s=min(limits.connect_s, limits.whole_s),
            api="Ollama",
            start="start it (`ollama serve`), or set judge.url",
            fetch=f"`ollama pull {model}`",
        )
        super().__init__(endpoint, limits, sleep)
        self._keep_alive = keep_alive

    def _load(self) -> Wire:
        # Heavy: 0.5 s for a library that a run without a judge never needs.
        from conductor_tui.models.ollama_wire import OllamaWire

        return OllamaWire(self.endpoint, self._keep_alive)
