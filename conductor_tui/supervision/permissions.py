"""Whether a tool call is allowed, asked or denied by rules (contract, section 4): pure, by table.

Order: a ``deny`` rule denies, else an ``ask`` rule asks, else an ``allow`` rule allows, else there
is no rule and the agent's permission mode decides.

Where rules reach, and where not:

* A rule without a path of its own allows within the workspace only: ``Edit`` does not allow to
  write ``/etc/passwd``, ``Edit(//etc/**)`` does. It denies and asks everywhere.
* A ``deny`` rule for ``Read`` covers tools that read and search, and ``<`` in a shell command. It
  does not cover programs that read (``cat .env``): write a rule for ``Bash`` as well.
* A shell command is allowed only if every command in it is (``supervision.shell``); what writes a
  file by redirection is not, save to ``/dev/null``. It is denied or asked if any part is.
* Where something in a command cannot be seen and ``deny`` or ``ask`` rules could mean it: asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from conductor_tui.domain.values import Verdict
from conductor_tui.settings.rules import (
    EDIT_TOOLS,
    FILE_TOOLS,
    READ_TOOLS,
    VALUE_KEYS,
    Rule,
    RuleError,
    parse_rule,
)
from conductor_tui.supervision import shell_rules
from conductor_tui.supervision.patterns import Pattern, Place, escaped, escaped_path
from conductor_tui.supervision.shell import Script, split

__all__ = ["Policy", "Rule", "RuleError", "Ruling", "judge", "parse_rule", "rule_for"]

_PATH_KEYS = ("file_path", "notebook_path", "path")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a run, or of one agent in it."""

    allow: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()

    @classmethod
    def of(
        cls, allow: Iterable[str] = (), ask: Iterable[str] = (), deny: Iterable[str] = ()
    ) -> Policy:
        """Make a policy of rules as they are written.

        Raises:
            RuleError: one of them is none.
        """
        return cls(
            tuple(map(parse_rule, allow)), tuple(map(parse_rule, ask)), tuple(map(parse_rule, deny))
        )

    def allowing(self, *rules: str) -> Policy:
        """Return this policy with further rules that allow (an answer ``--always``)."""
        return Policy((*self.allow, *map(parse_rule, rules)), self.ask, self.deny)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say of one tool call."""

    verdict: Verdict | None
    """None: no rule is about it."""
    reason: str
    """One sentence for a human."""
    rule: str = ""
    """The rule that decided, as it was written; empty where none did."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One tool call, looked at once."""

    tool: str
    input: Mapping[str, Any]
    places: tuple[Place, ...]
    """Each spelling of each path it names: all have to be allowed, any may be denied."""
    script: Script | None
    workspace: Place

    def text(self, key: str) -> str | None:
        value = self.input.get(key)
        return value if isinstance(value, str) else None


def judge(
    policy: Policy,
    tool: str,
    input: Mapping[str, Any],
    cwd: str,
    *,
    home: str = "",
    resolve: Callable[[str], str] | None = None,
) -> Ruling:
    """Say what the rules make of a tool call.

    Args:
        policy: the rules.
        tool: the tool's name, as Claude Code has it.
        input: what the agent wants to give the tool.
        cwd: the workspace's folder, absolute.
        home: the home folder on the agent's host, for ``~/`` in rules; where it is not known, any
            user's is taken.
        resolve: follows the symbolic links of an absolute path; where it is given, a path counts
            by its spelling and by where it leads.
    """
    call = _look(tool, input, cwd, home, resolve)
    for rule in policy.deny:
        if _hits(rule, call):
            return Ruling(Verdict.DENY, f"denied by the rule {rule.text}", rule.text)
    for rule in policy.ask:
        if _hits(rule, call):
            return Ruling(Verdict.ASK, f"the rule {rule.text} asks", rule.text)
    if call.script is not None:
        return _judge_script(policy, call.script, call)
    for rule in policy.allow:
        if _allows(rule, call):
            return Ruling(Verdict.ALLOW, f"allowed by the rule {rule.text}", rule.text)
    return Ruling(None, "no rule is about it")


