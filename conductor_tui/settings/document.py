"""A parsed file that still knows on which line each of its keys stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from conductor_tui.domain.errors import Fault

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists."""

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""What a file can hold."""

MAX_BYTES = 8 * 1024 * 1024
"""Largest plan or settings file read; a plan of 10,000 long tasks is about half of it."""

MAX_VALUES = 200_000
"""How many values a file may come to, with every alias written out; bounds "YAML bombs"."""

MAX_DEPTH = 50
"""How deep values may be nested; a plan needs 4, a settings file with rules about 8."""


class Unreadable(Exception):
    """The text is not in its format at all.

    Args:
        text: what is wrong.
        line: the line, from 1; None where it is not known.
        path: the key it is about, where there is one.
    """

    def __init__(self, text: str, line: int | None = None, path: Path = ()) -> None:
        super().__init__(text)
        self.text = text
        self.line = line
        self.path = path


@dataclass(slots=True)
class Document:
    """The value a file holds, the line of each key, and the faults met while reading."""

    name: str
    """How the file is called in messages."""
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        """Return the line of a key, or of the nearest thing that holds it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path)

    def blame(self, path: Path, text: str, line: int | None = None) -> Fault:
        """Make a fault of the value at ``path``."""
        return Fault(self.name, line if line is not None else self.line(path), dotted(path), text)


def dotted(path: Path) -> str:
    """Write a path as people do: ``tasks[3].priority``; lists count from 0."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def decode(name: str, data: bytes) -> str:
    """Decode a file's bytes.

    Raises:
        Unreadable: it is too large, or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise Unreadable(f"not UTF-8 (byte 0x{byte:02x}): save {name} as UTF-8", line) from None
