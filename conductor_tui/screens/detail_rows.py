"""Everything about one task as rows: its attempts with their proofs, decisions and cost."""

from __future__ import annotations

from datetime import datetime

from conductor_tui.domain.judge_words import VerdictLine, verdict_lines
from conductor_tui.domain.views import AttemptView, CheckView, TaskView
from conductor_tui.widgets import plain, words
from conductor_tui.widgets.evidence import evidence_rows
from conductor_tui.widgets.rows import EMPTY, Row, text_rows

OUTPUT_LINES = 200
"""Lines of a check's output that are shown, from its end."""


def detail_rows(task: TaskView, width: int, now: datetime) -> list[Row]:
    """Return a task's page for a width in cells."""
    sign = words.TASK_SIGNS[task.status]
    state = f"{sign.glyph} {sign.word}"
    if task.phase is not None and sign.word == "running":
        state += f", {task.phase.value}"
    rows = [
        *text_rows(task.spec.title or task.id, width, "strong"),
        Row(((state, sign.look), (f"  {words.task_age(task, now)}", "dim"))),
        *(text_rows(task.reason, width, sign.look) if task.reason else []),
        EMPTY,
    ]
    rows += [row for name, value in _facts(task) if value for row in _fact(name, value, width)]
    rows += [EMPTY, _title("prompt"), *text_rows(task.spec.prompt, width, "", "  ")]
    if task.feedback:
        rows += [EMPTY, _title("feedback for the next attempt")]
        rows += text_rows(task.feedback, width, "warn", "  ")
    for attempt in reversed(task.attempts):
        rows += [EMPTY, *attempt_rows(attempt, width, now)]
    if task.files:
        rows += [EMPTY, _title(f"{words.plural(len(task.files), 'file')} changed")]
        rows += [
            _file(part.path, part.change, part.added, part.removed, width)
            for part in task.files.values()
        ]
    return rows


def attempt_rows(attempt: AttemptView, width: int, now: datetime) -> list[Row]:
    """Return one attempt: its end, its cost, its checks, its verdict, what followed and why."""
    took = words.age(attempt.started_at, attempt.ended_at or now)
    used = attempt.usage
    about = f"  {attempt.agent} · {took} · {words.money([used])}"
    if used.input or used.output:
        about += f" · {used.input:,} tokens in, {used.output:,} out"
    rows = [Row(((f"attempt {attempt.n}", "heading"), (plain.line(about), "dim")))]
    if attempt.reason:
        rows += text_rows(attempt.reason, width, "" if attempt.ok else "bad", "  ")
    for check in attempt.checks:
        rows += _check(check, width)
    if attempt.verdict:
        rows += [row for line in verdict_lines(attempt.verdict) for row in _verdict(line, width)]
    if attempt.decision is not None:
        decision = attempt.decision
        score = "" if decision.score is None else f" (score {decision.score:.0f})"
        text = f"⇒ {decision.action.value}{score}: {decision.reason}"
        rows += text_rows(text, width, "strong", "  ")
        rows += evidence_rows(decision.parts, width)
    if attempt.session:
        rows += text_rows(f"session {attempt.session}", width, "dim", "  ")
    return rows


def _verdict(line: VerdictLine, width: int) -> list[Row]:
    if line.word == "judged":
        return text_rows(f"judged {line.text}", width, "strong", "  ")
    pieces = text_rows(line.text, max(8, width - 13))
    return [
        Row(
            ((plain.fit(f"    {'' if n else plain.line(line.word)}", 13), line.look), *row.spans),
            joined=row.joined,
        )
        for n, row in enumerate(pieces)
    ]


def _check(check: CheckView, width: int) -> list[Row]:
    glyph, look = {True: ("✓", "ok"), False: ("✗", "bad"), None: ("…", "info")}[check.ok]
    end = "runs" if check.ok is None else f"{check.duration_s:.1f}s"
    if check.exit_code:
        end += f", exit {check.exit_code}"
    where = " on the merged tree" if check.on.value == "merged" else ""
    head = plain.cut(f"{plain.line(check.check)}{where}  {end}", max(8, width - 4))
    rows = [Row(((f"  {glyph} ", look), (head, look)))]
    if check.ok is False and check.output.strip():
        tail = plain.lines(check.output.strip("\n"))[-OUTPUT_LINES:]
        rows += text_rows("\n".join(tail), width, "dim", "      ")
    return rows


def _facts(task: TaskView) -> list[tuple[str, str]]:
    spec = task.spec
    return [
        ("id", task.id),
        ("agent", spec.agent),
        ("cost", words.money([task.usage])),
        ("attempts", f"{len(task.attempts)} made, {task.attempts_left} left"),
        ("priority", str(spec.priority)),
        ("depends on", ", ".join(spec.depends_on)),
        ("blocked by", task.blocked_by or ""),
        ("checks", "; ".join(spec.checks)),
        ("paths", ", ".join(spec.paths)),
        ("branch", task.branch),
        ("commit", task.commit),
        ("workspace", task.workspace),
    ]


def _fact(name: str, value: str, width: int) -> list[Row]:
    pieces = plain.wrap(plain.line(value), max(8, width - 14))
    return [
        Row(((plain.fit("" if n else f"  {name}", 14), "dim"), (piece, "")), joined=n > 0)
        for n, piece in enumerate(pieces)
    ]


def _file(path: str, change: str, added: int, removed: int, width: int) -> Row:
    sign, look = {"added": ("A", "ok"), "deleted": ("D", "bad")}.get(change, ("M", "info"))
    numbers = f"+{added} -{removed}"
    room = max(8, width - len(numbers) - 6)
    return Row(((f"  {sign} ", look), (plain.fit(plain.line(path), room), ""), (numbers, "dim")))


def _title(text: str) -> Row:
    return Row(((text, "heading"),))
