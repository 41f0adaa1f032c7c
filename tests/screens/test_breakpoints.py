"""Each answer by one key, never by accident, and on to the next."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_tui.domain.commands import ResolveBreakpoint
from conductor_tui.domain.errors import Refused
from conductor_tui.domain.values import ANSWERS, Answer, BreakpointKind, TaskStatus
from conductor_tui.domain.views import Snapshot
from conductor_tui.screens.actions import answer_keys
from conductor_tui.screens.dialogs import Confirm, Tell
from conductor_tui.widgets.breakpoint_panel import EditArea
from conductor_tui.widgets.pane import Pane
from tests.support.desk import Table, opened
from tests.support.pictures import (
    answered,
    make_attempt,
    make_point,
    make_task,
    red_check,
    snapshot_of,
    waiting_run,
)

WORDS = {Answer.ANSWER: "put", Answer.REJECT: "no", Answer.RETRY: "again"}


def asking(kind: BreakpointKind, name: str = "bp-1", **task_changes: Any) -> Snapshot:
    """Return a picture in which one task asks, with the answers of its kind."""
    options = tuple(answer.value for answer in ANSWERS[kind])
    task = make_task("http-retry", status=TaskStatus.WAITING, **task_changes)
    return snapshot_of(task, points=(make_point(name, kind=kind, options=options),))


def in_sight(table: Table) -> list[str | None]:
    """Return the panes that are shown."""
    return [pane.id for pane in table.dashboard.query(Pane) if pane.display]


async def focus(table: Table) -> None:
    """Go to the breakpoints and let the grace pass."""
    await table.press("4")
    table.pass_grace()


@pytest.mark.parametrize("kind", list(BreakpointKind))
async def test_each_answer_has_one_key(kind: BreakpointKind) -> None:
    async with opened(asking(kind)) as table:
        for answer in (*ANSWERS[kind], Answer.CANCEL):
            if answer is Answer.EDIT:
                continue
            table.sink.sent.clear()
            await table.push(asking(kind, f"bp-{answer}"))
            await focus(table)
            text = WORDS.get(answer)
            await table.press(answer_keys()[answer][0], *(text or ""), *(["enter"] * bool(text)))
            assert table.sink.sent == [ResolveBreakpoint(f"bp-{answer}", answer, text)]
            if answer is Answer.TAKE_OVER:
                await table.press("escape")


async def test_a_changed_input_is_sent_as_json() -> None:
    async with opened(asking(BreakpointKind.PERMISSION)) as table:
        await focus(table)
        await table.press("e")
        area = table.dashboard.query_one(EditArea)
        assert '"command": "git push origin' in area.text
        area.text = '{"command": "git push"}'
        await table.press("ctrl+s")
        changed = {"command": "git push"}
        assert table.sink.sent == [ResolveBreakpoint("bp-1", Answer.EDIT, input=changed)]


async def test_what_is_no_json_object_is_not_sent() -> None:
    async with opened(asking(BreakpointKind.PERMISSION)) as table:
        await focus(table)
        await table.press("e")
        for text in ("{", "[1]", "3"):
            table.dashboard.query_one(EditArea).text = text
            await table.press("ctrl+s")
            assert table.sink.sent == []
        await table.press("escape")
        table.pass_grace()
        await table.press("y")
        assert table.sink.sent == [ResolveBreakpoint("bp-1", Answer.APPROVE)]


async def test_words_may_be_left_out_or_taken_back() -> None:
    async with opened(asking(BreakpointKind.PERMISSION)) as table:
        await focus(table)
        await table.press("d", "n", "escape")
        assert table.sink.sent == []
        table.pass_grace()
        await table.press("d", "enter")
        assert table.sink.sent == [ResolveBreakpoint("bp-1", Answer.REJECT)]


async def test_an_answer_in_words_needs_words() -> None:
    async with opened(asking(BreakpointKind.QUESTION)) as table:
        await focus(table)
        await table.press("s", "enter")
        assert table.sink.sent == []


async def test_an_answer_the_kind_does_not_take_is_no_answer() -> None:
    async with opened(asking(BreakpointKind.CONFLICT)) as table:
        await focus(table)
        await table.press("y", "Y", "w", "e", "s")
        assert table.sink.sent == []


async def test_no_key_answers_within_the_grace() -> None:
    async with opened(asking(BreakpointKind.PERMISSION)) as table:
        await table.press("4", "y")
        assert table.sink.sent == []
        table.clock.passed += 0.49
        await table.press("y")
        assert table.sink.sent == []
        table.clock.passed += 0.02
        await table.press("y")
        assert table.sink.sent == [ResolveBreakpoint("bp-1", Answer.APPROVE)]


async def test_the_grace_begins_again_when_the_focus_comes_back() -> None:
    async with opened(asking(BreakpointKind.PERMISSION)) as table:
        await focus(table)
        await table.press("1")
        table.clock.passed += 10
        await table.press("4", "y")
        assert table.sink.sent == []


async def test_a_breakpoint_that_appears_under_a_finger_is_not_answered() -> None:
    async with opened(snapshot_of(make_task("http-retry"))) as table:
        await table.press("4")
        table.clock.passed += 10
        await table.push(asking(BreakpointKind.PERMISSION))
        await table.press("4", "y")
        assert table.sink.sent == []


async def test_answer_keys_do_nothing_elsewhere() -> None:
    async with opened(waiting_run()) as table:
        await table.press("1")
        table.pass_grace()
        await table.press(*(key for key, _ in answer_keys().values()))
        assert table.sink.sent == []
        assert table.app.screen is table.dashboard


async def test_the_next_one_follows_on_an_answer_with_its_own_grace() -> None:
    async with opened(waiting_run()) as table:
        await focus(table)
        panel = table.dashboard.breakpoints
        assert panel.current is not None
        assert panel.current.id == "bp-1"
        await table.press("y")
        assert panel.current is not None
        assert panel.current.id == "bp-2"
        await table.press("t")
        assert len(table.sink.sent) == 1


async def test_b_goes_through_the_waiting_ones() -> None:
    async with opened(waiting_run()) as table:
        panel = table.dashboard.breakpoints
        seen = []
        for _ in range(3):
            await table.press("b")
            assert panel.current is not None
            seen.append(panel.current.id)
        assert seen == ["bp-1", "bp-2", "bp-1"]


async def test_red_checks_are_accepted_only_after_a_second_question() -> None:
    attempt = make_attempt(ended_at="x", checks=(red_check(),))
    async with opened(asking(BreakpointKind.RESULT, attempts=(attempt,))) as table:
        await focus(table)
        await table.press("y")
        assert isinstance(table.app.screen, Confirm)
        await table.press("n")
        assert table.sink.sent == []
        table.pass_grace()
        await table.press("y", "y")
        assert table.sink.sent == [ResolveBreakpoint("bp-1", Answer.APPROVE, force=True)]


async def test_an_answer_that_was_refused_is_asked_again() -> None:
    async with opened(asking(BreakpointKind.PERMISSION)) as table:
        table.sink.errors[ResolveBreakpoint] = Refused("answered already", "look at the log")
        await focus(table)
        await table.press("y")
        panel = table.dashboard.breakpoints
        assert panel.current is not None
        assert panel.current.id == "bp-1"


async def test_the_evidence_says_which_checks_are_red() -> None:
    evidence = {"red": ["pytest -q"], "checks": {"ruff check": True, "pytest -q": False}}
    options = ("approve", "retry")
    point = make_point(kind=BreakpointKind.RESULT, evidence=evidence, options=options)
    async with opened(snapshot_of(make_task("http-retry"), points=(point,))) as table:
        await focus(table)
        rows = table.dashboard.breakpoints.rows()
        text = [rows.row(n, 60).text.strip() for n in range(rows.row_count())]
        assert text[-3:] == ["checks", "✓ ruff check", "✗ pytest -q"]
        await table.press("y")
        assert isinstance(table.app.screen, Confirm)
        await table.press("y")
        assert table.sink.sent == [ResolveBreakpoint("bp-1", Answer.APPROVE, force=True)]


async def test_what_was_taken_over_can_be_answered_afterwards() -> None:
    async with opened(asking(BreakpointKind.RESULT)) as table:
        await focus(table)
        await table.press("o", "escape")
        table.pass_grace()
        await table.press("y")
        assert table.sink.sent == [
            ResolveBreakpoint("bp-1", Answer.TAKE_OVER),
            ResolveBreakpoint("bp-1", Answer.APPROVE),
        ]


async def test_an_ask_cannot_hide_a_part_of_itself() -> None:
    point = make_point(ask="Bash: \x1b]0;rm -rf ~\x07ls", reason="", suggestions=())
    async with opened(snapshot_of(make_task("http-retry"), points=(point,))) as table:
        await table.press("4")
        rows = table.dashboard.breakpoints.rows()
        assert rows.row(1, 60).text.strip() == "Bash: ␛]0;rm -rf ~␇ls"


async def test_taking_over_tells_the_workspace() -> None:
    snapshot = asking(BreakpointKind.RESULT, workspace="repo/.conductor/workspaces/http-retry")
    async with opened(snapshot) as table:
        await focus(table)
        await table.press("o")
        assert isinstance(table.app.screen, Tell)
        await table.press("c")
        assert table.app.clipboard == "repo/.conductor/workspaces/http-retry"


async def test_in_a_narrow_terminal_it_takes_the_place_and_gives_it_back() -> None:
    async with opened(snapshot_of(make_task("http-retry")), size=(80, 24)) as table:
        panes = table.dashboard
        assert in_sight(table) == ["queue"]
        await table.push(asking(BreakpointKind.PERMISSION))
        assert in_sight(table) == ["breakpoints"]
        assert panes.breakpoints.has_focus_within
        point = answered(make_point())
        await table.push(snapshot_of(make_task("http-retry"), points=(point,)))
        assert in_sight(table) == ["queue"]


async def test_it_does_not_take_the_place_of_what_is_being_written() -> None:
    async with opened(snapshot_of(make_task("http-retry")), size=(80, 24)) as table:
        await table.press("slash", "h")
        await table.push(asking(BreakpointKind.PERMISSION))
        assert table.dashboard.queue.display
        await table.press("y")
        assert table.sink.sent == []
        assert table.dashboard.queue.needle == "hy"
