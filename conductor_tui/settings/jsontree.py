"""JSON into a Document with lines, which neither the json module nor a YAML parser gives.

YAML is not quite a superset: tabs and escaped surrogate pairs are read differently there.
"""

from __future__ import annotations

import json
import re

from conductor_tui.settings.document import MAX_DEPTH, MAX_VALUES, Document, Path, Unreadable, Value

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DIGITS = 400
"""Longer numbers are refused: Python bounds the conversion of integers itself, at 4300 digits."""


def parse_json(name: str, text: str) -> Document:
    """Parse one JSON value; duplicate keys become faults of the document.

    Raises:
        Unreadable: it is not JSON, or nested too deep.
    """
    return _Parser(name, text).parse()


class _Parser:
    """A recursive-descent reader; ``_at`` is the next character."""

    def __init__(self, name: str, text: str) -> None:
        self._text = text
        self._at = 0
        self._document = Document(name)
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._line_index = 0
        self._count = 0
        self._strings = json.JSONDecoder()

    def parse(self) -> Document:
        """Read the whole text."""
        self._skip()
        self._document.lines[()] = self._line()
        self._document.value = self._value(())
        self._skip()
        if self._at < len(self._text):
            raise self._wrong("something follows after the end of the value")
        return self._document

    def _line(self) -> int:
        while (
            self._line_index + 1 < len(self._starts)
            and self._starts[self._line_index + 1] <= self._at
        ):
            self._line_index += 1
        return self._line_index + 1

    def _wrong(self, text: str) -> Unreadable:
        return Unreadable(f"not JSON: {text}", self._line())

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _next(self) -> str:
        self._skip()
        return self._text[self._at : self._at + 1]

    def _value(self, path: Path) -> Value:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._wrong(f"more than {MAX_VALUES} values")
        if len(path) > MAX_DEPTH:
            raise self._wrong(f"nested deeper than {MAX_DEPTH} levels")
        first = self._next()
        if first == "{":
            return self._object(path)
        if first == "[":
            return self._array(path)
        if first == '"':
            return self._string()
        for word, value in _WORDS.items():
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return value
        return self._number()

    def _number(self) -> int | float:
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            found = repr(self._text[self._at]) if self._at < len(self._text) else "the end"
            raise self._wrong(f"expected a value, found {found}")
        digits = match.group()
        if len(digits) > _MAX_DIGITS:
            raise self._wrong("a number of too many digits")
        self._at = match.end()
        return float(digits) if match.group(1) or match.group(2) else int(digits)

    def _string(self) -> str:
        try:
            value, self._at = self._strings.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise self._wrong(error.msg) from None
        return str(value)

    def _array(self, path: Path) -> list[Value]:
        self._at += 1
        items: list[Value] = []
        if self._next() == "]":
            self._at += 1
            return items
        while True:
            self._skip()
            place = (*path, len(items))
            self._document.lines[place] = self._line()
            items.append(self._value(place))
            if self._separator("]"):
                return items

    def _object(self, path: Path) -> dict[str, Value]:
        self._at += 1
        found: dict[str, Value] = {}
        if self._next() == "}":
            self._at += 1
            return found
        while True:
            self._member(path, found)
            if self._separator("}"):
                return found

    def _member(self, path: Path, found: dict[str, Value]) -> None:
        if self._next() != '"':
            raise self._wrong("expected a key in double quotes")
        line = self._line()
        key = self._string()
        if self._next() != ":":
            raise self._wrong(f"expected ':' after the key {key!r}")
        self._at += 1
        place = (*path, key)
        if key in found:
            text = f"the key stands twice (first on line {self._document.lines[place]})"
            self._document.faults.append(self._document.blame(place, text, line))
            lines, self._document.lines = self._document.lines, {}
            self._value(place)
            self._document.lines = lines
            return
        self._document.lines[place] = line
        found[key] = self._value(place)

    def _separator(self, end: str) -> bool:
        """Step over ``,`` (False) or the closing bracket (True)."""
        mark = self._next()
        if mark not in (",", end) or not mark:
            raise self._wrong(f"expected ',' or {end!r}")
        self._at += 1
        return mark == end
