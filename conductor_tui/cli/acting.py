"""Commands that want something: of the conductor that runs here, or of the state alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from conductor_tui.cli.base import directory_option, json_option, print_json, tell
from conductor_tui.domain.commands import CancelRun, CancelTask, Command, Land, RetryTask
from conductor_tui.domain.errors import EXIT_FAILED, UsageError


def carry_out(command: Command) -> Mapping[str, Any]:
    """Have a command carried out by whoever can, and say so where it is left for later."""
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    result = bootstrap.carry_out(Path.cwd(), command)
    if result.get("when"):
        tell(str(result["when"]))
    return result


@click.command()
@click.argument("text")
@click.option("--id", "name", help="The task's id; made from the text otherwise.")
@click.option("--prompt", help="What the agent is told; the text otherwise.")
@click.option("--agent", help="A name under `agents:` in conductor.yaml.")
@click.option(
    "--check", "checks", multiple=True, help="A command that proves the work; repeatable."
)
@click.option("--path", "paths", multiple=True, help="Where changes are expected; repeatable.")
@click.option("--depends-on", multiple=True, metavar="TASK", help="A task to be done before.")
@click.option("--priority", type=int, help="1 to 10, 10 first.")
@click.option("--changes", type=click.Choice(["required", "optional", "none"]))
@click.option("--completion", type=click.Choice(["validated", "exit", "done_file"]))
@click.option("--attempts", type=int)
@click.option("--timeout", help="Wall clock of one attempt: 90s, 5m, 2h.")
@click.option("--idle-timeout", help="Silence after which the agent is stopped.")
@click.option("--check-timeout", help="Time limit of each check.")
@click.option("--budget-usd", type=float)
@click.option("--critical", is_flag=True, default=None)
@click.option("--env", "env", multiple=True, metavar="KEY=VALUE", help="A variable; repeatable.")
@directory_option
@json_option
def add(text: str, as_json: bool, **keys: Any) -> None:  # noqa: ANN401 — the plan's keys
    """Queue a task in the open run, or open one.

    Example: conductor add "Add slugify() to textkit" --check "pytest -q"
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    entry = _entry(text, keys)
    result = bootstrap.add_task(Path.cwd(), entry)
    if as_json:
        print_json(dict(result))
        return
    for name in result["tasks"]:
        click.echo(name)
    if result.get("when"):
        tell(str(result["when"]))


def _entry(text: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags as a task of a plan; only what was given."""
    entry: dict[str, Any] = {
        "title": text.splitlines()[0] if text.strip() else text,
        "prompt": text,
    }
    names = {"name": "id"}
    for key, value in keys.items():
        if value is None or value == ():
            continue
        if key == "env":
            entry[key] = dict(_pair(item) for item in value)
        else:
            entry[names.get(key, key)] = list(value) if isinstance(value, tuple) else value
    return entry


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--env {text}: write KEY=VALUE")
    return name, value


@click.command()
@click.argument("task", required=False)
@click.option("--run", "whole_run", is_flag=True, help="Cancel every task of the run.")
@directory_option
@json_option
def cancel(task: str | None, whole_run: bool, as_json: bool) -> None:
    """End a task; its processes are dead when this returns.

    Example: conductor cancel slugify
    """
    if whole_run == (task is not None):
        raise UsageError("name one task, or say --run", "see `conductor cancel --help`")
    result = carry_out(CancelRun() if task is None else CancelTask(task))
    if as_json:
        print_json(dict(result))
    else:
        names = result.get("cancelled", [result.get("task")])
        click.echo(f"cancelled: {', '.join(map(str, names)) or 'nothing was left to cancel'}")


@click.command()
@click.argument("task")
@click.argument("text", required=False)
@directory_option
@json_option
def retry(task: str, text: str | None, as_json: bool) -> None:
    """Queue a failed, cancelled or blocked task again, with a new budget.

    Example: conductor retry slugify "Keep the old name as an alias"
    """
    result = carry_out(RetryTask(task, text))
    if as_json:
        print_json(dict(result))
    else:
        click.echo(f"{task} is queued again")


@click.command()
@click.argument("task", required=False)
@directory_option
@json_option
def land(task: str | None, as_json: bool) -> None:
    """Merge accepted work into the branch that is checked out.

    Example: conductor land
    """
    result = carry_out(Land(task))
    if as_json:
        print_json(dict(result))
    elif result["commit"] is None:
        tell(f"conductor: not landed: {result['refused']}\n  {result['mend']}")
    else:
        files = len(result["files"])
        click.echo(f"landed on {result['branch']} as {result['commit'][:10]} ({files} files)")
    if result["commit"] is None:
        raise click.exceptions.Exit(EXIT_FAILED)
