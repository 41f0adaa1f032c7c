"""Commands that run other commands: where in their words the inner command stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from conductor_tui.supervision.shell_words import Word, listed

Words = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a command runs."""

    commands: tuple[Words, ...] = ()
    """Simple commands, by their words."""
    scripts: tuple[str, ...] = ()
    """Texts given to a shell."""
    assigns: Words = ()
    """Assignments in which the inner command runs (``env``, ``sudo``)."""
    transparent: bool = False
    launches: bool = False
    literal: int = 0
    """Up to which word a rule has to name it so that the inner command is named too."""
    hidden: str = ""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a wrapper's words are laid out before the inner command begins."""

    valued: str = ""
    """Options that take the next word, divided by blanks."""
    operands: int = 0
    """Words after the options that are still the wrapper's own."""
    transparent: bool = False
    """It changes nothing that matters where only ``harmless`` options are given."""
    harmless: str = ""
    launches: bool = False
    assigns: bool = False
    """Assignments may stand before the inner command."""


_HARMLESS_ANY = "*"

_SHAPES: Mapping[str, _Shape] = {
    "timeout": _Shape("-s --signal -k --kill-after", 1, True, _HARMLESS_ANY),
    "nice": _Shape("-n --adjustment", 0, True, _HARMLESS_ANY),
    "ionice": _Shape("-c --class -n --classdata", 0, True, _HARMLESS_ANY),
    "nohup": _Shape("", 0, True),
    "setsid": _Shape("", 0, True, _HARMLESS_ANY),
    "time": _Shape("-f --format -o --output", 0, True, "-p"),
    "stdbuf": _Shape("-i --input -o --output -e --error", 0, True, _HARMLESS_ANY),
    "command": _Shape("", 0, True, "-p"),
    "builtin": _Shape("", 0, True),
    "exec": _Shape("-a", 0, True, "-c -l"),
    "coproc": _Shape("", 0, True),
    "env": _Shape("-u --unset -C --chdir", 0, True, "", assigns=True),
    "sudo": _Shape("-u -g -h -p -C -D -R -r -t -T -U --user --group --chdir", assigns=True),
    "doas": _Shape("-u -C"),
    "xargs": _Shape("-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-procs"),
    "strace": _Shape("-e -o -p -s -E -u -P"),
    "ltrace": _Shape("-e -o -p -s -u"),
    "chrt": _Shape("", 1),
    "taskset": _Shape("", 1),
    "chroot": _Shape("", 1),
    "unshare": _Shape(""),
    "flock": _Shape("-w --timeout -E --conflict-exit-code", 1),
    "busybox": _Shape(""),
    "toybox": _Shape(""),
    "npx": _Shape("-p --package -c --call", launches=True),
    "bunx": _Shape("", launches=True),
    "uvx": _Shape("--from --with --python -p", launches=True),
}

_LAUNCHERS = {("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run")}
_LAUNCHERS |= {("npm", "exec"), ("pnpm", "exec"), ("yarn", "exec"), ("rye", "run")}

_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh", "ash", "rbash", "mksh"})
_SHELL_VALUED = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})
_PLAIN_FLAG = re.compile(r"-[ceulx]+|-o|--norc|--noprofile|--login")
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FD_RUNS = frozenset({"-x", "-X", "--exec", "--exec-batch"})

GIT_VALUED = listed(
    "-C -c --git-dir --work-tree --namespace --super-prefix --config-env --attr-source"
)
"""git's options before its command that take the next word."""

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def unwrap(words: Words) -> Wrapped | None:
    """Return what a command runs; None where it is a plain command.

    Args:
        words: its name, which is known, and its arguments.
    """
    name = base_name(words[0].value or "")
    if name in _SHELLS:
        return _shell(words)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(words)
    shape = _SHAPES.get(name)
    if shape is not None:
        return _shaped(words, shape)
    if len(words) > 2 and (name, words[1].value) in _LAUNCHERS:
        return _shaped(words[1:], _Shape("--with --python -p --extra --group", launches=True))
    return None


def base_name(name: str) -> str:
    """Return a program's name without its folder."""
    return name.rstrip("/").rpartition("/")[2]


def _unclear(words: Words) -> Wrapped:
    return Wrapped(hidden=f"what {words[0].raw} runs is known only when it runs")


