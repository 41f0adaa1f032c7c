"""A breakpoint as rows: what is asked, why, and the evidence, whatever shape it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from conductor_tui.domain.views import BreakpointView
from conductor_tui.widgets import plain, words
from conductor_tui.widgets.log_entries import as_json, diff_lines
from conductor_tui.widgets.rows import EMPTY, Row, text_rows

TAIL = 400
"""Lines of one piece of evidence that are shown; the rest is in the log."""

NAMES = {"ok": "passed", "exit_code": "exit", "duration_s": "seconds", "file_path": "file"}


def breakpoint_rows(point: BreakpointView, width: int, now: datetime) -> list[Row]:
    """Return a breakpoint as rows: the exact ask first, then why, then what shows it."""
    waited = words.age(point.ts, now)
    parts = [point.task or "the run"]
    if point.attempt:
        parts.append(f"attempt {point.attempt}")
    if waited:
        parts.append(f"waiting {waited}")
    rows = [Row(((f"◆ {point.kind.value}", "warn"), (" · " + " · ".join(parts), "dim")))]
    rows += text_rows(point.ask, width, "ask", "  ", exact=True)
    if point.reason and point.reason != point.ask:
        rows += text_rows(point.reason, width, "dim", "  ")
    for text in point.suggestions:
        rows += [
            Row((("  → " if n == 0 else "    ", "info"), *row.spans), joined=row.joined)
            for n, row in enumerate(text_rows(text, width - 4))
        ]
    evidence = evidence_rows(point.evidence, width, already=point.ask)
    return [*rows, EMPTY, *evidence] if evidence else rows


def evidence_rows(evidence: Mapping[str, Any], width: int, already: str = "") -> list[Row]:
    """Return the evidence under its names; what the ask says already is left out."""
    rows: list[Row] = []
    for name, value in evidence.items():
        if value in (None, "", (), [], {}) or (isinstance(value, str) and value.strip() in already):
            continue
        if name == "red" and "checks" in evidence:
            continue
        rows += _piece(str(name), value, width, already)
    return rows


def _piece(name: str, value: object, width: int, already: str) -> list[Row]:
    if isinstance(value, Mapping):
        inner = evidence_rows(value, width, already)
        return [_title(name), *inner] if inner else []
    if isinstance(value, str):
        return _words(name, value, width)
    if isinstance(value, Sequence):
        return _list(name, value, width)
    if isinstance(value, bool):
        glyph, look = ("✓", "ok") if value else ("✗", "bad")
        return [Row(((f"  {glyph} ", look), (plain.exact_line(name), look)))]
    return [_pair(name, as_json(value, indent=None))]


def _words(name: str, value: str, width: int) -> list[Row]:
    if name == "diff" or value.startswith(("diff --git ", "--- ", "@@ ")):
        return [_title(name), *_diff(value, width)]
    parts = plain.exact(value.strip("\n"))
    if len(parts) == 1 and plain.width(parts[0]) + len(name) + 6 <= width:
        return [_pair(name, parts[0])]
    rows = text_rows("\n".join(parts[-TAIL:]), width, "", "    ", exact=True)
    return [_title(name), *rows]


def _list(name: str, values: Sequence[object], width: int) -> list[Row]:
    if all(isinstance(value, str) for value in values):
        joined = ", ".join(plain.exact_line(str(value)) for value in values)
        if len(joined) + len(name) + 6 <= width:
            return [_pair(name, joined)]
        return [
            _title(name),
            *(row for v in values for row in text_rows(str(v), width, "", "    ", exact=True)),
        ]
    rows = [_title(name)]
    for value in values:
        if isinstance(value, Mapping) and "check" in value:
            rows += _check(value, width)
        else:
            rows += text_rows(as_json(value), width, "", "    ", exact=True)
    return rows


def _check(check: Mapping[str, Any], width: int) -> list[Row]:
    """Return a check's result in the log's manner, the tail of a red one's output below."""
    ok = bool(check.get("ok"))
    end = "passed" if ok else "failed"
    if not ok and check.get("exit_code") is not None:
        end += f", exit {check['exit_code']}"
    mark = ("  ✓ ", "ok") if ok else ("  ✗ ", "bad")
    head = Row((mark, (plain.cut(f"{plain.line(str(check['check']))}: {end}", width - 4), mark[1])))
    output = str(check.get("output") or "").strip("\n")
    if ok or not output:
        return [head]
    tail = "\n".join(plain.lines(output)[-TAIL:])
    return [head, *text_rows(tail, width, "", "    ")]


def _diff(value: str, width: int) -> list[Row]:
    rows = []
    for text, look in diff_lines(value)[: TAIL * 5]:
        for number, piece in enumerate(plain.wrap(text, max(4, width - 4))):
            band = look if look in ("add", "del") else ""
            rows.append(Row((("    ", ""), (piece, look)), band, joined=number > 0))
    return rows


def _title(name: str) -> Row:
    return Row((("  " + plain.line(NAMES.get(name, name.replace("_", " "))), "heading"),))


def _pair(name: str, value: str) -> Row:
    label = plain.line(NAMES.get(name, name.replace("_", " ")))
    return Row((("  " + label, "heading"), ("  " + plain.exact_line(value), "")))
