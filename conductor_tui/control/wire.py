"""The lines on the control socket, and how commands and errors are written in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from conductor_tui.domain.codec import adapter, dumps, to_data
from conductor_tui.domain.commands import COMMANDS, Command
from conductor_tui.domain.errors import (
    AgentError,
    ConductorError,
    GitError,
    HostError,
    NotFound,
    Refused,
    RepositoryError,
    StateError,
    UsageError,
)

LINE_LIMIT = 64 << 20
"""Longest line either side takes, bytes: a diff of a whole task fits."""

_ERRORS: dict[str, type[ConductorError]] = {
    kind.code: kind
    for kind in (
        AgentError,
        GitError,
        HostError,
        NotFound,
        Refused,
        RepositoryError,
        StateError,
        UsageError,
    )
}


@dataclass(frozen=True, slots=True)
class Request:
    """A line from a client."""

    id: object
    command: str
    args: Mapping[str, Any]


def parse_request(line: bytes) -> Request:
    """Read a request line.

    Raises:
        UsageError: it is not a JSON object with ``command``.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a JSON line: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("command"), str):
        raise UsageError('a request is {"id": …, "command": "…", "args": {…}}')
    args = data.get("args") or {}
    if not isinstance(args, dict):
        raise UsageError("args must be an object")
    return Request(data.get("id"), data["command"], args)


def parse_since(args: Mapping[str, Any]) -> int:
    """Return the ``seq`` after which a client wants events.

    Raises:
        UsageError: it is none.
    """
    since = args.get("since") or 0
    if not isinstance(since, int):
        raise UsageError("events: since is the seq of an event, a whole number")
    return since


def prepare() -> None:
    """Build the validators of all commands, once; it looks for plugins on the disk."""
    for kind in COMMANDS.values():
        adapter(kind)


def parse_command(name: str, args: Mapping[str, Any]) -> Command:
    """Build a command from its word and arguments.

    Raises:
        UsageError: the word or an argument is wrong.
    """
    kind = COMMANDS.get(name)
    if kind is None:
        known = ", ".join(sorted([*COMMANDS, "status", "show", "events"]))
        raise UsageError(f"unknown command {name!r}", f"commands: {known}")
    try:
        command: Command = adapter(kind).validate_python(args)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise UsageError(f"{name}: {faults}") from error
    return command


def request_line(number: int, command: Command) -> bytes:
    """Write a command as a request."""
    return (
        dumps({"id": number, "command": command.name, "args": to_data(command)}) + "\n"
    ).encode()


def answer_line(request: object, result: Mapping[str, Any]) -> bytes:
    """Write the answer to a request that was carried out."""
    return (dumps({"id": request, "ok": True, "result": result}) + "\n").encode()


def error_line(request: object, error: ConductorError) -> bytes:
    """Write the answer to a request that was not."""
    told = {"code": error.code, "message": error.message, "mend": error.mend}
    return (dumps({"id": request, "ok": False, "error": told}) + "\n").encode()


def read_answer(line: bytes) -> Mapping[str, Any]:
    """Return the result of an answer line.

    Raises:
        ConductorError: the one the other side raised.
    """
    data = json.loads(line)
    if data.get("ok"):
        result: Mapping[str, Any] = data.get("result") or {}
        return result
    error = data.get("error") or {}
    kind = _ERRORS.get(error.get("code", ""), ConductorError)
    raise kind(error.get("message", "the running conductor gave no reason"), error.get("mend", ""))
