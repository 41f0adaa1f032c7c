"""The model that judges, behind one narrow door: a question in, words or a reason out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """One request to a model."""

    system: str
    prompt: str
    schema: Mapping[str, Any]
    """The JSON schema of the answer; a server that takes none is told in words."""


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """What the model said, not yet understood."""

    text: str
    model: str
    duration_s: float
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class JudgeHealth:
    """Whether a judge can be asked now."""

    ok: bool
    reason: str
    """One sentence; where it is not ok, what to do."""
    version: str | None = None


class JudgeModel(Protocol):
    """A model on a server; one question at a time is asked of each server."""

    provider: str
    model: str

    @property
    def window(self) -> int:
        """How many tokens a question and its answer may have together."""

    async def health(self) -> JudgeHealth:
        """Say whether the server answers and has the model; never raises, bounded in time."""

    async def ask(
        self, question: JudgeQuestion, progress: Callable[[int], None] | None = None
    ) -> JudgeAnswer:
        """Ask and return the whole answer.

        Args:
            question: what is asked.
            progress: told how many characters have come so far.

        Raises:
            JudgeUnavailable: refused, too slow, cut off, no such model: nothing is known then.
        """
