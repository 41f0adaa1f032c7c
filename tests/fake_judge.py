"""A judge's model in memory: it answers as the test says, goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeAnswer, JudgeHealth, JudgeQuestion
from tests.bell import Bell
from tests.supervision.judged import text

AWAY = "nobody answers at http://127.0.0.1:11434"


class FakeJudge:
    """Implements the port ``JudgeModel``.

    Args:
        bell: rung at everything that happens.
    """

    provider = "fake"
    model = "fake:7b"

    def __init__(self, bell: Bell) -> None:
        self.bell = bell
        self.window = 32_768
        self.up = True
        """Whether it answers, and says so when it is asked how it is."""
        self.answers: list[str | Exception] = []
        """What it says next; :attr:`usual` when there is nothing more."""
        self.usual: Callable[[JudgeQuestion], str] = lambda question: text()
        self.hold: asyncio.Event | None = None
        """Answers take until this is set."""
        self.asked: list[JudgeQuestion] = []
        self.looks = 0
        self.sleeps: list[float] = []
        """The pauses between two looks for it."""
        self._ticks = asyncio.Semaphore(0)

    async def health(self) -> JudgeHealth:
        """Say whether it is up."""
        self.looks += 1
        self.bell.ring()
        return JudgeHealth(self.up, "fine" if self.up else AWAY)

    async def ask(
        self, question: JudgeQuestion, progress: Callable[[int], None] | None = None
    ) -> JudgeAnswer:
        """Answer.

        Raises:
            JudgeUnavailable: it is away, or the test wants it.
        """
        del progress
        self.asked.append(question)
        self.bell.ring()
        if self.hold is not None:
            await self.hold.wait()
        if not self.up:
            raise JudgeUnavailable(AWAY)
        said = self.answers.pop(0) if self.answers else self.usual(question)
        if isinstance(said, Exception):
            raise said
        return JudgeAnswer(said, self.model, 0.25)

    async def sleep(self, seconds: float) -> None:
        """Wait for :meth:`tick`."""
        self.sleeps.append(seconds)
        self.bell.ring()
        await self._ticks.acquire()

    def tick(self) -> None:
        """Let one pause be over."""
        self._ticks.release()
