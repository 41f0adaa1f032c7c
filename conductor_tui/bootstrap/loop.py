"""How a coroutine of ours is run from the command line: one loop, errors as they were raised."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from conductor_tui.domain.errors import ConductorError
from conductor_tui.hosts.local import watch_children_by_pidfd

_Result = TypeVar("_Result")


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end on a loop of its own.

    Raises:
        ConductorError: the first one raised inside, freed of the task groups around it.
    """
    watch_children_by_pidfd()
    try:
        with asyncio.Runner() as runner:
            return runner.run(main)
    except BaseExceptionGroup as group:
        error = first_of_ours(group)
        if error is None:
            raise
        raise error from group


def first_of_ours(group: BaseExceptionGroup[BaseException]) -> ConductorError | None:
    """Return an error meant for users where every error in the group is one; None otherwise."""
    found: ConductorError | None = None
    for error in group.exceptions:
        inner = first_of_ours(error) if isinstance(error, BaseExceptionGroup) else error
        if not isinstance(inner, ConductorError):
            return None
        found = found or inner
    return found
