"""Nothing an agent says reaches the terminal as anything but letters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from conductor_tui.widgets import plain

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\x1b\x9b\x9d\x90\x07\x08\r\n\t\x7f\x00[];?mHJ\\\u202e\u200d\ufe0f\u0301漢字"
        ),
    ),
    max_size=200,
)


def harmless(text: str) -> bool:
    """Return whether a text is made of printable characters alone."""
    return all(unicodedata.category(letter)[0] != "C" or letter == "\ufffd" for letter in text)


@given(HOSTILE)
def test_lines_hold_no_control_character(text: str) -> None:
    for part in plain.lines(text):
        assert harmless(part)
        part.encode("utf-8")


@given(HOSTILE)
def test_one_line_is_one_line(text: str) -> None:
    part = plain.line(text)
    assert harmless(part)
    assert len(part.splitlines()) <= 1


@given(HOSTILE, st.integers(2, 60))
def test_cut_and_fit_keep_to_their_cells(text: str, cells: int) -> None:
    part = plain.line(text)
    assert cell_len(plain.cut(part, cells)) <= cells
    assert cell_len(plain.fit(part, cells)) == cells
    assert cell_len(plain.fit(part, cells, right=True)) == cells


@given(HOSTILE, st.integers(4, 60))
def test_wrapping_loses_nothing_but_spaces(text: str, cells: int) -> None:
    part = plain.line(text)
    rows = plain.wrap(part, cells)
    assert all(cell_len(row) <= cells for row in rows)
    assert "".join(rows).replace(" ", "") == part.replace(" ", "")


@given(HOSTILE)
def test_markup_is_only_text(text: str) -> None:
    body = plain.content(text + "\n[bold]x[/bold]")
    assert body.plain.endswith("[bold]x[/bold]")
    assert body.spans == []


@given(HOSTILE)
def test_what_is_judged_leaves_nothing_out(text: str) -> None:
    text = text.replace("\t", "")
    parts = plain.exact(text)
    assert all(harmless(part) for part in parts)
    assert [len(part) for part in parts] == [len(part) for part in text.split("\n")]
    assert harmless(plain.exact_line(text))


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("rm -rf ~ #\rls", "rm -rf ~ #␍ls"),
        ("\x1b]0;rm -rf ~\x07ls", "␛]0;rm -rf ~␇ls"),
        ("ls\nrm -rf ~", "ls ␊ rm -rf ~"),
        ("ls \u202efr- mr", "ls \ufffdfr- mr"),
        ("a\u200bb", "a\ufffdb"),
        ("x\x9b2Jy", "x\ufffd2Jy"),
        ("x\x7f", "x␡"),
    ],
)
def test_a_command_cannot_hide_a_part_of_itself(command: str, shown: str) -> None:
    assert plain.exact_line(command) == shown


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("\x1b[31mred\x1b[0m", ["red"]),
        ("\x1b]0;title\x07text", ["text"]),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", ["link"]),
        ("\x1b[2J\x1b[H\x1b[?1049hcleared", ["cleared"]),
        ("\x1bPq#0\x1b\\sixel", ["sixel"]),
        ("10%\r50%\r100%", ["100%"]),
        ("one\r\ntwo\nthree", ["one", "two", "three"]),
        ("a\tb", ["a   b"]),
        ("a\u202eb", ["a\ufffdb"]),
        ("x\u200d\ufe0fy", ["xy"]),
        ("\udcff", ["\ufffd"]),
        ("no\u00a0break", ["no break"]),
        ("bell\x07", ["bell\ufffd"]),
        ("\x1b]0;no end", ["0;no end"]),
        ("", [""]),
    ],
)
def test_what_becomes_of(raw: str, safe: list[str]) -> None:
    assert plain.lines(raw) == safe


def test_wide_letters_take_two_cells() -> None:
    assert plain.width("入門") == 4
    assert plain.fit("入門ガイド", 5) == "入門…"
    assert plain.wrap("入門ガイド", 4) == ["入門", "ガイ", "ド"]
