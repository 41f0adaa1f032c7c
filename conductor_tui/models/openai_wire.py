"""OpenAI's chat completions, as llama.cpp and vLLM speak them. Loaded with the first question."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

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

Json = Mapping[str, Any]

UNKNOWN_FORMAT = (400, 422)
"""How servers answer to a key of the request that they do not know."""

IN_WORDS = "Answer with one JSON object that fits this JSON schema, and with nothing else:"


class OpenAIWire:
    """One server. Making it reads certificates: not for the event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Prepare; nothing is opened.

        Raises:
            JudgeUnavailable: the address or the key do not do.
        """
        self._endpoint = endpoint
        self._options = client_options(endpoint)
        self._plain = False
        """The server takes no ``response_format``: the schema is told in words."""

    async def talk(self, question: JudgeQuestion, window: int, described: Described) -> Answer:
        """Ask by ``/v1/chat/completions`` and yield the answer as it comes; `Wire`.

        The window is the server's own and cannot be asked for.
        """
        del window, described
        async with self._client() as client, self._response(client, question) as response:
            if response.headers.get("content-type", "").startswith("application/json"):
                # A server that knows no streams.
                yield _whole(await self._json(response), self._endpoint)
                return
            reader = _Reader(self._endpoint)
            lines = aiter(response.aiter_lines())
            while (line := await self._next(lines)) is not None:
                if (piece := reader.piece(line)) is not None:
                    yield piece
            if reader.finished:
                yield Piece("", reader.end)

    async def describe(self) -> Described:
        """Ask for the length the model is served with; `Wire`."""
        async with self._client() as client:
            return await self._describe(client, await self._models(client))

    async def look(self) -> Look:
        """Ask for the list of models; `Wire`."""
        async with self._client() as client:
            models = await self._models(client)
            names = tuple(str(model.get("id", "")) for model in models)
            if self._find(models) is None:
                fault = missing(self._endpoint, names)
                return Look(JudgeHealth(False, f"{fault.message}; {fault.mend}"))
            described = await self._describe(client, models)
        return Look(
            JudgeHealth(True, f"{self._endpoint.base} has {self._endpoint.model}"), described
        )

    async def _models(self, client: httpx.AsyncClient) -> list[Json]:
        said = await self._get(client, "/v1/models")
        listed = said.get("data")
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise nonsense(json.dumps(said), self._endpoint)
        return listed

    def _find(self, models: list[Json]) -> Json | None:
        """Return the model's entry; llama.cpp with a single model serves it under any name."""
        for model in models:
            if model.get("id") == self._endpoint.model:
                return model
        alone = models[0] if len(models) == 1 else {}
        return alone if alone.get("owned_by") == "llamacpp" else None

    async def _describe(self, client: httpx.AsyncClient, models: list[Json]) -> Described:
        model = self._find(models) or {}
        meta = model.get("meta")
        served = meta.get("n_ctx") if isinstance(meta, dict) else None
        window = _tokens(model.get("max_model_len"), served)
        if window is None and model.get("owned_by") == "llamacpp":
            window = await self._slot(client)
        return Described(window)

    async def _slot(self, client: httpx.AsyncClient) -> int | None:
        """Return the tokens of one slot of llama.cpp; None where it does not tell."""
        try:
            said = await self._get(client, "/props")
        except JudgeUnavailable:
            return None
        settings = said.get("default_generation_settings")
        return _tokens(settings.get("n_ctx")) if isinstance(settings, dict) else None

    async def _get(self, client: httpx.AsyncClient, path: str) -> Json:
        with line_faults(self._endpoint):
            response = await client.get(self._endpoint.base + path)
        if response.status_code != httpx.codes.OK:
            raise self._refused(response)
        return await self._json(response)

    @asynccontextmanager
    async def _response(
        self, client: httpx.AsyncClient, question: JudgeQuestion
    ) -> AsyncIterator[httpx.Response]:
        """Open the answer, without ``response_format`` where the server does not take it."""
        if not self._plain:
            async with self._post(client, _body(self._endpoint, question)) as response:
                if response.status_code not in UNKNOWN_FORMAT:
                    yield await self._good(response)
                    return
        async with self._post(client, _plain_body(self._endpoint, question)) as response:
            yield await self._good(response, plain=True)

    @asynccontextmanager
    async def _post(self, client: httpx.AsyncClient, body: Json) -> AsyncIterator[httpx.Response]:
        url = f"{self._endpoint.base}/v1/chat/completions"
        with line_faults(self._endpoint):
            request = client.build_request("POST", url, json=body)
            response = await client.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def _good(self, response: httpx.Response, *, plain: bool = False) -> httpx.Response:
        if response.status_code != httpx.codes.OK:
            with line_faults(self._endpoint):
                await response.aread()
            raise self._refused(response)
        # Only now: a question that is refused for its length is refused in either form.
        self._plain = plain
        return response

    async def _json(self, response: httpx.Response) -> Json:
        with line_faults(self._endpoint):
            await response.aread()
        try:
            said = response.json()
        except ValueError:
            raise nonsense(response.text, self._endpoint) from None
        if not isinstance(said, dict):
            raise nonsense(response.text, self._endpoint)
        return said

    async def _next(self, lines: AsyncIterator[str]) -> str | None:
        with line_faults(self._endpoint):
            return await anext(lines, None)

    def _refused(self, response: httpx.Response) -> JudgeUnavailable:
        text = response.text
        with suppress(ValueError):
            text = _error(response.json()) or text
        return status_fault(response.status_code, text, self._endpoint)

    def _client(self) -> httpx.AsyncClient:
        with setup_faults(self._endpoint):
            return httpx.AsyncClient(**self._options)


