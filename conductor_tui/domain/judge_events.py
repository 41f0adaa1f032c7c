"""What a judge says, or that it cannot be asked (contract, section 6: ``judge.*``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from conductor_tui.domain.events import Event


@dataclass(frozen=True, slots=True)
class JudgeVerdict(Event):
    """A judge looked at an attempt; the verdict is without the citations that do not exist."""

    type: ClassVar[str] = "judge.verdict"
    verdict: Mapping[str, Any]
    """As contract section 9 has it."""
    model: str
    duration_s: float
    struck: tuple[Mapping[str, Any], ...] = ()
    """Citations that do not exist: ``cited``, ``for``, ``why``."""
    not_judged: tuple[str, ...] = ()
    """What could not be shown to the model."""
    key: str = ""
    """What identical questions to the same model have in common."""
    cached: bool = False
    """The model had answered the identical question before, and was not asked again."""


@dataclass(frozen=True, slots=True)
class JudgeAway(Event):
    """The judge could not be asked, or gave nothing that is a verdict; the work is not judged."""

    type: ClassVar[str] = "judge.unavailable"
    reason: str
    answered: bool = False
    """It answered, but neither its answer nor the repaired one was a verdict."""
