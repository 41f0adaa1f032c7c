"""How a task gets its id and its title where its author gave none (contract, section 1)."""

from __future__ import annotations

import re
from collections.abc import Container

MAX_ID = 48
"""Longest id, in characters."""

RESERVED = "integration"
"""The one id a task may not have: the run's own branch is called so."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


def id_fault(text: str) -> str:
    """Say what is wrong with an id; empty where nothing is."""
    if text == RESERVED:
        return f"{RESERVED} is the name of the run's own branch; choose another"
    if not _ID.fullmatch(text):
        return f"should be 1 to {MAX_ID} of a-z, 0-9 and '-', not begun with '-' (found {text!a})"
    return ""


def make_id(title: str, number: int, taken: Container[str]) -> str:
    """Make an id of a title.

    Args:
        title: what the task is called.
        number: its place in the plan, from 1; the id is ``task-N`` where no letter is left.
        taken: ids that are in use; ``-2``, ``-3`` … is added on a clash.
    """
    from slugify import slugify  # its tables take 16 ms, and most tasks have an id

    base = slugify(title, max_length=MAX_ID).strip("-") or f"task-{number}"
    candidate, count = base, 1
    while candidate == RESERVED or candidate in taken:
        count += 1
        end = f"-{count}"
        candidate = base[: MAX_ID - len(end)].rstrip("-") + end
    return candidate


def title_of(prompt: str) -> str:
    """Return the first line of a prompt that is not blank."""
    return next((line.strip() for line in prompt.splitlines() if line.strip()), "")
