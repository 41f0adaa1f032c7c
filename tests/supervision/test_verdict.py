"""What models really send is understood; what they make up does not count."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.supervision.evidence import read_diff
from conductor_tui.supervision.verdict import (
    SCHEMA,
    Citation,
    Issue,
    Requirement,
    Verdict,
    VerdictFault,
    parse_verdict,
    weigh,
)
from tests.supervision.judged import DIFF, answer, issue, text, verdict

EVIDENCE = read_diff(DIFF)
CHECKS = ("make check",)


@pytest.mark.parametrize(
    "said",
    [
        text(),
        f"Here is my verdict:\n\n```json\n{text()}\n```\nI hope this helps {{really}}.",
        f"````markdown\n```json\n{text()}\n```\n````",
        f"<think>Maybe {text(score=1)}? No.</think>{text()}",
        f"{{not json}} {{}} {text()}",
        json.dumps({"verdict": answer()}),
        text(mood="good", score="90", confidence=79.6),
        text() + "\n\n" + text(),
    ],
    ids=["bare", "fenced", "nested fences", "thought", "braces", "wrapped", "loose", "twice"],
)
def test_an_answer_is_found_in_what_stands_around_it(said: str) -> None:
    assert parse_verdict(said) == verdict()


def test_a_fence_inside_a_text_ends_nothing() -> None:
    said = "```json\n" + text(feedback="Write:\n```python\nx = {'a': 1}\n```\nthere.") + "\n```"
    assert "x = {'a': 1}" in parse_verdict(said).feedback


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("", "no JSON object"),
        ("It looks good to me, I accept it.", "no JSON object"),
        (text()[:-30], "not JSON"),
        (text().replace('"feedback": ""', '"feedback": "",'), "not JSON"),
        (text(score=101), "score"),
        (text(score=0.9), "fraction"),
        (text(confidence=True), "confidence"),
        (text(score=90).replace("90", "NaN"), "NaN is no number"),
        (json.dumps({"score": 100}), "requirements"),
        (text(requirements=[{"text": "a", "status": "fine"}]), "requirements.0.status"),
        (text(issues=[{"severity": "huge", "text": "a"}]), "issues.0.severity"),
        (text(score=90) + text(score=10), "several verdicts"),
        ("{" * 3000, "JSON"),
        ('{"a":' * 100_000, "nested"),
    ],
)
def test_what_is_no_verdict_says_why(said: str, fault: str) -> None:
    with pytest.raises(VerdictFault, match=fault):
        parse_verdict(said)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("Not met", "not_met"), ("partially met", "not_met"), ("cannot tell", "unclear")],
)
def test_words_for_a_status(said: str, meant: str) -> None:
    found = parse_verdict(text(requirements=[{"text": "a", "status": said, "evidence": None}]))
    assert found.requirements[0].status == meant


@pytest.mark.parametrize(
    ("cited", "meant"),
    [
        ("textkit/slug.py:12", Citation(file="textkit/slug.py", line=12)),
        ("make check", Citation(check="make check")),
        ({"file": "a.py", "line": "12-15"}, Citation(file="a.py", line=12)),
        ({"file": "a.py", "line": None, "why": "so"}, Citation(file="a.py")),
    ],
)
def test_words_for_a_citation(cited: object, meant: Citation) -> None:
    entry = {"text": "a", "status": "met", "evidence": [cited]}
    assert parse_verdict(text(requirements=[entry])).requirements[0].evidence == (meant,)


def test_the_schema_names_what_is_read() -> None:
    properties: Any = SCHEMA["properties"]
    assert set(properties) == set(Verdict.model_fields)
    items = properties["requirements"]["items"]["properties"]
    assert set(items) == set(Requirement.model_fields)
    assert set(items["evidence"]["items"]["properties"]) == set(Citation.model_fields)
    assert set(properties["issues"]["items"]["properties"]) == set(Issue.model_fields)


@given(st.text(max_size=300))
def test_no_text_breaks_the_reading(said: str) -> None:
    for around in (said, said + text() + said, text().replace("Fine.", said)):
        with suppress(VerdictFault):
            assert 0 <= parse_verdict(around).score <= 100


# -- citations ------------------------------------------------------------------------------------


def cites(*cited: dict[str, Any], status: str = "met") -> Verdict:
    return verdict(requirements=[{"text": "a", "status": status, "evidence": list(cited)}])


@pytest.mark.parametrize(
    "cited",
    [
        {"file": "textkit/slug.py", "line": 11},
        {"file": "./textkit/slug.py", "line": 10},
        {"file": "b/textkit/slug.py", "line": 14},
        {"file": "docs/new page.md", "line": 2},
        {"file": "old.txt", "line": 2},
        {"check": "make check"},
        {"check": "`make check`"},
    ],
)
def test_a_citation_that_exists_counts(cited: dict[str, Any]) -> None:
    weighed = weigh(cites(cited), EVIDENCE, CHECKS)
    assert not weighed.struck
    assert weighed.verdict.requirements[0].status == "met"
    assert weighed.verdict.confidence == 80


@pytest.mark.parametrize(
    ("cited", "why"),
    [
        ({"file": "textkit/slug.py", "line": 9}, "no hunk"),
        ({"file": "textkit/slug.py", "line": 15}, "no hunk"),
        ({"file": "textkit/slug.py"}, "no line"),
        ({"file": "not/a/header", "line": 1}, "no such file"),
        ({"check": "pytest"}, "no check"),
        ({}, "neither"),
    ],
)
def test_a_citation_that_does_not_exist_is_struck(cited: dict[str, Any], why: str) -> None:
    weighed = weigh(cites(cited), EVIDENCE, CHECKS)
    assert [why in strike["why"] for strike in weighed.struck] == [True]
    assert weighed.verdict.requirements[0].status == "unclear"
    assert weighed.verdict.requirements[0].evidence == ()
    assert weighed.verdict.confidence == 0


def test_a_struck_citation_lowers_the_confidence_by_its_share() -> None:
    good = {"file": "textkit/slug.py", "line": 11}
    weighed = weigh(cites(good, good, good, {"file": "x", "line": 1}), EVIDENCE, CHECKS)
    assert weighed.verdict.requirements[0].status == "met"
    assert weighed.verdict.confidence == 60
    assert weighed.struck[0]["cited"] == "x:1"


def test_met_without_any_evidence_is_unclear() -> None:
    assert weigh(cites(), EVIDENCE, CHECKS).verdict.requirements[0].status == "unclear"


@pytest.mark.parametrize("status", ["not_met", "unclear"])
def test_what_is_not_done_needs_no_evidence(status: str) -> None:
    weighed = weigh(cites({"file": "x", "line": 1}, status=status), EVIDENCE, CHECKS)
    assert weighed.verdict.requirements[0].status == status


def test_an_issue_stays_without_the_line_that_cannot_be_known() -> None:
    found = verdict(issues=[issue("blocking", line=900), {"severity": "major", "text": "x"}])
    weighed = weigh(found, EVIDENCE, CHECKS)
    assert [one.place for one in weighed.verdict.issues] == ["textkit/slug.py", ""]
    assert weighed.struck[0]["cited"] == "textkit/slug.py:900"
    assert weighed.verdict.confidence < found.confidence


citations = st.sampled_from(
    [
        {"file": "textkit/slug.py", "line": 11},
        {"file": "textkit/slug.py", "line": 99},
        {"check": "make check"},
        {"check": "make love"},
    ]
)


@given(st.lists(citations, max_size=5), citations, st.sampled_from(["met", "not_met", "unclear"]))
def test_weighing_never_makes_a_verdict_better(
    cited: list[dict[str, Any]], more: dict[str, Any], status: str
) -> None:
    said = cites(*cited, more, status=status)
    weighed = weigh(said, EVIDENCE, CHECKS).verdict
    assert weighed.confidence <= said.confidence
    assert weighed.requirements[0].status in (status, "unclear")
    assert set(weighed.requirements[0].evidence) <= set(said.requirements[0].evidence)
