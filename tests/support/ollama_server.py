"""A loopback server that speaks Ollama's API, so that judges can be played by a test.

def judge(asked: Asked) -> str:                  # reads the prompt, answers like a model
    return VERDICT_BAD if "TODO" in asked.prompt else VERDICT_GOOD

with OllamaServer(judge) as server:              # or `async with`; settings: judge.url
    server.play(Reply(VERDICT, cut=3))           # the next question: cut in the middle,
    server.play(in_fences(VERDICT), Reply(status=503, error="busy"))   # then these two
    run(["conductor", "--batch", "plan.yaml"], env={"CONDUCTOR_JUDGE_URL": server.url})
    server.down(); ...; server.up()              # goes away, comes back on the same port
    server.play(Reply(VERDICT, gate="late")); ...; server.open("late")   # holds an answer
    server.wait_for(lambda: len(server.chats) == 4)
    assert server.chats[0].schema["required"] and server.most_at_once == 1
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.support.model_replies import (
    Asked,
    Json,
    Reply,
    Respond,
    in_fences,
    in_nested_fences,
    in_prose,
)
from tests.support.model_server import ModelServer

__all__ = [
    "MODEL",
    "Asked",
    "Installed",
    "OllamaServer",
    "Reply",
    "in_fences",
    "in_nested_fences",
    "in_prose",
]

MODEL = "qwen3-coder:30b"
VERSION = "0.12.6"
WHEN = "2026-11-20T10:00:00.000000Z"


@dataclass(frozen=True)
class Installed:
    """A model the server has."""

    context_length: int | None = 262_144
    capabilities: tuple[str, ...] = ("completion", "tools")
    family: str = "qwen3moe"


class OllamaServer(ModelServer):
    """Ollama: chat (stream and not), tags, show, version, ps; a missing model is 404."""

    chat = "/api/chat"

    def __init__(
        self,
        respond: Respond | Reply | str = "{}",
        models: Mapping[str, Installed] | None = None,
    ) -> None:
        super().__init__(respond)
        self.models = dict(models if models is not None else {MODEL: Installed()})
        self.version = VERSION

    def fixed(self, asked: Asked) -> tuple[int, Json | str]:
        match asked.method, asked.path:
            case "GET", "/":
                return 200, "Ollama is running"
            case "GET", "/api/version":
                return 200, {"version": self.version}
            case "GET", "/api/tags":
                return 200, {"models": [self._listed(name) for name in self.models]}
            case "GET", "/api/ps":
                used = dict.fromkeys(chat.model for chat in self.chats if self._find(chat.model))
                return 200, {"models": [self._running(name) for name in used]}
            case "POST", "/api/show":
                return self._show(asked)
        return 404, "404 page not found"

    def refusal(self, asked: Asked) -> Reply | None:
        if self._find(asked.model):
            return None
        return Reply(status=404, error=f"model '{asked.model}' not found")

    def error(self, status: int, words: str) -> Json:
        return {"error": words}

    def stream(self, asked: Asked, reply: Reply) -> Iterator[bytes]:
        for key, text in (("thinking", reply.thinking), ("content", reply.text)):
            for start in range(0, len(text), reply.piece):
                message = {"role": "assistant", "content": ""}
                message[key] = text[start : start + reply.piece]
                yield _line({**self._frame(asked), "message": message, "done": False})
        if reply.error:
            yield _line(self.error(200, reply.error))
        elif reply.ended:
            empty = {"role": "assistant", "content": ""}
            yield _line({**self._frame(asked), "message": empty, **self._end(asked, reply)})

    def whole(self, asked: Asked, reply: Reply) -> Json:
        message = {"role": "assistant", "content": reply.text}
        if reply.thinking:
            message["thinking"] = reply.thinking
        return {**self._frame(asked), "message": message, **self._end(asked, reply)}

    def _frame(self, asked: Asked) -> Json:
        return {"model": asked.model, "created_at": WHEN}

    def _end(self, asked: Asked, reply: Reply) -> Json:
        return {
            "done": True,
            "done_reason": "stop",
            "total_duration": 4_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": (len(asked.system) + len(asked.prompt)) // 4,
            "prompt_eval_duration": 1_000_000,
            "eval_count": len(reply.text) // 4,
            "eval_duration": 2_000_000,
        }

    def _find(self, name: str) -> Installed | None:
        return next((had for key, had in self.models.items() if _full(key) == _full(name)), None)

    def _show(self, asked: Asked) -> tuple[int, Json]:
        name = asked.model
        found = self._find(name)
        if found is None:
            return 404, self.error(404, f"model '{name}' not found")
        info: Json = {"general.architecture": found.family}
        if found.context_length is not None:
            info[f"{found.family}.context_length"] = found.context_length
        return 200, {
            "modelfile": f"FROM {name}",
            "parameters": "temperature 0.7",
            "template": "{{ .Prompt }}",
            "details": self._details(found),
            "model_info": info,
            "capabilities": list(found.capabilities),
            "modified_at": WHEN,
        }

    def _listed(self, name: str) -> Json:
        return {
            "name": _full(name),
            "model": _full(name),
            "modified_at": WHEN,
            "size": 18_556_701_140,
            "digest": "06c1097efce0431c2045fe7b2e5108366e43bee1b4603a7aded8f21689e90bca",
            "details": self._details(self.models[name]),
        }

    def _running(self, name: str) -> Json:
        more = {"expires_at": WHEN, "size_vram": 18_556_701_140, "context_length": 32_768}
        listed = {"name": _full(name), "model": _full(name), "size": 18_556_701_140}
        return {**listed, **more}

    def _details(self, found: Installed) -> Json:
        return {
            "parent_model": "",
            "format": "gguf",
            "family": found.family,
            "families": [found.family],
            "parameter_size": "30.5B",
            "quantization_level": "Q4_K_M",
        }


def _line(value: Json) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
