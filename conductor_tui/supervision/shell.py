"""A shell command taken apart: every simple command in it, wherever it hides.

Substitutions, subshells, loops, functions, ``bash -c '…'``, ``eval`` and commands behind wrappers
(``timeout``, ``env``, ``xargs``, ``find -exec`` …) are found. What cannot be seen is said to be so:
a name that is a variable, a shell that reads its commands from a pipe, text that is no command.
Programs with languages of their own (``python -c``, ``awk``, ``make``) are not looked into.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from conductor_tui.supervision.shell_words import (
    Node,
    Spelling,
    Word,
    listed,
    odd_character,
    text_of,
    word,
)
from conductor_tui.supervision.shell_wrappers import Wrapped, unwrap

MAX_LENGTH = 100_000
"""Longest command looked into, in characters; what is longer counts as not understood."""

MAX_DEPTH = 6
"""How many shells within shells are followed."""

SAFE_VARIABLES = listed(
    "CI COLUMNS DEBUG FORCE_COLOR GOARCH GOOS LANG LANGUAGE LINES NODE_ENV NO_COLOR PYTHONHASHSEED "
    "PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONUTF8 RUST_BACKTRACE RUST_LOG TERM TZ"
)
"""Variables that may be set before a command without changing what is run; also ``LC_*``."""

_OWN_VARIABLE = re.compile(r"(?!npm_config_)[a-z_][a-z0-9_]*(?<!_proxy)")
"""Names a script gives its own variables; programs are steered by capitals, and by these two."""

_RESERVED = listed(
    "if then else elif fi case esac for select while until do done in function { } !"
)
_NAME = re.compile(r"[A-Za-z0-9_./+:@%~\[-][A-Za-z0-9_./+:@%\[-]*")
_SUBSCRIPTS = listed("read printf test [ unset mapfile readarray getopts wait")
"""Builtins that evaluate ``a[$(command)]`` where a variable's name is wanted."""
_DECLARES = listed("export declare typeset readonly local unset unsetenv")
_WRITES = frozenset({">", ">>", ">|", "&>", "&>>", "<>", ">&"})
_SINKS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
_ROUGH = re.compile(r"[;&|\n(){}`]+")


@dataclass(frozen=True, slots=True)
class Part:
    """One simple command."""

    words: tuple[Word, ...]
    assigns: tuple[Word, ...] = ()
    """Assignments before it."""
    inner: tuple[Part, ...] = ()
    """The commands it runs, as far as they are seen."""
    transparent: bool = False
    """It does nothing besides running the inner ones: they have to be allowed, it need not be."""
    launches: bool = False
    """It runs the inner ones as its purpose (``uv run``): they may be denied, but a rule for the
    outer one allows them."""
    literal: int = 0
    """How many of its words a rule has to name to the letter to allow it without the inner ones."""

    def all(self) -> Iterator[Part]:
        """Yield this part and all within it."""
        yield self
        for part in self.inner:
            yield from part.all()

    @property
    def unsafe(self) -> tuple[Word, ...]:
        """The assignments that may change what is run."""
        return tuple(item for item in self.assigns if not _is_safe(item.raw))


@dataclass(frozen=True, slots=True)
class Redirect:
    """A file that a command reads or writes by redirection."""

    path: str | None
    """None where it is known only when the command runs."""
    writes: bool


@dataclass(slots=True)
class Script:
    """What a shell command does, as far as it can be seen without running it."""

    parts: list[Part] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    hidden: str = ""
    """Why there may be commands that were not seen; empty where there are none."""
    doubt: str = ""
    """Why a command may do more than it says, although all were seen."""

    def all(self) -> Iterator[Part]:
        """Yield every part, also those within others."""
        for part in self.parts:
            yield from part.all()


def split(command: str, depth: int = 0) -> Script:
    """Take a shell command apart.

    Never raises: what cannot be understood is told by ``hidden``, and its parts are then a rough
    guess, good for denying only.

    Args:
        command: the text a shell would be given.
        depth: how many shells it stands in already.
    """
    script = Script()
    if len(command) > MAX_LENGTH or depth > MAX_DEPTH:
        script.hidden = "is too long, or a shell in too many shells"
        return _roughly(script, command[:MAX_LENGTH])
    script.hidden = odd_character(command)
    if script.hidden:
        return _roughly(script, command)
    source = command.encode(errors="replace")
    root = _parse(source)
    spelling = Spelling()
    try:
        spelling.check(root, source)
        script.hidden, script.doubt = spelling.broken, spelling.doubt
        _Walk(script, depth).visit(root)
    except RecursionError:
        script.hidden = "is nested too deep"
        return _roughly(script, command)
    return _roughly(script, command) if spelling.broken else script


def _parse(source: bytes) -> Node:
    # The grammar costs 15 ms to load, and many runs never see a shell command.
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    language = Language(tree_sitter_bash.language())
    return Parser(language).parse(source).root_node


def _roughly(script: Script, command: str) -> Script:
    """Add a guess at the commands of a text that is not understood."""
    for piece in _ROUGH.split(command):
        try:
            words = shlex.split(piece)
        except ValueError:
            words = piece.split()
        while words and (words[0] in _RESERVED or re.match(r"\w+=", words[0])):
            words = words[1:]
        if words:
            script.parts.append(Part(tuple(Word(item, item) for item in words)))
    return script


def _is_safe(assignment: str) -> bool:
    name = re.split(r"\+?=", assignment, maxsplit=1)[0]
    return name in SAFE_VARIABLES or name.startswith("LC_")


