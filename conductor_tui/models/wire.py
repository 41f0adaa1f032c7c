"""What lies between a judge and its server's protocol: the calls, their values, their limits.

A provider implements ``Wire``; everything it cannot do it tells as ``JudgeUnavailable``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.ports.judging import JudgeHealth, JudgeQuestion

DEFAULT_WINDOW = 32_768
"""Tokens: what a model is given where it does not say, and at most where nobody says otherwise.

A model's own length may be 256k and would take the machine's whole memory.
"""

TEMPERATURE = 0.1
"""A judge is to say the same of the same work; 0 makes some models repeat themselves for ever."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a server is waited for, in seconds, and how much it is given."""

    whole_s: float = 60.0
    """From the moment a question is sent to the last word, with all retries."""
    connect_s: float = 5.0
    first_s: float | None = None
    """To the first word; None: the whole time, as a model may have to be loaded first."""
    silence_s: float = 30.0
    """Between two words."""
    health_s: float = 5.0
    window: int = DEFAULT_WINDOW
    """Tokens of question and answer together, at most, whatever the model could do."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model on a server, and the words that help where it is not there."""

    url: str
    model: str
    token: str | None
    connect_s: float
    api: str
    """Whose protocol is spoken, for sentences."""
    start: str
    """What to do when nothing listens there."""
    fetch: str
    """What to do when the model is missing."""

    @property
    def base(self) -> str:
        """The address without credentials and without a closing slash: also what may be shown."""
        return re.sub(r"//[^/@]*@", "//", self.url).rstrip("/")


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended."""

    model: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer; without text it is a sign of life (a model that thinks)."""

    text: str
    end: End | None = None
    """Set on the last piece: without one the answer was cut off."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a server says of its model."""

    window: int | None = None
    """Tokens; None: it does not say."""
    thinks: bool = False
    """It would think aloud before it answers, unless told not to."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a server showed."""

    health: JudgeHealth
    described: Described | None = None


class Unreachable(JudgeUnavailable):
    """The line to the server is broken; before the first word it is worth another try."""


class Wire(Protocol):
    """A provider's protocol. Each call opens its own connection and leaves none behind."""

    def talk(self, question: JudgeQuestion, window: int, described: Described) -> Answer:
        """Ask, and yield the answer as it comes.

        Raises:
            Unreachable: the line broke.
            JudgeUnavailable: the server cannot answer, or says what nobody understands.
        """

    async def describe(self) -> Described:
        """Ask for what the server says of the model.

        Raises:
            JudgeUnavailable: it did not say.
        """

    async def look(self) -> Look:
        """See whether the server answers and has the model.

        Raises:
            JudgeUnavailable: it does not answer.
        """


Answer = AsyncGenerator[Piece, None]
