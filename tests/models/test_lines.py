"""What breaks between us and a server, for both providers alike."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_tui.models.ollama import OllamaJudge
from conductor_tui.models.openai import OpenAIJudge
from conductor_tui.models.server import ServerJudge
from conductor_tui.models.wire import Limits
from tests.models.asking import Naps, refusal
from tests.support.ollama_server import OllamaServer

LIMITS = Limits(whole_s=5, connect_s=0.2, health_s=2)

both = pytest.mark.parametrize("kind", [OllamaJudge, OpenAIJudge])
Kind = type[OllamaJudge] | type[OpenAIJudge]


def judge_at(kind: Kind, url: str, token: str | None = None) -> tuple[ServerJudge, Naps]:
    naps = Naps()
    return kind(url, "qwen", LIMITS, token=token, sleep=naps), naps


@pytest.fixture
def free_port() -> int:
    """Return a port at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Keep a port that takes no connection and refuses none: its queue is full."""
    with socket.socket() as listener, socket.socket() as one, socket.socket() as two:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (one, two):
            client.setblocking(False)
            assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        yield listener.getsockname()[1]


@both
async def test_nothing_listens(kind: Kind, free_port: int) -> None:
    judge, naps = judge_at(kind, f"http://127.0.0.1:{free_port}")
    error = await refusal(judge)
    assert error.message == f"nothing listens at http://127.0.0.1:{free_port}"
    assert error.mend.startswith("start ")
    assert len(naps.taken) == 3
    assert not (await judge.health()).ok


async def test_no_try_is_waited_for_that_would_come_too_late(free_port: int) -> None:
    naps = Naps()
    limits = Limits(whole_s=2.0)
    judge = OllamaJudge(f"http://127.0.0.1:{free_port}", "qwen", limits, sleep=naps)
    assert "nothing listens" in (await refusal(judge)).message
    assert [round(nap) for nap in naps.taken] == [1, 2][: len(naps.taken)]
    assert len(naps.taken) < 3


@both
async def test_nobody_takes_the_connection(kind: Kind, deaf_port: int) -> None:
    judge, naps = judge_at(kind, f"http://127.0.0.1:{deaf_port}")
    error = await refusal(judge)
    assert re.fullmatch(r"no connection to http://127.0.0.1:\d+ within 0.2 s", error.message)
    assert "network" in error.mend
    assert len(naps.taken) == 3
    health = await judge.health()
    assert not health.ok
    assert "no connection" in health.reason


@both
async def test_a_name_nobody_knows(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    judge, _ = judge_at(kind, "http://judge.invalid:11434/")
    error = await refusal(judge)
    assert error.message == "the name in http://judge.invalid:11434 is not known"
    assert "judge.url" in error.mend
    assert "is not known" in (await judge.health()).reason


@both
@pytest.mark.parametrize(
    ("url", "token", "message", "mend"),
    [
        ("http://127.0.0.1:99999", None, "no address", "judge.url"),
        ("http://[::1", None, "no address", "judge.url"),
        ("http://", None, "no address", "judge.url"),
        ("http://127.0.0.1:9", "sk-ü", "the key for .* no header", "judge.token_env"),
        ("http://127.0.0.1:9", "sk\nx: y", "the key for .* no header", "judge.token_env"),
    ],
)
async def test_settings_that_do_not_do(
    kind: Kind, url: str, token: str | None, message: str, mend: str
) -> None:
    judge, naps = judge_at(kind, url, token)
    error = await refusal(judge)
    assert re.search(message, error.message), error.message
    assert mend in error.mend
    assert naps.taken == []
    health = await judge.health()
    assert not health.ok
    assert mend in health.reason
    if token:
        assert token not in health.reason


@both
async def test_a_proxy_that_needs_what_is_not_installed(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    judge, _ = judge_at(kind, "http://judge.example.org")
    error = await refusal(judge)
    assert "no client can be opened" in error.message
    assert "proxies" in error.mend


@both
async def test_certificates_that_are_not_there(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    judge, _ = judge_at(kind, "https://judge.example.org")
    assert "certificates" in (await refusal(judge)).mend


@both
async def test_a_server_without_tls_where_tls_was_said(kind: Kind) -> None:
    async with OllamaServer() as server:
        judge, naps = judge_at(kind, server.url.replace("http:", "https:"))
        error = await refusal(judge)
    assert "cannot be trusted" in error.message
    assert naps.taken == []


@both
async def test_a_password_in_the_address_is_never_shown(kind: Kind, free_port: int) -> None:
    judge, _ = judge_at(kind, f"http://me:hush@127.0.0.1:{free_port}")
    error = await refusal(judge)
    assert "hush" not in str(error)
    assert "hush" not in (await judge.health()).reason
