"""Commands that show: they read the state and change nothing, whether a conductor runs or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from conductor_tui.cli.base import directory_option, json_option, paint, print_json, tell
from conductor_tui.domain.errors import UsageError
from conductor_tui.domain.judge_words import verdict_lines
from conductor_tui.domain.plaintext import plain_line

_COLOURS = {
    "completed": "green",
    "running": "cyan",
    "waiting": "yellow",
    "failed": "red",
    "cancelled": "red",
    "blocked": "red",
}


@click.command()
@directory_option
@json_option
def status(as_json: bool) -> None:
    """Show the open or newest run: tasks, breakpoints, agents.

    Example: conductor status --json
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    picture = bootstrap.read_status(Path.cwd())
    if as_json:
        print_json(picture)
        return
    if picture["run"] is None:
        click.echo("No run yet. Start one: conductor PLAN, or try `conductor demo`.")
        return
    cost = picture["cost_usd"]
    money = "" if cost is None else f", ${cost:.2f}"
    click.echo(f"run {picture['run']}: {picture['state']}{money}")
    width = max((len(row["id"]) for row in picture["tasks"]), default=0)
    for row in picture["tasks"]:
        click.echo(_task_line(row, width))
    if picture["agents"] and picture["state"] != "running":
        names = ", ".join(f"{agent['task']} (pid {agent['pid']})" for agent in picture["agents"])
        click.echo(f"agents that go on without conductor: {names}")
        click.echo("    attach to them: conductor --batch --resume --detach, or the app")
    for point in picture["breakpoints"]:
        click.echo(f"\n[{point['id']}] {point['task']}: {point['reason']}\n    {point['ask']}")
        answers = " | ".join(f"--{option}" for option in point["options"])
        click.echo(f"    conductor breakpoint resolve {point['id']} {answers}")


def _task_line(row: dict[str, Any], width: int) -> str:
    word = paint(f"{row['status']:<10}", _COLOURS.get(row["status"], "white"))
    detail = row["phase"] or row["waiting"] or row["reason"] or ""
    if row["blocked_by"]:
        detail = f"depends on {row['blocked_by']}"
    return f"  {row['id']:<{width}}  {word} {row['title']}{f'  ({detail})' if detail else ''}"


@click.command()
@click.argument("task")
@directory_option
@json_option
def show(task: str, as_json: bool) -> None:
    """Show a task whole: attempts, decisions with their reasons, evidence, cost.

    TASK is an id in the newest run, or RUN/TASK.

    Example: conductor show slugify
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    picture = bootstrap.read_task(Path.cwd(), task)
    if as_json:
        print_json(picture)
        return
    click.echo(
        f"{picture['id']}  {paint(picture['status'], _COLOURS.get(picture['status'], 'white'))}"
    )
    click.echo(f"{picture['title']}\n")
    for key in ("reason", "branch", "commit", "workspace"):
        if picture[key]:
            click.echo(f"{key:<10} {picture[key]}")
    for attempt in picture["attempts"]:
        _show_attempt(attempt)


def _show_attempt(attempt: dict[str, Any]) -> None:
    cost = attempt["cost_usd"]
    money = "" if cost is None else f", ${cost:.4f}"
    ended = "at work" if attempt["ended_at"] is None else attempt["reason"]
    click.echo(f"\nattempt {attempt['n']}  {attempt['agent']}, {ended}{money}")
    for check in attempt["checks"]:
        word = {True: paint("green", "green"), False: paint("red", "red"), None: "runs"}[
            check["ok"]
        ]
        click.echo(f"  check {word}  {check['check']} ({check['on']}, {check['duration_s']:.1f} s)")
        if check["ok"] is False:
            for line in check["output"].rstrip().splitlines()[-10:]:
                click.echo(f"      {line}")
    if attempt["verdict"]:
        _show_verdict(attempt["verdict"])
    decision = attempt["decision"]
    if decision:
        click.echo(f"  decision: {decision['action']}, because {decision['reason']}")
        if decision["score"] is not None:
            click.echo(f"  score {decision['score']:g}, confidence {decision['confidence']:g}")


_LOOKS = {"ok": "green", "bad": "red", "warn": "yellow"}


def _show_verdict(verdict: dict[str, Any]) -> None:
    """Print what the judge said: each requirement with its evidence, issues, what was struck."""
    for line in verdict_lines(verdict):
        indent = "  " if line.word == "judged" else "    "
        word = plain_line(line.word).ljust(0 if line.word == "judged" else 8)
        colour = _LOOKS.get(line.look)
        text = plain_line(line.text)
        click.echo(f"{indent}{paint(word, colour) if colour else word} {text}")


@click.command()
@click.argument("task", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on as long as the run does.")
@click.option("--since", default=0, metavar="SEQ", help="Only events behind this one.")
@directory_option
@json_option
def log(task: str | None, follow: bool, since: int, as_json: bool) -> None:
    """Show what the agent said and did.

    With --json and no TASK: every event of the newest run.

    Example: conductor log slugify --follow
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    if task is None and not as_json:
        raise UsageError("name a TASK, or say --json for the events of the whole run")
    bootstrap.print_log(Path.cwd(), task, follow_on=follow, since=since, as_json=as_json)


@click.command()
@click.argument("task")
@directory_option
def diff(task: str) -> None:
    """Show the task's change against its base.

    Example: conductor diff slugify
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    text = bootstrap.read_diff(Path.cwd(), task)
    if not text:
        tell(f"{task} has changed nothing")
    click.echo(text, nl=False)
