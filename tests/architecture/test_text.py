"""What no committed file may say, and what the documents promise."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, sources

# Written so that the patterns do not find themselves.
FORBIDDEN = {
    "the address of a package index": (
        r"\bpypi[.]org|pythonhosted[.]org|registry[.](npmjs|yarnpkg)[.]|\b(devpi|nexus|artifactory)[.]"
        r"|--(extra-)?index-url[ =]+\S*:|--find-links[ =]"
    ),
    "a folder of the machine it was made on": r"(?<![\w.~-])/(work|root)/[\w.]",
}

IN_THE_PACKAGE = {
    "an import that only type checkers see (it hides a cycle)": r"\bTYPE_[C]HECKING\b",
    # Taking even BaseException is left to ruff (BLE001), which allows it to tidy up and re-raise.
    "an except that takes every error": r"\bexcept\s+Exception\b|\bexcept\s*:",
    "an import relative to the file": r"^\s*from\s+[.]",
    "a promise instead of code": r"\b(TO[D]O|FIX[M]E|XX[X])\b",
}


def committed_files() -> Sequence[Path]:
    """Return what git keeps; none where the sources were unpacked without it."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    result = subprocess.run(command, capture_output=True, check=False)
    names = result.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def findings(paths: Sequence[Path], pattern: str) -> list[str]:
    """Return each line of the files that a pattern is found in, with its place."""
    expression = re.compile(pattern)
    found: list[str] = []
    for path in paths:
        text = path.read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if hit := expression.search(line):
                found.append(f"{path}:{number}: {hit.group().strip()}")
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_holds(what: str) -> None:
    found = findings(committed_files(), FORBIDDEN[what])
    assert not found, "\n" + "\n".join(found)


def test_no_committed_file_knows_where_this_checkout_lies() -> None:
    found = findings(committed_files(), re.escape(str(ROOT)) + r"\b")
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("what", IN_THE_PACKAGE)
def test_the_package_does_not_hold(what: str) -> None:
    paths = [PACKAGE.parent / source.path for source in sources(PACKAGE)]
    found = findings(paths, IN_THE_PACKAGE[what])
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (
            FORBIDDEN["the address of a package index"],
            "--index-url" + " https://example.org/simple",
        ),
        (FORBIDDEN["the address of a package index"], "https://pypi" + ".org/simple/textual"),
        (FORBIDDEN["a folder of the machine it was made on"], "cd /wo" + "rk/main"),
        (IN_THE_PACKAGE["an except that takes every error"], "    except Exception as error:"),
        (IN_THE_PACKAGE["an except that takes every error"], "    except:"),
        (
            IN_THE_PACKAGE["an import that only type checkers see (it hides a cycle)"],
            "from typing import TYPE_" + "CHECKING",
        ),
    ],
)
def test_a_planted_line_is_found(tmp_path: Path, pattern: str, line: str) -> None:
    path = tmp_path / "planted.py"
    path.write_text(f"fine = 1\n{line}\n")
    assert len(findings([path], pattern)) == 1


def make_targets() -> set[str]:
    """Return the targets of the Makefile that have a line of help."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))


def test_the_documents_name_only_targets_that_exist() -> None:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in documents)
    # In code only: "make sure" is a sentence.
    named = set(
        re.findall(r"(?:`|^    |^\$ |^)make ([a-z]+)(?=`|\s*(?:#.*)?$)", text, re.MULTILINE)
    )
    assert named <= make_targets(), named - make_targets()


def test_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make ([a-z]+)", shown.stdout, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert listed == set(phony.group(1).split()) == make_targets()
