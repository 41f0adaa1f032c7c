"""``conductor init`` and ``conductor doctor``: the first minute, and the bad day."""

from __future__ import annotations

from pathlib import Path

import click

from conductor_tui.cli.base import directory_option, json_option, paint, print_json
from conductor_tui.domain.errors import EXIT_FAILED, EXIT_OK


@click.command()
@directory_option
def init() -> None:
    """Write a commented conductor.yaml and a sample plan.

    Files that are there already are left as they are.

    Example: conductor init
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    for path, written in bootstrap.write_samples(Path.cwd()):
        click.echo(f"{'wrote' if written else 'kept '}  {path}")
    click.echo("next: edit plan.yaml, then `conductor plan.yaml`")


@click.command()
@directory_option
@json_option
def doctor(as_json: bool) -> None:
    """Say what is installed, reachable, configured; each fault with its mend.

    Example: conductor doctor
    """
    from conductor_tui import bootstrap  # heavy: only the commands that need it

    findings = bootstrap.examine(Path.cwd())
    if as_json:
        print_json([finding.as_data() for finding in findings])
    else:
        for finding in findings:
            mark = paint("ok  ", "green") if finding.ok else paint("FAULT", "red")
            click.echo(f"{mark:<5} {finding.what}: {finding.text}")
            if finding.mend:
                click.echo(f"      {finding.mend}")
    faults = [finding for finding in findings if not finding.ok]
    raise click.exceptions.Exit(EXIT_FAILED if faults else EXIT_OK)