def _shaped(words: Words, shape: _Shape) -> Wrapped | None:
    """Step over a wrapper's own options, operands and assignments."""
    valued, harmless = shape.valued.split(), shape.harmless.split()
    at, options, clean = 1, [], True
    while at < len(words):
        value = words[at].value
        if value is None:
            return _unclear(words)
        if value == "--":
            at += 1
            break
        if not value.startswith("-") or value == "-":
            break
        options.append(value)
        clean = clean and (harmless == [_HARMLESS_ANY] or value in harmless)
        at += 2 if value in valued else 1
    at += shape.operands
    assigns, at = _assignments(words, at) if shape.assigns else ((), at)
    if any(item.value is None for item in words[1:at] if item not in assigns):
        return _unclear(words)
    if _changes_meaning(words, options):
        return _special_option(words, options)
    if at >= len(words):
        return None
    return Wrapped(
        commands=(words[at:],),
        assigns=assigns,
        transparent=shape.transparent and clean and _is_program(words[0]),
        launches=shape.launches,
        literal=at + 1,
    )


def _assignments(words: Words, at: int) -> tuple[Words, int]:
    start = at
    while at < len(words) and _ASSIGNMENT.match(words[at].raw):
        at += 1
    return words[start:at], at


def _changes_meaning(words: Words, options: list[str]) -> bool:
    name = base_name(words[0].value or "")
    if name == "env":
        return any(item.startswith(("-S", "--split-string")) for item in options)
    if name == "command":
        return any(re.match(r"-\w*[vV]", item) for item in options)
    if name in ("flock", "npx"):
        return any(item in ("-c", "--command", "--call") for item in options)
    return name == "sudo" and any(item in ("-s", "-i", "--shell", "--login") for item in options)


def _special_option(words: Words, options: list[str]) -> Wrapped | None:
    """Take a wrapper's option that makes it do something else."""
    if base_name(words[0].value or "") == "command":
        return None  # `command -v name` looks a name up and runs nothing
    return _unclear(words)


def _shell(words: Words) -> Wrapped:
    """Look at ``bash -c 'script'``; a shell given no file reads commands that we do not see."""
    at, flags = _shell_options(words)
    left = [item.value for item in words[at:]]
    if flags is None or (left and left[0] is None):
        return _unclear(words)
    if any(re.match(r"-[^-]*c", flag) for flag in flags):
        plain = all(_PLAIN_FLAG.fullmatch(flag) for flag in flags)
        script = left[0] if left else None
        if script is None:
            return _unclear(words)
        transparent = plain and _is_program(words[0])
        return Wrapped(scripts=(script,), transparent=transparent, literal=len(words) + 1)
    if not left or left[0] in ("-", "/dev/stdin") or "-s" in flags:
        return _unclear(words)
    return Wrapped()


def _shell_options(words: Words) -> tuple[int, list[str] | None]:
    """Return where a shell's options end, and them; None where one is not known."""
    flags: list[str] = []
    at = 1
    while at < len(words):
        value = words[at].value
        if value is None:
            return at, None
        if value == "--":
            return at + 1, flags
        if value == "-" or not value.startswith(("-", "+")):
            break
        flags.append(value)
        at += 2 if value in _SHELL_VALUED else 1
    return at, flags


def _is_program(name: Word) -> bool:
    """Say whether a name is found by PATH or in the system's folders, not in a workspace."""
    folder, slash, _ = (name.value or "").rpartition("/")
    return not slash or folder in ("/bin", "/usr/bin", "/usr/local/bin")


def _eval(words: Words) -> Wrapped:
    values = [item.value for item in words[1:]]
    if not values or None in values:
        return _unclear(words) if values else Wrapped()
    return Wrapped(scripts=(" ".join(value or "" for value in values),), transparent=True)


def _joined(operands: int, valued: str) -> Callable[[Words], Wrapped | None]:
    """Make the reader of a command that gives its words, joined, to a shell (watch, ssh)."""

    def read(words: Words) -> Wrapped | None:
        found = _shaped(words, _Shape(valued, operands))
        if found is None or found.hidden or not found.commands:
            return found
        values = [item.value for item in found.commands[0]]
        if None in values:
            return _unclear(words)
        return Wrapped(scripts=(" ".join(value or "" for value in values),), literal=found.literal)

    return read