class _Walk:
    """Gathers the parts of a tree into a script."""

    def __init__(self, script: Script, depth: int) -> None:
        self._script = script
        self._depth = depth

    def visit(self, node: Node) -> None:
        """Look at a node and all below it."""
        if node.type == "command":
            self._command(node)
        elif node.type in ("declaration_command", "unset_command"):
            self._words_of(node)
        elif node.type == "test_command":
            self._test(node)
        elif node.type == "variable_assignment":
            self._assignment(node)
        elif node.type == "file_redirect":
            self._redirect(node)
        elif node.type == "compound_statement" and text_of(node).startswith("(("):
            self._doubt("evaluates arithmetic")
        elif node.type in ("c_style_for_statement", "subscript", "translated_string"):
            self._doubt(f"uses a {node.type.replace('_', ' ')}")
        elif text_of(node).startswith("`") and "\\" in text_of(node):
            self._hide("has escapes within backticks")
        self._below(node)

    def _below(self, node: Node) -> None:
        for child in node.children:
            in_command = node.type == "command" and child.type == "variable_assignment"
            in_declaration = node.type == "declaration_command"
            if (in_command or in_declaration) and child.type == "variable_assignment":
                self._below(child)
            else:
                self.visit(child)

    def _hide(self, reason: str) -> None:
        self._script.hidden = self._script.hidden or reason

    def _doubt(self, reason: str) -> None:
        self._script.doubt = self._script.doubt or reason

    def _command(self, node: Node) -> None:
        assigns, words = [], []
        for child in node.children:
            if child.type == "variable_assignment":
                assigns.append(Word(text_of(child), None))
            elif "redirect" not in child.type:
                words.append(word(child))
        self._script.parts.append(self.part(tuple(words), tuple(assigns), _has_input(node)))

    def part(self, words: tuple[Word, ...], assigns: tuple[Word, ...], fed: bool) -> Part:
        """Make the part of a command's words, with what it runs in turn.

        Args:
            words: its name and arguments.
            assigns: assignments before it.
            fed: whether it is given a here-document or here-string.
        """
        name = words[0].value if words else ""
        if name is None or not _NAME.fullmatch(name) or words[0].raw in _RESERVED:
            self._hide(f"runs {words[0].raw[:40] if words else 'nothing'}, whatever that is")
            return Part(words, assigns)
        if name in _SUBSCRIPTS and any("[" in item.raw[1:] for item in words[1:]):
            self._doubt(f"{name} is given a subscript")
        if name == "let":
            self._doubt("evaluates arithmetic")
        wrapped = unwrap(words)
        if wrapped is None:
            return Part(words, assigns)
        if wrapped.hidden:
            self._hide(wrapped.hidden)
        inner = self._inner(wrapped, fed)
        launches = wrapped.launches
        return Part(words, assigns, inner, wrapped.transparent, launches, wrapped.literal)

    def _inner(self, wrapped: Wrapped, fed: bool) -> tuple[Part, ...]:
        if self._depth >= MAX_DEPTH:
            self._hide("is a shell in too many shells")
            return ()
        below = _Walk(self._script, self._depth + 1)
        inner = [below.part(words, wrapped.assigns, fed) for words in wrapped.commands]
        for text in wrapped.scripts:
            found = split(text, self._depth + 1)
            inner += found.parts
            self._script.redirects += found.redirects
            if found.hidden:
                self._hide(found.hidden)
            if found.doubt:
                self._doubt(found.doubt)
        return tuple(inner)

    def _words_of(self, node: Node) -> None:
        words = tuple(_literal(child) for child in node.children)
        if "[" in text_of(node) or any(re.match(r"-\w*[in]", item.raw) for item in words):
            self._doubt(f"{words[0].raw} may evaluate what it is given")
        self._script.parts.append(Part(words))

    def _test(self, node: Node) -> None:
        words = tuple(Word(text, text) for text in text_of(node).split())
        if any(re.fullmatch(r"-(v|eq|ne|lt|le|gt|ge)|=~", item.raw) for item in words):
            self._doubt("compares numbers, which may evaluate a variable")
        self._script.parts.append(Part(words))

    def _assignment(self, node: Node) -> None:
        """Take a variable set for the rest of the script: harmless where it is the script's own."""
        text = text_of(node)
        name = re.split(r"[+\[=]", text, maxsplit=1)[0]
        if not _OWN_VARIABLE.fullmatch(name) and not _is_safe(text):
            self._script.parts.append(Part((Word(text, None),), literal=1))

    def _redirect(self, node: Node) -> None:
        operator = next((child.type for child in node.children if not child.is_named), "")
        target = node.children[-1]
        found = word(target)
        path = found.value
        if operator in (">&", "<&") and re.fullmatch(r"[0-9]+|-|[0-9]+-", found.raw):
            return
        if operator.endswith("&-") or path in _SINKS:
            return
        network = path is None or path.startswith(("/dev/tcp", "/dev/udp"))
        self._script.redirects.append(Redirect(path, operator in _WRITES or network))


def _literal(node: Node) -> Word:
    """Take a declaration's argument; an assignment is spelt as it stands."""
    found = word(node)
    known = node.type in _DECLARES or node.type == "variable_name"
    if node.type == "variable_assignment" and re.fullmatch(r"[\w+=./:-]+", found.raw):
        known = True
    return Word(found.raw, found.raw) if known else found


def _has_input(node: Node) -> bool:
    return any(child.type == "herestring_redirect" for child in node.children)
