"""The table of keys is whole, and no key can be taken for another."""

from __future__ import annotations

from collections import Counter

import pytest

from conductor_tui.domain.values import Answer
from conductor_tui.screens.actions import (
    ACTIONS,
    BREAKPOINTS,
    CONTEXTS,
    EVERYWHERE,
    answer_keys,
    as_markdown,
    bindings,
)
from conductor_tui.screens.dashboard import Dashboard
from conductor_tui.screens.flows import FLOWS
from conductor_tui.screens.help import help_rows
from conductor_tui.screens.panes import BreakpointPane, DiffPane, LogPane, QueuePane


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: f"{action.context}-{action.keys}")
def test_each_has_a_label_and_a_sentence_of_help(action: object) -> None:
    found = next(known for known in ACTIONS if known is action)
    assert found.label
    assert found.help.endswith(".")
    assert found.help[0].isupper()


@pytest.mark.parametrize("context", CONTEXTS)
def test_no_key_is_used_twice_in_a_context(context: str) -> None:
    counted = Counter(binding.key for binding in bindings(context))
    assert [key for key, count in counted.items() if count > 1] == []


def test_a_pane_takes_no_key_that_holds_everywhere() -> None:
    everywhere = {binding.key for binding in bindings(EVERYWHERE)}
    for context in CONTEXTS:
        if context != EVERYWHERE:
            assert not everywhere & {binding.key for binding in bindings(context)}


def test_keys_that_answer_mean_nothing_elsewhere() -> None:
    answers = {binding.key for binding in bindings(BREAKPOINTS)}
    for context in CONTEXTS:
        if context != BREAKPOINTS:
            assert not answers & {binding.key for binding in bindings(context)}


def test_every_answer_has_a_key() -> None:
    assert set(answer_keys()) == set(Answer)


@pytest.mark.parametrize(
    ("context", "owner"),
    [
        ("tasks", QueuePane),
        ("agents", LogPane),
        ("diff", DiffPane),
        ("breakpoints", BreakpointPane),
        ("everywhere", Dashboard),
    ],
)
def test_every_action_can_be_done_by_its_pane(context: str, owner: type) -> None:
    for action in ACTIONS:
        name = action.action.split("(")[0]
        if action.context == context and "." not in name:
            assert hasattr(owner, f"action_{name}"), action


def test_every_flow_has_a_key() -> None:
    done = {action.action for action in ACTIONS}
    assert all(f"do('{name}')" in done for name in FLOWS)


def test_the_readmes_table_and_the_help_page_name_every_key() -> None:
    page = "\n".join(row.text for row in help_rows())
    table = as_markdown()
    for action in ACTIONS:
        assert action.help in page
        assert action.help in table
