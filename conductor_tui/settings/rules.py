r"""The grammar of permission rules, that of Claude Code: ``Tool`` and ``Tool(specifier)``.

Settings check rules with it when they are read, ``supervision.permissions`` judges by them.

======================  =========================================================================
``Bash(git status)``    that command, to the letter
``Bash(git diff *)``    ``git diff`` alone or with anything; ``Bash(git diff:*)`` is the same
``Bash(git * main)``    ``*`` is anything, blanks too; ``\*`` is a star, ``\\`` a backslash
``Read(src/**)``        patterns of ``.gitignore`` from the workspace; also ``./src``, ``/src``
``Read(//etc/**)``      from the root of the file system; ``~/`` from the home folder
``WebFetch(domain:x)``  a host; ``*.x`` any host below it
``mcp__github``         every tool of an MCP server; ``mcp__github__get_issue`` one of them
======================  =========================================================================

``Edit`` covers every tool that writes files, ``Read`` every tool that reads or searches them; a
rule that names one of those tools covers that one only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

EDIT_TOOLS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit"})
READ_TOOLS = frozenset({"Read", "Grep", "Glob", "LS", "NotebookRead"})
FILE_TOOLS = EDIT_TOOLS | READ_TOOLS

VALUE_KEYS = {
    "Agent": "subagent_type",
    "Task": "subagent_type",
    "Skill": "skill",
    "WebSearch": "query",
}
"""Further tools whose rules take a specifier, and the key of their input it is compared with."""

_NAME = re.compile(r"[A-Za-z_*][A-Za-z0-9_.*-]*")


class RuleError(ValueError):
    """A rule that cannot be read; its text says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission rule, parsed."""

    text: str
    """As its author wrote it."""
    tool: str
    """The tool's name, in which ``*`` is anything."""
    specifier: str | None = None
    """What is between the brackets; None where the rule is about every use of the tool."""


def parse_rule(text: str) -> Rule:
    """Read one rule.

    Raises:
        RuleError: it is none, with the reason.
    """
    if not isinstance(text, str) or not text.strip():
        raise RuleError("a rule is text such as Read or Bash(git status *)")
    stripped = text.strip()
    name, bracket, rest = stripped.partition("(")
    if not _NAME.fullmatch(name):
        raise RuleError(f"{name or stripped!r} is no name of a tool")
    if not bracket:
        return Rule(text, name)
    if not rest.endswith(")"):
        raise RuleError("the bracket is not closed at the end of the rule")
    specifier = rest[:-1].strip()
    if not specifier:
        raise RuleError(f"nothing stands in the brackets; write {name} for every use of it")
    if "\0" in specifier:
        raise RuleError("holds a NUL character")
    if specifier in ("*", ":*") or (name in FILE_TOOLS and specifier == "**"):
        return Rule(text, name)
    _check(name, specifier)
    return Rule(text, name, specifier)


def _check(name: str, specifier: str) -> None:
    """Refuse a specifier that its tool does not take."""
    if name == "Bash":
        return
    if name in FILE_TOOLS:
        _check_path(specifier)
    elif name == "WebFetch":
        if not re.fullmatch(r"domain:(\*\.)?[A-Za-z0-9_.:\[\]*-]+", specifier):
            raise RuleError("a rule for WebFetch is WebFetch(domain:example.org)")
    elif name.startswith("mcp__"):
        raise RuleError("a rule for an MCP tool has no brackets: mcp__server__tool")
    elif name not in VALUE_KEYS:
        raise RuleError(f"rules for {name} take no brackets")


def _check_path(specifier: str) -> None:
    if specifier.startswith("!"):
        raise RuleError("a rule cannot be negated by '!'; use another list")
    if ".." in specifier.split("/"):
        raise RuleError("'..' has no meaning in a rule; begin it with // for an absolute path")
    try:
        GitIgnoreSpec.from_lines([anchored(specifier)[1]])
    except (GitIgnorePatternError, re.error) as error:
        raise RuleError(f"is no .gitignore pattern: {error}") from None


def anchored(specifier: str) -> tuple[str, str]:
    """Split a path rule into where it starts and its ``.gitignore`` pattern.

    Returns:
        ``root``, ``home`` or ``workspace``, and the pattern from there.
    """
    if specifier.startswith("//"):
        return "root", "/" + specifier.lstrip("/")
    if specifier.startswith("~/"):
        return "home", specifier[1:]
    if specifier.startswith("./"):
        return "workspace", specifier[1:]
    return "workspace", specifier
