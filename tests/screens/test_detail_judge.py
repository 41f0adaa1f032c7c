"""The page of a task shows what the judge said of each attempt."""

from __future__ import annotations

from datetime import UTC, datetime

from conductor_tui.domain.judge_events import JudgeVerdict
from conductor_tui.screens.detail_rows import attempt_rows
from tests.domain.test_judge_words import VERDICT
from tests.state.build import task_after
from tests.state.test_fold_judge import FINISHED


def shown(width: int) -> list[str]:
    said = {name: value for name, value in VERDICT.items() if name not in ("model", "duration_s")}
    task = task_after(FINISHED, JudgeVerdict(said, "qwen \x1b[2J3", 1.5))
    assert task.attempt is not None
    rows = attempt_rows(task.attempt, width, datetime(2026, 11, 20, 10, 5, tzinfo=UTC))
    return [row.text for row in rows]


def test_a_verdict_with_its_citations() -> None:
    text = "\n".join(shown(100))
    assert "judged 42 by qwen" in text
    assert "\x1b" not in text
    assert "    met      it lower-cases (slug.py:11, check make check)" in text
    assert "    not met  it strips" in text
    assert "    blocking slug.py:14: it fails" in text


def test_long_lines_are_wrapped_below_themselves() -> None:
    assert all(len(line) <= 40 for line in shown(40))
