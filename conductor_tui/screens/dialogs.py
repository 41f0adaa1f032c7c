"""Small questions over the dashboard; each gives back its answer and knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static, TextArea

from conductor_tui.widgets import plain


class Confirm(ModalScreen[bool]):
    """Ask whether to do what cannot simply be taken back; the safe answer has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)", "Yes"),
        ("n", "answer(False)", "No"),
        ("escape", "answer(False)", "No"),
        ("left", "app.focus_previous", "Other answer"),
        ("right", "app.focus_next", "Other answer"),
    ]

    def __init__(self, title: str, text: str, yes: str, no: str = "Go back") -> None:
        super().__init__()
        self._words = (title, text, yes, no)

    def compose(self) -> ComposeResult:
        """Put the dialog together."""
        title, text, yes, no = self._words
        with Vertical(classes="dialog"):
            yield Label(plain.content(title), classes="dialog-title")
            yield Static(plain.content(text), classes="dialog-text")
            with Horizontal(classes="dialog-buttons"):
                yield Button(plain.content(f"{no} (n)"), id="no", compact=True)
                yield Button(plain.content(f"{yes} (y)"), id="yes", compact=True)

    def action_answer(self, answer: bool) -> None:
        """Give back the answer."""
        self.dismiss(answer)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")


class Tell(ModalScreen[None]):
    """Tell something that has to be read; its text can be selected and copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,enter,space", "close", "Close"),
        ("c", "copy", "Copy"),
    ]

    def __init__(self, title: str, text: str, copied: str = "") -> None:
        super().__init__()
        self._title_text, self._text, self._copied = title, text, copied

    def compose(self) -> ComposeResult:
        """Put the dialog together."""
        hint = "c copies · Esc closes" if self._copied else "Esc closes"
        with Vertical(classes="dialog"):
            yield Label(plain.content(self._title_text), classes="dialog-title")
            yield Static(plain.content(self._text), classes="dialog-text")
            yield Static(hint, classes="dialog-hint")

    def action_close(self) -> None:
        """Close it."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy what matters of it."""
        if self._copied:
            self.app.copy_to_clipboard(self._copied)
            self.notify("Copied.", timeout=2)


class AskText(ModalScreen[str | None]):
    """Ask for a few words; None where the human went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("ctrl+s", "send", "Send"),
        ("escape", "leave", "Back"),
    ]

    def __init__(self, title: str, hint: str, *, needed: bool) -> None:
        super().__init__()
        self._title_text, self._hint, self._needed = title, hint, needed

    def compose(self) -> ComposeResult:
        """Put the dialog together."""
        with Vertical(classes="dialog"):
            yield Label(plain.content(self._title_text), classes="dialog-title")
            yield TextArea(classes="dialog-area", soft_wrap=True, compact=True)
            yield Static(
                plain.content(f"{self._hint}\nCtrl+S sends · Esc goes back"), classes="dialog-hint"
            )

    def action_send(self) -> None:
        """Give back the words."""
        text = self.query_one(TextArea).text.strip()
        if text or not self._needed:
            self.dismiss(text)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a human wrote about a new task."""

    text: str
    agent: str
    checks: tuple[str, ...]
    priority: int


class AddTask(ModalScreen[NewTask | None]):
    """Ask what is to be done, by whom, how it is proved, how urgent it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("ctrl+s", "send", "Add"),
        ("escape", "leave", "Back"),
    ]

    def __init__(self, agent: str, checks: tuple[str, ...], priority: int) -> None:
        super().__init__()
        self._agent, self._checks, self._priority = agent, checks, priority

    def compose(self) -> ComposeResult:
        """Put the dialog together."""
        with Vertical(classes="dialog"):
            yield Label("Add a task", classes="dialog-title")
            yield TextArea(
                classes="dialog-area",
                soft_wrap=True,
                compact=True,
                placeholder="What is to be done?",
            )
            for name, value in (
                ("agent", self._agent),
                ("checks", "; ".join(self._checks)),
                ("priority", str(self._priority)),
            ):
                with Horizontal(classes="dialog-field"):
                    yield Label(name, classes="dialog-label")
                    yield Input(value=value, id=f"new-{name}", compact=True)
            yield Static("", id="new-fault", markup=False)
            yield Static(
                "The first line is the title. Checks: commands, with ; between.\n"
                "Ctrl+S adds it · Tab goes on · Esc goes back",
                classes="dialog-hint",
            )

    def action_send(self) -> None:
        """Give back the task, or say what is missing."""
        text = self.query_one(TextArea).text.strip()
        priority = self.query_one("#new-priority", Input).value.strip()
        fault = ""
        if not text:
            fault = "Say what is to be done."
        elif not priority.isascii() or not priority.isdigit() or not 1 <= int(priority) <= 10:
            fault = "The priority is a number from 1 to 10."
        if fault:
            self.query_one("#new-fault", Static).update(fault)
            return
        checks = self.query_one("#new-checks", Input).value.split(";")
        self.dismiss(
            NewTask(
                text,
                self.query_one("#new-agent", Input).value.strip() or self._agent,
                tuple(check.strip() for check in checks if check.strip()),
                int(priority),
            )
        )

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)

    @on(Input.Submitted)
    def _send(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_send()
