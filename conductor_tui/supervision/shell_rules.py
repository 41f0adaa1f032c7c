"""Which patterns of rules a shell command meets: all of it for allowing, any of it for denying."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conductor_tui.supervision.patterns import Pattern
from conductor_tui.supervision.shell import Part, Script
from conductor_tui.supervision.shell_words import Word
from conductor_tui.supervision.shell_wrappers import base_name, git_command

_CLUSTER = re.compile(r"-[A-Za-z]{1,5}")
_LONG = {"--recursive": "r", "--force": "f", "--force-with-lease": "f", "--delete": "d"}
"""Long options that a rule is likely to name by their letter."""


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a command is allowed, part by part."""

    missing: str
    """Why it is not; empty where it is."""
    rules: tuple[str, ...] = ()
    """The rules that allow it, in the order of the parts."""


def hits(pattern: Pattern, script: Script, command: str) -> bool:
    """Say whether any part of a command is what a pattern means, however it is spelt."""
    if pattern.matches(" ".join(command.split())):
        return True
    return any(_part_hits(pattern, part) for part in script.all())


def may_hit(pattern: Pattern, script: Script) -> bool:
    """Say whether a part could be what a pattern means once its variables are filled in."""
    head = pattern.head.rstrip(" ")
    for part in script.all():
        known = []
        for item in part.words:
            if item.value is None:
                break
            known.append(item.value)
        else:
            continue
        text = " ".join([base_name(value) if not at else value for at, value in enumerate(known)])
        if text and head.startswith(text + " "):
            return True
    return False


def allowed(patterns: Sequence[tuple[str, Pattern]], script: Script) -> Found:
    """Say whether patterns allow a whole command.

    Args:
        patterns: the rules' texts and patterns.
        script: the command, taken apart.
    """
    if script.hidden:
        return Found(f"the command {script.hidden}")
    if script.doubt:
        return Found(f"the command {script.doubt}")
    for redirect in script.redirects:
        if redirect.writes:
            return Found(f"the command writes {redirect.path or 'a file'} by redirection")
    if not script.parts:
        return Found("there is no command in it")
    rules: list[str] = []
    for part in script.parts:
        missing = _cover(patterns, part, rules)
        if missing:
            return Found(missing)
    return Found("", tuple(dict.fromkeys(rules)))


def _cover(patterns: Sequence[tuple[str, Pattern]], part: Part, rules: list[str]) -> str:
    """Return why a part is not allowed; note the rules that allow it."""
    rest = "" if part.launches else _cover_all(patterns, part.inner, [])
    by = _rule_of(patterns, part, named=bool(part.inner) and bool(rest))
    if by is not None:
        rules.append(by)
        if part.inner and not rest and not part.launches:
            _cover_all(patterns, part.inner, rules)
        return ""
    if part.transparent and part.inner and not rest and not part.unsafe:
        return _cover_all(patterns, part.inner, rules)
    return rest or f"no rule allows `{_spelt(part)}`"


def _cover_all(
    patterns: Sequence[tuple[str, Pattern]], parts: Sequence[Part], rules: list[str]
) -> str:
    for part in parts:
        missing = _cover(patterns, part, rules)
        if missing:
            return missing
    return ""


def _rule_of(patterns: Sequence[tuple[str, Pattern]], part: Part, *, named: bool) -> str | None:
    """Return the rule that allows a part.

    Args:
        patterns: the rules' texts and patterns.
        part: a simple command.
        named: an inner command is not allowed by itself, so the rule has to name it.
    """
    for text, pattern in patterns:
        for raw in (True, False):
            words = [item.raw if raw else item.text for item in part.words]
            before = [item.raw for item in part.assigns]
            fixed = part.literal if named or not part.inner else 0
            spelt = " ".join(before + words if part.unsafe else words)
            names = len(before) + 1 if part.unsafe else 0
            need = " ".join((before + words if part.unsafe else words)[: max(fixed, names)])
            long_enough = len(pattern.pieces) == 1 or pattern.head.rstrip(" ").startswith(need)
            if pattern.matches(spelt) and long_enough:
                return text
    return None


def _spelt(part: Part) -> str:
    text = " ".join(item.raw for item in (*part.assigns, *part.words))
    return text if len(text) <= 80 else text[:79] + "…"


def _part_hits(pattern: Pattern, part: Part) -> bool:
    return any(pattern.matches(text) for text in _spellings(part)) or _flags_hit(pattern, part)


def _spellings(part: Part) -> Iterator[str]:
    """Yield the ways in which a rule's author may have thought of a command."""
    words = part.words
    yield " ".join(item.raw for item in (*part.assigns, *words))
    for shown in (_raw, _text, _value):
        texts = [shown(item) for item in words]
        yield " ".join(texts)
        if texts:
            texts[0] = base_name(texts[0])
            yield " ".join(texts)
            if texts[0] == "git":
                yield " ".join(["git", *texts[git_command(words) :]])


def _raw(item: Word) -> str:
    return item.raw


def _text(item: Word) -> str:
    return item.text


def _value(item: Word) -> str:
    return item.raw if item.value is None else item.value


def _flags_hit(pattern: Pattern, part: Part) -> bool:
    """Hold options against a rule in whatever order and grouping: ``rm -r -f`` is ``rm -rf``."""
    wanted = "*".join(pattern.pieces).split()
    flags = [item for item in wanted if item.startswith("-") and "*" not in item]
    if not flags or not part.words:
        return False
    given = [_value(item) for item in part.words]
    if given and base_name(given[0]) == "git":
        given = ["git", *given[git_command(part.words) :]]
    letters = _letters(given)
    for flag in flags:
        if flag not in given and not (_letters([flag]) and _letters([flag]) <= letters):
            return False
    rest = Pattern.parse(" ".join(item for item in wanted if item not in flags))
    plain = [item for item in given if not item.startswith("-")]
    if plain:
        plain[0] = base_name(plain[0])
    return rest.matches(" ".join(plain))


def _letters(words: Sequence[str]) -> set[str]:
    """Return the letters of short options, long ones by their letter; ``-R`` is ``-r``."""
    found: set[str] = set()
    for item in words:
        if item in _LONG:
            found.add(_LONG[item])
        elif _CLUSTER.fullmatch(item):
            found.update(item[1:].replace("R", "r"))
    return found
