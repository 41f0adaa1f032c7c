"""Permissions, questions and plans: who decides, when the agent hears of it, and who waits."""

from __future__ import annotations

import asyncio

import pytest

from conductor_tui.domain.agent_events import (
    AgentPermission,
    AgentQuestion,
    AgentText,
    AgentToolCall,
    AgentToolResult,
)
from conductor_tui.domain.commands import ResolveBreakpoint
from conductor_tui.domain.errors import UsageError
from conductor_tui.domain.events import BreakpointResolved, TaskStarted
from conductor_tui.domain.ports.agents import (
    Permission,
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    ToolIntent,
)
from conductor_tui.domain.values import Answer, BreakpointKind, BreakpointPolicy, TaskStatus
from conductor_tui.engine.commands import Commands
from conductor_tui.engine.resolving import plan_resolution
from conductor_tui.engine.tools import Options
from conductor_tui.supervision.permissions import Policy
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Exit, Item, Told, Until, Write

WAITING, COMPLETED = TaskStatus.WAITING, TaskStatus.COMPLETED

DONE: list[Item] = [Write("a.txt", "x"), FINISHED]


def bash(command: str, request: str = "r1") -> PermissionAsked:
    return PermissionAsked(request, f"t-{request}", "Bash", {"command": command})


def asks(command: str = "make x", request: str = "r1") -> list[Item]:
    """A script that asks for a permission, waits for the answer, and finishes."""
    return [bash(command, request), Told(request), *DONE]


INTENTS = [
    (Policy.of(deny=["Bash(rm *)"]), "rm x", ("deny", "rule")),
    (Policy.of(ask=["Bash(rm *)"], deny=["Bash(rm *)"]), "rm x", ("deny", "rule")),
    (Policy.of(allow=["Bash(rm *)"], ask=["Bash(rm *)"]), "rm x", ("ask", None)),
    (Policy.of(allow=["Bash(rm *)"]), "rm x", ("allow", "rule")),
    (Policy.of(allow=["Bash(rm *)"]), "ls", ("pass", None)),
    (Policy.of(), "ls", ("pass", None)),
]


@pytest.mark.parametrize(("policy", "command", "expected"), INTENTS)
async def test_the_rules_decide_a_tool_call_in_their_order(
    bench: Bench, policy: Policy, command: str, expected: tuple[str, str | None]
) -> None:
    bench.policy = policy
    intent = ToolIntent("r1", "t1", "Bash", {"command": command})
    bench.agent.scripts["a", 1] = [intent, Told("r1"), *DONE]
    await bench.ran(a_task("a"))
    (request, permission) = bench.agent.of("a")[0].permits[0]
    assert (request, permission.decision) == ("r1", expected[0])
    told = await bench.of_type(AgentPermission)
    assert [one.event.by for one in told] == ([expected[1]] if expected[1] else [])  # type: ignore[attr-defined]


