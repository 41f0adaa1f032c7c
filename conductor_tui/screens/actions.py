"""The one table of what keys do: bindings, footer, command palette, help and README come from it.

A key has one meaning in a context, and the keys that answer a question mean nothing elsewhere, so
that a key pressed in the wrong pane never answers one.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from conductor_tui.domain.values import Answer

EVERYWHERE = "everywhere"
TASKS = "tasks"
AGENTS = "agents"
DIFF = "diff"
QUESTIONS = "questions"

CONTEXTS = {
    EVERYWHERE: "Everywhere",
    TASKS: "Tasks",
    AGENTS: "Agents",
    DIFF: "Diff",
    QUESTIONS: "Questions",
}


@dataclass(frozen=True, slots=True)
class Action:
    """Something a human can do."""

    context: str
    keys: str
    """Keys as Textual names them, with commas between."""
    action: str
    """The action as Textual names it, of the widget or screen of its context."""
    label: str
    """A word or two, for the footer and the palette."""
    help: str
    """What it does: one sentence."""
    footer: bool = False
    palette: bool = True

    @property
    def shown_keys(self) -> str:
        """The keys as a human reads them."""
        return " ".join(SHOWN.get(key, key) for key in self.keys.split(","))


SHOWN = {
    "slash": "/",
    "question_mark": "?",
    "f1": "F1",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "full_stop": ".",
    "comma": ",",
    "ctrl+p": "Ctrl+P",
    "ctrl+q": "Ctrl+Q",
}


def _do(keys: str, name: str, label: str, help_text: str, *, footer: bool = False) -> Action:
    return Action(EVERYWHERE, keys, f"do('{name}')", label, help_text, footer)


def _answer(keys: str, answer: Answer, label: str, help_text: str) -> Action:
    action = f"answer('{answer.value}')"
    return Action(QUESTIONS, keys, action, label, help_text, palette=False)


ACTIONS: tuple[Action, ...] = (
    _do("a", "add", "Add task", "Add a task to the run, or open one.", footer=True),
    _do("b", "questions", "Next question", "Go to the next question that waits.", footer=True),
    _do("enter", "details", "Details", "Show the selected task: attempts, checks, reasons, cost."),
    _do("m", "message", "Message", "Give words to the agent of the selected task.", footer=True),
    _do("i", "interrupt", "Interrupt", "Stop what the selected task's agent does now."),
    _do("r", "retry", "Retry", "Queue the selected task again, with words if you like."),
    _do("x", "cancel", "Cancel task", "End the selected task and its processes.", footer=True),
    _do("P", "pause", "Pause / resume", "Start no further tasks, or go on.", footer=True),
    _do("L", "land", "Land", "Merge accepted work into your branch.", footer=True),
    _do("1", "pane_queue", "Tasks pane", "Go to the task queue."),
    _do("2", "pane_log", "Agents pane", "Go to what the agents say and do."),
    _do("3", "pane_diff", "Diff pane", "Go to the diff of the selected task."),
    _do("4", "pane_questions", "Questions pane", "Go to the questions."),
    _do("z", "zoom", "Zoom", "Give the whole screen to a pane, or take it back.", footer=True),
    _do("T", "theme", "Theme", "Change between dark, light and high contrast."),
    _do("question_mark,f1", "help", "Help", "Show these keys.", footer=True),
    Action(
        *(EVERYWHERE, "tab", "app.focus_next", "Next pane", "Go to the next pane."), palette=False
    ),
    Action(
        *(EVERYWHERE, "shift+tab", "app.focus_previous", "Previous pane"),
        help="Go to the previous pane.",
        palette=False,
    ),
    Action(
        *(EVERYWHERE, "ctrl+p", "app.command_palette", "Commands", "Find a command by its name."),
        palette=False,
    ),
    _do("q,ctrl+q", "quit", "Quit", "Leave; asks first while agents work.", footer=True),
    # -- the task queue --------------------------------------------------------------------------
    Action(TASKS, "down,j", "step(1)", "Down", "Select the task below.", palette=False),
    Action(TASKS, "up,k", "step(-1)", "Up", "Select the task above.", palette=False),
    Action(TASKS, "pagedown", "step(10)", "Page down", "Go a page down.", palette=False),
    Action(TASKS, "pageup", "step(-10)", "Page up", "Go a page up.", palette=False),
    Action(TASKS, "home,g", "edge(0)", "First", "Select the first task.", palette=False),
    Action(TASKS, "end,G", "edge(1)", "Last", "Select the last task.", palette=False),
    Action(TASKS, "slash", "filter", "Filter", "Show tasks that hold a text; Esc shows all."),
    Action(TASKS, "S", "sort", "Sort", "Change between plan order and most urgent first."),
    # -- the log ---------------------------------------------------------------------------------
    Action(AGENTS, "down,j", "entry(1)", "Down", "Stand on the entry below.", palette=False),
    Action(AGENTS, "up,k", "entry(-1)", "Up", "Stand on the entry above; ends following."),
    Action(AGENTS, "space,u", "fold", "Unfold", "Unfold or fold a tool call or a check."),
    Action(AGENTS, "U", "fold_all", "Unfold all", "Unfold or fold everything in this tab."),
    Action(AGENTS, "f,end", "follow", "Follow", "Go to the end and follow it."),
    Action(AGENTS, "left_square_bracket", "tab(-1)", "Previous tab", "Show the previous tab."),
    Action(AGENTS, "right_square_bracket", "tab(1)", "Next tab", "Show the next tab."),
    Action(AGENTS, "slash", "search", "Search", "Search in this tab, folded parts too."),
    Action(AGENTS, "n", "match(1)", "Next match", "Go to the next match.", palette=False),
    Action(AGENTS, "N", "match(-1)", "Previous match", "Go to the match before.", palette=False),
    Action(AGENTS, "c", "copy", "Copy", "Copy the selection, the entry, or what is in sight."),
    # -- the diff --------------------------------------------------------------------------------
    Action(DIFF, "n", "file(1)", "Next file", "Go to the next file."),
    Action(DIFF, "p", "file(-1)", "Previous file", "Go to the previous file."),
    Action(DIFF, "slash", "search", "Search", "Search in the diff."),
    Action(DIFF, "full_stop", "match(1)", "Next match", "Go to the next match.", palette=False),
    Action(DIFF, "comma", "match(-1)", "Previous match", "Go to the match before.", palette=False),
    Action(DIFF, "c", "copy", "Copy", "Copy the selection, or the file in sight."),
    # -- the questions ---------------------------------------------------------------------------
    _answer("y", Answer.APPROVE, "approve", "Allow it once, accept the result, or go on."),
    _answer("Y", Answer.ALWAYS, "always", "Allow it, and everything like it in this run."),
    _answer("e", Answer.EDIT, "edit", "Change the input as JSON, then allow it."),
    _answer("s", Answer.ANSWER, "answer", "Answer the question in words."),
    _answer("d", Answer.REJECT, "reject", "Deny it or fail the task, with words if you like."),
    _answer("t", Answer.RETRY, "try again", "Another attempt, with words if you like."),
    _answer("o", Answer.TAKE_OVER, "take over", "Work in the task's workspace yourself."),
    _answer("w", Answer.WAIT, "wait", "Wait until it is over by itself."),
    _answer("C", Answer.CANCEL, "cancel task", "End the task that asks."),
)


def bindings(context: str) -> list[Binding]:
    """Return the key bindings of a context."""
    return [
        Binding(
            key,
            action.action,
            action.label,
            show=action.footer and number == 0,
            key_display=SHOWN.get(key),
            tooltip=action.help,
            priority=False,
        )
        for action in ACTIONS
        if action.context == context
        for number, key in enumerate(action.keys.split(","))
    ]


def answer_keys() -> dict[Answer, tuple[str, str]]:
    """Return the key and the word of each answer, for the panel to show."""
    return {
        Answer(action.action.split("'")[1]): (action.shown_keys, action.label)
        for action in ACTIONS
        if action.context == QUESTIONS
    }


def as_markdown() -> str:
    """Return the table for the README: one part for each context."""
    parts: list[str] = []
    for context, title in CONTEXTS.items():
        rows = [
            f"| {_code(action)} | {action.help} |"
            for action in ACTIONS
            if action.context == context
        ]
        parts.append(
            "\n".join((f"**{title}**", "", "| key | what it does |", "| --- | --- |", *rows))
        )
    return "\n\n".join(parts) + "\n"


def _code(action: Action) -> str:
    return " ".join(f"`{SHOWN.get(key, key)}`" for key in action.keys.split(","))
