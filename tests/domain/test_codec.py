"""Events survive the way to JSON and back, whatever stands in them."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain import agent_events
from conductor_tui.domain.codec import event_data, from_data, from_line, to_line, type_name
from conductor_tui.domain.events import REGISTRY, Event, Recorded, UnknownEvent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def events() -> st.SearchStrategy[Event]:
    kinds = [kind for name, kind in REGISTRY.items() if name]
    return st.sampled_from(kinds).flatmap(_of)


def _of(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = typing.get_type_hints(kind)
    fields = {
        field.name: _value(hints[field.name]) for field in dataclasses.fields(kind) if field.init
    }
    return st.builds(kind, **fields)


def _value(hint: Any) -> st.SearchStrategy[Any]:
    if "Mapping" in str(hint) and "tuple" not in str(hint):
        given_mapping: st.SearchStrategy[Any] = st.dictionaries(st.text(), JSON, max_size=3)
        return given_mapping | st.none() if "None" in str(hint) else given_mapping
    if "Mapping" in str(hint):
        return st.lists(st.dictionaries(st.text(), JSON, max_size=2), max_size=2).map(tuple)
    if "float" in str(hint):
        numbers: st.SearchStrategy[Any] = st.floats(0, 1e6)
        return numbers | st.none() if "None" in str(hint) else numbers
    return st.from_type(hint)


@given(events(), st.integers(1, 10**9), st.none() | st.integers(1, 9))
def test_an_event_comes_back_as_it_was(event: Event, seq: int, attempt: int | None) -> None:
    recorded = Recorded(seq, "2026-11-20T10:00:00.000001Z", "r", "t", attempt, event)
    line = to_line(recorded)
    assert "\n" not in line
    assert line.isascii()
    assert from_line(line) == recorded


def test_the_lines_have_the_shape_of_the_contract() -> None:
    event = agent_events.AgentText("hé")
    line = json.loads(to_line(Recorded(17, "t", "run", "slugify", 1, event)))
    assert list(line) == ["v", "seq", "ts", "type", "run", "task", "attempt", "data"]
    assert line["v"] == 1
    assert line["type"] == "agent.text"
    assert line["data"]["text"] == "hé"


@pytest.mark.parametrize(
    ("name", "data"),
    [("agent.dreams", {"of": "sheep"}), ("agent.text", {"words": "no text"}), ("", {})],
)
def test_what_a_newer_version_wrote_is_kept(name: str, data: dict[str, Any]) -> None:
    event = from_data(name, data)
    assert isinstance(event, UnknownEvent)
    assert type_name(event) == name
    assert event_data(event) == data


def test_further_fields_are_no_hindrance() -> None:
    data = {"text": "hello", "mood": "good"}
    assert from_data("agent.text", data) == agent_events.AgentText("hello")


def test_paths_that_are_no_text_stay_what_they_are() -> None:
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    event = REGISTRY["file.changed"](path=name, change="added", added=1, removed=0)  # type: ignore[call-arg]
    back = from_line(to_line(Recorded(1, "t", "r", "t", None, event))).event
    assert back == event
