"""What a judge's model says of one attempt, read tolerantly and believed only as far as it proves.

Models put prose, fences and thoughts around their JSON, and they cite lines that are not there.
The first is forgiven here, the second is struck (contract, section 9).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from conductor_tui.supervision.evidence import DiffEvidence, plain_path

ANSWER_CHARACTERS = 200_000
"""How much of an answer is looked at; a verdict has some thousand characters."""

TEXT_CHARACTERS = 4_000
"""How much of one text of a verdict is kept."""

_TRIES = 500
"""Opening braces at which an object is looked for."""

_FAULTS = 12
"""Faults that are told to the model at once."""

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)

_LINE = re.compile(r"L?(\d{1,9})(?:\s*[-–:]\s*L?\d{1,9})?")  # noqa: RUF001 — models write it
_PLACE = re.compile(r"(.+):(\d{1,9})(?:-\d{1,9})?")

_STATUSES = {
    "unmet": "not_met",
    "partial": "not_met",
    "partially_met": "not_met",
    "cannot_tell": "unclear",
    "unknown": "unclear",
}
_SEVERITIES = {"critical": "blocking", "blocker": "blocking"}


def _word(value: object, others: Mapping[str, str]) -> object:
    if not isinstance(value, str):
        return value
    word = re.sub(r"[\s-]+", "_", value.strip().lower())
    return others.get(word, word)


def _status(value: object) -> object:
    return _word(value, _STATUSES)


def _severity(value: object) -> object:
    return _word(value, _SEVERITIES)


def _percent(value: object) -> object:
    """Take 85, 85.4, "85" and "85%"; a fraction such as 0.85 is a misunderstanding."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d+)?\s*%?", value.strip()):
        value = float(value.strip().rstrip("% "))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("should be a number from 0 to 100")
    if isinstance(value, float):
        if not math.isfinite(value) or 0 < value < 1:
            raise ValueError("should be a number from 0 to 100, not a fraction")
        return round(value)
    return value


def _line(value: object) -> object:
    if isinstance(value, str) and (found := _LINE.fullmatch(value.strip())):
        return int(found[1])
    return value


def _citation(value: object) -> object:
    """Take ``path:12`` and the bare name of a check for the objects they stand for."""
    if not isinstance(value, str):
        return value
    found = _PLACE.fullmatch(value.strip())
    return {"file": found[1], "line": found[2]} if found else {"check": value.strip()}


def _short(value: object) -> object:
    return value[:TEXT_CHARACTERS] if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_short)]
Percent = Annotated[int, BeforeValidator(_percent), Field(ge=0, le=100)]
Line = Annotated[int, BeforeValidator(_line), Field(ge=0)]


class _Said(BaseModel):
    """A part of an answer: further fields are no fault, and null is nothing said."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if item is not None}
        return value


class Citation(_Said):
    """A line of the diff, by file and new-side line number; or a check that was run."""

    file: Text | None = None
    line: Line | None = None
    check: Text | None = None

    def __str__(self) -> str:
        if self.check is not None:
            return f"check {self.check}"
        return f"{self.file or '?'}:{self.line if self.line is not None else '?'}"


class Requirement(_Said):
    """One thing the task asks for, and whether the work does it."""

    text: Text
    status: Annotated[Literal["met", "not_met", "unclear"], BeforeValidator(_status)]
    evidence: tuple[Annotated[Citation, BeforeValidator(_citation)], ...] = Field((), max_length=50)


class Issue(_Said):
    """Something wrong with the work."""

    severity: Annotated[Literal["blocking", "major", "minor"], BeforeValidator(_severity)]
    file: Text | None = None
    line: Line | None = None
    text: Text

    @property
    def place(self) -> str:
        """The file and line, empty where none is told."""
        if not self.file:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Verdict(_Said):
    """A judge's answer (contract, section 9)."""

    requirements: tuple[Requirement, ...] = Field(max_length=100)
    issues: tuple[Issue, ...] = Field((), max_length=100)
    score: Percent
    confidence: Percent
    summary: Text = ""
    feedback: Text = ""

    @property
    def blocking(self) -> tuple[Issue, ...]:
        """The issues that forbid the work to be accepted."""
        return tuple(issue for issue in self.issues if issue.severity == "blocking")

    def having(self, status: str) -> tuple[Requirement, ...]:
        """Return the requirements of one status."""
        return tuple(one for one in self.requirements if one.status == status)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON, without what was not said."""
        return self.model_dump(mode="json", exclude_none=True)


SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "requirements": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "status": {"type": "string", "enum": ["met", "not_met", "unclear"]},
                    "evidence": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "file": {"type": "string"},
                                "line": {"type": "integer"},
                                "check": {"type": "string"},
                            },
                        },
                    },
                },
                "required": ["text", "status", "evidence"],
            },
        },
        "issues": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "severity": {"type": "string", "enum": ["blocking", "major", "minor"]},
                    "file": {"type": "string"},
                    "line": {"type": "integer"},
                    "text": {"type": "string"},
                },
                "required": ["severity", "text"],
            },
        },
        "score": {"type": "integer", "minimum": 0, "maximum": 100},
        "confidence": {"type": "integer", "minimum": 0, "maximum": 100},
        "summary": {"type": "string"},
        "feedback": {"type": "string"},
    },
    "required": ["requirements", "issues", "score", "confidence", "summary", "feedback"],
}
"""The answer's JSON schema, without references: not every server's grammar follows them."""


class VerdictFault(Exception):
    """An answer that is no verdict; ``faults`` says why, for the model to mend."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def parse_verdict(answer: str) -> Verdict:
    """Return the one verdict in a model's answer, whatever stands around it.

    Raises:
        VerdictFault: there is none, or there are several that differ: an answer may quote one
            that lies in the work itself.
    """
    text = _THOUGHT.sub("", answer)[:ANSWER_CHARACTERS]
    found: list[Verdict] = []
    faults: list[tuple[str, ...]] = []
    broken: list[tuple[int, str]] = []
    for value in _objects(text, broken):
        try:
            verdict = Verdict.model_validate(_unwrapped(value))
        except ValidationError as error:
            if "score" in value or not broken:  # else a piece of an object that broke
                faults.append(_told(error))
        else:
            if verdict not in found:
                found.append(verdict)
    if len(found) == 1:
        return found[0]
    if found:
        raise VerdictFault(("the answer holds several verdicts that differ; give exactly one",))
    if faults:
        raise VerdictFault(min(faults, key=len))
    raise VerdictFault((max(broken)[1] if broken else "the answer holds no JSON object",))


