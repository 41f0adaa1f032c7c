"""A Markdown check-list into a Document of tasks: ``- [ ] text`` and what is indented below."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from conductor_tui.settings.document import MAX_VALUES, Document, Unreadable

_BOX = re.compile(r"\[([ xX])\](?:\s+|$)")


def parse_markdown(name: str, text: str) -> Document:
    """Read the top-level check-list items of a Markdown text, in order.

    The value is that of a plan, ``{"tasks": [{"title", "prompt", "done"}]}``: the item's paragraph
    is the title; the prompt is that and all that stands below the item, indented. An item without
    a box is no task.

    Raises:
        Unreadable: there are too many items.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = text.split("\n")
    document = Document(name, {"tasks": []}, {(): 1})
    tasks: list[dict[str, Any]] = document.value["tasks"]
    tokens = MarkdownIt("commonmark").parse(text)
    for index, token in enumerate(tokens):
        if token.type != "list_item_open" or token.level != 1 or token.map is None:
            continue
        if not _in_document(tokens, index):
            continue
        found = _item(tokens, index, source)
        if found is None:
            continue
        if len(tasks) >= MAX_VALUES:
            raise Unreadable(f"more than {MAX_VALUES} items", token.map[0] + 1)
        document.lines[("tasks", len(tasks))] = token.map[0] + 1
        tasks.append(found)
    return document


def _in_document(tokens: list[Token], index: int) -> bool:
    """Say whether the list of the item at ``index`` stands in no quote."""
    before = tokens[:0] if index == 0 else (tokens[i] for i in range(index - 1, -1, -1))
    for token in before:
        if token.level == 0:
            return token.type in ("bullet_list_open", "ordered_list_open")
    return False


def _item(tokens: list[Token], index: int, source: list[str]) -> dict[str, Any] | None:
    """Return the task of one list item, None where it has no box."""
    opened = tokens[index]
    if index + 2 >= len(tokens) or tokens[index + 1].type != "paragraph_open":
        return None
    inline = tokens[index + 2]
    box = _BOX.match(inline.content)
    span, paragraph = opened.map, inline.map
    if box is None or span is None or paragraph is None:
        return None
    title = " ".join(inline.content[box.end() :].split())
    below = textwrap.dedent("\n".join(source[paragraph[1] : span[1]])).strip("\n").rstrip()
    gap = "\n\n" if paragraph[1] < len(source) and not source[paragraph[1]].strip() else "\n"
    prompt = f"{title}{gap}{below}" if below else title
    return {"title": title, "prompt": prompt, "done": box.group(1) != " "}
