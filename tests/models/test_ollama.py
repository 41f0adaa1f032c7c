"""The real `ollama` client against a server that does everything a server can do wrong."""

from __future__ import annotations

import asyncio
import re

import pytest

from conductor_tui.models.ollama import OllamaJudge
from conductor_tui.models.ollama_wire import full_name
from conductor_tui.models.wire import Limits
from tests.models.asking import QUESTION, SCHEMA, SHORT, VERDICT, Naps, refusal
from tests.support.ollama_server import (
    MODEL,
    Asked,
    Installed,
    OllamaServer,
    Reply,
    in_fences,
    in_nested_fences,
    in_prose,
)


def judge_at(server: OllamaServer, limits: Limits = SHORT, model: str = MODEL) -> OllamaJudge:
    return OllamaJudge(server.url, model, limits, sleep=Naps())


async def test_an_answer_comes_whole_and_is_told_as_it_grows() -> None:
    told: list[int] = []
    async with OllamaServer(VERDICT) as server:
        answer = await judge_at(server).ask(QUESTION, told.append)
    assert answer.text == VERDICT
    assert answer.model == MODEL
    assert answer.duration_s > 0
    assert (answer.prompt_tokens, answer.answer_tokens) == (8, len(VERDICT) // 4)
    assert told == sorted(set(told))
    assert len(told) > 5
    assert told[-1] == len(VERDICT)


async def test_what_is_sent() -> None:
    async with OllamaServer(VERDICT) as server:
        await judge_at(server).ask(QUESTION)
    (asked,) = server.chats
    assert (asked.system, asked.prompt) == (QUESTION.system, QUESTION.prompt)
    assert asked.schema == SCHEMA
    assert asked.body["stream"] is True
    assert asked.body["keep_alive"] == "30m"
    assert "think" not in asked.body
    assert asked.body["options"] == {"temperature": 0.1, "num_ctx": 32768, "num_predict": 8192}
    assert "authorization" not in asked.headers


async def test_a_model_that_thinks_is_told_not_to_and_may_think_all_the_same() -> None:
    models = {MODEL: Installed(capabilities=("completion", "thinking"))}
    limits = Limits(whole_s=8.0, first_s=4.0)
    async with OllamaServer(Reply(VERDICT, thinking="Hm. Let me see."), models) as server:
        answer = await judge_at(server, limits).ask(QUESTION)
    assert answer.text == VERDICT
    assert server.chats[0].body["think"] is False


@pytest.mark.parametrize("shape", [in_prose, in_fences, in_nested_fences])
async def test_words_around_the_json_are_handed_over_as_they_are(shape: object) -> None:
    assert callable(shape)
    async with OllamaServer(shape(VERDICT)) as server:
        answer = await judge_at(server).ask(QUESTION)
    assert answer.text == shape(VERDICT)


async def test_a_test_can_play_a_judge_that_reads_the_prompt() -> None:
    def judge(asked: Asked) -> str:
        return "good" if "ünïcode" in asked.prompt else "bad"

    async with OllamaServer(judge) as server:
        assert (await judge_at(server).ask(QUESTION)).text == "good"


FAULTS = {
    "missing": (Reply(status=404, error=f"model '{MODEL}' not found"), "has no model", "pull"),
    "not-ollama": (Reply(status=404, error="404 page"), "does not speak Ollama's", "judge.url"),
    "500": (Reply(status=500, error="out of memory"), r"500: out of memory", "log"),
    "503": (Reply(status=503, error="server busy"), r"cannot answer now \(503: server b", "busy"),
    "429": (Reply(status=429), r"cannot answer now \(429\)", "busy"),
    "400": (Reply(status=400, error="invalid format"), "refused the question .400", "log"),
    "401": (Reply(status=401, error="unauthorized"), "refuses the key", "judge.token_env"),
    "redirect": (
        Reply(status=307, headers=(("location", "http://127.0.0.1:9/"),)),
        "redirects elsewhere",
        "judge.url",
    ),
    "cut": (Reply(VERDICT, cut=3), "was cut off after 24 characters", "log"),
    "unended": (Reply(VERDICT, ended=False), f"cut off after {len(VERDICT)} characters", "log"),
    "error-within": (Reply(VERDICT, error="CUDA error\x1b[31m"), "gave up: CUDA error$", "log"),
    "empty": (Reply(""), "gave an empty answer", "judge.model"),
    "blank": (Reply(" \n\t "), "gave an empty answer", "judge.model"),
    "no-json": (Reply(raw=("<html>hello</html>",)), "does not speak Ollama's", "provider"),
    "half-json": (Reply(raw=('{"model": "x", "mess',)), "does not speak Ollama's", "provider"),
    "a-list": (Reply(raw=("[1, 2]",)), "does not speak Ollama's", "judge.provider"),
    "a-number": (Reply(raw=("5",)), "does not speak Ollama's", "judge.provider"),
    "no-message": (Reply(raw=('{"model": "x"}',)), "does not speak Ollama's", "judge.provider"),
    "nothing": (Reply(raw=()), "cut off after 0 characters", "log"),
    "endless": (Reply("x" * 1_100_000, piece=50_000), "does not stop writing", "judge.model"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_told_with_its_mend_and_not_tried_again(name: str) -> None:
    reply, message, mend = FAULTS[name]
    async with OllamaServer(reply) as server:
        judge = judge_at(server)
        error = await refusal(judge)
        assert re.search(message, error.message), error.message
        assert mend in error.mend
        assert error.code == "judge"
        assert server.url in error.message
        assert len(server.chats) == 1
        server.play(VERDICT)
        assert (await judge.ask(QUESTION)).text == VERDICT
    assert server.most_at_once == 1


async def test_a_model_nobody_has_pulled() -> None:
    async with OllamaServer(models={"llama3:8b": Installed()}) as server:
        error = await refusal(judge_at(server))
    assert error.message == f"{server.url} has no model {MODEL}"
    assert error.mend == f"`ollama pull {MODEL}`"


async def test_a_line_cut_before_the_first_word_is_tried_three_times_more() -> None:
    naps = Naps()
    async with OllamaServer(VERDICT) as server:
        server.play(*[Reply(cut=0)] * 3)
        answer = await OllamaJudge(server.url, MODEL, SHORT, sleep=naps).ask(QUESTION)
        assert answer.text == VERDICT
        assert len(server.chats) == 4
        server.play(*[Reply(cut=0)] * 4)
        error = await refusal(OllamaJudge(server.url, MODEL, SHORT, sleep=naps))
        assert "broke" in error.message
        assert len(server.chats) == 8
    assert [round(nap / due, 1) for nap, due in zip(naps.taken, [1, 2, 4] * 2, strict=True)] == [
        pytest.approx(1, abs=0.11)
    ] * 6


async def test_a_server_that_goes_away_and_comes_back() -> None:
    async with OllamaServer(VERDICT) as server:
        judge = judge_at(server)
        assert (await judge.health()).ok
        server.down()
        error = await refusal(judge)
        assert error.message == f"nothing listens at {server.url}"
        assert "ollama serve" in error.mend
        health = await judge.health()
        assert not health.ok
        assert "nothing listens" in health.reason
        assert "ollama serve" in health.reason
        server.up()
        assert (await judge.health()).ok
        assert (await judge.ask(QUESTION)).text == VERDICT


async def test_a_server_that_goes_away_in_the_middle() -> None:
    async with OllamaServer() as server:
        server.play(Reply(VERDICT, gate="never", gate_after=2))
        some = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(refusal(judge_at(server), lambda count: some.set()))
            await some.wait()
            server.down()
    assert re.search(r"was cut off after (8|16) characters", asking.result().message)


@pytest.mark.parametrize(
    ("limits", "reply", "message"),
    [
        (Limits(whole_s=0.3), Reply(gate="never"), "said no word within 0.3 s"),
        (Limits(whole_s=9, first_s=0.3), Reply(gate="never"), "said no word within 0.3 s"),
        (
            Limits(whole_s=9, silence_s=0.3),
            Reply(VERDICT, gate="never", gate_after=2),
            "fell silent for 0.3 s after 16 characters",
        ),
        (
            Limits(whole_s=0.5),
            Reply("x" * 8000, every_s=0.01),
            r"was not done within 0.5 s \(\d+ characters came\)",
        ),
    ],
    ids=["whole", "first", "silence", "drip"],
)
async def test_a_slow_server_meets_a_deadline(limits: Limits, reply: Reply, message: str) -> None:
    async with OllamaServer(reply) as server:
        error = await refusal(judge_at(server, limits))
        assert re.search(message, error.message), error.message
        assert error.mend
        await asyncio.to_thread(server.wait_for, lambda: server.chats[0].outcome == "gone")
    assert len(server.chats) == 1


async def test_a_slow_first_word_is_waited_for() -> None:
    limits = Limits(whole_s=9, silence_s=0.2)
    async with OllamaServer(Reply(VERDICT, first_s=0.4)) as server:
        assert (await judge_at(server, limits).ask(QUESTION)).text == VERDICT


async def test_who_stops_asking_hangs_up_and_makes_room() -> None:
    async with OllamaServer(VERDICT) as server:
        server.play(Reply(VERDICT, gate="never", gate_after=2))
        judge = judge_at(server)
        some = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(judge.ask(QUESTION, lambda count: some.set()))
            await some.wait()
            asking.cancel()
        assert asking.cancelled()
        await asyncio.to_thread(server.wait_for, lambda: server.chats[0].outcome == "gone")
        assert (await judge.ask(QUESTION)).text == VERDICT


async def test_one_question_at_a_time_and_the_queue_is_visible() -> None:
    async with OllamaServer(VERDICT) as server:
        judge = judge_at(server)
        server.play(Reply(VERDICT, gate="first"))
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(judge.ask(QUESTION)) for _ in range(4)]
            await asyncio.to_thread(server.wait_for, lambda: len(server.chats) == 1)
            assert judge.queued == 3
            assert (await judge.health()).ok, "a look does not queue"
            asking[2].cancel()
            await asyncio.wait([asking[2]])
            assert judge.queued == 2
            server.open("first")
    assert judge.queued == 0
    assert len(server.chats) == 3
    assert server.most_at_once == 1


async def test_time_in_the_queue_is_not_the_questions_own() -> None:
    async with OllamaServer(Reply(VERDICT, first_s=0.3)) as server:
        judge = judge_at(server, Limits(whole_s=0.9))
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(judge.ask(QUESTION)) for _ in range(4)]
    assert [task.result().text for task in asking] == [VERDICT] * 4


@pytest.mark.parametrize(
    ("model", "installed", "ok"),
    [
        ("qwen3", "qwen3:latest", True),
        ("qwen3:latest", "qwen3", True),
        ("qwen3", "qwen3:8b", False),
        ("hf.co/qwen/x", "hf.co/qwen/x:latest", True),
        ("host:5000/qwen", "host:5000/qwen:latest", True),
    ],
)
async def test_a_model_is_found_with_and_without_its_tag(
    model: str, installed: str, ok: bool
) -> None:
    async with OllamaServer(models={installed: Installed()}) as server:
        health = await judge_at(server, model=model).health()
    assert health.ok is ok
    assert health.version == "0.12.6"
    if not ok:
        assert f"has no model {model} (it has {full_name(installed)})" in health.reason
        assert f"`ollama pull {model}`" in health.reason


@pytest.mark.parametrize(
    ("length", "cap", "window"),
    [
        (262_144, 32_768, 32_768),
        (262_144, 65_536, 65_536),
        (8_192, 32_768, 8_192),
        (None, 32_768, 32_768),
        (None, 4_096, 4_096),
    ],
)
async def test_the_window_is_the_models_and_never_above_the_cap(
    length: int | None, cap: int, window: int
) -> None:
    limits = Limits(whole_s=8, window=cap)
    async with OllamaServer(VERDICT, {MODEL: Installed(context_length=length)}) as server:
        looked, unlooked = judge_at(server, limits), judge_at(server, limits)
        assert looked.window == min(cap, 32_768)
        await looked.health()
        assert looked.window == window
        await looked.ask(QUESTION)
        await unlooked.ask(QUESTION)
        await unlooked.ask(QUESTION)
    assert [chat.body["options"]["num_ctx"] for chat in server.chats] == [window] * 3
    shows = [asked for asked in server.requests if asked.path == "/api/show"]
    assert len(shows) == 2, "what is known is not asked again"


@pytest.mark.parametrize(
    ("path", "reply", "ok", "reason"),
    [
        ("/api/version", Reply(status=500, error="dead"), False, "cannot answer now .500: .*dead"),
        ("/api/version", Reply(status=404), False, "does not speak Ollama's API"),
        ("/api/version", Reply(raw=("{}",)), False, "does not speak Ollama's API"),
        ("/api/version", Reply(raw=("<html>",)), False, "does not speak Ollama's API: <html>"),
        ("/api/version", Reply(cut=0), False, "broke"),
        ("/api/version", Reply(gate="never"), False, "did not answer within 0.4 s"),
        ("/api/tags", Reply(raw=("[]",)), False, "does not speak Ollama's API"),
        ("/api/tags", Reply(raw=('{"models": 5}',)), False, "does not speak Ollama's API"),
        ("/api/tags", Reply(gate="never"), False, "did not answer within 0.4 s"),
        ("/api/tags", Reply(raw=('{"models": []}',)), False, f"has no model {MODEL};"),
        ("/api/show", Reply(status=500, error="torn"), True, "has"),
        ("/api/show", Reply(raw=("{}",)), True, "has"),
    ],
)
async def test_health_never_raises_and_says_what_is_wrong(
    path: str, reply: Reply, ok: bool, reason: str
) -> None:
    async with OllamaServer() as server:
        server.always(reply, path)
        limits = Limits(health_s=0.4 if reply.gate else 4)
        health = await judge_at(server, limits).health()
        assert health.ok is ok
        assert re.search(reason, health.reason), health.reason
        assert "\n" not in health.reason
    assert server.chats == []


async def test_a_model_that_is_not_described_is_asked_all_the_same() -> None:
    async with OllamaServer(VERDICT) as server:
        server.always(Reply(status=500, error="torn"), "/api/show")
        assert (await judge_at(server).ask(QUESTION)).text == VERDICT


async def test_only_the_given_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "somebody-elses")
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    async with OllamaServer(VERDICT) as server:
        await judge_at(server).health()
        await judge_at(server).ask(QUESTION)
        assert all("authorization" not in asked.headers for asked in server.requests)
        judge = OllamaJudge(server.url, MODEL, SHORT, token="sk-ours")
        await judge.ask(QUESTION)
        assert server.requests[-1].headers["authorization"] == "Bearer sk-ours"
        server.play(Reply(status=403, error="no such key: sk-ours"))
        error = await refusal(judge)
    assert "sk-ours" not in f"{error.message}{error.mend}"


async def test_a_proxy_of_the_environment_is_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with OllamaServer(VERDICT) as server:
        assert (await judge_at(server).health()).ok
        assert (await judge_at(server).ask(QUESTION)).text == VERDICT