def _judge_script(policy: Policy, script: Script, call: _Call) -> Ruling:
    command = call.text("command") or ""
    narrow = [rule for rule in (*policy.deny, *policy.ask) if _is_bash(rule) and rule.specifier]
    allowing = [rule for rule in policy.allow if _is_bash(rule)]
    for rule in allowing:
        if rule.specifier is not None and _pattern(rule).pieces == (command.strip(),):
            return Ruling(Verdict.ALLOW, f"allowed by the rule {rule.text}", rule.text)
    for rule in narrow:
        if shell_rules.may_hit(_pattern(rule), script):
            reason = f"may be what the rule {rule.text} means, once its variables are filled in"
            return Ruling(Verdict.ASK, reason, rule.text)
    if script.hidden and narrow:
        return Ruling(Verdict.ASK, f"cannot be proved harmless: the command {script.hidden}")
    for rule in allowing:
        if rule.specifier is None:
            return Ruling(Verdict.ALLOW, f"allowed by the rule {rule.text}", rule.text)
    patterns = [(rule.text, _pattern(rule)) for rule in allowing if rule.specifier is not None]
    found = shell_rules.allowed(patterns, script)
    if found.missing:
        return Ruling(None, found.missing)
    return Ruling(Verdict.ALLOW, f"allowed by the rule {', '.join(found.rules)}", found.rules[0])


def rule_for(tool: str, input: Mapping[str, Any], cwd: str = "") -> str:
    """Make the narrowest rule that allows a tool call: the answer ``--always``.

    Args:
        tool: the tool's name.
        input: its input.
        cwd: the workspace's folder; a file within it is named from there, so that the rule holds
            in the workspaces of other tasks too.

    Raises:
        RuleError: the input does not say what would be allowed.
    """
    if tool == "Bash":
        command = input.get("command")
        if not isinstance(command, str) or not command.strip() or "\0" in command:
            raise RuleError("the call names no command")
        return f"Bash({escaped(command.strip())})"
    if tool in FILE_TOOLS:
        return _file_rule(tool, input, cwd)
    if tool == "WebFetch":
        host = _host(input.get("url"), strict=True)
        if host is None:
            raise RuleError("the call names no host")
        return f"WebFetch(domain:{host})"
    key = VALUE_KEYS.get(tool)
    value = input.get(key) if key else None
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return f"{tool}({escaped(value.strip())})"
    parse_rule(tool)
    return tool


def _file_rule(tool: str, input: Mapping[str, Any], cwd: str) -> str:
    kind = "Edit" if tool in EDIT_TOOLS else "Read"
    paths = _paths(tool, input)
    if not paths:
        raise RuleError("the call names no file")
    value = next((path for path in paths if path != "."), ".")
    place = Place.of(value, cwd or "/", "")
    inside = place.inside if cwd else None
    if inside == "":
        return tool
    path = f"/{inside}" if inside else f"//{place.path.lstrip('/')}"
    return f"{kind}({escaped_path(path)})"


def _paths(tool: str, input: Mapping[str, Any]) -> list[str]:
    """Return the paths a tool of files is given, patterns to search by among them."""
    paths = [input[key] for key in _PATH_KEYS if isinstance(input.get(key), str)]
    pattern = input.get({"Glob": "pattern", "Grep": "glob"}.get(tool, ""))
    if not isinstance(pattern, str):
        return paths or (["."] if tool in READ_TOOLS - {"Read", "NotebookRead"} else [])
    if pattern.startswith(("/", "~/")):
        return [*paths, pattern]
    folder = paths[0] if paths else "."
    # Braces and dots can hide where a pattern leads.
    hidden = ["/"] if ".." in pattern or ("{" in pattern and "/" in pattern) else []
    return [folder, f"{folder}/{pattern}", *hidden]


def _look(
    tool: str,
    input: Mapping[str, Any],
    cwd: str,
    home: str,
    resolve: Callable[[str], str] | None,
) -> _Call:
    command = input.get("command")
    script = split(command) if tool == "Bash" and isinstance(command, str) else None
    paths = _paths(tool, input) if tool in FILE_TOOLS else []
    places = [Place.of(path, cwd, home) for path in paths]
    if resolve is not None:
        places += [Place.of(resolve(place.path), cwd, home) for place in tuple(places)]
    workspace = Place.of(".", cwd, home)
    return _Call(tool, input, tuple(dict.fromkeys(places)), script, workspace)