def _objects(text: str, broken: list[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    """Yield the outermost JSON objects of a text.

    Why others could not be read goes to ``broken``, with how far the reading came.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at = text.find("{")
    for _ in range(_TRIES):
        if at < 0:
            return
        end = at + 1
        try:
            value, end = decoder.raw_decode(text, at)
        except RecursionError:
            broken.append((len(text) - at, "the JSON is nested too deeply"))
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            broken.append((error.pos - at, f"not JSON at {place}: {error.msg}"))
        except ValueError as error:
            broken.append((len(text) - at, f"not JSON: {error}"))
        else:
            yield value
        at = text.find("{", end)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """Return what lies in ``{"verdict": {…}}``, or the object itself."""
    if len(value) == 1:
        (inner,) = value.values()
        if isinstance(inner, dict):
            return inner
    return value


def _told(error: ValidationError) -> tuple[str, ...]:
    return tuple(
        f"{'.'.join(map(str, fault['loc'])) or 'the answer'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:_FAULTS]
    )


# -- believed only as far as it proves ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Weighed:
    """A verdict without the citations that do not exist."""

    verdict: Verdict
    struck: tuple[dict[str, str], ...] = ()
    """What was cited, for what, and why it does not count."""


def weigh(verdict: Verdict, diff: DiffEvidence, checks: Collection[str]) -> Weighed:
    """Strike what a verdict cites and the evidence does not hold.

    A requirement that is met by nothing which can be looked at is unclear. The confidence falls
    with the share of the citations that were made up.
    """
    struck: list[dict[str, str]] = []
    requirements = tuple(
        _weigh_requirement(requirement, diff, checks, struck)
        for requirement in verdict.requirements
    )
    issues = tuple(_weigh_issue(issue, diff, struck) for issue in verdict.issues)
    kept = sum(len(requirement.evidence) for requirement in requirements)
    kept += sum(issue.line is not None for issue in issues)
    share = kept / (kept + len(struck)) if struck else 1.0
    weighed = {
        "requirements": requirements,
        "issues": issues,
        "confidence": math.floor(verdict.confidence * share),
    }
    return Weighed(verdict.model_copy(update=weighed), tuple(struck))


def _weigh_requirement(
    requirement: Requirement,
    diff: DiffEvidence,
    checks: Collection[str],
    struck: list[dict[str, str]],
) -> Requirement:
    good = []
    for citation in requirement.evidence:
        why = _why_struck(citation, diff, checks)
        if why:
            struck.append(_strike(str(citation), requirement.text, why))
        else:
            good.append(citation)
    status = requirement.status if good or requirement.status != "met" else "unclear"
    return requirement.model_copy(update={"status": status, "evidence": tuple(good)})


def _weigh_issue(issue: Issue, diff: DiffEvidence, struck: list[dict[str, str]]) -> Issue:
    """Keep the issue, but not a line of it that cannot be known; its file may be a missing one."""
    if issue.file is None or issue.line is None:
        return issue
    why = _why_no_line(issue.file, issue.line, diff)
    if not why:
        return issue
    struck.append(_strike(issue.place, issue.text, why))
    return issue.model_copy(update={"line": None})


def _strike(cited: str, text: str, why: str) -> dict[str, str]:
    return {"cited": cited, "for": text, "why": why}


def _why_struck(citation: Citation, diff: DiffEvidence, checks: Collection[str]) -> str:
    if citation.check is not None and citation.file is None:
        name = citation.check.strip().strip("`")
        return "" if name in checks else "no check of this name was run"
    if citation.file is None:
        return "it names neither a file nor a check"
    return _why_no_line(citation.file, citation.line, diff)


def _why_no_line(file: str, line: int | None, diff: DiffEvidence) -> str:
    lines = diff.lines.get(plain_path(file, diff.lines))
    if lines is None:
        return "the diff has no such file"
    if line is None:
        return "no line is given" if lines else ""
    return "" if line in lines else "no hunk of the diff holds this line"
