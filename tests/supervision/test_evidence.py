"""A diff as evidence: what can be cited, whatever the work itself looks like."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.supervision.evidence import harmless, read_diff
from tests.supervision.judged import DIFF


def test_lines_are_those_of_the_new_files() -> None:
    found = read_diff(DIFF)
    assert dict(found.lines) == {
        "textkit/slug.py": frozenset({10, 11, 12, 13, 14}),
        "docs/new page.md": frozenset({1, 2}),
        "old.txt": frozenset({1, 2}),
    }
    assert [file.change for file in found.files] == ["modified", "added", "deleted"]
    assert not found.cut


def test_lines_are_shown_with_their_numbers() -> None:
    shown = read_diff(DIFF).files[0].shown()
    assert shown[:4] == [
        "       @@",
        "    10       first = text",
        "       -     return first",
        "    11 +     low = first.lower()",
    ]


def test_a_diff_that_was_cut_says_so() -> None:
    found = read_diff(DIFF[:150] + "\n\\ conductor: the diff is cut here, 5 of 9 bytes follow\n")
    assert "5 of 9 bytes" in found.cut


def test_no_text_of_others_spans_two_lines() -> None:
    assert "\n" not in harmless("a\u2028b\x0bc\x1b[2Jd\r\ne")


def test_real_diffs_with_unusual_names(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()

    def git(*words: str) -> str:
        ran = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
        return ran.stdout.decode("utf-8", "surrogateescape")

    git("init", "-q")
    names = ["plain.py", "two words.md", "caf\u00e9.txt", 'quo"te\t.txt', "a b/c b/d"]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("one\ntwo\n")
    (folder / "logo.png").write_bytes(bytes(range(256)))
    (folder / "empty").write_text("")
    git("add", ".")
    found = read_diff(git("diff", "--cached", "--no-renames"))
    assert set(found.lines) == {*names, "logo.png", "empty"}
    assert all(found.lines[name] == {1, 2} for name in names)
    assert [file.path for file in found.files if file.binary] == ["logo.png"]
    assert found.lines["empty"] == frozenset()


@given(st.text())
def test_anything_can_be_read(said: str) -> None:
    read_diff(said)
    read_diff(DIFF + said)
    read_diff("diff --git " + said + "\n@@ -1 +1 @@\n" + said)
