"""Foreign text made harmless: no escape sequence and no control character is left in it.

What agents, tools and plans say is printed by several faces; this is what they share.
"""

from __future__ import annotations

import re

ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # strings
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
"""Terminal escape sequences (ECMA-48, sections 5.4 and 5.6)."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return text that is safe to print; line breaks and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = ESCAPES.sub("", text.replace("\r\n", "\n"))
    return _CONTROLS.sub("\ufffd", text)


def plain_line(text: str) -> str:
    """Return text as one line that is safe to print."""
    return " ".join(part.strip() for part in plain(text).splitlines() if part.strip())
