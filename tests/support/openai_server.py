"""A loopback server that speaks the part of OpenAI's API that llama.cpp and vLLM share.

with OpenAIServer(judge, formats=False) as server:    # answers 400 to `response_format`
    server.play(Reply(VERDICT, cut=2), Reply(status=503, error="Loading model"))
    assert server.chats[0].schema is None             # as in `ollama_server`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tests.support.model_replies import Asked, Json, Reply, Respond
from tests.support.model_server import ModelServer

__all__ = ["MODEL", "Asked", "OpenAIServer", "Reply"]

MODEL = "qwen3-coder"


class OpenAIServer(ModelServer):
    """Chat completions (stream and not), the list of models, and llama.cpp's `/props`."""

    chat = "/v1/chat/completions"

    def __init__(
        self,
        respond: Respond | Reply | str = "{}",
        models: Mapping[str, Json] | None = None,
        *,
        formats: bool = True,
        props: Json | None = None,
        token: str = "",
    ) -> None:
        """Make a server.

        Args:
            respond: what a question is answered.
            models: by name, what the list says of each beyond its name.
            formats: it knows `response_format`; else that is answered by 400.
            props: the answer to `/props`, which only llama.cpp has.
            token: the key without which every request is answered by 401.
        """
        super().__init__(respond)
        given = models if models is not None else {MODEL: {"max_model_len": 16_384}}
        self.models = {name: dict(more) for name, more in given.items()}
        self.formats = formats
        self.props = props
        self.token = token

    def fixed(self, asked: Asked) -> tuple[int, Json | str]:
        if not self._known(asked):
            return 401, self.error(401, "Incorrect API key provided")
        match asked.method, asked.path:
            case "GET", "/v1/models":
                listed = [{"id": name, "object": "model", **m} for name, m in self.models.items()]
                return 200, {"object": "list", "data": listed}
            case "GET", "/props" if self.props is not None:
                return 200, self.props
        return 404, self.error(404, "File Not Found")

    def refusal(self, asked: Asked) -> Reply | None:
        if not self._known(asked):
            return Reply(status=401, error="Incorrect API key provided")
        if asked.model not in self.models:
            return Reply(status=404, error=f"The model `{asked.model}` does not exist.")
        if "response_format" in asked.body and not self.formats:
            return Reply(status=400, error="response_format is not supported")
        return None

    def error(self, status: int, words: str) -> Json:
        return {"error": {"code": status, "message": words, "type": "invalid_request_error"}}

    def stream(self, asked: Asked, reply: Reply) -> Iterator[bytes]:
        yield b": ready\n\n"
        yield self._event(asked, {"role": "assistant", "content": ""})
        for key, text in (("reasoning_content", reply.thinking), ("content", reply.text)):
            for start in range(0, len(text), reply.piece):
                yield self._event(asked, {key: text[start : start + reply.piece]})
        if reply.error:
            yield _data(self.error(500, reply.error))
        elif reply.ended:
            yield self._event(asked, {}, "stop")
            if asked.body.get("stream_options", {}).get("include_usage"):
                yield _data({**self._frame(asked), "choices": [], "usage": _usage(asked, reply)})
            yield b"data: [DONE]\n\n"

    def whole(self, asked: Asked, reply: Reply) -> Json:
        message = {"role": "assistant", "content": reply.text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**self._frame(asked), "choices": [choice], "usage": _usage(asked, reply)}

    def _known(self, asked: Asked) -> bool:
        return not self.token or asked.headers.get("authorization") == f"Bearer {self.token}"

    def _frame(self, asked: Asked) -> Json:
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": asked.model}

    def _event(self, asked: Asked, delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data({**self._frame(asked), "choices": [choice]})


def _data(value: Json) -> bytes:
    return b"data: %s\n\n" % json.dumps(value).encode()


def _usage(asked: Asked, reply: Reply) -> Json:
    told = (len(asked.system) + len(asked.prompt)) // 4
    return {"prompt_tokens": told, "completion_tokens": len(reply.text) // 4}
