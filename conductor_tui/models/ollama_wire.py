"""Ollama's protocol, by its own client. Loaded with the first question: the client is heavy."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, cast

import httpx
import ollama

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeHealth, JudgeQuestion
from conductor_tui.models.http import (
    client_options,
    line_faults,
    missing,
    nonsense,
    setup_faults,
    shown,
    status_fault,
)
from conductor_tui.models.wire import TEMPERATURE, Answer, Described, End, Endpoint, Look, Piece

ANSWER_SHARE = 4
"""An answer gets a quarter of the window: held to JSON, some models write blanks for ever."""


class OllamaWire:
    """Ollama at one address. Making it reads certificates: not for the event loop."""

    def __init__(self, endpoint: Endpoint, keep_alive: str) -> None:
        """Prepare; nothing is opened.

        Raises:
            JudgeUnavailable: the address or the key do not do.
        """
        self._endpoint = endpoint
        self._keep_alive = keep_alive
        self._options = client_options(endpoint)

    async def talk(self, question: JudgeQuestion, window: int, described: Described) -> Answer:
        """Ask by ``/api/chat`` and yield the answer as it comes; `Wire`."""
        async with self._client() as client:
            with self._told():
                parts = await client.chat(
                    model=self._endpoint.model,
                    messages=[
                        {"role": "system", "content": question.system},
                        {"role": "user", "content": question.prompt},
                    ],
                    stream=True,
                    # A model that cannot think may refuse to be told not to.
                    think=False if described.thinks else None,
                    format=dict(question.schema),
                    options={
                        "temperature": TEMPERATURE,
                        "num_ctx": window,
                        "num_predict": window // ANSWER_SHARE,
                    },
                    keep_alive=self._keep_alive,
                )
            # The client says iterator and gives a generator, which has to be closed.
            stream = cast("AsyncGenerator[ollama.ChatResponse, None]", parts)
            async with aclosing(stream):
                while (part := await self._next(stream)) is not None:
                    yield _piece(part)

    async def describe(self) -> Described:
        """Ask for the model's length and abilities by ``/api/show``; `Wire`."""
        async with self._client() as client:
            return await self._describe(client)

    async def look(self) -> Look:
        """Ask ``/api/version``, ``/api/tags`` and ``/api/show``; `Wire`."""
        version = await self._version()
        async with self._client() as client:
            with self._told():
                listed = await client.list()
            names = tuple(model.model for model in listed.models if model.model)
            if full_name(self._endpoint.model) not in {full_name(name) for name in names}:
                fault = missing(self._endpoint, names)
                return Look(JudgeHealth(False, f"{fault.message}; {fault.mend}", version))
            try:
                described = await self._describe(client)
            except JudgeUnavailable:
                # It has the model all the same; what it is, is asked again with the first question.
                described = None
        has = f"Ollama {version} at {self._endpoint.base} has {self._endpoint.model}"
        return Look(JudgeHealth(True, has, version), described)

    async def _describe(self, client: ollama.AsyncClient) -> Described:
        with self._told():
            said = await client.show(self._endpoint.model)
        return Described(_length(said.modelinfo or {}), "thinking" in (said.capabilities or ()))

    async def _version(self) -> str:
        """Ask for the version, for which the `ollama` client has no call."""
        with setup_faults(self._endpoint):
            client = httpx.AsyncClient(**self._options)
        async with client:
            with line_faults(self._endpoint):
                response = await client.get(f"{self._endpoint.base}/api/version")
        if response.status_code != httpx.codes.OK:
            raise status_fault(response.status_code, response.text, self._endpoint)
        try:
            return str(response.json()["version"])
        except (ValueError, KeyError, TypeError):
            raise nonsense(response.text, self._endpoint) from None

    async def _next(self, stream: AsyncIterator[ollama.ChatResponse]) -> ollama.ChatResponse | None:
        with self._told():
            return await anext(stream, None)

    def _client(self) -> ollama.AsyncClient:
        with setup_faults(self._endpoint):
            return ollama.AsyncClient(self._endpoint.base, **self._options)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what the client's errors mean. Only calls of the client may stand under it."""
        try:
            with line_faults(self._endpoint):
                yield
        except ollama.ResponseError as error:
            if error.status_code < 0:
                said = shown(str(error.error), self._endpoint)
                raise JudgeUnavailable(
                    f"{self._endpoint.model} at {self._endpoint.base} gave up: {said}",
                    "see the server's log",
                ) from error
            raise status_fault(error.status_code, str(error.error), self._endpoint) from error
        except (ValueError, AttributeError, TypeError) as error:
            # So the client fails at lines that are no JSON, or no object.
            raise nonsense(f"{type(error).__name__}: {error}", self._endpoint) from error


def full_name(model: str) -> str:
    """Return a model's name with its tag: without one it is the latest."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _piece(part: ollama.ChatResponse) -> Piece:
    text = part.message.content or ""
    if not part.done:
        return Piece(text)
    return Piece(text, End(part.model or "", part.prompt_eval_count, part.eval_count))


def _length(info: Mapping[str, Any]) -> int | None:
    """Return the model's own length in tokens; its key begins with the architecture's name."""
    for key, value in info.items():
        if key.endswith(".context_length") and isinstance(value, int) and value > 0:
            return value
    return None