def _find(runs: frozenset[str]) -> Callable[[Words], Wrapped | None]:
    def read(words: Words) -> Wrapped | None:
        starts = [at for at, item in enumerate(words) if item.value in runs]
        if any(item.value is None and not item.raw.startswith('"') for item in words):
            return _unclear(words)
        commands = []
        for start in starts:
            end = start + 1
            while end < len(words) and words[end].value not in (";", "+"):
                end += 1
            if words[start + 1 : end]:
                commands.append(words[start + 1 : end])
        if any(base_name(item[0].value or "") in _SHELLS for item in commands):
            return _unclear(words)
        return Wrapped(tuple(commands), literal=len(words) + 1) if commands else None

    return read


def _xargs(words: Words) -> Wrapped | None:
    """A shell behind xargs is given what it reads as part of its script."""
    found = _shaped(words, _SHAPES["xargs"])
    if found is None or found.hidden:
        return found
    inner = base_name(found.commands[0][0].value or "")
    substitutes = any(re.match(r"-[Ii]|--replace", item.raw) for item in words)
    if inner in _SHELLS or inner in ("env", "xargs", "eval") or substitutes:
        hidden = "lets xargs make a command of text"
        return Wrapped(found.commands, literal=found.literal, hidden=hidden)
    unknown = Word('"$@"', None)
    return replace(found, commands=((*found.commands[0], unknown),))


def _first_script(words: Words) -> Wrapped:
    """``trap 'script' SIGNAL``."""
    if len(words) < 2 or words[1].value in ("-", "-l", "-p"):
        return Wrapped()
    value = words[1].value
    return _unclear(words) if value is None else Wrapped(scripts=(value,), literal=len(words) + 1)


def _alias(words: Words) -> Wrapped:
    values = [item.value for item in words[1:]]
    if None in values:
        return _unclear(words)
    scripts = tuple(value.partition("=")[2] for value in values if value and "=" in value)
    return Wrapped(scripts=scripts, literal=len(words) + 1)


def _option_script(*options: str) -> Callable[[Words], Wrapped | None]:
    """Make the reader of a command with a script after one of its options (su -c)."""

    def read(words: Words) -> Wrapped | None:
        for at, item in enumerate(words[:-1]):
            if item.value in options:
                value = words[at + 1].value
                return (
                    _unclear(words)
                    if value is None
                    else Wrapped(scripts=(value,), literal=len(words) + 1)
                )
        return _unclear(words)

    return read


def _git(words: Words) -> Wrapped | None:
    """Look at git: options before its command can name programs, some commands run others."""
    at = git_command(words)
    literal = max(
        (place + 2 for place in range(1, at) if _git_runs(words[place].value or "")), default=0
    )
    rest = [item.value or "" for item in words[at:]]
    if rest[:2] == ["bisect", "run"] and len(rest) > 2:
        return Wrapped(commands=(words[at + 2 :],), literal=at + 3)
    if rest[:2] == ["submodule", "foreach"]:
        scripts = tuple(item for item in rest[2:] if not item.startswith("-"))
        return Wrapped(scripts=(" ".join(scripts),), literal=len(words) + 1)
    if rest[:1] == ["rebase"]:
        scripts = tuple(after for before, after in pairwise(rest) if before in ("-x", "--exec"))
        if scripts:
            return Wrapped(scripts=scripts, literal=len(words) + 1)
    return Wrapped(literal=literal) if literal else None


def _git_runs(option: str) -> bool:
    return option in ("-c", "--config-env") or option.startswith(("--exec-path=", "--config-env="))


def git_command(words: Words) -> int:
    """Return the place of git's own command, after the options before it."""
    at = 1
    while at < len(words) and words[at].raw.startswith("-"):
        at += 2 if words[at].value in GIT_VALUED else 1
    return min(at, len(words))


_SPECIAL: Mapping[str, Callable[[Words], Wrapped | None]] = {
    "eval": _eval,
    "find": _find(_FIND_RUNS),
    "fd": _find(_FD_RUNS),
    "xargs": _xargs,
    "parallel": _unclear,
    "watch": _joined(0, "-n --interval"),
    "ssh": _joined(1, "-p -i -l -o -F -J -b -c -D -E -e -I -L -m -O -Q -R -S -W -w -B"),
    "su": _option_script("-c", "--command"),
    "script": _option_script("-c", "--command"),
    "trap": _first_script,
    "alias": _alias,
    "git": _git,
}
