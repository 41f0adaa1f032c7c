"""Diffs of single tool calls, against what git says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.agents import diffs

TEXTS = st.text("ab\n\u2028", max_size=12)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/w/repo/a/b.py", "a/b.py"),
        ("/real/repo/a/b.py", "a/b.py"),
        ("/w/repository/b.py", "/w/repository/b.py"),
        ("a/b.py", "a/b.py"),
    ],
)
def test_names_are_those_of_the_workspace(path: str, name: str) -> None:
    assert diffs.shown(path, ["", "/w/repo", "/real/repo"]) == name


def test_a_file_outside_keeps_its_full_name() -> None:
    hunk = {"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-a", "+b"]}
    assert diffs.from_hunks("/etc/x", [hunk]) == "--- /etc/x\n+++ /etc/x\n@@ -1,1 +1,1 @@\n-a\n+b\n"
    assert diffs.from_hunks("x", []) == ""


@given(TEXTS)
def test_a_new_file_is_every_line_added(after: str) -> None:
    text = diffs.unified("x", None, after)
    added = [line[1:] for line in text.split("\n")[3:] if line.startswith("+")]
    ended = "" if text.endswith("\\ No newline at end of file\n") or not after else "\n"
    assert "\n".join(added) + ended == after
    assert text.startswith("--- /dev/null\n+++ b/x\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [("one\ntwo\n", "one\n2\n"), ("one", "one\n"), ("a\nb", "a\nc"), ("", "x\n"), ("x\n", "")],
)
def test_git_can_apply_it(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "x").write_text(before)
    patch = diffs.unified("x", before, after).encode()
    subprocess.run(["git", "apply", "--unidiff-zero", "-"], cwd=tmp_path, input=patch, check=True)
    assert (tmp_path / "x").read_text() == after


def test_no_change_is_no_diff() -> None:
    assert diffs.unified("x", "same\n", "same\n") == ""
