"""Events to JSON and back, one generic way for all types."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import REGISTRY, Event, Recorded, UnknownEvent
from conductor_tui.domain.judge_events import JudgeVerdict

# The imports themselves fill the registry.
REGISTRY.setdefault(AgentText.type, AgentText)
REGISTRY.setdefault(JudgeVerdict.type, JudgeVerdict)

VERSION = 1
"""Version of the JSON lines; fields are added, never renamed."""

__all__ = [
    "VERSION",
    "adapter",
    "dumps",
    "event_data",
    "from_data",
    "from_line",
    "to_data",
    "to_line",
    "type_name",
]

_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Return the validator of a dataclass, built at first use (about 2 ms each)."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_data(value: Any) -> Any:  # noqa: ANN401 — any JSON-able value
    """Turn dataclasses, tuples and mappings into what ``json`` can write."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_data(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): to_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_data(item) for item in value]
    return value


def type_name(event: Event) -> str:
    """Return the event's name on the wire."""
    return event.name if isinstance(event, UnknownEvent) else event.type


def event_data(event: Event) -> dict[str, Any]:
    """Return the event's ``data`` object."""
    if isinstance(event, UnknownEvent):
        return dict(event.data)
    data: dict[str, Any] = to_data(event)
    return data


def from_data(name: str, data: Mapping[str, Any]) -> Event:
    """Rebuild an event; one this version does not know, or cannot read, becomes UnknownEvent."""
    kind = REGISTRY.get(name)
    if kind is None:
        return UnknownEvent(name, data)
    try:
        event: Event = adapter(kind).validate_python(data)
    except ValidationError:
        return UnknownEvent(name, data)
    return event


def dumps(value: Any) -> str:  # noqa: ANN401 — any JSON-able value
    """Write compact JSON; undecodable bytes in paths stay escaped (surrogateescape)."""
    return json.dumps(to_data(value), separators=(",", ":"), ensure_ascii=True)


def to_line(recorded: Recorded) -> str:
    """Return the JSON line of a recorded event, without its newline."""
    return dumps(
        {
            "v": VERSION,
            "seq": recorded.seq,
            "ts": recorded.ts,
            "type": type_name(recorded.event),
            "run": recorded.run,
            "task": recorded.task,
            "attempt": recorded.attempt,
            "data": event_data(recorded.event),
        }
    )


def from_line(line: str | bytes) -> Recorded:
    """Read a JSON line back; the inverse of :func:`to_line`."""
    data = json.loads(line)
    return Recorded(
        seq=data["seq"],
        ts=data["ts"],
        run=data["run"],
        task=data["task"],
        attempt=data["attempt"],
        event=from_data(data["type"], data["data"]),
    )
