"""What holds for every judge on a server: one question at a time, deadlines, retries, window."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeAnswer, JudgeHealth, JudgeQuestion
from conductor_tui.models.wire import (
    DEFAULT_WINDOW,
    Answer,
    Described,
    End,
    Endpoint,
    Limits,
    Piece,
    Unreachable,
    Wire,
)

RETRY_S = (1.0, 2.0, 4.0)
"""Pauses before the second, third and fourth try."""

JITTER = 0.1
"""By which share a pause is longer or shorter, so that several do not come back at once."""

MAX_ANSWER = 1_000_000
"""Characters. A verdict has thousands; a model that lost its thread writes until it is stopped."""

Progress = Callable[[int], None]
Sleep = Callable[[float], Awaitable[object]]


@dataclass
class Telling:
    """An answer as far as it has come."""

    progress: Progress | None
    begun: bool = False
    chars: int = 0
    parts: list[str] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Take a piece, and tell how much there is."""
        self.begun = True
        if piece.text:
            self.parts.append(piece.text)
            self.chars += len(piece.text)
            if self.progress is not None:
                self.progress(self.chars)


class ServerJudge(ABC):
    """A model behind a URL; ``JudgeModel`` of the ports. Belongs to one event loop."""

    provider: str

    def __init__(
        self,
        endpoint: Endpoint,
        limits: Limits,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Keep where the model is; nothing is loaded or opened before the first call.

        Args:
            endpoint: the server and its model.
            limits: how long it is waited for, and how much it is given.
            sleep: how to pause between two tries, seconds.
        """
        self.model = endpoint.model
        self.endpoint = endpoint
        self.limits = limits
        self._sleep = sleep
        self._turn = asyncio.Semaphore(1)
        self._queued = 0
        self._wire: Wire | None = None
        self._described: Described | None = None

    @abstractmethod
    def _load(self) -> Wire:
        """Make the wire, in a thread: its library takes its time.

        Raises:
            JudgeUnavailable: the settings do not do.
        """

    @property
    def window(self) -> int:
        """Tokens of question and answer together; a guess until the server was looked at."""
        told = self._described.window if self._described else None
        return min(told or DEFAULT_WINDOW, self.limits.window)

    @property
    def queued(self) -> int:
        """How many questions wait for the one that is being answered."""
        return self._queued

    async def health(self) -> JudgeHealth:
        """Say whether the server answers and has the model; never raises, bounded in time.

        It does not wait for questions that are being answered.
        """
        try:
            wire = await self._wired()
            async with asyncio.timeout(self.limits.health_s):
                look = await wire.look()
        except TimeoutError:
            slow = f"{self.endpoint.base} did not answer within {self.limits.health_s:g} s"
            return JudgeHealth(False, f"{slow}; see whether it is overloaded")
        except JudgeUnavailable as error:
            return JudgeHealth(False, "; ".join(filter(None, (error.message, error.mend))))
        if look.described is not None:
            self._described = look.described
        return look.health

    async def ask(self, question: JudgeQuestion, progress: Progress | None = None) -> JudgeAnswer:
        """Ask when it is this question's turn, and return the whole answer.

        The time spent in the queue does not count: each question before it has its own deadline.

        Args:
            question: what is asked.
            progress: told how many characters have come so far.

        Raises:
            JudgeUnavailable: refused, too slow, cut off, no such model: nothing is known then.
        """
        self._queued += 1
        try:
            await self._turn.acquire()
        finally:
            self._queued -= 1
        try:
            return await self._answered(question, Telling(progress))
        finally:
            self._turn.release()

    async def _answered(self, question: JudgeQuestion, telling: Telling) -> JudgeAnswer:
        wire = await self._wired()
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.limits.whole_s):
                end = await self._tries(wire, question, telling, started + self.limits.whole_s)
        except TimeoutError:
            raise self._too_slow(telling) from None
        text = "".join(telling.parts)
        if not text.strip():
            raise self._gone(
                "gave an empty answer", "ask it by hand, or choose another judge.model"
            )
        return JudgeAnswer(
            text,
            end.model or self.model,
            time.monotonic() - started,
            end.prompt_tokens,
            end.answer_tokens,
        )

    async def _tries(
        self, wire: Wire, question: JudgeQuestion, telling: Telling, deadline: float
    ) -> End:
        """Ask, and again while the line breaks before the first word and there is time left."""
        pauses = iter(RETRY_S)
        while True:
            try:
                return await self._once(wire, question, telling)
            except Unreachable as broken:
                if telling.begun:
                    raise self._cut(telling) from broken
                pause = self._pause(pauses, deadline)
                if pause is None:
                    raise
            await self._sleep(pause)

    def _pause(self, pauses: Iterator[float], deadline: float) -> float | None:
        """Return the seconds to the next try; None where there is none, or no time for it."""
        base = next(pauses, None)
        if base is None:
            return None
        pause = base * random.uniform(1 - JITTER, 1 + JITTER)
        return pause if time.monotonic() + pause < deadline else None

    async def _once(self, wire: Wire, question: JudgeQuestion, telling: Telling) -> End:
        described = await self._describe(wire)
        async with aclosing(wire.talk(question, self.window, described)) as answer:
            while (piece := await self._next(answer, telling)) is not None:
                telling.add(piece)
                if telling.chars > MAX_ANSWER:
                    raise self._gone("does not stop writing", "choose another judge.model")
                if piece.end is not None:
                    return piece.end
        raise self._cut(telling)

    async def _next(self, answer: Answer, telling: Telling) -> Piece | None:
        limit = self.limits.silence_s if telling.begun else self.limits.first_s
        try:
            async with asyncio.timeout(limit):
                return await anext(answer, None)
        except TimeoutError:
            if telling.begun:
                raise self._gone(
                    f"fell silent for {limit:g} s after {telling.chars} characters", "see its log"
                ) from None
            raise self._gone(f"said no word within {limit:g} s", _LOADING) from None

    async def _describe(self, wire: Wire) -> Described:
        """Return what is known of the model; ask once. Where that fails, the defaults do."""
        if self._described is not None:
            return self._described
        try:
            async with asyncio.timeout(self.limits.health_s):
                self._described = await wire.describe()
        except Unreachable:
            raise
        except (TimeoutError, JudgeUnavailable):
            return Described()
        return self._described

    async def _wired(self) -> Wire:
        if self._wire is None:
            self._wire = await asyncio.to_thread(self._load)
        return self._wire

    def _gone(self, what: str, mend: str) -> JudgeUnavailable:
        return JudgeUnavailable(f"{self.model} at {self.endpoint.base} {what}", mend)

    def _cut(self, telling: Telling) -> JudgeUnavailable:
        return self._gone(f"was cut off after {telling.chars} characters", "see the server's log")

    def _too_slow(self, telling: Telling) -> JudgeUnavailable:
        whole = f"{self.limits.whole_s:g} s"
        if telling.begun:
            done = f"was not done within {whole} ({telling.chars} characters came)"
            return self._gone(done, "raise judge.timeout, or choose a smaller model")
        return self._gone(f"said no word within {whole}", _LOADING)


_LOADING = "it may still be loading: try again, or raise judge.timeout"
