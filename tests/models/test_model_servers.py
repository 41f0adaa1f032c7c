"""The loopback servers themselves: what other rooms' tests rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import ollama
import pytest

from tests.support.ollama_server import MODEL, Asked, Installed, OllamaServer, Reply
from tests.support.openai_server import OpenAIServer

HELLO = [{"role": "user", "content": "hello"}]


def test_the_real_client_knows_every_call() -> None:
    with OllamaServer("hi", {MODEL: Installed(), "tiny": Installed(2048)}) as server:
        client = ollama.Client(server.url)
        assert [model.model for model in client.list().models] == [MODEL, "tiny:latest"]
        assert client.show("tiny").modelinfo == {
            "general.architecture": "qwen3moe",
            "qwen3moe.context_length": 2048,
        }
        assert client.ps().models == []
        assert client.chat(model=MODEL, messages=HELLO).message.content == "hi"
        parts = list(client.chat(model="tiny", messages=HELLO, stream=True))
        assert "".join(part.message.content or "" for part in parts) == "hi"
        assert [part.done for part in parts] == [False, True]
        assert [model.model for model in client.ps().models] == [MODEL, "tiny:latest"]
        for call in (client.show, client.chat):
            with pytest.raises(ollama.ResponseError) as caught:
                call("none")
            assert caught.value.status_code == 404
        with pytest.raises(ollama.ResponseError):
            client.pull("none")
        client._client.close()


def test_a_program_of_its_own_asks_and_the_server_goes_and_comes() -> None:
    code = (
        "import sys, urllib.request as u\n"
        "print(u.urlopen(sys.argv[1] + '/api/version', timeout=5).read().decode())\n"
    )
    with OllamaServer() as server:
        command = [sys.executable, "-c", code, server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == {"version": "0.12.6"}
        url = server.url
        server.down()
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1
        server.up()
        assert server.url == url
        subprocess.run(command, capture_output=True, check=True)
    assert len(server.requests) == 2


def test_those_at_once_are_counted_and_held_back() -> None:
    with OllamaServer(lambda asked: Reply(asked.prompt, gate="all")) as server:

        def ask(number: int) -> str:
            body = {
                "model": MODEL,
                "stream": False,
                "messages": [{**HELLO[0], "content": str(number)}],
            }
            said = httpx.post(f"{server.url}/api/chat", json=body, trust_env=False)
            return str(said.json()["message"]["content"])

        with ThreadPoolExecutor(3) as pool:
            answers = pool.map(ask, range(3))
            server.wait_for(lambda: len(server.chats) == 3, "three questions")
            server.open("all")
            assert list(answers) == ["0", "1", "2"]
        assert server.most_at_once == 3


def test_a_fault_of_the_tests_own_function_is_told() -> None:
    def broken(asked: Asked) -> str:
        raise KeyError(asked.model)

    server = OllamaServer(broken).__enter__()
    said = httpx.post(f"{server.url}/api/chat", json={"model": MODEL}, trust_env=False)
    assert said.status_code == 500
    with pytest.raises(ExceptionGroup, match="own function"):
        server.__exit__(None, None, None)


def test_openai_without_a_stream() -> None:
    with OpenAIServer("hi") as server:
        body = {"model": "qwen3-coder", "stream": False, "messages": HELLO}
        said = httpx.post(f"{server.url}/v1/chat/completions", json=body, trust_env=False).json()
    assert said["choices"][0]["message"]["content"] == "hi"


def test_waiting_in_vain_says_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.model_server.PATIENCE_S", 0.05)
    server = OllamaServer()
    with pytest.raises(TimeoutError, match="in vain for a question"):
        server.wait_for(lambda: bool(server.chats), "a question")
