"""Each import contract was seen red: a copy of the package with one fault planted in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.architecture.contracts import contract_names, lint
from tests.architecture.source import PACKAGE


class Copy:
    """A copy of the package in which faults can be planted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "conductor_tui"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))

    def plant(self, module: str, code: str) -> None:
        """Add code to a module (`room` or `room.module`), making what is not there yet."""
        parts = module.split(".")
        path = self.package.joinpath(*parts).with_suffix(".py")
        package = self.package.joinpath(*parts, "__init__.py")
        if package.exists():
            path = package
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{code}\n")


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copy")


def test_the_copy_itself_is_green(copy: Copy) -> None:
    verdict = lint(copy.folder)
    assert verdict.exit_code == 0, verdict.output
    assert len(verdict.kept) == len(contract_names())


def test_a_type_checking_import_counts(copy: Copy) -> None:
    block = "if typing.TYPE_" + "CHECKING"
    copy.plant("domain.planted", f"import typing\n{block}:\n    import conductor_tui.engine")
    copy.plant("engine.planted", "")
    assert contract_names()["floors"] in lint(copy.folder).broken


@pytest.mark.parametrize(
    ("contract", "plants"),
    [
        pytest.param(
            "floors",
            {"domain.planted": "import conductor_tui.engine.planted", "engine.planted": ""},
            id="upward",
        ),
        pytest.param(
            "floors",
            {
                "state.planted": "def f():\n    from conductor_tui.engine import planted",
                "engine.planted": "",
            },
            id="upward-inside-a-function",
        ),
        pytest.param("floors", {"attic.planted": ""}, id="unplaced-room"),
        pytest.param("floors", {"attic": ""}, id="unplaced-module"),
        pytest.param(
            "floors",
            {"checks.planted": "import conductor_tui.workspace.planted", "workspace.planted": ""},
            id="next-door",
        ),
        pytest.param(
            "cycles",
            {
                "domain.planted_a": "import conductor_tui.domain.planted_b",
                "domain.planted_b": "def f():\n    import conductor_tui.domain.planted_a",
            },
            id="cycle",
        ),
        pytest.param(
            "ports",
            {"engine.planted": "import conductor_tui.agents.planted", "agents.planted": ""},
            id="engine-to-adapter",
        ),
        pytest.param(
            "drawing",
            {"widgets.planted": "import conductor_tui.engine.planted", "engine.planted": ""},
            id="widget-to-engine",
        ),
        pytest.param(
            "drawing",
            {"screens.planted": "import conductor_tui.state.planted", "state.planted": ""},
            id="screen-to-state",
        ),
        pytest.param(
            "headless",
            {"batch.planted": "import conductor_tui.widgets.planted", "widgets.planted": ""},
            id="batch-to-widgets",
        ),
        pytest.param("textual", {"batch.planted": "import textual.app"}, id="batch-to-textual"),
        pytest.param(
            "textual",
            {"state.planted": "def f():\n    from rich.text import Text"},
            id="state-to-rich",
        ),
        pytest.param(
            "pure", {"supervision.planted": "import subprocess"}, id="judgement-to-process"
        ),
    ],
)
def test_a_planted_fault_turns_its_contract_red(
    copy: Copy, contract: str, plants: dict[str, str]
) -> None:
    for module, code in plants.items():
        copy.plant(module, code)
    verdict = lint(copy.folder)
    assert verdict.exit_code == 1
    assert contract_names()[contract] in verdict.broken, verdict.output


def test_every_contract_has_its_sabotage() -> None:
    marks = test_a_planted_fault_turns_its_contract_red.pytestmark  # type: ignore[attr-defined]
    tried = {case.values[0] for mark in marks for case in mark.args[1]}
    assert tried == set(contract_names())
