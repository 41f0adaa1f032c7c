"""What a judge's model is asked: the task, the proofs and the diff, as data that cannot speak.

A diff larger than the model's window is judged in parts, file by file, and the parts are brought
together by a last question. What cannot be shown to the model at all is told as not judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from conductor_tui.domain.ports.work import CheckResult
from conductor_tui.domain.task import Task
from conductor_tui.supervision.evidence import DiffEvidence, FileDiff, harmless, read_diff
from conductor_tui.supervision.verdict import Issue, Requirement, Verdict

BYTES_PER_TOKEN = 4
"""How long a token is, about, in UTF-8."""

ANSWER_TOKENS = 4096
"""Room for the answer, where the window is large enough; else a quarter of it."""

MAX_PARTS = 16
"""Into how many parts a diff is cut at most; the rest is told as not judged."""

_LEAST_ROOM = 200
"""Tokens below which it is pointless to show a diff."""

_SHARES = {"checks": 0.15, "feedback": 0.05, "claim": 0.05, "files": 0.1}
"""How much of the question each section may take; the task takes what it needs, the diff the rest.
What is too long is shortened in its middle or its start, and says so."""


def tokens(text: str) -> int:
    """Estimate how many tokens a text has."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Material:
    """All that a judge may see of one attempt."""

    task: Task
    checks: tuple[CheckResult, ...]
    diff: str
    claim: str = ""
    """The agent's last words."""
    feedback: str = ""
    """What the attempt was told about the one before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The questions by which one attempt is judged."""

    system: str
    prompts: tuple[str, ...]
    """One for each part of the diff; none where the task alone is larger than the window."""
    evidence: DiffEvidence
    not_judged: tuple[str, ...]
    """Files, or parts of them, that no question shows."""

    def key(self, judge: str) -> str:
        """Return what identical questions to the same judge have in common."""
        whole = "\0".join((judge, self.system, *self.prompts, "", *self.not_judged))
        return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge found, as far as it is to be believed."""

    verdict: Verdict
    struck: tuple[Mapping[str, str], ...] = ()
    """Citations that do not exist, each with what it was for and why it does not count."""
    not_judged: tuple[str, ...] = ()
    """What could not be shown to the model."""


class JudgePrompts:
    """The shipped templates of the judge; making it reads files, filling them does not."""

    def __init__(self) -> None:
        environment = ImmutableSandboxedEnvironment(
            loader=PackageLoader("conductor_tui.supervision"),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,
        )
        environment.filters["data"] = as_data
        names = ("judge_system", "judge", "judge_whole", "judge_repair")
        self._templates = {name: environment.get_template(f"{name}.md.j2") for name in names}

    def plan(self, material: Material, window: int) -> Plan:
        """Return the questions that show all of an attempt to a model.

        Args:
            material: the attempt.
            window: tokens a question and its answer may have together.
        """
        evidence = read_diff(material.diff)
        system = self._render("judge_system")
        budget = question_budget(window)
        # Rendered as one of many parts, which is the longer of the two forms.
        bare = self._question(material, evidence, budget, "", MAX_PARTS, MAX_PARTS)
        room = budget - tokens(system) - tokens(bare)
        if room < _LEAST_ROOM:
            names = tuple(file.path for file in evidence.files) or ("the task",)
            return Plan(system, (), evidence, names)
        shown, missing = cut_to(evidence.files, room)
        if evidence.cut:
            missing.append(f"all after the first part of a very long diff ({evidence.cut})")
        parts = shown or [""]
        prompts = tuple(
            self._question(material, evidence, budget, diff, number, len(parts))
            for number, diff in enumerate(parts, 1)
        )
        return Plan(system, prompts, evidence, tuple(missing))

    def whole(
        self, material: Material, evidence: DiffEvidence, parts: Sequence[Verdict], window: int
    ) -> str:
        """Return the question that brings the parts of a large diff together."""
        room = question_budget(window) * BYTES_PER_TOKEN
        each = room // 3 // max(1, len(parts))
        return self._render(
            "judge_whole",
            title=material.task.title,
            prompt=material.task.prompt,
            results=[shortened(_result(verdict), each) for verdict in parts],
            files=_file_list(evidence.files, int(room * _SHARES["files"])),
            checks=", ".join(f"`{harmless(check.check)}`" for check in material.checks),
        )

    def repair(self, prompt: str, answer: str, faults: Sequence[str], window: int) -> str:
        """Return the question again, with what is wrong with the first answer."""
        kept = shortened(answer, window // 16 * BYTES_PER_TOKEN)
        return self._render("judge_repair", prompt=prompt, answer=kept, faults=tuple(faults))

    def _question(
        self,
        material: Material,
        evidence: DiffEvidence,
        budget: int,
        diff: str,
        part: int,
        parts: int,
    ) -> str:
        room = {name: int(budget * share) * BYTES_PER_TOKEN for name, share in _SHARES.items()}
        each = room["checks"] // max(1, len(material.checks))
        return self._render(
            "judge",
            title=material.task.title,
            prompt=material.task.prompt,
            paths=", ".join(map(harmless, material.task.paths)),
            changes=material.task.changes.value,
            checks=[
                {
                    "name": harmless(check.check),
                    "how": "exit code 0" if check.ok else f"failed, exit code {check.exit_code}",
                    "output": shortened(check.output, each),
                }
                for check in material.checks
            ],
            feedback=shortened(material.feedback, room["feedback"]),
            claim=shortened(material.claim, room["claim"]),
            files=_file_list(evidence.files, room["files"]),
            diff=diff,
            part=part,
            parts=parts,
        )

    def _render(self, name: str, **facts: object) -> str:
        return self._templates[name].render(facts).strip() + "\n"


def question_budget(window: int) -> int:
    """Return how many tokens a question may have by our count, out of a model's window.

    Code has fewer bytes to a token than prose, down to three: a quarter of the room is left for it.
    """
    return (window - min(ANSWER_TOKENS, window // 4)) * 3 // 4


def as_data(text: str) -> str:
    """Return foreign text with a mark before each line, so that it cannot end its block."""
    return "\n".join(f"| {harmless(line)}" for line in text.split("\n"))


def shortened(text: str, size: int) -> str:
    """Return the end of a text, of about ``size`` bytes, saying how much was left out."""
    text = text.strip("\n")
    raw = text.encode("utf-8", "replace")
    if len(raw) <= size:
        return text
    kept = raw[len(raw) - max(0, size) :].decode("utf-8", "ignore")
    return f"[{len(raw) - size} bytes left out here]\n{kept}"


# -- cutting a diff into parts --------------------------------------------------------------------


def cut_to(files: Sequence[FileDiff], room: int) -> tuple[list[str], list[str]]:
    """Cut a diff into parts that fit, whole files where possible.

    Args:
        files: the diff.
        room: tokens that one part may have.

    Returns:
        The parts, and what could not be shown.
    """
    packer = _Packer(room * BYTES_PER_TOKEN)
    for file in files:
        packer.add(file)
    packer.close()
    return packer.parts, packer.missing


class _Packer:
    """Fills parts one after the other."""

    def __init__(self, size: int) -> None:
        self.parts: list[str] = []
        self.missing: list[str] = []
        self._size = size
        self._lines: list[str] = []
        self._used = 0

    def add(self, file: FileDiff) -> None:
        """Add a file: to the part that is open, else to a new one, else over several."""
        if file.binary:
            self._line(f"=== {harmless(file.path)} ({file.change}): binary, cannot be shown")
            self.missing.append(f"{file.path} (binary)")
            return
        head = f"=== {harmless(file.path)} ({file.change})"
        lines = file.shown()
        whole = _cost(head) + sum(map(_cost, lines))
        if whole > self._size - self._used:
            self.close()
        if len(self.parts) >= MAX_PARTS:
            self.missing.append(file.path)
            return
        self._line(head)
        for number, line in enumerate(lines):
            if _cost(line) + _cost(head) > self._size:
                self.missing.append(f"a very long line of {file.path}")
            elif not self._fits(line):
                self.close()
                if len(self.parts) >= MAX_PARTS:
                    left = len(lines) - number
                    self.missing.append(f"{file.path} (the last {left} lines of its diff)")
                    return
                self._line(f"{head}, continued")
                self._line(line)
            else:
                self._line(line)

    def close(self) -> None:
        """End the part that is open."""
        if self._lines:
            self.parts.append("\n".join(self._lines))
        self._lines, self._used = [], 0

    def _fits(self, line: str) -> bool:
        return self._used + _cost(line) <= self._size

    def _line(self, line: str) -> None:
        self._lines.append(line)
        self._used += _cost(line)


def _cost(line: str) -> int:
    return len(line.encode("utf-8", "replace")) + 3  # its mark and its line break


def _file_list(files: Sequence[FileDiff], size: int) -> str:
    lines: list[str] = []
    for number, file in enumerate(files):
        line = f"{harmless(file.path)} ({file.change})"
        size -= _cost(line)
        if size < 0:
            lines.append(f"and {len(files) - number} more")
            break
        lines.append(line)
    return "\n".join(lines)


# -- bringing parts together ----------------------------------------------------------------------

_STATUS_RANK = {"not_met": 0, "unclear": 1, "met": 2}
_SEVERITY_RANK = {"blocking": 0, "major": 1, "minor": 2}


def _result(verdict: Verdict) -> str:
    lines = [f"score {verdict.score}, confidence {verdict.confidence}: {verdict.summary}"]
    for requirement in verdict.requirements:
        cited = ", ".join(map(str, requirement.evidence))
        lines.append(f"{requirement.status}: {requirement.text} ({cited})")
    lines += [f"{issue.severity}: {issue.place} {issue.text}" for issue in verdict.issues]
    return "\n".join(lines)


def merge(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict out of those on the parts of one change: in everything the worst wins."""
    if len(verdicts) == 1:
        return verdicts[0]
    requirements: dict[str, Requirement] = {}
    issues: dict[tuple[str | None, int | None, str], Issue] = {}
    for verdict in verdicts:
        for requirement in verdict.requirements:
            known = requirements.get(same(requirement.text))
            if known is None or _STATUS_RANK[requirement.status] < _STATUS_RANK[known.status]:
                requirements[same(requirement.text)] = requirement
        for issue in verdict.issues:
            key = (issue.file, issue.line, same(issue.text))
            other = issues.get(key)
            if other is None or _SEVERITY_RANK[issue.severity] < _SEVERITY_RANK[other.severity]:
                issues[key] = issue
    return Verdict(
        requirements=tuple(requirements.values()),
        issues=tuple(issues.values()),
        score=min(verdict.score for verdict in verdicts),
        confidence=min(verdict.confidence for verdict in verdicts),
        summary="\n".join(dict.fromkeys(v.summary for v in verdicts if v.summary)),
        feedback="\n".join(dict.fromkeys(v.feedback for v in verdicts if v.feedback)),
    )


def same(text: str) -> str:
    """Return what two wordings of the same thing have in common: words without case and marks."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
