"""The words of a shell command: what each is after unquoting, and whether its spelling is sound.

The grammar's own tokens are not trusted: each is held against what bash takes there, and what lies
between them has to be blank. A text that fails is one that bash may read otherwise than we do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


def listed(text: str) -> frozenset[str]:
    """Return the set of the words of a text."""
    return frozenset(text.split())


_BLANK = re.compile(r"(?:[ \t\n]|\\\n)*")
_INLINE = re.compile(r"(?:[ \t]|\\\n)*")

_WORD = r"(?:\\[\s\S]|[^\s;|&<>()'\"`$\\])+"
_PLAIN_STRING = re.compile(r'"(?:\\[\s\S]|[^"\\`$]|\$(?![({A-Za-z0-9_@*#?!$-]))*"')
_TOKENS = {
    name: re.compile(pattern)
    for name, pattern in {
        "word": _WORD,
        "number": r"-?[0-9]+",
        "raw_string": r"'[^']*'",
        "ansi_c_string": r"\$'(?:\\[\s\S]|[^'\\])*'",
        "string_content": r"(?:\\[\s\S]|[^\"\\`])*",
        "variable_name": r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+",
        "special_variable_name": r"[@*#?$!0_-]",
        "file_descriptor": r"[0-9]+",
        "test_operator": r"-[a-zA-Z]{1,2}",
        "comment": r"#[^\n]*",
        "extglob_pattern": r"[A-Za-z0-9_.,:*?/+=-]+",
        "heredoc_start": r"\\?[A-Za-z0-9_]+|'[A-Za-z0-9_]+'|\"[A-Za-z0-9_]+\"",
        "heredoc_end": r"[A-Za-z0-9_]+",
        "simple_expansion": r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]|[@*#?$!-])",
    }.items()
}
_OPERATORS = listed(
    "; ;; ;& ;;& & && | || |& ( ) { } $( ` <( >( < > >> >| &> &>> <> <& >& <&- >&- << <<- <<< "
    "= += == != [ ] [[ ]] ! if then else elif fi for in do done while until case esac function "
    'select " $ export declare typeset readonly local unset unsetenv'
)
_SAFE_EXPANSION = re.compile(
    r"\$\{#?(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*?#$-])"
    r"(?:(?::?[-+?]|##?|%%?|//?|\^\^?|,,?)[^\"'`$\\{}\n]*)?\}"
)
"""Parameter expansions that run nothing: not ``${x@P}``, ``${!x}``, subscripts, or arithmetic."""
_SAFE_ARITHMETIC = re.compile(r"\$\(\([0-9\s+*/%()<>=!&|^~?:-]*\)\)")
"""Arithmetic on numbers only: a variable in it is evaluated, and may hold ``a[$(command)]``."""

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b"}
_ESCAPES |= {"f": "\f", "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?"}
_ANSI_C = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|c(.)|([\s\S]))"
)
_BRACES = re.compile(r"(?<![\\$])\{[^{}]*(?:,|\.\.)")


class Node(Protocol):
    """What is needed of tree-sitter's node; the library is loaded by the parser only."""

    @property
    def type(self) -> str:
        """The kind of node."""

    @property
    def text(self) -> bytes | None:
        """Its source."""

    @property
    def children(self) -> Sequence[Node]:
        """What it is made of, in order."""

    @property
    def start_byte(self) -> int:
        """Where it begins in the source."""

    @property
    def end_byte(self) -> int:
        """Where it ends."""

    @property
    def is_named(self) -> bool:
        """Whether it is a rule of the grammar, not a fixed token."""

    @property
    def is_error(self) -> bool:
        """Whether the grammar could make nothing of it."""

    @property
    def is_missing(self) -> bool:
        """Whether the grammar made it up."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command."""

    raw: str
    """As it is spelt."""
    value: str | None
    """What the command is given; None where that is known only when it runs."""

    @property
    def text(self) -> str:
        """The word spelt in one fixed way, so that ``'git'`` and ``git`` are the same."""
        return self.raw if self.value is None else shlex.quote(self.value)


def text_of(node: Node) -> str:
    """Return the source of a node."""
    return "" if node.text is None else node.text.decode()


def word(node: Node) -> Word:
    """Make the word of an argument's node."""
    return Word(text_of(node), _value(node))


def _value(node: Node) -> str | None:
    """Return what a word is after unquoting; braces that bash would expand make it unknown."""
    if node.type == "command_name":
        return _value(node.children[0]) if len(node.children) == 1 else None
    if node.type in ("word", "concatenation") and _BRACES.search(text_of(node)):
        return None
    if node.type != "concatenation":
        return _unquoted(node)
    values = [_unquoted(child) for child in node.children]
    return None if None in values else "".join(value or "" for value in values)


def _unquoted(node: Node) -> str | None:
    text = text_of(node)
    if node.type in ("word", "number"):
        return re.sub(r"\\(\n|[\s\S])", _unescaped, text)
    if node.type == "raw_string":
        return text[1:-1]
    if node.type == "string" and _PLAIN_STRING.fullmatch(text):
        return re.sub(r'\\([$`"\\\n])', _unescaped, text[1:-1])
    if node.type == "ansi_c_string":
        return _ANSI_C.sub(_ansi_c, text[2:-1])
    return None


