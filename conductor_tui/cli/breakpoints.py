"""``conductor breakpoint``: what waits for a human, and his answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from conductor_tui.cli.acting import carry_out
from conductor_tui.cli.base import directory_option, json_option, print_json
from conductor_tui.domain.commands import ResolveBreakpoint
from conductor_tui.domain.errors import UsageError
from conductor_tui.domain.values import Answer

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _optional_text(name: str, words: str) -> Callable[[_Function], _Function]:
    """Give a command an option whose text may be left out."""
    return click.option(
        name, metavar="[TEXT]", is_flag=False, flag_value="", default=None, help=words
    )


@click.group(name="breakpoint")
@directory_option
def breakpoint_group() -> None:
    """See and answer what waits for a human."""


@breakpoint_group.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Answered ones, too.")
@directory_option
@json_option
def list_points(everything: bool, as_json: bool) -> None:
    """List the open breakpoints, oldest first.

    Example: conductor breakpoint list --json
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    points = bootstrap.read_breakpoints(Path.cwd(), everything=everything)
    if as_json:
        print_json(points)
        return
    if not points:
        click.echo("Nothing waits for an answer.")
    for point in points:
        _show(point)


def _show(point: Mapping[str, Any]) -> None:
    click.echo(f"[{point['id']}] {point['task'] or 'run'}  {point['kind']}: {point['reason']}")
    click.echo(f"    {point['ask']}")
    if point["answer"] is None:
        answers = " | ".join(f"--{option}" for option in point["options"])
        click.echo(f"    conductor breakpoint resolve {point['id']} {answers}")
    else:
        text = f": {point['text']}" if point["text"] else ""
        click.echo(f"    answered: {point['answer']} by {point['by']}{text}")


@breakpoint_group.command()
@click.argument("name", metavar="ID")
@click.option("--approve", is_flag=True, help="Allow, accept, or go on now.")
@click.option("--always", is_flag=True, help="Allow, and make it a rule for this run.")
@click.option("--edit", metavar="JSON", help="Allow with this input instead.")
@click.option("--answer", "words", metavar="TEXT", help="The answer to a question.")
@_optional_text("--reject", "Deny, or fail the task.")
@_optional_text("--retry", "Another attempt, with a hint.")
@click.option("--take-over", is_flag=True, help="Do it by hand: prints the workspace.")
@click.option("--wait", is_flag=True, help="Leave it open.")
@click.option("--cancel", is_flag=True, help="Cancel the task.")
@click.option("--force", is_flag=True, help="With --approve: although checks are red.")
@directory_option
@json_option
def resolve(name: str, force: bool, as_json: bool, **answers: Any) -> None:  # noqa: ANN401 — click's values
    """Answer a breakpoint.

    Example: conductor breakpoint resolve b1 --reject "Use the existing helper"
    """
    answer, text, changed = _chosen(answers)
    if force and answer is not Answer.APPROVE:
        raise UsageError("--force goes with --approve")
    command = ResolveBreakpoint(name, answer, text, changed, force, by="cli")
    result = carry_out(command)
    if as_json:
        print_json(dict(result))
    elif answer is Answer.TAKE_OVER:
        click.echo(result["workspace"])
    else:
        click.echo(f"[{name}] {answer}")


def _chosen(answers: Mapping[str, Any]) -> tuple[Answer, str | None, Mapping[str, Any] | None]:
    """Return the one answer that was given, with its text or changed input.

    Raises:
        UsageError: none was given, or several, or the changed input is no JSON object.
    """
    given = {key: value for key, value in answers.items() if value not in (None, False)}
    if len(given) != 1:
        flags = ", ".join(f"--{answer}" for answer in Answer)
        raise UsageError("give exactly one answer", f"one of {flags}")
    key, value = next(iter(given.items()))
    if key == "edit":
        return Answer.EDIT, None, _object(value)
    if key == "words":
        return Answer.ANSWER, value, None
    text = value if isinstance(value, str) and value else None
    return Answer(key.replace("_", "-")), text, None


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--edit: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UsageError("--edit: the changed input has to be a JSON object")
    return value
