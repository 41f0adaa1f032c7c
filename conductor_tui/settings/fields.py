"""The kinds of value that plan and settings share, each with its limits."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError
from pydantic import AfterValidator, BeforeValidator, Field, Strict

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_MAX_SECONDS = 366 * 24 * 3600.0
"""A year: longer is a slip of the pen, and far from what timers take."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_duration(value: object) -> float:
    """Return seconds of ``90s``, ``5m``, ``2h``, ``1h30m`` or a number of seconds.

    Raises:
        ValueError: it is none of these, not above zero, or more than a year.
    """
    seconds: float
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= _MAX_SECONDS else math.inf
    elif isinstance(value, str) and value.strip():
        seconds = _spelt(value.strip())
    else:
        raise ValueError("should be a duration such as 90s, 5m, 2h, 1h30m, or a number of seconds")
    if not 0 < seconds <= _MAX_SECONDS:
        raise ValueError("should be a duration above zero and at most a year")
    return seconds


def _spelt(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    match = _DURATION.fullmatch(text) if len(text) <= 40 else None
    if match is None or not re.search(r"[0-9]", text, re.ASCII):
        raise ValueError("should be a duration such as 90s, 5m, 2h, 1h30m, or a number of seconds")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _clean(text: str) -> str:
    """Refuse what no process or file can be given."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("holds half of a surrogate pair, which is no text")
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _glob(text: str) -> str:
    try:
        GitIgnoreSpec.from_lines([text])
    except (GitIgnorePatternError, re.error) as error:
        raise ValueError(f"is no .gitignore pattern: {error}") from None
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError("is no name of an environment variable")
    return text


def _number_as_text(value: object) -> object:
    """Take a whole number as its digits: ``PORT: 8080`` can mean nothing else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _version(number: int) -> int:
    if number != 1:
        raise ValueError("this conductor reads version 1 only")
    return number


Text = Annotated[str, Strict(), AfterValidator(_clean)]
"""Any text that a file or a process can be given."""

Filled = Annotated[Text, AfterValidator(_filled)]
"""Text that is not blank."""

Seconds = Annotated[float, BeforeValidator(parse_duration)]
"""A duration, in seconds."""

Glob = Annotated[Filled, AfterValidator(_glob)]
"""A pattern of ``.gitignore``."""

VariableName = Annotated[Text, AfterValidator(_variable)]

VariableValue = Annotated[Text, BeforeValidator(_number_as_text)]

Dollars = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
"""Money, in US dollars."""

Version = Annotated[int, Strict(), AfterValidator(_version)]
"""The version of a file's format."""
