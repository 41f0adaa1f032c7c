"""Lines of any length, any chunking, attaching anywhere: nothing lost, nothing doubled."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.lines import LineSplitter
from conductor_tui.agents.protocol import Reply
from conductor_tui.agents.reader import BACKLOG_S, SETTLE_AT_MOST_S, SETTLE_S, StreamReader
from conductor_tui.domain.agent_events import AgentExited, AgentLog, AgentText
from conductor_tui.domain.events import Event
from conductor_tui.domain.ports.agents import (
    Arrival,
    PermissionAsked,
    QuestionAsked,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.domain.ports.hosts import Chunk, Exit
from tests.agents import recordings
from tests.agents.recordings import CLAUDE

ASKED = (
    "permission-allow",
    "ask-question",
    "hook-callback",
    "permission-cancelled",
    "permission-deny",
)


def reader(position: int = 0, err_position: int = 0, attached: bool = False) -> StreamReader:
    return StreamReader(
        ClaudeProtocol(folder="/w/repo", new_id=lambda: "id"),
        position=position,
        err_position=err_position,
        attached=attached,
    )


def arrivals(output: Iterable[Arrival | Reply]) -> list[Arrival]:
    return [one for one in output if isinstance(one, Arrival)]


def read(
    data: bytes, size: int = 1 << 20, position: int = 0, attached: bool = False
) -> list[Arrival]:
    """All signals of a stream that comes in chunks of a size and then ends well."""
    one = reader(position, attached=attached)
    found: list[Arrival] = []
    for at in range(0, len(data), size):
        found += arrivals(one.feed(Chunk("out", at, data[at : at + size]), 0.0))
    return found + arrivals(one.end(Exit(0, "exited")))


def text_line(text: str) -> bytes:
    block = {"type": "text", "text": text}
    return json.dumps({"type": "assistant", "message": {"content": [block]}}).encode() + b"\n"


# ---- lines ------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(1, 7), min_size=1))
def test_lines_are_those_of_the_whole_stream(parts: list[bytes], sizes: list[int]) -> None:
    data = b"\n".join(parts)
    splitter, lines, at = LineSplitter(), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        lines += splitter.feed(data[at : at + size])
        at += size
    lines += splitter.rest()
    whole = data.split(b"\n")
    assert [line.data for line in lines] == (whole if whole[-1] else whole[:-1])
    assert [data[line.start : line.end].rstrip(b"\n") for line in lines] == [
        line.data for line in lines
    ]


def test_a_line_of_eight_megabytes_in_small_chunks() -> None:
    # With a copy at each chunk this would move 16 GB.
    line = text_line("x" * (8 << 20))
    (arrival, _) = read(line, 2048)
    assert isinstance(arrival.signal, AgentText)
    assert len(arrival.signal.text) == 8 << 20
    assert arrival.position == len(line)


def test_an_endless_line_is_cut_and_told() -> None:
    splitter = LineSplitter(limit=10)
    assert splitter.feed(b"0123456789abcdef") == []
    (first, second) = splitter.feed(b"ghij\nnext\n")
    assert (first.data, first.cut, first.end) == (b"0123456789", True, 21)
    assert (second.data, second.cut, second.start) == (b"next", False, 21)


# ---- any chunking ----------------------------------------------------------------------------


WHOLE = {name: recordings.output(recordings.load(name)) for name in CLAUDE if name != "long-line"}


@given(st.sampled_from(sorted(WHOLE)), st.integers(1, 5000))
def test_chunks_make_no_difference(name: str, size: int) -> None:
    assert read(WHOLE[name], size) == read(WHOLE[name])


def test_a_last_line_without_newline_counts() -> None:
    assert [type(one.signal) for one in read(text_line("bye").rstrip())] == [AgentText, AgentExited]


# ---- attaching -------------------------------------------------------------------------------


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_attaching_anywhere_loses_and_doubles_no_event(name: str, data: st.DataObject) -> None:
    stream = WHOLE[name]
    whole = [one for one in read(stream) if one.position < len(stream)]
    places = st.sampled_from([0, *(arrival.position for arrival in whole)]) | st.integers(
        0, len(stream) - 1
    )
    position = data.draw(places)
    before = [one for one in whole if one.position <= position]
    after = read(stream, position=position, attached=True)
    events = [one for one in before + after if isinstance(one.signal, Event)]
    assert [one for one in events if one.position < len(stream)] == [
        one for one in whole if isinstance(one.signal, Event)
    ]


@pytest.mark.parametrize("name", ASKED)
def test_what_nobody_answered_is_asked_again(name: str) -> None:
    stream = WHOLE[name]
    asked = [
        one
        for one in read(stream)
        if isinstance(one.signal, ToolIntent | PermissionAsked | QuestionAsked)
    ]
    for arrival in asked:
        one = reader(position=arrival.position, attached=True)
        assert arrivals(one.feed(Chunk("out", 0, stream[: arrival.position]), 0.0)) == []
        assert one.deadline() == SETTLE_S
        assert one.silence(SETTLE_S) == [arrival]
        assert one.deadline() is None


@pytest.mark.parametrize("name", ASKED)
def test_what_was_answered_is_not_asked_again(name: str) -> None:
    stream = WHOLE[name]
    idle = [one for one in read(stream) if isinstance(one.signal, TurnEnded)]
    one = reader(position=idle[0].position, attached=True)
    assert arrivals(one.feed(Chunk("out", 0, stream), 0.0)) == []
    assert one.silence(SETTLE_S) == idle


def test_an_idle_agent_is_told_again_also_when_it_has_ended_meanwhile() -> None:
    stream = WHOLE["permission-allow"]
    again = read(stream, position=len(stream), attached=True)
    assert [type(one.signal) for one in again] == [TurnEnded, AgentExited]


def test_a_request_is_told_once_when_its_asker_has_proved_to_be_there() -> None:
    stream = WHOLE["permission-allow"]
    (asked,) = [one for one in read(stream) if isinstance(one.signal, PermissionAsked)]
    one = reader(position=1, attached=True)
    assert asked not in arrivals(one.feed(Chunk("out", 0, stream[: asked.position]), 0.0))
    assert arrivals(one.silence(SETTLE_S)) == [asked]
    assert arrivals(one.silence(2 * SETTLE_S)) == []


def test_a_program_that_has_ended_asks_nothing() -> None:
    stream = WHOLE["permission-allow"]
    (asked,) = [one for one in read(stream) if isinstance(one.signal, PermissionAsked)]
    again = read(stream[: asked.position], position=1, attached=True)
    assert not any(isinstance(one.signal, PermissionAsked | ToolIntent) for one in again)


def test_a_talkative_agent_does_not_hold_back_what_nobody_answered() -> None:
    stream = WHOLE["permission-allow"]
    (asked,) = [one for one in read(stream) if isinstance(one.signal, PermissionAsked)]
    one = reader(position=asked.position, attached=True)
    assert arrivals(one.feed(Chunk("out", 0, stream[: asked.position]), 0.0)) == []
    now = 0.0
    while now < SETTLE_AT_MOST_S:
        now += SETTLE_S / 2
        assert arrivals(one.feed(Chunk("out", 0, b"\n"), now)) == []
    due = one.deadline()
    assert due == SETTLE_AT_MOST_S
    assert [got.signal for got in arrivals(one.silence(now))] == [asked.signal]


def test_a_stream_shorter_than_what_was_consumed_is_taken_as_read_in_the_end() -> None:
    one = reader(position=10_000, attached=True)
    assert arrivals(one.feed(Chunk("out", 0, text_line("old")), 0.0)) == []
    assert one.deadline() == BACKLOG_S
    one.silence(BACKLOG_S)
    (new,) = arrivals(one.feed(Chunk("out", 0, text_line("new")), BACKLOG_S))
    assert new.signal == AgentText("new")


def test_standard_error_goes_on_where_it_was() -> None:
    one = reader(position=0, err_position=4, attached=True)
    (got,) = arrivals(one.feed(Chunk("err", 0, b"old\nnew\n"), 0.0))
    assert (got.signal, got.err_position) == (AgentLog("new"), 8)
