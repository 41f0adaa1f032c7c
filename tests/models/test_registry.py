"""Judges by name, provider `auto`, and that nothing is loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeModel
from conductor_tui.models.registry import create_judge, resolve_auto
from tests.models.asking import QUESTION, VERDICT
from tests.support.model_server import ModelServer
from tests.support.ollama_server import MODEL, Installed, OllamaServer, Reply
from tests.support.openai_server import OpenAIServer


@pytest.mark.parametrize(
    ("provider", "server"),
    [
        ("ollama", OllamaServer(VERDICT, {"qwen": Installed()})),
        ("openai", OpenAIServer(VERDICT, {"qwen": {}})),
    ],
)
async def test_a_judge_by_name(provider: str, server: ModelServer) -> None:
    async with server:
        judge: JudgeModel = create_judge(provider, server.url, "qwen", 9.0, "sk-x", window=1000)
        assert (judge.provider, judge.model, judge.window) == (provider, "qwen", 1000)
        assert (await judge.health()).ok
        assert (await judge.ask(QUESTION)).text == VERDICT
    assert server.chats[0].headers["authorization"] == "Bearer sk-x"


def test_a_name_nobody_knows() -> None:
    with pytest.raises(JudgeUnavailable, match="no judge 'gpt'") as caught:
        create_judge("gpt", "http://127.0.0.1:9", MODEL, 60)
    assert caught.value.mend == "choose one of ollama, openai, none"


async def test_auto_takes_an_ollama_that_has_the_model() -> None:
    async with OllamaServer(VERDICT) as server:
        resolved = await resolve_auto(server.url, MODEL, 9.0)
        assert resolved.judge is not None
        assert resolved.judge.provider == "ollama"
        assert resolved.judge.limits.whole_s == 9.0
        assert MODEL in resolved.reason
        assert (await resolved.judge.ask(QUESTION)).text == VERDICT


async def test_auto_without_the_model() -> None:
    async with OllamaServer(models={}) as server:
        resolved = await resolve_auto(server.url, MODEL, 9.0)
        assert resolved.judge is None
        assert f"`ollama pull {MODEL}`" in resolved.reason


async def test_auto_without_a_server() -> None:
    async with OllamaServer() as server:
        server.down()
        resolved = await resolve_auto(server.url, MODEL, 9.0)
        assert resolved.judge is None
        assert "nothing listens" in resolved.reason


async def test_auto_does_not_hold_up_a_start() -> None:
    async with OllamaServer() as server:
        server.always(Reply(gate="never"), "/api/tags")
        await resolve_auto(server.url, MODEL, 9.0, within_s=0.01)
        before = time.monotonic()
        resolved = await resolve_auto(server.url, MODEL, 9.0, within_s=0.2)
        assert time.monotonic() - before < 2
    assert resolved.judge is None
    assert "did not answer within 0.2 s" in resolved.reason


def test_nothing_heavy_is_loaded_before_the_first_question() -> None:
    code = (
        "import sys\n"
        "from conductor_tui.models.registry import create_judge\n"
        "create_judge('ollama', 'http://127.0.0.1:9', 'm', 60)\n"
        "create_judge('openai', 'http://127.0.0.1:9', 'm', 60)\n"
        "print(*{'ollama', 'httpx', 'anyio', 'conductor_tui.models.registry'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["conductor_tui.models.registry"]
