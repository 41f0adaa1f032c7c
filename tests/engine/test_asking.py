"""A judge on its own: parts of a large diff, outages between them, answers that are none."""

from __future__ import annotations

import pytest

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeQuestion
from conductor_tui.domain.task import Task
from conductor_tui.engine.asking import Judge, NoVerdict, Opinion
from conductor_tui.supervision.judging import JudgePrompts, Material
from conductor_tui.supervision.verdict import SCHEMA
from tests.bell import Bell
from tests.fake_judge import FakeJudge
from tests.supervision.judged import DIFF, issue, requirement, text

PROMPTS = JudgePrompts()
TASK = Task("a", "Add slug()", "Make slug() lower-case.")


def added(path: str, lines: int) -> str:
    body = "".join(f"+{path} line {n}\n" for n in range(1, lines + 1))
    return f"diff --git a/{path} b/{path}\nnew file mode 100644\n@@ -0,0 +1,{lines} @@\n{body}"


LARGE = added("one.txt", 500) + added("two.txt", 500)


@pytest.fixture
def model() -> FakeJudge:
    fake = FakeJudge(Bell())
    fake.usual = lambda question: text(requirements=[])
    return fake


async def judged(model: FakeJudge, diff: str = DIFF, judge: Judge | None = None) -> Opinion:
    judge = judge or Judge(model, PROMPTS)
    material = Material(TASK, (), diff)
    return await judge.judge(material, await judge.plan(material))


async def test_a_small_diff_is_one_question(model: FakeJudge) -> None:
    opinion = await judged(model)
    (asked,) = model.asked
    assert asked.schema is SCHEMA
    assert (opinion.model, opinion.duration_s, opinion.judgement.verdict.score) == (
        "fake:7b",
        0.25,
        90,
    )


def about(question: JudgeQuestion) -> str:
    """Say which part of the large diff a question shows."""
    if "judged in 2 parts" in question.prompt:
        return "whole"
    return "two" if "=== two.txt" in question.prompt else "one"


def cites(name: str, status: str = "met") -> dict[str, object]:
    cited = [{"file": f"{name}.txt", "line": 7}]
    return {"text": f"{name} is made", "status": status, "evidence": cited}


async def test_a_large_diff_is_judged_in_parts_and_as_a_whole(model: FakeJudge) -> None:
    model.window = 8_192
    said = {
        "one": text(requirements=[cites("one")], score=95),
        "two": text(requirements=[cites("two")], score=60, issues=[issue("major", line=999)]),
        "whole": text(requirements=[cites("one"), requirement("not_met", "three is made")]),
    }
    model.usual = lambda question: said[about(question)]
    opinion = await judged(model, LARGE)
    assert [about(question) for question in model.asked] == ["one", "two", "whole"]
    assert "| met: one is made (one.txt:7)" in model.asked[2].prompt
    verdict = opinion.judgement.verdict
    statuses = {one.text: one.status for one in verdict.requirements}
    assert statuses == {"one is made": "met", "two is made": "met", "three is made": "not_met"}
    assert verdict.score == 60
    assert [strike["cited"] for strike in opinion.judgement.struck] == ["textkit/slug.py:999"]
    assert opinion.duration_s == 0.75


async def test_an_outage_between_two_parts_costs_one_question(model: FakeJudge) -> None:
    model.window = 8_192
    judge = Judge(model, PROMPTS)
    model.answers = [text(requirements=[]), JudgeUnavailable("gone")]
    with pytest.raises(JudgeUnavailable):
        await judged(model, LARGE, judge)
    await judged(model, LARGE, judge)
    assert [about(question) for question in model.asked] == ["one", "two", "two", "whole"]


async def test_what_cannot_be_shown_at_all_is_not_asked(model: FakeJudge) -> None:
    model.window = 512
    opinion = await judged(model)
    assert not model.asked
    assert opinion.judgement.verdict.score == 0
    assert "textkit/slug.py" in opinion.judgement.not_judged


async def test_a_second_answer_that_is_none_is_no_verdict(model: FakeJudge) -> None:
    model.answers = ["I accept it.", text(score=400)]
    with pytest.raises(NoVerdict, match="score"):
        await judged(model)
    assert len(model.asked) == 2
    await judged(model)  # nothing of it was kept
    assert len(model.asked) == 3
