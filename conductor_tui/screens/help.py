"""All keys on one page, from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from conductor_tui.screens.actions import ACTIONS, CONTEXTS
from conductor_tui.widgets import plain
from conductor_tui.widgets.rows import EMPTY, Row, Rows


class Help(ModalScreen[None]):
    """The page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,question_mark,f1,enter", "close", "Close"),
    ]

    def compose(self) -> ComposeResult:
        """Put the page together."""
        with Vertical(classes="dialog page"):
            yield Label("Keys", classes="dialog-title")
            yield Rows(id="help-rows")
            yield Static("↑ ↓ scroll · Esc closes", classes="dialog-hint")

    def on_mount(self) -> None:
        """Fill the page."""
        rows = self.query_one(Rows)
        rows.show(lambda width: help_rows())
        rows.focus()

    def action_close(self) -> None:
        """Close the page."""
        self.dismiss(None)


def help_rows() -> list[Row]:
    """Return the table as rows."""
    rows: list[Row] = []
    for context, title in CONTEXTS.items():
        rows += [EMPTY] if rows else []
        rows.append(Row(((title, "heading"),)))
        rows += [
            Row(((plain.fit(f"  {action.shown_keys}", 16), "info"), (action.help, "")))
            for action in ACTIONS
            if action.context == context
        ]
    return rows
