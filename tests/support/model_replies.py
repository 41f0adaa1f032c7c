"""The words a test and a loopback model server have in common: what was asked, how to reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One answer, and everything that may go wrong with it."""

    text: str = "{}"
    thinking: str = ""
    """What the model thinks aloud before it answers."""
    piece: int = 8
    """Characters in one piece of the stream."""
    status: int = 200
    error: str = ""
    """The words of a status other than 200; with 200 they end the stream where `cut` says."""
    headers: tuple[tuple[str, str], ...] = ()
    first_s: float = 0.0
    """Pause before the first byte."""
    every_s: float = 0.0
    """Pause before each further piece."""
    gate: str = ""
    """Wait until the test opens this gate, having sent `gate_after` pieces."""
    gate_after: int = 0
    cut: int | None = None
    """Hang up after so many pieces; with 0 before the first byte."""
    ended: bool = True
    """False: the stream ends properly, but the API's own last word is missing."""
    raw: tuple[str, ...] | None = None
    """These lines instead of what the API says; of paths other than chat the body."""


@dataclass
class Asked:
    """One request as it came in, and what became of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json
    at: float
    """time.monotonic() of its arrival."""
    outcome: str = "open"
    """Then `answered`, `cut` (by us) or `gone` (the client hung up)."""
    status: int = 0
    reply: Reply = field(default_factory=Reply)

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def system(self) -> str:
        return self._said("system")

    @property
    def prompt(self) -> str:
        return self._said("user")

    @property
    def schema(self) -> Json | None:
        """The JSON schema the answer is to fit, as either API carries it."""
        wrapped = self.body.get("response_format", {}).get("json_schema", {}).get("schema")
        found: Json | None = self.body.get("format", wrapped)
        return found

    def _said(self, role: str) -> str:
        messages = self.body.get("messages", [])
        return "\n".join(each["content"] for each in messages if each["role"] == role)


Respond = Callable[[Asked], Reply | str]


def in_prose(text: str) -> str:
    """An answer as a model gives it that was not held to JSON."""
    return f"Let me look at the change {{carefully}}.\n\n{text}\n\nI hope this helps {{you}}!"


def in_fences(text: str) -> str:
    """The same, in a block of code."""
    return f"Here is my verdict:\n\n```json\n{text}\n```\n"


def in_nested_fences(text: str) -> str:
    """A block of code within another, as models write when the prompt has some."""
    return f"````markdown\n# Verdict\n\n```json\n{text}\n```\n````\n"
