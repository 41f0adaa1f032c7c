"""The end of an output is kept within bounds, whatever comes in whatever pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.checks.tail import BYTES, LINES, Tail

MARK = "[… the first part of {} bytes is left out]\n"


def tail_of(*pieces: bytes) -> Tail:
    tail = Tail()
    for piece in pieces:
        tail.add(piece)
    return tail


def test_a_short_output_is_kept_whole() -> None:
    assert tail_of().text() == ""
    assert tail_of(b"one\n", b"", b"two").text() == "one\ntwo"


def test_escapes_stay_and_broken_bytes_are_replaced() -> None:
    assert tail_of(b"\x1b[31mred\x1b[0m \xff\r\n").text() == "\x1b[31mred\x1b[0m �\r\n"


def test_a_character_cut_between_pieces_is_whole() -> None:
    assert tail_of(b"\xc3", b"\xa4").text() == "ä"


def test_only_the_last_lines_are_shown() -> None:
    data = b"".join(b"%d\n" % number for number in range(LINES + 1))
    expected = "".join(f"{number}\n" for number in range(1, LINES + 1))
    assert tail_of(data).text() == MARK.format(len(data)) + expected
    assert tail_of(data[2:]).text() == expected


def test_a_cut_line_is_left_out() -> None:
    data = b"a" * BYTES + b"\n" + b"b" * 100 + b"\n"
    assert tail_of(data).text() == MARK.format(len(data)) + "b" * 100 + "\n"


def test_of_one_endless_line_the_end_is_kept() -> None:
    data = b"x" * (BYTES * 3)
    assert tail_of(data).text() == MARK.format(len(data)) + "x" * BYTES


PIECES = st.builds(lambda data, times: data * times, st.binary(max_size=30), st.integers(0, 1500))


@given(st.lists(PIECES, max_size=6))
def test_pieces_make_no_difference(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    text = tail_of(*pieces).text()
    assert text == tail_of(data).text()
    assert len(text.encode()) <= 3 * BYTES + 100
    assert len(text.splitlines()) <= LINES + 1
    if len(data) <= BYTES and len(data.decode("utf-8", "replace").splitlines()) <= LINES:
        assert text == data.decode("utf-8", "replace")