def _unescaped(match: re.Match[str]) -> str:
    return "" if match.group(1) == "\n" else match.group(1)


def _ansi_c(match: re.Match[str]) -> str:
    for group in (1, 2, 3):
        if match.group(group):
            code = int(match.group(group), 16)
            return chr(code) if code <= 0x10FFFF else ""
    if match.group(4):
        return chr(int(match.group(4), 8) & 0xFF)
    if match.group(5):
        return chr(ord(match.group(5)) & 0x1F)
    return _ESCAPES.get(match.group(6), match.group(0))


def odd_character(text: str) -> str:
    """Say which character shells, terminals and grammars read differently; empty where none."""
    for char in text:
        if (ord(char) < 32 and char not in "\n\t") or ord(char) == 127:
            return f"holds the control character {char!a}"
        if ord(char) > 127 and (char.isspace() or not char.isprintable()):
            return f"holds the invisible character {char!a}"
    return ""


@dataclass(slots=True)
class Spelling:
    """What looking at every token found; both empty where bash reads the text as we do."""

    broken: str = ""
    """Why the text may hold commands that were not seen."""
    doubt: str = ""
    """Why a part may do more than it says, although every command in it was seen."""

    def check(self, root: Node, source: bytes) -> None:
        """Look at the whole tree of a source: every byte has to belong to a sound token."""
        self._between(source, 0, root.start_byte, _BLANK)
        self._visit(root, source)
        self._between(source, root.end_byte, len(source), _BLANK)

    def _between(self, source: bytes, start: int, end: int, blank: re.Pattern[str]) -> None:
        if not blank.fullmatch(source[start:end].decode(errors="replace")):
            self.broken = self.broken or "holds something the grammar passed over"

    def _visit(self, node: Node, source: bytes) -> None:
        if node.is_error or node.is_missing:
            self.broken = self.broken or "is not a shell command the grammar knows"
        elif node.type in ("heredoc_body", "string") and self._whole(node):
            return
        elif node.type == "heredoc_redirect":
            self._heredoc(node, source)
        elif node.type in ("expansion", "arithmetic_expansion"):
            if self._expansion_is_safe(node):
                return
        elif node.type == "simple_expansion" or not node.children:
            self._token(node, source)
            return
        self._children(node, source)

    def _whole(self, node: Node) -> bool:
        """Say whether a string or here-document is plain text, whose inside need not be visited."""
        if node.type == "string":
            return _PLAIN_STRING.fullmatch(text_of(node)) is not None
        return True

    def _children(self, node: Node, source: bytes) -> None:
        inline = node.type in ("command", "concatenation", "declaration_command")
        blank = _INLINE if inline else _BLANK
        at = node.start_byte
        for number, child in enumerate(node.children):
            self._between(source, at, child.start_byte, blank)
            touching = number > 0 and child.start_byte == at
            if node.type == "command" and touching and "redirect" not in child.type:
                self.broken = self.broken or "has words that are not set apart"
            self._visit(child, source)
            at = child.end_byte
        self._between(source, at, node.end_byte, blank)

    def _token(self, node: Node, source: bytes) -> None:
        text = text_of(node)
        pattern = _TOKENS.get(node.type)
        if pattern is not None and pattern.fullmatch(text):
            before = source[node.start_byte - 1 : node.start_byte]
            starts = before in (b"", b" ", b"\t", b"\n", b";", b"&", b"|", b"(", b")")
            if (node.type == "comment") != (text.startswith("#") and starts):
                self.broken = self.broken or "has a '#' of unclear meaning"
        elif pattern is not None or node.is_named:
            self.broken = self.broken or f"has a {node.type.replace('_', ' ')} of unclear meaning"
        elif node.type.strip() and node.type not in _OPERATORS:
            self.doubt = self.doubt or f"uses {node.type}, which is not looked into"

    def _expansion_is_safe(self, node: Node) -> bool:
        safe = _SAFE_EXPANSION if node.type == "expansion" else _SAFE_ARITHMETIC
        if safe.fullmatch(text_of(node)):
            return True
        self.doubt = self.doubt or f"has the expansion {text_of(node)[:40]}"
        return False

    def _heredoc(self, node: Node, source: bytes) -> None:
        """Check a here-document's end ourselves: what is text and what is command hangs on it."""
        found = {child.type: child for child in node.children}
        start, end = found.get("heredoc_start"), found.get("heredoc_end")
        if start is None or end is None:
            self.broken = self.broken or "has a here-document without an end"
            return
        mark = text_of(start).strip("'\"\\")
        # The grammar's own body leaves out what it takes for a continued line.
        first = source.find(b"\n", start.end_byte) + 1
        last = source.rfind(b"\n", 0, end.start_byte) + 1
        line = source[last : (source + b"\n").index(b"\n", last)].decode()
        tabs = "\t" if "<<-" in found else ""
        body = source[first:last].decode()
        ends = [text.lstrip("\t") for text in body.split("\n")[:-1]]
        if not 0 < first <= last or line.lstrip(tabs or "\0") != mark or mark in ends:
            self.broken = self.broken or "has a here-document whose end is unclear"
        if text_of(start) == mark and re.search(r"[`$\\]", body):
            self.doubt = self.doubt or "has a here-document with expansions"
