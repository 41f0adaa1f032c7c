"""A judge's model on any server that speaks OpenAI's API: llama.cpp, vLLM and others."""

from __future__ import annotations

import asyncio

from conductor_tui.models.server import ServerJudge, Sleep
from conductor_tui.models.wire import Endpoint, Limits, Wire


class OpenAIJudge(ServerJudge):
    """Asks a model by chat completions, with the answer's JSON schema where the server takes it."""

    provider = "openai"

    def __init__(
        self,
        url: str,
        model: str,
        limits: Limits | None = None,
        *,
        token: str | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Keep where the model is; nothing is loaded or opened before the first call.

        Args:
            url: of the server, with or without ``/v1``.
            model: its name in the server's list.
            limits: how long it is waited for, and how much it is given.
            token: a bearer's key, where the server wants one.
            sleep: how to pause between two tries, seconds.
        """
        limits = limits or Limits()
        endpoint = Endpoint(
            url=url.rstrip("/").removesuffix("/v1"),
            model=model,
            token=token,
            connect_s=min(limits.connect_s, limits.whole_s),
            api="OpenAI",
            start="start the model's server, or set judge.url",
            fetch="set judge.model to a name the server has",
        )
        super().__init__(endpoint, limits, sleep)

    def _load(self) -> Wire:
        # Heavy: 0.3 s for a library that a run without a judge never needs.
        from conductor_tui.models.openai_wire import OpenAIWire

        return OpenAIWire(self.endpoint)
