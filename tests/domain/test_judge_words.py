"""A verdict in words: nothing of it is left out, and nothing is made up where it says nothing."""

from __future__ import annotations

from conductor_tui.domain.judge_words import VerdictLine, verdict_lines

VERDICT = {
    "requirements": [
        {
            "text": "it lower-cases",
            "status": "met",
            "evidence": [{"file": "slug.py", "line": 11}, {"check": "make check"}],
        },
        {"text": "it strips", "status": "not_met", "evidence": []},
        {"text": "it is fast", "status": "unclear"},
    ],
    "issues": [
        {"severity": "blocking", "file": "slug.py", "line": 14, "text": "it fails"},
        {"severity": "minor", "text": "taste"},
    ],
    "score": 42,
    "confidence": 60,
    "summary": "Half done.",
    "model": "qwen",
    "duration_s": 1.25,
    "struck": [{"cited": "x.py:9", "for": "it is fast", "why": "the diff has no such file"}],
    "not_judged": ["logo.png (binary)"],
}


def test_each_thing_is_one_line() -> None:
    assert list(verdict_lines(VERDICT)) == [
        VerdictLine("judged", "", "42 by qwen (confidence 60, 1.2 s)"),
        VerdictLine("", "", "Half done."),
        VerdictLine("met", "ok", "it lower-cases (slug.py:11, check make check)"),
        VerdictLine("not met", "bad", "it strips"),
        VerdictLine("unclear", "warn", "it is fast"),
        VerdictLine("blocking", "bad", "slug.py:14: it fails"),
        VerdictLine("minor", "warn", "taste"),
        VerdictLine("struck", "dim", "x.py:9: the diff has no such file"),
        VerdictLine("unseen", "warn", "logo.png (binary) could not be shown to the judge"),
    ]


def test_one_from_the_cache_says_so() -> None:
    first = next(iter(verdict_lines({**VERDICT, "cached": True})))
    assert first.text == "42 by qwen (confidence 60, as before)"


def test_little_is_enough() -> None:
    assert len(list(verdict_lines({"score": 1, "confidence": 1}))) == 1