async def test_what_the_mode_allowed_is_told_once_it_ran(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [
        ToolIntent("r1", "t1", "Edit", {"file_path": "a.txt"}),
        Told("r1"),
        AgentToolCall("t1", "Edit", {"file_path": "a.txt"}),
        AgentToolResult("t1", True, "ok"),
        *DONE,
    ]
    await bench.ran(a_task("a"))
    (told,) = await bench.of_type(AgentPermission)
    assert isinstance(told.event, AgentPermission)
    assert (told.event.decision, told.event.by) == ("allow", "mode")


@pytest.mark.parametrize(
    ("policy", "decision"),
    [(Policy.of(allow=["Bash(make *)"]), "allow"), (Policy.of(deny=["Bash(make *)"]), "deny")],
)
async def test_a_rule_answers_what_is_asked(bench: Bench, policy: Policy, decision: str) -> None:
    bench.policy = policy
    bench.agent.scripts["a", 1] = asks()
    await bench.ran(a_task("a"))
    assert bench.agent.of("a")[0].permits[0][1].decision == decision
    assert not bench.last.breakpoints


ANSWERS = [
    (Answer.APPROVE, {}, Permission("allow")),
    (Answer.ALWAYS, {}, Permission("allow")),
    (
        Answer.EDIT,
        {"input": {"command": "make y"}},
        Permission("allow", "", {"command": "make y"}),
    ),
    (Answer.REJECT, {"text": "use tox"}, Permission("deny", "use tox")),
    (Answer.REJECT, {}, Permission("deny", "The user denied this.")),
]


@pytest.mark.parametrize(("answer", "more", "permission"), ANSWERS)
async def test_a_humans_answer_reaches_the_agent(
    bench: Bench, answer: Answer, more: dict[str, object], permission: Permission
) -> None:
    bench.agent.scripts["a", 1] = asks()
    async with bench.begun(a_task("a")):
        point = await bench.until_asked()
        assert point.kind is BreakpointKind.PERMISSION
        assert point.ask == "Bash: make x"
        await bench.until_status("a", WAITING)
        await bench.answer("b1", answer, **more)
        await bench.settle()
    assert bench.agent.of("a")[0].permits == [("r1", permission)]
    assert bench.statuses() == {"a": "completed"}
    assert bench.task("a").grants == ()
    assert len(bench.task("a").attempts) == 1


async def test_only_the_task_that_asks_waits_and_its_slot_is_free(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = asks()
    hold = asyncio.Event()
    bench.agent.scripts["b", 1] = [Until(hold), *DONE]
    async with bench.begun(a_task("a"), a_task("b"), options=Options(max_agents=1)):
        await bench.until_status("a", WAITING)
        await bench.until_status("b", TaskStatus.RUNNING)
        await bench.bell.until(lambda: bench.agent.of("b"))
        await bench.answer("b1", Answer.APPROVE)
        assert bench.task("a").status is TaskStatus.QUEUED
        assert bench.agent.of("a")[0].permits == []
        hold.set()
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    assert len(await bench.of_type(TaskStarted, "a")) == 2
    order = [
        (one.task, one.event.type)
        for one in await bench.history()
        if one.event.type in ("task.completed", "agent.permission")
    ]
    assert order == [
        ("b", "task.completed"),
        ("a", "agent.permission"),
        ("a", "task.completed"),
    ]


async def test_always_is_a_rule_for_the_other_tasks(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = asks("make x")
    bench.agent.scripts["b", 1] = asks("make x")
    async with bench.begun(a_task("a"), a_task("b", "a")):
        await bench.until_asked()
        await bench.answer("b1", Answer.ALWAYS)
        await bench.settle()
    assert bench.last.run is not None
    assert len(bench.last.run.rules) == 1
    assert len(bench.last.breakpoints) == 1
    assert bench.agent.of("b")[0].permits[0][1].decision == "allow"


async def test_what_no_rule_can_name_is_not_allowed_always(bench: Bench) -> None:
    strange = PermissionAsked("r1", "t1", "Bash", {"words": ["make", "x"]})
    bench.agent.scripts["a", 1] = [strange, Told("r1"), *DONE]
    async with bench.begun(a_task("a")):
        point = await bench.until_asked()
        assert point.evidence["rule"] is None
        assert point.ask == "Bash(words=['make', 'x'])"
        with pytest.raises(UsageError, match="--always"):
            await Commands(bench.conductor).send(ResolveBreakpoint("b1", Answer.ALWAYS))
        await bench.answer("b1", Answer.APPROVE)
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}


async def test_two_requests_at_once_are_told_together(bench: Bench) -> None:
    script = [bash("make x"), bash("make y", "r2"), Told("r1"), Told("r2"), *DONE]
    bench.agent.scripts["a", 1] = script
    async with bench.begun(a_task("a")):
        await bench.until_asked(2)
        await bench.answer("b2", Answer.REJECT, text="no y")
        assert bench.task("a").status is WAITING
        assert bench.agent.of("a")[0].permits == []
        await bench.answer("b1", Answer.APPROVE)
        await bench.settle()
    permits = dict(bench.agent.of("a")[0].permits)
    assert (permits["r1"].decision, permits["r2"].decision) == ("allow", "deny")


@pytest.mark.parametrize("heard", [True, False])
async def test_a_request_that_comes_while_the_answer_waits_for_a_slot(
    bench: Bench, heard: bool
) -> None:
    """The desk may have heard of the answer by then, or not: it is told first either way."""
    second, hold = asyncio.Event(), asyncio.Event()
    script = [bash("make x"), Until(second), bash("make y", "r2"), Told("r1"), Told("r2"), *DONE]
    bench.agent.scripts["a", 1] = script
    bench.agent.scripts["b", 1] = [Until(hold), *DONE]
    async with bench.begun(a_task("a"), a_task("b"), options=Options(max_agents=1)):
        await bench.until_asked()
        await bench.bell.until(lambda: bench.agent.of("b"))
        if heard:
            await bench.answer("b1", Answer.APPROVE)
        else:
            approve = ResolveBreakpoint("b1", Answer.APPROVE)
            await bench.state.record(*plan_resolution(bench.last, approve))
        second.set()
        await bench.bell.until(lambda: bench.agent.of("a")[0].position == 30)
        hold.set()
        await bench.until_asked(2)
        assert [name for name, _ in bench.agent.of("a")[0].permits] == ["r1"]
        await bench.answer("b2", Answer.APPROVE)
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}


async def test_a_request_that_is_withdrawn_is_asked_no_more(bench: Bench) -> None:
    gone = asyncio.Event()
    bench.agent.scripts["a", 1] = [bash("make x"), Until(gone), RequestWithdrawn("r1"), *DONE]
    async with bench.begun(a_task("a")):
        await bench.until_status("a", WAITING)
        gone.set()
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert bench.agent.of("a")[0].permits == []
    (resolved,) = await bench.of_type(BreakpointResolved)
    assert resolved.event.by == "agent"  # type: ignore[attr-defined]


async def test_one_of_two_withdrawn_lets_the_answered_one_through(bench: Bench) -> None:
    gone = asyncio.Event()
    script: list[Item] = [bash("make x"), bash("make y", "r2"), Until(gone), RequestWithdrawn("r2")]
    bench.agent.scripts["a", 1] = [*script, Told("r1"), *DONE]
    async with bench.begun(a_task("a")):
        await bench.until_asked(2)
        await bench.answer("b1", Answer.APPROVE)
        gone.set()
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert bench.agent.of("a")[0].permits == [("r1", Permission("allow"))]


async def test_time_counts_again_after_a_withdrawal(bench: Bench) -> None:
    gone = asyncio.Event()
    script: list[Item] = [
        bash("make x"),
        Until(gone),
        RequestWithdrawn("r1"),
        Until(asyncio.Event()),
    ]
    bench.agent.scripts["a", 1] = script
    async with bench.begun(a_task("a", idle_timeout_s=0.05)):
        await bench.until_status("a", WAITING)
        gone.set()
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert "silent" in bench.task("a").attempts[0].reason


async def test_an_agent_that_dies_while_it_asks(bench: Bench) -> None:
    die = asyncio.Event()
    bench.agent.scripts["a", 1] = [bash("make x"), Until(die), Exit(9)]
    async with bench.begun(a_task("a")):
        await bench.until_status("a", WAITING)
        die.set()
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert not bench.last.open_breakpoints
    assert [one.ok for one in bench.task("a").attempts] == [False, True]


QUESTIONS = [
    (False, Answer.ANSWER, "blue", "blue"),
    (False, Answer.APPROVE, None, "red"),
    (False, Answer.REJECT, None, None),
    (True, Answer.APPROVE, None, ""),
    (True, Answer.ANSWER, "but smaller", "but smaller"),
    (True, Answer.REJECT, None, None),
]


@pytest.mark.parametrize(("plan", "answer", "text", "told"), QUESTIONS)
async def test_questions_and_plans(
    bench: Bench, plan: bool, answer: Answer, text: str | None, told: str | None
) -> None:
    choices = () if plan else ("red", "blue")
    question = QuestionAsked("q1", "t1", "Which?", choices, plan=plan)
    bench.agent.scripts["a", 1] = [question, Told("q1"), *DONE]
    async with bench.begun(a_task("a")):
        point = await bench.until_asked()
        assert point.kind is (BreakpointKind.PLAN if plan else BreakpointKind.QUESTION)
        await bench.answer("b1", answer, text=text)
        await bench.settle()
    assert bench.agent.of("a")[0].answers == [("q1", told)]
    (recorded,) = await bench.of_type(AgentQuestion)
    assert recorded.event.answer == told  # type: ignore[attr-defined]
    assert bench.task("a").grants == ()


POLICIES = [
    (BreakpointPolicy.FAIL, "deny", None, "completed"),
    (BreakpointPolicy.ACCEPT, "allow", "red", "completed"),
    (BreakpointPolicy.SKIP, None, None, "waiting"),
]


@pytest.mark.parametrize(("policy", "decision", "answer", "status"), POLICIES)
async def test_what_a_policy_makes_of_requests(
    bench: Bench,
    policy: BreakpointPolicy,
    decision: str | None,
    answer: str | None,
    status: str,
) -> None:
    bench.agent.scripts["a", 1] = asks()
    question = QuestionAsked("q1", "t1", "Which?", ("red", "blue"))
    bench.agent.scripts["b", 1] = [question, Told("q1"), *DONE]
    tasks = [a_task("a"), a_task("b"), a_task("c", "a"), a_task("d")]
    await bench.ran(*tasks, options=Options(on_breakpoint=policy))
    parked = status == "waiting"
    then = "queued" if parked else "completed"
    assert bench.statuses() == {"a": status, "b": status, "c": then, "d": "completed"}
    permits, answers = bench.agent.of("a")[0].permits, bench.agent.of("b")[0].answers
    assert [one.decision for _, one in permits] == ([decision] if decision else [])
    assert answers == ([] if parked else [("q1", answer)])
    assert len(bench.last.open_breakpoints) == (2 if parked else 0)
    assert (await bench.types())[-1] == "run.finished"
    if policy is BreakpointPolicy.FAIL:
        assert "Nobody is there" in permits[0][1].message
    if parked:
        assert bench.last.run is not None
        assert bench.last.run.exit_code == 3
        assert not bench.agent.alive


async def test_accept_does_not_reach_past_a_deny_rule(bench: Bench) -> None:
    bench.policy = Policy.of(deny=["Bash(make *)"])
    bench.agent.scripts["a", 1] = asks()
    await bench.ran(a_task("a"), options=Options(on_breakpoint=BreakpointPolicy.ACCEPT))
    assert bench.agent.of("a")[0].permits[0][1].decision == "deny"


async def test_an_answer_given_while_no_conductor_ran_is_not_asked_for_again(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [AgentText("hello"), *asks()]
    async with bench.begun(a_task("a")):
        await bench.until_asked()
        await bench.until_status("a", WAITING)
    assert bench.agent.of("a")[0].ended
    bench.agent.next_scripts["a"] = [asks(request="other")]
    async with bench.resumed():
        await bench.answer("b1", Answer.EDIT, input={"command": "make z"})
        await bench.settle()
    first, second = bench.agent.assignments
    assert (second.attempt, second.resume, second.session) == (1, True, first.session)
    permit = ("other", Permission("allow", "", {"command": "make z"}))
    assert bench.agent.of("a")[1].permits == [permit]
    assert len(bench.last.breakpoints) == 1
    assert bench.task("a").grants == ()
    assert bench.statuses() == {"a": "completed"}


async def test_a_question_answered_while_no_conductor_ran(bench: Bench) -> None:
    question = QuestionAsked("q1", "t1", "Which?")
    bench.agent.scripts["a", 1] = [AgentText("hello"), question, Told("q1"), *DONE]
    async with bench.begun(a_task("a")):
        await bench.until_status("a", WAITING)
    bench.agent.next_scripts["a"] = [[QuestionAsked("q9", "t9", "Which?"), Told("q9"), *DONE]]
    async with bench.resumed():
        await bench.answer("b1", Answer.ANSWER, text="blue")
        await bench.settle()
    assert bench.agent.of("a")[1].answers == [("q9", "blue")]
    assert bench.statuses() == {"a": "completed"}
