"""The commands that run: ``conductor [PLAN]``, ``conductor --batch PLAN``, ``conductor demo``."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

from conductor_tui.cli.base import directory_option, paint
from conductor_tui.domain.errors import UsageError
from conductor_tui.domain.values import BreakpointPolicy


@click.command()
@click.argument("plan", required=False)
@click.option("--batch", is_flag=True, help="Without the app: run the plan to its end.")
@click.option("--max-agents", type=click.IntRange(1, 4), help="Agents at work at once (1-4).")
@click.option("--agent", metavar="NAME", help="Who does tasks that name no agent.")
@click.option("--judge", metavar="NAME|none", help="Who judges: a provider, or none.")
@click.option(
    "--on-breakpoint",
    type=click.Choice([policy.value for policy in BreakpointPolicy]),
    help="When nobody answers. Default: fail with --batch, wait in the app.",
)
@click.option("--budget-usd", type=click.FloatRange(min=0, min_open=True), metavar="X")
@click.option("--timeout", metavar="DURATION", help="Time limit of the whole run: 90s, 5m, 2h.")
@click.option("--json", "as_json", is_flag=True, help="With --batch: events as JSON lines.")
@click.option("--keep-going/--fail-fast", default=None, help="After a task failed.")
@click.option("--land", is_flag=True, default=None, help="Land when every task completed.")
@click.option("--resume", is_flag=True, help="Go on with the open run.")
@click.option("--detach", is_flag=True, help="Agents go on when conductor ends.")
@click.option("--i-know", is_flag=True, help="Allow bypassPermissions without a sandbox.")
@directory_option
def run(**flags: Any) -> None:  # noqa: ANN401 — click's values
    """Run a plan, in the app or with --batch.

    PLAN is a YAML, JSON or Markdown file; `-` reads it from standard input.

    \b
    Exit codes of --batch:
      0  every task completed          2  usage, plan, settings or repository wrong
      1  a task failed or is blocked   3  a task is parked with an open breakpoint
      4  budget or time limit          130, 143  interrupted

    Example: conductor --batch plan.yaml --json
    """
    _require_plan(flags["plan"])
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    if not flags["batch"]:
        for name in ("as_json", "timeout"):
            if flags[name]:
                raise UsageError(f"--{name.removeprefix('as_')} goes with --batch")
    request = bootstrap.RunRequest(directory=Path.cwd(), **flags)
    code = bootstrap.run_batch(request, paint) if flags["batch"] else bootstrap.run_app(request)
    raise click.exceptions.Exit(code)


@click.command()
@click.option("--batch", is_flag=True, help="Without the app.")
@click.option("--json", "as_json", is_flag=True, help="With --batch: events as JSON lines.")
@directory_option
def demo(batch: bool, as_json: bool) -> None:
    """Run the whole loop on a sample repository, with scripted agents.

    Needs only Python and git. Nothing of yours is touched: the sample is in a temporary folder.

    Example: conductor demo --batch
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    raise click.exceptions.Exit(bootstrap.run_demo(batch=batch, as_json=as_json, paint=paint))


def _require_plan(plan: str | None) -> None:
    """Refuse a plan that looks like a misspelt command.

    Raises:
        UsageError: with the command that may be meant.
    """
    if plan is None or plan == "-" or Path(plan).exists():
        return
    root = click.get_current_context().find_root()
    words = root.command.list_commands(root) if isinstance(root.command, click.Group) else []
    meant = difflib.get_close_matches(plan, words)
    if meant:
        raise UsageError(
            f"{plan}: there is no such command and no such file",
            f"did you mean `conductor {meant[0]}`?",
        )
