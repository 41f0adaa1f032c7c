"""Keys in, commands out; pictures in, rows out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.screen import Screen

from conductor_tui.domain import agent_events as agent
from conductor_tui.domain.commands import (
    AddTasks,
    CancelTask,
    Command,
    InterruptAgent,
    Land,
    RetryTask,
    SendMessage,
    SetDispatch,
)
from conductor_tui.domain.errors import Refused
from conductor_tui.domain.values import TaskStatus
from conductor_tui.screens.detail import TaskDetail
from conductor_tui.screens.dialogs import AddTask, Confirm, Tell
from conductor_tui.screens.flows import free_id
from conductor_tui.screens.help import Help
from conductor_tui.widgets.diff_view import DiffRows
from conductor_tui.widgets.log_rows import LogRows
from conductor_tui.widgets.rows import RowView
from conductor_tui.widgets.task_queue import QueueRows
from tests.support.desk import TEMPLATE, Table, opened
from tests.support.pictures import (
    DIFF,
    Log,
    finished_run,
    four_at_work,
    make_task,
    snapshot_of,
    some_talk,
    waiting_run,
)


def seen(rows: RowView) -> list[str]:
    """Return the rows in sight as text."""
    return [rows.render_line(y).text.rstrip() for y in range(rows.size.height)]


def queue(table: Table) -> QueueRows:
    """Return the rows of the queue."""
    return table.dashboard.query_one(QueueRows)


def on_top(table: Table) -> Screen[object]:
    """Return the screen on top."""
    return table.app.screen


def following(rows: LogRows) -> bool:
    """Return whether the log follows its end."""
    return rows.following


async def choose(table: Table, name: str) -> None:
    """Select a task."""
    queue(table).choose(name)
    await table.settle()


KEYS: list[tuple[str, tuple[str, ...], Command | None]] = [
    ("slugify", ("P",), SetDispatch(True)),
    ("slugify", ("x", "y"), CancelTask("slugify")),
    ("slugify", ("x", "n"), None),
    ("tokenise", ("x", "y"), None),
    ("old-parser", ("r", "ctrl+s"), RetryTask("old-parser")),
    ("old-parser", ("r", "n", "o", "ctrl+s"), RetryTask("old-parser", "no")),
    ("old-parser", ("r", "escape"), None),
    ("slugify", ("r",), None),
    ("slugify", ("m", "h", "i", "ctrl+s"), SendMessage("slugify", "hi")),
    ("slugify", ("m", "ctrl+s", "escape"), None),
    ("cli", ("m",), None),
    ("slugify", ("i", "y"), InterruptAgent("slugify")),
    ("slugify", ("L", "y"), Land()),
    ("slugify", ("L", "escape"), None),
]


async def test_keys_become_commands() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        for task, keys, command in KEYS:
            await choose(table, task)
            for key in keys:
                await table.press(key)
            assert table.sink.sent == ([] if command is None else [command])
            assert table.app.screen is table.dashboard
            table.sink.sent.clear()


async def test_a_paused_run_is_resumed_by_the_same_key() -> None:
    async with opened(snapshot_of(make_task("t"), paused=True)) as table:
        await table.press("P")
        assert table.sink.sent == [SetDispatch(False)]


async def test_a_task_is_added_with_the_defaults_of_the_settings() -> None:
    async with opened() as table:
        await table.press("a")
        assert isinstance(table.app.screen, AddTask)
        await table.press(*"Add", "space", *"it", "enter", *"now", "ctrl+s")
        task = replace(TEMPLATE, id="add-it", title="Add it", prompt="Add it\nnow")
        assert table.sink.sent == [AddTasks((task,))]


async def test_a_task_without_words_is_not_added() -> None:
    async with opened() as table:
        await table.press("a", "ctrl+s")
        assert isinstance(table.app.screen, AddTask)
        await table.press("escape")
        assert table.sink.sent == []


@pytest.mark.parametrize(
    ("title", "taken", "found"),
    [
        ("Add slugify()", set(), "add-slugify"),
        ("Add slugify()", {"add-slugify", "add-slugify-2"}, "add-slugify-3"),
        ("Über 入門", set(), "uber-ru-men"),
        ("!?", {"a"}, "task-2"),
        ("!?", {"task-2"}, "task-3"),
        ("Integration", set(), "task-1"),
    ],
)
def test_ids_are_made_from_titles(title: str, taken: set[str], found: str) -> None:
    assert free_id(title, taken) == found


async def test_a_refused_landing_tells_the_mend() -> None:
    async with opened(finished_run()) as table:
        table.sink.errors[Land] = Refused("the work tree has changes", "commit them first")
        await table.press("L", "y")
        assert isinstance(table.app.screen, Tell)
        await table.press("c")
        assert table.app.clipboard == "commit them first"


async def test_an_error_is_told_and_nothing_else_happens() -> None:
    async with opened(snapshot_of(make_task("t"))) as table:
        table.sink.errors[SetDispatch] = Refused("[b]not now[/b]", "wait")
        await table.press("P")
        assert table.app.screen is table.dashboard
        assert table.app.is_running


async def test_quit_asks_while_agents_work() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        await table.press("q")
        assert isinstance(table.app.screen, Confirm)
        await table.press("escape")
        assert table.app.is_running
        await table.press("ctrl+q")
        assert isinstance(table.app.screen, Confirm)
        await table.pilot.press("y")
        assert table.app.return_code == 0


async def test_quit_does_not_ask_where_nothing_works() -> None:
    async with opened(finished_run()) as table:
        await table.pilot.press("q")
        assert len(table.app.screen_stack) <= 2
        assert table.app.return_code == 0


async def test_the_selection_stays_with_its_task() -> None:
    tasks = [make_task(f"t{n}", n) for n in range(6)]
    async with opened(snapshot_of(*tasks)) as table:
        await table.press("down", "down", "down")
        assert queue(table).chosen == "t3"
        waiting = replace(tasks[5], status=TaskStatus.WAITING)
        await table.push(snapshot_of(*tasks[1:5], waiting))
        assert queue(table).chosen == "t3"
        await table.press("S")
        assert queue(table).shown[0].id == "t5"
        assert queue(table).chosen == "t3"
        await table.push(snapshot_of(*tasks[:3]))
        assert queue(table).chosen in {"t0", "t1", "t2"}


async def test_the_filter_narrows_and_escape_takes_it_back() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        await table.press("slash", *"fail", "enter")
        assert [task.id for task in queue(table).shown] == ["old-parser"]
        await table.press("slash", "escape")
        assert len(queue(table).shown) == 8


async def test_ten_thousand_tasks_are_a_list_like_any_other() -> None:
    tasks = [make_task(f"task-{n:05}", n) for n in range(10_000)]
    async with opened(snapshot_of(*tasks)) as table:
        await table.press("end")
        assert queue(table).chosen == "task-09999"
        assert any("task-09999" in row for row in seen(queue(table)))
        await table.press("up", "home")
        assert queue(table).chosen == "task-00000"


async def test_the_diff_follows_the_selection_and_its_files() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        await choose(table, "slugify")
        await table.pilot.pause(0.3)
        assert table.sink.diffs[-1] == "slugify"
        rows = table.dashboard.query_one(DiffRows)
        assert any("+ def slugify" in row for row in seen(rows))
        asked = len(table.sink.diffs)
        tasks = list(four_at_work())
        await table.push(snapshot_of(*tasks))
        await table.pilot.pause(0.3)
        assert len(table.sink.diffs) == asked
        tasks[1] = replace(tasks[1], files={})
        await table.push(snapshot_of(*tasks))
        await table.pilot.pause(0.3)
        assert len(table.sink.diffs) == asked + 1


async def test_a_diff_of_ten_thousand_lines_opens_and_goes_by_files() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        big = "\n".join(f"+line {n}" for n in range(10_000))
        table.sink.diff = f"diff --git a/big b/big\n@@ -0,0 +1,10000 @@\n{big}\n{DIFF}"
        await choose(table, "cache")
        await table.pilot.pause(0.4)
        rows = table.dashboard.query_one(DiffRows)
        assert rows.row_count() > 10_000
        await table.press("3", "n")
        assert "textkit/slug.py" in seen(rows)[0]
        await table.press("p")
        assert "big" in seen(rows)[0]


async def test_the_log_follows_until_one_looks_back() -> None:
    log = Log().add("slugify", *(agent.AgentText(f"line {n}") for n in range(100)))
    async with opened(snapshot_of(*four_at_work()), log.said) as table:
        await table.pilot.pause(0.2)
        rows = table.dashboard.query_one(LogRows)
        assert "line 99" in seen(rows)[-1]
        await table.press("2", "pageup")
        assert not following(rows)
        held = [row[:-1].rstrip() for row in seen(rows)]
        await table.push(None, Log().add("slugify", *[agent.AgentText("news")] * 5).said)
        await table.pilot.pause(0.2)
        assert [row[:-1].rstrip() for row in seen(rows)] == held
        assert "5 new lines" in str(table.dashboard.log_pane.border_subtitle)
        await table.press("end")
        assert following(rows)
        assert "news" in seen(rows)[-1]


async def test_a_tool_call_unfolds_by_a_key_and_is_copied_whole() -> None:
    async with opened(snapshot_of(*four_at_work()), some_talk()) as table:
        await table.pilot.pause(0.2)
        table.dashboard.log_pane.show_log("slugify")
        rows = table.dashboard.query_one(LogRows)
        assert not any("def slugify" in row for row in seen(rows))
        call = next(e for e in rows.ring.entries if e.head.startswith("Write"))
        rows.stand_on(call)
        await table.press("2", "space")
        whole = [rows.row(n, rows.body_width).text for n in range(rows.row_count())]
        assert any("+def slugify" in row for row in whole)
        await table.press("c")
        assert "+def slugify(text: str) -> str:" in table.app.clipboard


async def test_searching_unfolds_what_holds_it() -> None:
    async with opened(snapshot_of(*four_at_work()), some_talk()) as table:
        await table.pilot.pause(0.2)
        await table.press("2", "slash", *"findall", "enter")
        rows = table.dashboard.query_one(LogRows)
        assert any("re.findall" in row for row in seen(rows))


async def test_another_run_begins_with_an_empty_log() -> None:
    async with opened(snapshot_of(*four_at_work()), some_talk()) as table:
        await table.pilot.pause(0.1)
        pane = table.dashboard.log_pane
        held = len(pane.book.ring("").entries)
        assert held
        await table.push(snapshot_of(*four_at_work(), id="20261120-110000-aaaa"))
        await table.pilot.pause(0.1)
        assert len(pane.book.ring("").entries) == held


async def test_hostile_words_reach_no_pane_as_more_than_letters() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[bold]x[/bold] [/oops] \u202egnp.exe"
    task = make_task("t", title=evil, agent=evil, status=TaskStatus.RUNNING, reason=evil)
    said = Log().add("t", agent.AgentText(evil), agent.AgentToolCall("1", evil, {evil: evil})).said
    snapshot = waiting_run()
    point = replace(snapshot.open_breakpoints[0], ask=evil, reason=evil, evidence={evil: evil})
    snapshot = replace(snapshot_of(task), breakpoints={point.id: point})
    async with opened(snapshot, said, size=(200, 60)) as table:
        table.sink.diff = f"diff --git a/{evil} b/{evil}\n@@ -1 +1 @@ {evil}\n+{evil}\n"
        await table.pilot.pause(0.4)
        await table.press("enter")
        for rows in table.app.query(RowView):
            for row in seen(rows):
                assert "\x1b" not in row
                assert "\u202e" not in row
        shown = "\n".join(seen(table.dashboard.query_one(LogRows)))
        assert "[bold]x[/bold] [/oops]" in shown


async def test_what_the_mouse_selects_is_copied_as_it_was_said() -> None:
    async with opened(snapshot_of(*four_at_work()), some_talk()) as table:
        await table.pilot.pause(0.3)
        rows = table.dashboard.query_one(LogRows)
        await table.pilot.mouse_down(rows, offset=(13, 1))
        await table.pilot.hover(rows, offset=(30, 2))
        await table.pilot.mouse_up(rows, offset=(30, 2))
        await table.press("ctrl+c")
        words = "The server names the delay in Retry-After, in seconds or as a date."
        assert table.app.clipboard == words


async def test_a_click_selects_and_two_open() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        await table.pilot.click("#queue-rows", offset=(4, 3))
        assert queue(table).chosen == "docs-tour"
        await table.pilot.click("#queue-rows", offset=(4, 3), times=2)
        await table.settle()
        assert isinstance(on_top(table), TaskDetail)


async def test_details_and_help_open_and_close() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        await choose(table, "old-parser")
        await table.press("enter")
        assert isinstance(table.app.screen, TaskDetail)
        shown = "\n".join(seen(table.app.screen.query_one(RowView)))
        assert "3 attempts used up" in shown
        await table.press("escape", "question_mark")
        assert isinstance(on_top(table), Help)
        await table.press("escape")
        assert on_top(table) is table.dashboard


@pytest.mark.parametrize(("size", "count"), [((80, 24), 1), ((120, 36), 3), ((200, 60), 4)])
async def test_as_many_panes_as_there_is_room_for(size: tuple[int, int], count: int) -> None:
    async with opened(snapshot_of(*four_at_work()), size=size) as table:
        table_panes = table.dashboard
        panes = (
            table_panes.queue,
            table_panes.log_pane,
            table_panes.diff_pane,
            table_panes.breakpoints,
        )
        assert sum(pane.display for pane in panes) == count
        for key, pane in zip("1234", panes, strict=True):
            if key == "4" and count == 3:
                continue
            await table.press(key)
            assert pane.has_focus_within
        await table.press("2", "z")
        assert [pane.display for pane in panes] == [False, True, False, False]
        await table.press("z")
        assert sum(pane.display for pane in panes) == count


async def test_the_end_of_a_run_is_told_with_what_to_do_next() -> None:
    async with opened(finished_run()) as table:
        text = str(table.dashboard.query_one("#summary").render())
        assert text == "Run failed: 6 of 8 done · 1 failed · 1 blocked · $0.59 · press L to land"
