"""The command line: words and flags → settings → a face → an exit code.

Modules here import click and the domain only; everything heavy is imported by the command that
needs it, because ``conductor --help`` has to answer at once.
"""

from __future__ import annotations

import sys

import click

from conductor_tui.cli.base import (
    SIGPIPE_CODE,
    ConductorGroup,
    directory_option,
    settle_output,
    show_error,
    tell,
)
from conductor_tui.domain.errors import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_SIGINT,
    ConductorError,
)

COMMANDS = {
    "run": "conductor_tui.cli.running:run",
    "demo": "conductor_tui.cli.running:demo",
    "init": "conductor_tui.cli.setting_up:init",
    "doctor": "conductor_tui.cli.setting_up:doctor",
    "add": "conductor_tui.cli.acting:add",
    "status": "conductor_tui.cli.reading:status",
    "show": "conductor_tui.cli.reading:show",
    "log": "conductor_tui.cli.reading:log",
    "diff": "conductor_tui.cli.reading:diff",
    "breakpoint": "conductor_tui.cli.breakpoints:breakpoint_group",
    "cancel": "conductor_tui.cli.acting:cancel",
    "retry": "conductor_tui.cli.acting:retry",
    "land": "conductor_tui.cli.acting:land",
}
"""Command word → where it lives; ``run`` is what a word that is no command means."""


@click.group(
    name="conductor",
    cls=ConductorGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@directory_option
def conductor() -> None:
    """A control room in the terminal for AI coding agents.

    \b
      conductor                  the terminal app on this repository
      conductor PLAN             the same, with the plan's tasks queued
      conductor --batch PLAN     headless: run the plan to its end
      conductor demo             see it work on a sample repository

    The flags of a run stand in `conductor run --help`.
    """


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = conductor.main(standalone_mode=False)
    except ConductorError as error:
        code = show_error(error)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_SIGINT
    except BrokenPipeError:
        code = SIGPIPE_CODE
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        tell(f"conductor: {error.strerror}{place}")
        code = EXIT_FAILED
    code = settle_output(code if isinstance(code, int) else EXIT_OK)
    sys.exit(code)
