"""What tests of judges ask, and how they take the answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeQuestion
from conductor_tui.models.server import ServerJudge
from conductor_tui.models.wire import Limits

SCHEMA = {"type": "object", "required": ["score"], "properties": {"score": {"type": "integer"}}}
QUESTION = JudgeQuestion("You judge.", "Is {this} good? ünïcode ✓", SCHEMA)
VERDICT = '{"score": 87, "issues": [{"text": "naïve {brace} ✓"}], "summary": "fine"}'
SHORT = Limits(whole_s=8.0, connect_s=2.0, health_s=4.0)


class Naps:
    """A sleep that takes no time and remembers how long it was to be."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


async def refusal(
    judge: ServerJudge, progress: Callable[[int], None] | None = None
) -> JudgeUnavailable:
    """Ask where no answer can come, and return the reason."""
    with pytest.raises(JudgeUnavailable) as caught:
        await judge.ask(QUESTION, progress)
    return caught.value
