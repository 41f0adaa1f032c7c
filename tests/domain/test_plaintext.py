"""Nothing that a terminal obeys is left in foreign text, and nothing harmless is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.plaintext import plain, plain_line

HOSTILE = st.text(
    st.sampled_from("\x1b\x9b[]0;1mH\x07\x9d\\ab\n\r\t\x00\x7f\u202e é漢"), max_size=60
)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x9b2Jclear", "clear"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("a\x00b\u202ec", "a\ufffdb\ufffdc"),
        ("漢字 é", "漢字 é"),
    ],
)
def test_what_becomes_of_it(text: str, safe: str) -> None:
    assert plain(text) == safe


@given(HOSTILE | st.text())
def test_no_control_is_left(text: str) -> None:
    left = plain(text)
    assert not any(ord(char) < 32 and char not in "\n\t" for char in left)
    assert not any(0x7F <= ord(char) <= 0x9F for char in left)
    assert "\n" not in plain_line(text)
