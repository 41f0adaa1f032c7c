"""Lines nobody expected: unknown, malformed, hostile, of any shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.domain.agent_events import AgentExited, AgentLog, AgentText, AgentToolResult
from conductor_tui.domain.ports.hosts import Exit
from tests.agents import recordings
from tests.agents.claude_lines import feed


def test_an_unknown_type_is_kept_raw_and_told_once() -> None:
    protocol = ClaudeProtocol()
    first = {"type": "tomorrow", "n": 1}
    assert feed(protocol, first, {"type": "tomorrow", "n": 2}) == [AgentLog(json.dumps(first))]
    other = {"type": "system", "subtype": "tomorrow"}
    assert feed(protocol, other, other) == [AgentLog(json.dumps(other))]


@pytest.mark.parametrize(
    "line", [b"{not json", b"[1, 2]", b"null", b"plain words", b"\xff\xfe", b"[" * 200_000]
)
def test_a_malformed_line_is_told_as_it_is(line: bytes) -> None:
    (log,) = ClaudeProtocol().receive(line)
    assert log == AgentLog(line.decode("utf-8", "replace"))
    assert ClaudeProtocol().receive(b"  ") == []


HOSTILE = "[/usr/lib] [bold]x[/] \x1b[31mred\x1b]0;title\x07 \u202e\u0000 {{ task.id }} $(touch x)"


def test_hostile_text_is_kept_as_it_is() -> None:
    block = {"type": "text", "text": HOSTILE}
    (said,) = feed(ClaudeProtocol(), {"type": "assistant", "message": {"content": [block]}})
    assert said == AgentText(HOSTILE)


def test_what_no_file_can_hold_is_replaced() -> None:
    line = b'{"type":"assistant","message":{"content":[{"type":"text","text":"a\\ud800b"}]}}'
    assert ClaudeProtocol().receive(line) == [AgentText("a\ufffdb")]


def test_a_result_that_is_a_list_of_texts_is_one_text() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}, {"type": "odd"}]
    block = {"type": "tool_result", "tool_use_id": "t1", "content": parts}
    found = feed(ClaudeProtocol(), {"type": "user", "message": {"content": [block]}})
    assert found == [AgentToolResult("t1", True, "one\ntwo\n[odd]")]


LINES = sorted(
    {
        line
        for name in recordings.CLAUDE
        if name != "long-line"
        for line in recordings.output(recordings.load(name)).splitlines()
    }
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(LINES), st.data())
def test_no_shape_of_a_known_line_breaks_the_reader(line: bytes, data: st.DataObject) -> None:
    message = json.loads(line)
    place: Any = message
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()) and key != "type":
            place[key] = data.draw(JSON)
            break
        place = place[key]
    protocol = ClaudeProtocol(folder="/w/repo")
    protocol.receive(json.dumps(message).encode())
    assert protocol.exited(Exit(0, "exited"))[-1] == AgentExited(0, "exited")