class _Reader:
    """Server-sent events become pieces."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.end = End("")
        self.finished = False

    def piece(self, line: str) -> Piece | None:
        """Return what a line brings; None for comments, names of events and empty lines.

        Raises:
            JudgeUnavailable: it tells of an error, or is not of the API.
        """
        if not line.startswith("data:"):
            if line and not line.startswith((":", "event:", "id:", "retry:")):
                raise nonsense(line, self._endpoint)
            return None
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self.finished = True
            return None
        try:
            said = json.loads(data)
        except ValueError:
            raise nonsense(data, self._endpoint) from None
        _check(said, self._endpoint)
        self.end = _end(said, self.end)
        choice = _choice(said)
        # The count of tokens comes after this, and [DONE] after that, where the server sends them.
        self.finished = self.finished or choice.get("finish_reason") is not None
        # What only names the speaker is sent before the model has begun.
        text = _content(choice, "delta")
        return Piece(text) if text or _thinks(choice) else None


def _body(endpoint: Endpoint, question: JudgeQuestion) -> Json:
    schema = {"name": "verdict", "schema": dict(question.schema), "strict": True}
    return {
        **_bare(endpoint, question.system, question.prompt),
        "response_format": {"type": "json_schema", "json_schema": schema},
        "stream_options": {"include_usage": True},
    }


def _plain_body(endpoint: Endpoint, question: JudgeQuestion) -> Json:
    words = f"{IN_WORDS}\n{json.dumps(dict(question.schema))}"
    return _bare(endpoint, f"{question.system}\n\n{words}", question.prompt)


def _bare(endpoint: Endpoint, system: str, prompt: str) -> dict[str, Any]:
    return {
        "model": endpoint.model,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": prompt},
        ],
        "stream": True,
        "temperature": TEMPERATURE,
    }


def _whole(said: Json, endpoint: Endpoint) -> Piece:
    _check(said, endpoint)
    if not _choice(said):
        raise nonsense(json.dumps(said), endpoint)
    return Piece(_content(_choice(said), "message"), _end(said, End("")))


def _check(said: object, endpoint: Endpoint) -> None:
    if not isinstance(said, dict):
        raise nonsense(json.dumps(said), endpoint)
    if error := _error(said):
        raise JudgeUnavailable(
            f"{endpoint.model} at {endpoint.base} gave up: {shown(error, endpoint)}",
            "see the server's log",
        )


def _error(said: object) -> str:
    """Return the words of an error, in any of the forms servers have for it; empty: none."""
    error = said.get("error", said.get("detail")) if isinstance(said, dict) else None
    if isinstance(error, dict):
        error = error.get("message", error)
    return str(error) if error else ""


def _choice(said: Json) -> Json:
    choices = said.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, dict) else {}


def _content(choice: Json, key: str) -> str:
    part = choice.get(key)
    content = part.get("content") if isinstance(part, dict) else None
    return content if isinstance(content, str) else ""


def _thinks(choice: Json) -> bool:
    """Tell whether a piece is thought aloud, by llama.cpp's and vLLM's names for it."""
    part = choice.get("delta")
    return isinstance(part, dict) and bool(part.get("reasoning_content") or part.get("reasoning"))


def _end(said: Json, before: End) -> End:
    usage = said.get("usage")
    if not isinstance(usage, dict):
        usage = {}
    return End(
        str(said.get("model") or before.model),
        _tokens(usage.get("prompt_tokens"), before.prompt_tokens),
        _tokens(usage.get("completion_tokens"), before.answer_tokens),
    )


def _tokens(*found: object) -> int | None:
    """Return the first that is a number of tokens."""
    numbers: Iterable[int] = (each for each in found if isinstance(each, int) and each > 0)
    return next(iter(numbers), None)
