"""The rings: what is in them, how many rows it takes, what is dropped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain import agent_events as agent
from conductor_tui.domain.events import CheckFinished, Event, Notice, Recorded, UnknownEvent
from conductor_tui.domain.values import Scope
from conductor_tui.widgets.log_book import ALL, LogBook, Ring, entry_lines
from conductor_tui.widgets.log_entries import Entry, entry_of
from tests.support.pictures import DIFF, Log, some_talk


def said(text: str, task: str = "a") -> Recorded:
    """Return words of an agent."""
    return Recorded(1, "", "r", task, 1, agent.AgentText(text))


def test_every_event_is_in_the_ring_of_all_and_in_its_tasks() -> None:
    book = LogBook()
    book.feed([said("one", "a"), said("two", "b"), Recorded(3, "", "r", None, None, notice())])
    assert [entry.head for entry in book.ring(ALL).entries] == ["one", "two", "slow"]
    assert [entry.head for entry in book.ring("a").entries] == ["one"]
    assert [entry.head for entry in book.ring("b").entries] == ["two"]


def notice() -> Notice:
    """Return a notice."""
    return Notice("warning", "slow")


def test_a_tool_call_is_one_line_that_its_result_completes() -> None:
    book = LogBook()
    log = Log().add("a", agent.AgentToolCall("t", "Edit", {"file_path": "x.py"}))
    book.feed(log.said)
    entry = book.ring("a").entries[0]
    assert book.ring("a").count(80) == 1
    assert entry.mark == "▸"
    result = Recorded(2, "", "r", "a", 1, agent.AgentToolResult("t", True, "", DIFF))
    assert book.feed([result]) == {ALL, "a"}
    assert len(book.ring("a").entries) == 1
    assert (entry.mark, entry.head) == ("✓", "Edit  x.py  +12 -2")
    entry.open = True
    book.touch(entry)
    assert book.ring("a").count(80) == 1 + len(entry.body)
    assert ('+    return "-".join(words)', "add") in entry.body


def test_a_failed_tool_says_why_on_its_line() -> None:
    book = LogBook()
    log = Log().add(
        "a",
        agent.AgentToolCall("t", "Bash", {"command": "make"}),
        agent.AgentToolResult("t", False, "no rule\nto make"),
    )
    book.feed(log.said)
    assert book.ring("a").entries[0].head == "Bash  make  → no rule to make"


def test_a_red_checks_output_lies_below_its_line() -> None:
    entry = entry_of(CheckFinished("pytest", Scope.MERGED, 1, False, 1.25, "E  assert\n1 failed"))
    assert entry is not None
    assert entry.head == "check pytest on the merged tree: failed, exit 1 in 1.2s"
    assert [text for text, _ in entry.body] == ["E  assert", "1 failed"]


def test_what_other_panes_tell_is_no_entry() -> None:
    quiet: list[Event] = [
        UnknownEvent("later.kind", {}),
        agent.AgentUsage(1, 1, None),
        agent.AgentPermission("t", "Read", {}, "allow", "rule"),
    ]
    assert [entry_of(event) for event in quiet] == [None, None, None]


def test_all_entries_of_a_talk_are_safe_to_print() -> None:
    book = LogBook()
    book.feed(some_talk())
    for entry in book.ring(ALL).entries:
        assert all(text.isprintable() for text, _ in entry.lines())


@given(
    st.lists(st.text("ab \n漢", max_size=60), max_size=60), st.integers(6, 40), st.integers(8, 30)
)
def test_rows_and_entries_agree_however_much_is_dropped(
    texts: list[str], width: int, most: int
) -> None:
    ring = Ring(ALL, most)
    shown: dict[int, str] = {}
    for text in texts:
        ring.add(Entry("●", "", text))
        count = ring.count(width)
        assert len(ring.entries) <= most + most // 8
        rows = [ring.at(row) for row in range(count)]
        assert len(rows) == sum(len(entry_lines(entry, width)) for entry in ring.entries)
        for row, (entry, within) in enumerate(rows):
            line = entry_lines(entry, width)[within][0]
            assert shown.setdefault(row + ring.dropped_rows, line) == line
            assert ring.top_of(entry) == row - within
