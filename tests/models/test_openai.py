"""OpenAI's API as llama.cpp and vLLM speak it, with everything that may go wrong."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from conductor_tui.models.openai import OpenAIJudge
from conductor_tui.models.wire import Limits
from tests.models.asking import QUESTION, SCHEMA, SHORT, VERDICT, Naps, refusal
from tests.support.openai_server import MODEL, OpenAIServer, Reply


def judge_at(server: OpenAIServer, limits: Limits = SHORT, model: str = MODEL) -> OpenAIJudge:
    return OpenAIJudge(server.url, model, limits, sleep=Naps())


def data(*events: object) -> tuple[str, ...]:
    return tuple(f"data: {json.dumps(event)}\n" for event in events)


def delta(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


async def test_an_answer_comes_whole_and_is_told_as_it_grows() -> None:
    told: list[int] = []
    async with OpenAIServer(VERDICT) as server:
        answer = await judge_at(server).ask(QUESTION, told.append)
    assert (answer.text, answer.model) == (VERDICT, MODEL)
    assert (answer.prompt_tokens, answer.answer_tokens) == (8, len(VERDICT) // 4)
    assert told == sorted(set(told))
    assert len(told) > 5
    assert told[-1] == len(VERDICT)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_what_is_sent(ending: str) -> None:
    async with OpenAIServer(VERDICT) as server:
        judge = OpenAIJudge(server.url + ending, MODEL, SHORT)
        await judge.ask(QUESTION)
        await judge.ask(QUESTION)
    asked, again = server.chats
    assert again.body == asked.body
    assert (asked.system, asked.prompt) == (QUESTION.system, QUESTION.prompt)
    assert asked.schema == SCHEMA
    assert asked.body["response_format"]["type"] == "json_schema"
    assert asked.body["stream"] is True
    assert asked.body["temperature"] == 0.1


async def test_a_server_without_schemas_is_told_in_words_and_that_is_remembered() -> None:
    async with OpenAIServer(VERDICT, formats=False) as server:
        judge = judge_at(server)
        for _ in range(2):
            assert (await judge.ask(QUESTION)).text == VERDICT
    assert [chat.schema for chat in server.chats] == [SCHEMA, None, None]
    assert json.dumps(SCHEMA) in server.chats[1].system
    assert server.chats[1].system.startswith(QUESTION.system)


async def test_a_question_refused_for_its_length_says_nothing_about_schemas() -> None:
    async with OpenAIServer(VERDICT) as server:
        judge = judge_at(server)
        server.play(*[Reply(status=400, error="maximum context length is 4096 tokens")] * 2)
        assert "maximum context length" in (await refusal(judge)).message
        await judge.ask(QUESTION)
    assert [chat.schema for chat in server.chats] == [SCHEMA, None, SCHEMA]


async def test_a_model_may_think_aloud() -> None:
    async with OpenAIServer(Reply(VERDICT, thinking="Hm. Let me see.")) as server:
        assert (await judge_at(server).ask(QUESTION)).text == VERDICT


STREAMS = {
    "finish-and-no-done": (data(delta("a"), delta("b", "stop")), "ab"),
    "done-and-no-finish": ((*data(delta("a")), "data: [DONE]"), "a"),
    "done-without-space": (("data:" + json.dumps(delta("a")), "data:[DONE]"), "a"),
    "comments-and-names": ((": hi", "event: x", "id: 1", *data(delta("a", "stop"))), "a"),
    "strange-choices": (data({"choices": [5]}, {"choices": {}}, delta("a", "stop")), "a"),
    "strange-counts": (data({"usage": 5, "choices": None}, delta("a", "stop")), "a"),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_streams_of_other_servers(name: str) -> None:
    lines, text = STREAMS[name]
    async with OpenAIServer(Reply(raw=lines)) as server:
        assert (await judge_at(server).ask(QUESTION)).text == text


FAULTS = {
    "missing": (Reply(status=404, error="The model `x` does not exist."), "no model", "judge.mo"),
    "not-openai": (Reply(status=404, error="nothing here"), "does not speak OpenAI's", "judge.url"),
    "503": (Reply(status=503, error="Loading model"), "now .503: Loading model.$", "loading"),
    "cut": (Reply(VERDICT, cut=4), "was cut off after 16 characters", "log"),
    "unended": (Reply(VERDICT, ended=False), f"cut off after {len(VERDICT)} characters", "log"),
    "error-within": (Reply(VERDICT, error="out of memory"), "gave up: out of memory", "log"),
    "empty": (Reply(""), "gave an empty answer", "judge.model"),
    "no-json": (Reply(raw=("data: {half",)), "does not speak OpenAI's API: {half", "judge.url"),
    "no-events": (Reply(raw=("<html>",)), "does not speak OpenAI's API: <html>", "judge.url"),
    "a-list": (Reply(raw=data([1])), "does not speak OpenAI's API", "judge.provider"),
    "nothing": (Reply(raw=()), "cut off after 0 characters", "log"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_told_with_its_mend_and_not_tried_again(name: str) -> None:
    reply, message, mend = FAULTS[name]
    async with OpenAIServer(reply) as server:
        judge = judge_at(server)
        error = await refusal(judge)
        assert re.search(message, error.message), error.message
        assert mend in error.mend
        assert len(server.chats) == 1
        server.play(VERDICT)
        assert (await judge.ask(QUESTION)).text == VERDICT


async def test_a_line_cut_before_the_first_word_is_tried_three_times_more() -> None:
    async with OpenAIServer(VERDICT) as server:
        # What names the speaker comes before the model has begun.
        server.play(Reply(cut=0), Reply(VERDICT, cut=1), Reply(VERDICT, cut=2))
        assert (await judge_at(server).ask(QUESTION)).text == VERDICT
        assert len(server.chats) == 4
        server.play(*[Reply(cut=0)] * 4)
        assert "broke" in (await refusal(judge_at(server))).message


async def test_who_stops_asking_hangs_up() -> None:
    async with OpenAIServer(Reply(VERDICT, gate="never", gate_after=4)) as server:
        judge = judge_at(server)
        some = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(judge.ask(QUESTION, lambda count: some.set()))
            await some.wait()
            asking.cancel()
        await asyncio.to_thread(server.wait_for, lambda: server.chats[0].outcome == "gone")


async def test_a_silent_server_meets_a_deadline() -> None:
    async with OpenAIServer(Reply(VERDICT, gate="never", gate_after=4)) as server:
        error = await refusal(judge_at(server, Limits(whole_s=9, silence_s=0.3)))
        assert "fell silent for 0.3 s" in error.message


@pytest.mark.parametrize(
    ("models", "ok", "reason"),
    [
        ({MODEL: {}}, True, "has qwen3-coder$"),
        ({"other": {}, "third": {}}, False, r"no model qwen3-coder \(it has other, third\); set"),
        ({"x.gguf": {"owned_by": "llamacpp"}}, True, "has qwen3-coder$"),
        ({"x": {"owned_by": "llamacpp"}, "y": {"owned_by": "llamacpp"}}, False, "it has x, y"),
        ({}, False, "has no model qwen3-coder; set judge.model"),
    ],
)
async def test_health_knows_the_model(models: dict[str, Any], ok: bool, reason: str) -> None:
    async with OpenAIServer(models=models) as server:
        health = await judge_at(server).health()
    assert health.ok is ok
    assert re.search(reason, health.reason), health.reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(status=503, error="Loading model"), "cannot answer now .503: Loading model"),
        (Reply(raw=("[]",)), "does not speak OpenAI's API"),
        (Reply(raw=("<html>",)), "does not speak OpenAI's API: <html>"),
        (Reply(raw=('{"data": [5]}',)), "does not speak OpenAI's API"),
        (Reply(raw=('{"data": {}}',)), "does not speak OpenAI's API"),
        (Reply(gate="never"), "did not answer within 0.4 s"),
    ],
)
async def test_health_never_raises_and_says_what_is_wrong(reply: Reply, reason: str) -> None:
    async with OpenAIServer() as server:
        server.always(reply, "/v1/models")
        health = await judge_at(server, Limits(health_s=0.4 if reply.gate else 4)).health()
    assert not health.ok
    assert re.search(reason, health.reason), health.reason


LLAMA = {"owned_by": "llamacpp", "meta": {"n_ctx_train": 262_144}}


@pytest.mark.parametrize(
    ("model", "props", "window"),
    [
        ({"max_model_len": 16_384}, None, 16_384),
        ({"max_model_len": 262_144}, None, 32_768),
        ({**LLAMA, "meta": {"n_ctx": 8_192}}, None, 8_192),
        (LLAMA, {"default_generation_settings": {"n_ctx": 4_096}}, 4_096),
        (LLAMA, {"default_generation_settings": None}, 32_768),
        (LLAMA, None, 32_768),
        ({}, None, 32_768),
        ({"max_model_len": "long", "meta": 5}, None, 32_768),
    ],
)
async def test_the_window_is_what_the_server_says(
    model: dict[str, Any], props: dict[str, Any] | None, window: int
) -> None:
    async with OpenAIServer(VERDICT, {MODEL: model}, props=props) as server:
        judge = judge_at(server)
        assert (await judge.health()).ok
        assert judge.window == window


async def test_the_key_is_sent_and_never_shown() -> None:
    async with OpenAIServer(VERDICT, token="sk-ours") as server:
        without = judge_at(server)
        assert "refuses the key" in (await refusal(without)).message
        assert "judge.token_env" in (await without.health()).reason
        judge = OpenAIJudge(server.url, MODEL, SHORT, token="sk-ours")
        assert (await judge.health()).ok
        assert (await judge.ask(QUESTION)).text == VERDICT
        server.play(Reply(status=401, error="Incorrect API key provided: sk-ours"))
        assert "sk-ours" not in str(await refusal(judge))


async def test_a_name_and_password_in_the_address_are_sent() -> None:
    async with OpenAIServer(VERDICT) as server:
        judge = OpenAIJudge(server.url.replace("//", "//me:h%40sh@"), MODEL, SHORT)
        await judge.ask(QUESTION)
    assert server.chats[0].headers["authorization"] == "Basic bWU6aEBzaA=="
