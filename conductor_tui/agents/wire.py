"""Reading JSON that somebody else wrote: whatever its shape, the reader gets the type it asked for.

Programs change their fields between versions, and a text may turn up as a list; none of that may
end a run. Lone surrogates, which no file and no terminal can take, become U+FFFD at this door.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(line: bytes) -> Json | None:
    """Return the JSON object of a line, None where it is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return clean(value) if _SURROGATE_ESCAPE.search(line) else value


def clean(value: Any) -> Any:  # noqa: ANN401 — any JSON value
    """Replace lone surrogates in every text of a JSON value."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def decode(line: bytes) -> str:
    """Return a line as text, as it is; bytes that are no UTF-8 become U+FFFD."""
    return line.decode("utf-8", "replace")


def dump(value: Mapping[str, Any]) -> bytes:
    """Return a value as one line of JSON, with its newline."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def text(source: Mapping[str, Any], key: str, default: str = "") -> str:
    """Return a text field; anything else there counts as absent."""
    value = source.get(key)
    return value if isinstance(value, str) else default


def number(source: Mapping[str, Any], key: str) -> float | None:
    """Return a numeric field, None where it is absent or no number."""
    value = source.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value


def count(source: Mapping[str, Any], key: str) -> int:
    """Return a counter; what is absent, no finite number or negative counts as 0."""
    value = number(source, key)
    if value is None or not 0 <= value < float("inf"):
        return 0
    return int(value)


def mapping(source: Mapping[str, Any], key: str) -> Json:
    """Return an object field, an empty one where there is none."""
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def items(source: Mapping[str, Any], key: str) -> Iterator[Json]:
    """Yield the objects of a list field."""
    value = source.get(key)
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
