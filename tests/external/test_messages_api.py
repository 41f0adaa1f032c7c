"""Proof that the scripted Messages API is one: plain HTTP, and the real `claude` at work on it."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.external import external
from tests.support.messages_api import MessagesServer, claude_environment
from tests.support.model_script import (
    ModelScript,
    TaskScript,
    Usage,
    cut_stream,
    out_of_tokens,
    overloaded,
    rate_limited,
    refused,
    say,
    script,
    tool,
    unauthorized,
    usage_limit,
)

Json = dict[str, Any]
HOST = ("--input-format", "stream-json", "--permission-prompt-tool", "stdio")


# ---- without claude -------------------------------------------------------------------------


def ask(
    server: MessagesServer,
    messages: list[Json],
    path: str = "/v1/messages?beta=true",
    session: str = "s1",
    **more: Any,
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send one request as a client of the API does, and read the whole answer."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    body = {"model": "m", "tools": [{"name": "Write"}], "messages": messages, **more}
    try:
        connection.request("POST", path, json.dumps(body), {"X-Claude-Code-Session-Id": session})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def user(text: str) -> Json:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def outcome(call: Json, text: str, *, is_error: bool = False) -> Json:
    block = {"type": "tool_result", "tool_use_id": call["id"], "content": text}
    return {"role": "user", "content": [{**block, "is_error": is_error}]}


def answered(server: MessagesServer, messages: list[Json]) -> Json:
    """The whole message that comes next, without a stream."""
    response, data = ask(server, messages)
    assert response.status == 200, data
    reply: Json = json.loads(data)
    return reply


def test_a_stream_has_the_events_of_the_api() -> None:
    step = say("Writing.", thinking="hm") + tool("Write", file_path="{cwd}/a", content="x" * 99)
    with MessagesServer(ModelScript({"a": [step.costing(Usage(7, 5))]})) as server:
        place = {"role": "system", "content": "# Env\n - Primary working directory: /w/a b\n"}
        response, data = ask(server, [user("do a"), place], stream=True)
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line[:5] == "data:"]
    kinds = [event["type"] for event in events]
    assert response.getheader("content-type") == "text/event-stream"
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert events[0]["message"]["usage"]["input_tokens"] == 7
    assert events[-2]["usage"] == {"output_tokens": 5}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    blocks = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert blocks == ["thinking", "text", "tool_use"]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    written = "".join(delta.get("partial_json", "") for delta in deltas)
    assert json.loads(written) == {"file_path": "/w/a b/a", "content": "x" * 99}


def test_the_place_is_read_off_the_conversation() -> None:
    rounds = script([tool("Read", file_path="f"), say("First.")], [say("Second.")])
    with MessagesServer(ModelScript({"a": rounds})) as server:
        talk = [user("<system-reminder>a date</system-reminder>"), user("do a")]
        call = answered(server, talk)["content"][0]
        assert call["name"] == "Read"
        talk += [{"role": "assistant", "content": [call]}]
        killed = [*talk, outcome(call, "gone", is_error=True), user("go on")]
        talk += [outcome(call, "text of f")]
        for conversation in (talk, talk, killed):
            assert answered(server, conversation)["content"][0]["text"] == "First."
        talk += [{"role": "assistant", "content": "First."}, user("a check failed")]
        assert answered(server, talk)["content"][0]["text"] == "Second."
        talk += [{"role": "assistant", "content": "Second."}, user("once more")]
        assert ask(server, talk)[0].status == 400
        assert len(server.unscripted) == 1
        assert server.prompts("a") == ["do a", "a check failed", "once more"]
        assert [(r.tool, r.text) for r in server.tool_results("a")] == [("Read", "text of f")]


def test_a_conversation_belongs_to_the_first_and_longest_marker() -> None:
    says = {name: [say(name)] for name in ("slug", "slugify", "other")}
    with MessagesServer(ModelScript({**says, "x": script([say("x")], marker="[X]")})) as server:
        assert answered(server, [user("slugify, after other")])["content"][0]["text"] == "slugify"
        assert answered(server, [user("slugify? no, [X]")])["content"][0]["text"] == "slugify"
        assert answered(server, [user("[X] slug")])["content"][0]["text"] == "x"
        assert ask(server, [user("nobody knows me")])[0].status == 400
        assert [request.task for request in server.unscripted] == [""]


def test_faults_come_first_and_are_used_up() -> None:
    step = say("Here.").failing(rate_limited(2, retry_after=3), overloaded(), cut_stream())
    with MessagesServer(ModelScript({"a": [step]})) as server:
        first, data = ask(server, [user("a")])
        assert (first.status, first.getheader("retry-after")) == (429, "3")
        assert json.loads(data)["error"]["type"] == "rate_limit_error"
        assert [ask(server, [user("a")])[0].status for _ in range(2)] == [429, 529]
        with pytest.raises(http.client.IncompleteRead):
            ask(server, [user("a")], stream=True)
        assert answered(server, [user("a")])["content"][0]["text"] == "Here."


def test_stop_reasons_cut_the_text() -> None:
    step = say("12345678").failing(refused(), out_of_tokens())
    with MessagesServer(ModelScript({"a": [step]})) as server:
        replies = [answered(server, [user("a")]) for _ in range(3)]
    reasons = [(reply["stop_reason"], reply["content"][0]["text"]) for reply in replies]
    assert reasons == [("refusal", "1234"), ("max_tokens", "1234"), ("end_turn", "12345678")]


def test_other_paths_and_token_counts() -> None:
    with MessagesServer(ModelScript({})) as server:
        assert ask(server, [], "/v1/organizations")[0].status == 404
        response, data = ask(server, [user("a" * 400)], "/v1/messages/count_tokens?beta=true")
        assert json.loads(data)["input_tokens"] > 100
        assert json.loads(ask(server, [], tools=[])[1])["stop_reason"] == "end_turn"
        assert [request.status for request in server.requests] == [404, 200, 200]
        assert response.status == 200


async def test_gates_and_the_number_at_work() -> None:
    names = ("a", "b", "c")
    steps = {name: [say(name).behind("gate")] for name in names}
    async with MessagesServer(ModelScript(steps)) as server:
        asks = [asyncio.to_thread(ask, server, [user(n)], session=n) for n in names]
        waiting = asyncio.gather(*asks)
        for name in names:
            await asyncio.to_thread(server.wait_for, name)
        assert server.max_concurrent == 3
        server.open("gate")
        assert [response.status for response, _ in await waiting] == [200, 200, 200]
        await asyncio.to_thread(server.wait_idle)
        assert server.max_concurrent == 3


def test_the_server_stops_with_an_answer_outstanding() -> None:
    before = time.monotonic()
    with MessagesServer(ModelScript({"a": [say("late").after(60)]})) as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        body = json.dumps({"tools": [{"name": "x"}], "messages": [user("a")]})
        connection.request("POST", "/v1/messages", body)
        server.wait_for("a")
    connection.close()
    assert time.monotonic() - before < 5


# ---- with claude ----------------------------------------------------------------------------


Answer = Callable[[Json], Json]


class Claude:
    """A small host: starts the program, keeps what it says, answers what it asks."""

    def __init__(self, server: MessagesServer, folder: Path, answer: Answer | None = None) -> None:
        self.program = external("claude")
        self.environment = claude_environment(server, folder / "home")
        self.cwd = folder / "work"
        self.cwd.mkdir(exist_ok=True)
        self.answer = answer
        self.events: list[Json] = []

    async def run(self, *arguments: str, says: tuple[Json, ...] = ()) -> int:
        """Run to the end; with `says`, those lines go in and the input closes when idle."""
        command = ["-p", "--output-format", "stream-json", "--verbose", *arguments]
        process = await asyncio.create_subprocess_exec(
            self.program,
            *command,
            cwd=self.cwd,
            env=self.environment,
            stdin=asyncio.subprocess.PIPE if says else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=64 << 20,
        )
        try:
            async with asyncio.timeout(50):
                await self._talk(process, says)
                return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _talk(self, process: asyncio.subprocess.Process, says: tuple[Json, ...]) -> None:
        for line in says:
            await self._write(process, line)
        assert process.stdout
        async for raw in process.stdout:
            event = json.loads(raw)
            self.events.append(event)
            if event["type"] == "control_request" and self.answer:
                reply = {"subtype": "success", "request_id": event["request_id"]}
                reply["response"] = self.answer(event["request"])
                await self._write(process, {"type": "control_response", "response": reply})
            elif process.stdin and event.get("state") == "idle":
                process.stdin.close()

    async def _write(self, process: asyncio.subprocess.Process, line: Json) -> None:
        assert process.stdin
        process.stdin.write(json.dumps(line).encode() + b"\n")
        await process.stdin.drain()

    def of(self, kind: str, subtype: str = "") -> Iterator[Json]:
        """The events of a type and subtype."""
        for event in self.events:
            if event["type"] == kind and subtype in ("", event.get("subtype")):
                yield event

    @property
    def result(self) -> Json:
        """The last result."""
        return list(self.of("result"))[-1]


def prompt(text: str) -> Json:
    message = {"role": "user", "content": text}
    return {"type": "user", "message": message, "parent_tool_use_id": None, "session_id": ""}


def write_and_read(text: str = "hi") -> TaskScript:
    return script(
        [
            say("I write it.", thinking="A file, then.")
            + tool("Write", file_path="{cwd}/hello.txt", content=text),
            tool("Bash", command="cat hello.txt", description="Read it"),
            say("Done: it says hi."),
        ],
        [tool("Bash", command="echo more >> hello.txt", description="Add"), say("Corrected.")],
    )


@pytest.mark.external
async def test_claude_writes_runs_and_goes_on_in_a_second_round(tmp_path: Path) -> None:
    model = ModelScript({"hello": write_and_read()}, usage=Usage(1000, 100))
    async with MessagesServer(model) as server:
        claude = Claude(server, tmp_path)
        tools = ("--allowedTools", "Write,Bash", "--model", "sonnet")
        assert await claude.run("make hello", *tools) == 0
        assert (claude.cwd / "hello.txt").read_text() == "hi"
        first = claude.result
        assert (first["is_error"], first["result"]) == (False, "Done: it says hi.")
        assert first["usage"]["input_tokens"] == 3000
        assert first["usage"]["output_tokens"] == 300
        assert await claude.run("say more", "--resume", first["session_id"], *tools) == 0
        assert (claude.cwd / "hello.txt").read_text() == "himore\n"
        assert claude.result["result"] == "Corrected."
        assert server.prompts("hello") == ["make hello", "say more"]
        assert server.sessions("hello") == [first["session_id"]]
        assert [result.tool for result in server.tool_results("hello")] == ["Write", "Bash", "Bash"]
        assert server.tool_results("hello")[1].text == "hi"
        assert not server.unscripted
        assert server.max_concurrent == 1


@pytest.mark.external
async def test_a_denial_reaches_the_model(tmp_path: Path) -> None:
    def deny(request: Json) -> Json:
        return {"behavior": "deny", "message": f"No {request['tool_name']} today."}

    steps = [
        tool("Write", file_path="{cwd}/hello.txt", content="hi"),
        tool("Bash", command="touch other.txt", description="Touch"),
    ]
    async with MessagesServer(ModelScript({"hello": steps})) as server:
        claude = Claude(server, tmp_path, deny)
        assert await claude.run(*HOST, says=(prompt("make hello"),)) == 0
        shown = [(result.text, result.is_error) for result in server.tool_results("hello")]
        assert shown == [("No Write today.", True), ("No Bash today.", True)]
        assert list(claude.cwd.iterdir()) == []
        assert claude.result["result"] == "Done."


@pytest.mark.external
async def test_a_busy_service_is_asked_again(tmp_path: Path) -> None:
    steps = [say("At last.").failing(rate_limited(), overloaded())]
    async with MessagesServer(ModelScript({"hello": steps})) as server:
        claude = Claude(server, tmp_path)
        assert await claude.run("hello") == 0
        assert [event["error_status"] for event in claude.of("system", "api_retry")] == [429, 529]
        assert [request.status for request in server.asked("hello")] == [429, 529, 200]
        assert claude.result["result"] == "At last."


@pytest.mark.external
async def test_an_answer_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    steps = [
        say("One and two.") + tool("Bash", command="echo one >> a", description="One"),
        say("The end of it."),
    ]
    faults = [steps[0].failing(cut_stream()), steps[1].failing(out_of_tokens())]
    async with MessagesServer(ModelScript({"hello": faults})) as server:
        claude = Claude(server, tmp_path)
        assert await claude.run("hello", "--allowedTools", "Bash") == 0
        assert claude.result["result"].endswith("The end of it.")
        assert (claude.cwd / "a").read_text() == "one\n"
        places = [(r.place.round, r.place.step) for r in server.asked("hello") if r.place]
        assert places == [(1, 0), (1, 0), (1, 1), (1, 1)]


def wait_for_transcript(folder: Path, words: str) -> None:
    """Wait until the words are on disk: the program writes there some 0.1 s late.

    What is not written yet is forgotten by a kill: the newest call, or the whole session.
    """
    deadline = time.monotonic() + 10
    while not any(words in file.read_text() for file in folder.rglob("projects/*/*.jsonl")):
        assert time.monotonic() < deadline, "no transcript"
        time.sleep(0.02)


@pytest.mark.external
async def test_a_killed_session_goes_on_where_it_was(tmp_path: Path) -> None:
    steps = [
        tool("Bash", command="echo one >> a", description="One"),
        tool("Bash", command="echo two >> a", description="Two").behind("gate"),
        say("Both."),
    ]
    async with MessagesServer(ModelScript({"hello": steps})) as server:
        claude = Claude(server, tmp_path)
        first = asyncio.create_task(claude.run("hello", "--allowedTools", "Bash"))
        await asyncio.to_thread(server.wait_for, "hello", 2)
        await asyncio.to_thread(wait_for_transcript, tmp_path, "tool_result")
        first.cancel()  # which kills the program
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.to_thread(server.wait_idle)
        server.open("gate")
        session = server.sessions("hello")[0]
        assert await claude.run("go on", "--resume", session, "--allowedTools", "Bash") == 0
        assert claude.result["result"] == "Both."
        assert (claude.cwd / "a").read_text() == "one\ntwo\n"
        assert server.prompts("hello") == ["hello", "go on"]


@pytest.mark.external
async def test_limits_and_wrong_keys_are_told(tmp_path: Path) -> None:
    resets = int(time.time()) + 3600
    tasks = {
        "limit": [say("x").failing(usage_limit(resets))],
        "key": [say("x").failing(unauthorized())],
    }
    async with MessagesServer(ModelScript(tasks)) as server:
        claude = Claude(server, tmp_path)
        claude.environment["CLAUDE_CODE_MAX_RETRIES"] = "1"
        assert await claude.run("key") == 1
        assert claude.result["api_error_status"] == 401
        claude.environment = claude_environment(server, tmp_path / "home2", oauth=True)
        assert await claude.run("limit") == 1
        (limit,) = claude.of("rate_limit_event")
        assert limit["rate_limit_info"]["status"] == "rejected"
        assert limit["rate_limit_info"]["resetsAt"] == resets
        assert len(server.asked("limit")) == 1
