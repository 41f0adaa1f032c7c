"""What grows past these sizes is cut in two: a file, a class, a function. There is no list of
exceptions on purpose; a limit that can be silenced in place is silenced where it is needed most.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, Source, sources

FILE_LINES = 400
CLASS_METHODS = 20
FUNCTION_LINES = 50


def too_large(source: Source) -> Iterator[str]:
    """Yield one line for each thing in a file that is past its size."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield f"{source.path}: {lines} lines, at most {FILE_LINES}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) for n in node.body)
            if methods > CLASS_METHODS:
                place = f"{source.at(node)}: class {node.name}"
                yield f"{place} has {methods} methods, at most {CLASS_METHODS}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                place = f"{source.at(node)}: function {node.name}"
                yield f"{place} has {length} lines, at most {FUNCTION_LINES}"


@pytest.mark.parametrize("folder", [PACKAGE, ROOT / "tests"], ids=lambda folder: folder.name)
def test_nothing_is_too_large(folder: Path) -> None:
    offenders = [line for source in sources(folder) for line in too_large(source)]
    assert not offenders, "\n" + "\n".join(offenders)


def planted(text: str) -> list[str]:
    return list(too_large(Source(Path("room/file.py"), text, ast.parse(text))))


def test_a_long_file_is_named() -> None:
    assert planted("x = 1\n" * 400) == []
    assert planted("x = 1\n" * 401) == ["room/file.py: 401 lines, at most 400"]


def test_a_fat_class_is_named() -> None:
    def fat(count: int) -> str:
        methods = [f"    {'async ' * (n % 2)}def m{n}(self): ...\n" for n in range(count)]
        return "class Fat:\n" + "".join(methods)

    assert planted(fat(20)) == []
    assert planted(fat(21)) == ["room/file.py:1: class Fat has 21 methods, at most 20"]


def test_a_long_function_is_named_also_inside_another() -> None:
    body = "        x = 1\n" * 49
    assert planted(f"def outer():\n    pass\n{body.replace('        ', '    ')}"[:-10]) == []
    found = planted(f"class A:\n    async def long(self):\n{body}        x = 1\n")
    assert found == ["room/file.py:2: function long has 51 lines, at most 50"]
