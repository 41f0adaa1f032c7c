"""The only door by which text of agents, tools and plans reaches the terminal.

What comes out holds no escape sequence, no control character, no markup, and nothing whose width
a terminal and we could disagree on: no joiners, no variation selectors, no bidirectional marks.
``lines`` and ``line`` are for what is read, ``exact`` and ``exact_line`` for what is judged.
Widths are in cells of the terminal, never in characters.
"""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from conductor_tui.domain.plaintext import ESCAPES

TAB = 4
"""Cells to the next tab stop."""

LONGEST = 20_000
"""Characters of one line that are shown; more than any screen shows, few enough to stay fast."""

ELLIPSIS = "…"

_BREAKS = re.compile("\r?\n|[\x0b\x0c\x85\u2028\u2029]")
_ODD = re.compile(r"[^\x20-\x7e]")
_PILE = re.compile("([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})[\u0300-\u20ff]*")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff\u00ad]")


def lines(text: str) -> list[str]:
    """Return text as lines that are safe to print; tabs are spaces, a lone CR overwrites."""
    if text.isascii() and text.isprintable():
        return [text[:LONGEST]]
    text = ESCAPES.sub("", text)
    return [_safe(part) for part in _BREAKS.split(text)]


def line(text: str) -> str:
    """Return text as one line that is safe to print; line breaks become spaces."""
    if text.isascii() and text.isprintable():
        return text[:LONGEST]
    return " ".join(part for part in lines(text[:LONGEST]) if part)


def exact(text: str) -> list[str]:
    """Return text as lines that are safe to print, with nothing left out.

    For what a human judges by: commands, inputs, diffs. A control character there may be what
    hides the part that matters, so each is shown as its picture, and what has none as U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return [text[:LONGEST]]
    return [_pictured(part) for part in text.split("\n")]


def exact_line(text: str) -> str:
    """Return text as one line that is safe to print, with nothing left out."""
    return text[:LONGEST] if text.isascii() and text.isprintable() else " ␊ ".join(exact(text))


def content(text: str) -> Content:
    """Return text for a widget that would otherwise read markup into it."""
    return Content("\n".join(lines(text)))


def width(text: str) -> int:
    """Return how many cells a safe line takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, cells: int) -> str:
    """Return a safe line in at most ``cells`` cells, with an ellipsis where it was longer."""
    if width(text) <= cells:
        return text
    if cells <= 1:
        return ELLIPSIS[: max(0, cells)]
    return set_cell_size(text, cells - 1).rstrip() + ELLIPSIS


def fit(text: str, cells: int, *, right: bool = False) -> str:
    """Return a safe line in exactly ``cells`` cells, at their left or right end."""
    text = cut(text, cells)
    pad = " " * (cells - width(text))
    return pad + text if right else text + pad


def wrap(text: str, cells: int) -> list[str]:
    """Return a safe line as rows of at most ``cells`` cells, broken at spaces where there are."""
    if width(text) <= cells:
        return [text]
    cells = max(2, cells)
    indent = " " * min(len(text) - len(text.lstrip(" ")), cells // 2)
    rows: list[str] = []
    rest = text
    while width(rest) > cells:
        end = _longest(rest, cells)
        space = rest.rfind(" ", len(indent) + 1, end + 1)
        if space > 0:
            rows.append(rest[:space])
            rest = indent + rest[space + 1 :].lstrip(" ")
        else:
            rows.append(rest[:end])
            rest = indent + rest[end:]
    rows.append(rest)
    return rows


def _longest(text: str, cells: int) -> int:
    """Return how many characters fit in ``cells``, at least one beyond the indent."""
    if text.isascii():
        return cells
    low, high = 1, min(len(text), cells)
    while low < high:
        middle = (low + high + 1) // 2
        if cell_len(text[:middle]) <= cells:
            low = middle
        else:
            high = middle - 1
    indent = len(text) - len(text.lstrip(" "))
    return max(low, min(indent + 1, len(text)))


def _safe(part: str) -> str:
    part = part.rstrip("\r")
    if "\r" in part:
        part = part[part.rindex("\r") + 1 :]
    part = part[:LONGEST]
    if "\t" in part:
        part = part.expandtabs(TAB)
    if part.isascii() and part.isprintable():
        return part
    part = _PILE.sub(r"\1", _INVISIBLE.sub("", part))
    return part if part.isprintable() else _ODD.sub(_printable, part)


def _pictured(part: str) -> str:
    part = part[:LONGEST]
    if "\t" in part:
        part = part.expandtabs(TAB)
    if part.isprintable() and not _INVISIBLE.search(part):
        return part
    return _ODD.sub(_picture, _INVISIBLE.sub("\ufffd", part))


def _picture(found: re.Match[str]) -> str:
    character = found.group()
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    return "␡" if character == "\x7f" else _printable(found)


def _printable(found: re.Match[str]) -> str:
    character = found.group()
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else "\ufffd"