def _names(rule: Rule, tool: str) -> bool:
    """Say whether a rule is about a tool at all."""
    if rule.tool == tool:
        return True
    if rule.tool == "Edit" and tool in EDIT_TOOLS:
        return True
    if rule.tool == "Read" and tool in READ_TOOLS:
        return True
    if "*" in rule.tool:
        return Pattern.parse(rule.tool).matches(tool)
    server = rule.tool.split("__")
    return server[0] == "mcp" and len(server) == 2 and tool.startswith(rule.tool + "__")


def _is_bash(rule: Rule) -> bool:
    return _names(rule, "Bash")


def _pattern(rule: Rule) -> Pattern:
    return Pattern.parse(rule.specifier or "*")


def _hits(rule: Rule, call: _Call) -> bool:
    """Say whether a rule that denies or asks is about a call: in doubt it is."""
    if call.script is not None and (rule.tool in ("Edit", "Write", "Read")):
        return _hits_redirect(rule, call)
    if not _names(rule, call.tool):
        return False
    if rule.specifier is None:
        return True
    if call.script is not None:
        return shell_rules.hits(_pattern(rule), call.script, call.text("command") or "")
    if call.tool in FILE_TOOLS:
        return any(_means(rule.specifier, place, call.tool) for place in call.places)
    return _value_matches(rule, call, wide=True)


def _means(specifier: str, place: Place, tool: str) -> bool:
    folder = tool in ("Grep", "Glob", "LS")
    return place.matches(specifier, folder=False) or (
        folder and place.matches(specifier, folder=True)
    )


def _hits_redirect(rule: Rule, call: _Call) -> bool:
    """Say whether a rule about files means one that a command writes or reads by redirection."""
    for redirect in call.script.redirects if call.script else ():
        if redirect.writes != (rule.tool != "Read"):
            continue
        if rule.specifier is None:
            return True
        if redirect.path is not None and call.workspace.place(redirect.path).matches(
            rule.specifier, folder=False
        ):
            return True
    return False


def _allows(rule: Rule, call: _Call) -> bool:
    """Say whether a rule that allows is about a whole call: in doubt it is not."""
    if not _names(rule, call.tool):
        return False
    if call.tool in FILE_TOOLS:
        return bool(call.places) and all(_covers(rule, place, call.tool) for place in call.places)
    return rule.specifier is None or _value_matches(rule, call, wide=False)


def _covers(rule: Rule, place: Place, tool: str) -> bool:
    if rule.specifier is None:
        return place.inside is not None
    return place.certain and _means(rule.specifier, place, tool)


def _value_matches(rule: Rule, call: _Call, *, wide: bool) -> bool:
    if rule.specifier is None or call.tool == "Bash":
        return rule.specifier is None
    if call.tool == "WebFetch":
        host = _host(call.input.get("url"), strict=not wide)
        return host is not None and _host_matches(rule.specifier, host, wide=wide)
    value = call.text(VALUE_KEYS.get(call.tool, ""))
    return value is not None and _pattern(rule).matches(value)


def _host(url: object, *, strict: bool) -> str | None:
    """Return the host of an address; ``strict``: None where programs may read it differently."""
    if not isinstance(url, str):
        return None
    odd = any(char in url for char in "\\@") or any(
        char.isspace() or not char.isprintable() for char in url
    )
    if strict and (odd or not url.lower().startswith(("http://", "https://"))):
        return None
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname
    except ValueError:
        return None
    return host.rstrip(".") if (host and host.isascii()) or (host and not strict) else None


def _host_matches(specifier: str, host: str, *, wide: bool) -> bool:
    wanted = specifier.removeprefix("domain:").lower().rstrip(".")
    if wanted.startswith("*."):
        return host.endswith(wanted[1:])
    return host == wanted.strip("[]") or (wide and host.endswith(f".{wanted}"))
