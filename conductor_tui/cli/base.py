"""What all commands share: lazy loading, ``-C DIR`` anywhere, errors told one way."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from conductor_tui import __version__
from conductor_tui.domain.errors import EXIT_FAILED, ConductorError, FileFaults, UsageError

PLAN_COMMAND = "run"
"""What a first word that is no command belongs to: it is a plan."""

LATER = frozenset({"bus", "calibrate", "checkpoint", "gc", "metrics", "rescue", "rollback"})
"""Words of the contract that are to come: they are not taken for plans."""

SIGPIPE_CODE = 141
"""Nobody reads what a command prints: the code of a program that the signal ends."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class ConductorGroup(click.Group):
    """Finds commands by name and imports the module of the one that is used.

    Args:
        places: command word → ``module:object``.
        attributes: click's own.
    """

    def __init__(self, *, places: Mapping[str, str], **attributes: Any) -> None:  # noqa: ANN401 — click's own
        super().__init__(**attributes)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command words in the order they were given."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Send words that are no command to ``run``: they are a plan and flags of a run."""
        return super().parse_args(ctx, self._with_command(args))

    def _with_command(self, args: Sequence[str]) -> list[str]:
        rest: list[str] = list(args)
        before: list[str] = []
        while rest[:1] == ["-C"] and len(rest) > 1:
            before += [rest.pop(0), rest.pop(0)]
        if rest and rest[0] in LATER:
            raise UsageError(f"`conductor {rest[0]}` is not part of this version yet")
        if rest and (rest[0] in self._places or rest[0] in ("--help", "-h", "--version")):
            return [*before, *rest]
        return [*before, PLAN_COMMAND, *rest]


def directory_option(function: _Function) -> _Function:
    """Give a command ``-C DIR`` and ``--version``, before or behind its verb."""
    function = click.version_option(__version__, prog_name="conductor")(function)
    return click.option(
        "-C",
        "directory",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        expose_value=False,
        callback=_change_directory,
        is_eager=True,
        help="Work on the repository of this folder, as in git.",
    )(function)


def json_option(function: _Function) -> _Function:
    """Give a command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def _change_directory(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        os.chdir(value)


def colours() -> bool:
    """Return whether standard output takes colours (``NO_COLOR``, a terminal)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str) -> str:
    """Return the text in a colour, or plain where colours are off."""
    return click.style(text, fg=colour) if colours() else text


def show_error(error: ConductorError) -> int:
    """Print an error with its mend on standard error; return its exit code.

    Faults of a file begin with its name and line, as other programs find them by.
    """
    click.echo(str(error) if isinstance(error, FileFaults) else f"conductor: {error}", err=True)
    return error.exit_code


def settle_output(code: int) -> int:
    """Write out what is buffered and return the exit code; a lost output is told, not traced."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()
        return code
    except OSError as error:
        _silence()
        tell(f"conductor: standard output could not be written: {error.strerror}")
        return code or EXIT_FAILED
    return code


def _silence() -> None:
    """Have Python's own last flush go nowhere: it would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def tell(text: str) -> None:
    """Print words on standard error, where they do not disturb data."""
    click.echo(text, err=True)
