"""What pydantic found wrong, said as a user of the file would say it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from conductor_tui.domain.errors import Fault
from conductor_tui.settings.document import Document, Path

_SAID = {
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "int_parsing": "should be a whole number",
    "float_type": "should be a number",
    "bool_type": "should be true or false",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "model_attributes_type": "should be a mapping",
    "missing": "is missing",
    "finite_number": "should be a finite number",
}
_SHOWN = 60
"""How much of a wrong value is repeated, in characters."""


def explain(
    document: Document, error: ValidationError, model: type[BaseModel], base: Path
) -> list[Fault]:
    """Turn a model's errors into faults, each on the line of its key.

    Args:
        document: where the value stands.
        error: what pydantic found.
        model: the model of the value at ``base``, for suggestions of its keys.
        base: where in the document the value stands.
    """
    return [_fault(document, found, model, base) for found in error.errors(include_url=False)]


def _fault(document: Document, found: ErrorDetails, model: type[BaseModel], base: Path) -> Fault:
    inner = tuple(step for step in found["loc"] if step != "[key]")
    path = (*base, *inner)
    if found["type"] == "extra_forbidden":
        return document.blame(path, _unknown(str(inner[-1]), _keys(model, inner[:-1])))
    return document.blame(path, _said(found))


def _said(found: ErrorDetails) -> str:
    kind, value = found["type"], found["input"]
    if kind == "value_error":
        text = str(found.get("ctx", {}).get("error", found["msg"]))
    elif kind in ("enum", "literal_error"):
        text = f"should be one of {_choices(found)}"
    else:
        text = _SAID.get(kind) or found["msg"].replace("Input should", "should")
    if kind == "missing":
        return text
    if kind == "string_type" and isinstance(value, (bool, int, float)):
        text += "; put it in quotes"
    return f"{text} (found {_shown(value)})"


def _choices(found: ErrorDetails) -> str:
    return str(found.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ")


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _keys(model: type[BaseModel], path: Path) -> Iterable[str]:
    """Return the keys known at a place within a model; none where it is no model."""
    found: object = model
    for step in path:
        found = _step(found, step)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [field.alias or name for name, field in found.model_fields.items()]
    return []


def _step(kind: object, step: str | int) -> object:
    """Follow one step of a path through a model's types."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
        return None
    arguments = getattr(kind, "__args__", ())
    models = [part for part in arguments if isinstance(part, type) and issubclass(part, BaseModel)]
    return models[0] if models else None


def _unknown(key: str, known: Iterable[str]) -> str:
    return f"unknown key{suggestion(key, known)}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` where a known word is near, else what is known."""
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(words)}" if 0 < len(words) <= 30 else ""
