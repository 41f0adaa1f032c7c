"""The one table of what keys do: bindings, footer, command palette, help and README come from it.

A key has one meaning in a context, and the keys that answer a breakpoint mean nothing elsewhere,
so that a key pressed in the wrong pane never answers one.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from conductor_tui.domain.values import Answer

EVERYWHERE = "everywhere"
TASKS = "tasks"
AGENTS = "agents"
DIFF = "diff"
BREAKPOINTS = "breakpoints"

CONTEXTS = {
    EVERYWHERE: "Everywhere",
    TASKS: "Tasks",
    AGENTS: "Agents",
    DIFF: "Diff",
    BREAKPOINTS: "Breakpoints",
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
    """Shown in the footer, or in the frame of its pane."""
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


def _pass(keys: str, action: str, label: str, help_text: str) -> Action:
    return Action(EVERYWHERE, keys, action, label, help_text, palette=False)


def _move(context: str, keys: str, action: str, help_text: str) -> Action:
    return Action(context, keys, action, help_text.rstrip("."), help_text, palette=False)


def _answer(keys: str, answer: Answer, label: str, help_text: str) -> Action:
    action = f"answer('{answer.value}')"
    return Action(BREAKPOINTS, keys, action, label, help_text, palette=False)


ACTIONS: tuple[Action, ...] = (
    _do("a", "add", "Add", "Add a task to the run, or open one.", footer=True),
    _do("b", "breakpoints", "Breakpoint", "Go to the next breakpoint that waits.", footer=True),
    _do("enter", "details", "Details", "Show the selected task: attempts, checks, reasons, cost."),
    _do("m", "message", "Message", "Give words to the agent of the selected task.", footer=True),
    _do("i", "interrupt", "Interrupt", "Stop what the selected task's agent does now."),
    _do("r", "retry", "Retry", "Queue the selected task again, with words if you like."),
    _do("x", "cancel", "Cancel", "End the selected task and its processes.", footer=True),
    _do("P", "pause", "Pause", "Start no further tasks, or go on.", footer=True),
    _do("L", "land", "Land", "Merge accepted work into your branch.", footer=True),
    _do("1", "pane_queue", "Tasks pane", "Go to the task queue."),
    _do("2", "pane_log", "Agents pane", "Go to what the agents say and do."),
    _do("3", "pane_diff", "Diff pane", "Go to the diff of the selected task."),
    _do("4", "pane_breakpoints", "Breakpoints pane", "Go to the breakpoints."),
    _pass("tab", "app.focus_next", "Next pane", "Go to the next pane."),
    _pass("shift+tab", "app.focus_previous", "Previous pane", "Go to the previous pane."),
    _do("z", "zoom", "Zoom", "Give the whole screen to a pane, or take it back."),
    _do("T", "theme", "Theme", "Change between dark, light and high contrast."),
    _pass("ctrl+p", "app.command_palette", "Commands", "Find a command by its name."),
    _do("question_mark,f1", "help", "Help", "Show these keys.", footer=True),
    _do("q,ctrl+q", "quit", "Quit", "Leave; asks first while agents work.", footer=True),
    # -- the task queue --------------------------------------------------------------------------
    _move(TASKS, "down,j", "step(1)", "Select the task below."),
    _move(TASKS, "up,k", "step(-1)", "Select the task above."),
    _move(TASKS, "pagedown", "step(10)", "Go a page down."),
    _move(TASKS, "pageup", "step(-10)", "Go a page up."),
    _move(TASKS, "home,g", "edge(0)", "Select the first task."),
    _move(TASKS, "end,G", "edge(1)", "Select the last task."),
    Action(TASKS, "slash", "filter", "Filter", "Show tasks that hold a text; Esc shows all.", True),
    Action(TASKS, "S", "sort", "Sort", "Change between plan order and most urgent first.", True),
    # -- the log ---------------------------------------------------------------------------------
    _move(AGENTS, "down,j", "entry(1)", "Stand on the entry below."),
    _move(AGENTS, "up,k", "entry(-1)", "Stand on the entry above; following ends."),
    _move(AGENTS, "pagedown", "go('down')", "Go a page down."),
    _move(AGENTS, "pageup", "go('up')", "Go a page up; following ends."),
    _move(AGENTS, "home,g", "go('top')", "Go to the beginning."),
    Action(AGENTS, "space,u", "fold", "Unfold", "Unfold or fold a tool call or a check.", True),
    Action(AGENTS, "U", "fold_all", "Unfold all", "Unfold or fold everything in this tab."),
    Action(AGENTS, "f,end", "go('end')", "Follow", "Go to the end and follow it."),
    Action(AGENTS, "left_square_bracket", "tab(-1)", "Previous tab", "Show the previous tab."),
    Action(AGENTS, "right_square_bracket", "tab(1)", "Next tab", "Show the next tab.", True),
    Action(AGENTS, "slash", "search", "Search", "Search in this tab, folded parts too.", True),
    _move(AGENTS, "n", "match(1)", "Go to the next match."),
    _move(AGENTS, "N", "match(-1)", "Go to the match before."),
    Action(AGENTS, "c", "copy", "Copy", "Copy the selection, the entry, or what is in sight."),
    # -- the diff --------------------------------------------------------------------------------
    Action(DIFF, "n", "file(1)", "Next file", "Go to the next file.", True),
    Action(DIFF, "p", "file(-1)", "Previous file", "Go to the previous file."),
    Action(DIFF, "slash", "search", "Search", "Search in the diff.", True),
    _move(DIFF, "full_stop", "match(1)", "Go to the next match."),
    _move(DIFF, "comma", "match(-1)", "Go to the match before."),
    Action(DIFF, "c", "copy", "Copy", "Copy the selection, or the file in sight.", True),
    # -- the breakpoints -------------------------------------------------------------------------
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
            show=action.footer and number == 0 and context == EVERYWHERE,
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
        if action.context == BREAKPOINTS
    }


def hint(context: str) -> str:
    """Return the few keys of a context that its pane shows in its frame."""
    shown = [action for action in ACTIONS if action.context == context and action.footer]
    return " · ".join(f"{act.shown_keys.split()[0]} {act.label.lower()}" for act in shown)


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
