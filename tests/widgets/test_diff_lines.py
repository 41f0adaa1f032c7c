"""Diffs are read fast, whole and with the right numbers."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.widgets.diff_lines import read_diff
from tests.support.pictures import DIFF


def test_files_numbers_and_signs() -> None:
    diff = read_diff(DIFF)
    assert [(f.path, f.added, f.removed) for f in diff.files] == [
        ("textkit/slug.py", 9, 0),
        ("textkit/__init__.py", 3, 2),
    ]
    kinds = [(line.kind, line.old, line.new, line.text) for line in diff.lines[-4:]]
    assert kinds == [
        ("add", None, 4, "from textkit.words import count_words"),
        ("same", 4, 5, ""),
        ("del", 5, None, '__all__ = ["count"]'),
        ("add", None, 6, '__all__ = ["count_words", "slugify"]'),
    ]


def test_lines_that_look_like_heads_inside_a_hunk_are_content() -> None:
    head = "diff --git a/q.sql b/q.sql\n--- a/q.sql\n+++ b/q.sql\n"
    text = head + "@@ -1,2 +1,2 @@\n--- old\n+++ new\n x\n"
    diff = read_diff(text)
    assert [(line.kind, line.text) for line in diff.lines[2:5]] == [
        ("del", "-- old"),
        ("add", "++ new"),
        ("same", "x"),
    ]


def test_renames_binaries_and_odd_names_are_told() -> None:
    text = (
        "diff --git a/old name.txt b/new name.txt\nsimilarity index 100%\n"
        "rename from old name.txt\nrename to new name.txt\n"
        "diff --git a/a b/c b/a b/c\nBinary files differ\n"
    )
    diff = read_diff(text)
    assert [part.path for part in diff.files] == ["new name.txt", "a b/c"]
    notes = [line.text for line in diff.lines if line.kind == "note"]
    assert notes == ["rename from old name.txt", "rename to new name.txt", "Binary files differ"]


@given(st.text("+-@ \\dif-git\n0,1a", max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    diff = read_diff(text)
    assert all(0 <= part.first < len(diff.lines) for part in diff.files)


def test_ten_thousand_lines_are_read_at_once() -> None:
    body = "\n".join(f"+line {number}" for number in range(10_000))
    text = f"diff --git a/big b/big\n--- /dev/null\n+++ b/big\n@@ -0,0 +1,10000 @@\n{body}\n"
    start = time.perf_counter()
    diff = read_diff(text)
    assert time.perf_counter() - start < 1.0
    assert diff.added == 10_000
