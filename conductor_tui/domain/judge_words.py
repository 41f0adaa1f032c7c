"""A recorded verdict in words, the same on the command line and in the app.

What a model said comes from outside and may lack anything; a face makes the texts harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """One line: a word of its own, the look of the line, the text."""

    word: str
    look: str
    """``ok``, ``bad``, ``warn``, ``dim``, or empty for the plain one."""
    text: str


_STATUSES = {"met": ("met", "ok"), "not_met": ("not met", "bad")}


def verdict_lines(verdict: Mapping[str, Any]) -> Iterator[VerdictLine]:
    """Yield who judged and how, each requirement with its evidence, issues, what did not count."""
    took = "as before" if verdict.get("cached") else f"{verdict.get('duration_s', 0):.1f} s"
    who = f"{verdict.get('score')} by {verdict.get('model')}"
    yield VerdictLine("judged", "", f"{who} (confidence {verdict.get('confidence')}, {took})")
    if verdict.get("summary"):
        yield VerdictLine("", "", str(verdict["summary"]))
    for one in verdict.get("requirements", ()):
        word, look = _STATUSES.get(str(one.get("status")), (str(one.get("status")), "warn"))
        cited = ", ".join(map(place, one.get("evidence", ())))
        yield VerdictLine(word, look, f"{one.get('text')}{f' ({cited})' if cited else ''}")
    for issue in verdict.get("issues", ()):
        severity = str(issue.get("severity"))
        where = f"{place(issue)}: " if issue.get("file") else ""
        look = "bad" if severity == "blocking" else "warn"
        yield VerdictLine(severity, look, f"{where}{issue.get('text')}")
    for strike in verdict.get("struck", ()):
        yield VerdictLine("struck", "dim", f"{strike.get('cited')}: {strike.get('why')}")
    for missing in verdict.get("not_judged", ()):
        yield VerdictLine("unseen", "warn", f"{missing} could not be shown to the judge")


def place(cited: Mapping[str, Any]) -> str:
    """Return a citation, or the place of an issue, in words."""
    if cited.get("check"):
        return f"check {cited['check']}"
    line = cited.get("line")
    return f"{cited.get('file', '')}{'' if line is None else f':{line}'}"
