"""The files that `init` writes are right as they are, and with every commented line set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from conductor_tui.settings.loading import FILE_NAME, load_settings
from conductor_tui.settings.models import FileSettings
from conductor_tui.settings.plan import load_plan
from conductor_tui.settings.planmodels import TaskModel
from conductor_tui.settings.samples import sample_plan, sample_settings


def uncommented(text: str) -> str:
    """Set every line whose '#' is followed by a key: prose has one blank there."""
    return "\n".join(
        line if re.match(r"\s*#( \S|$)", line) else re.sub(r"^(\s*)#", r"\1", line)
        for line in text.split("\n")
    )


@pytest.mark.parametrize("change", [str, uncommented])
def test_the_sample_settings(change: type[str], tmp_path: Path) -> None:
    text = change(sample_settings())
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    settings = load_settings(tmp_path, env={}, user=tmp_path / "none")
    assert settings.default_agent == "claude"


def test_the_sample_settings_name_every_key_but_those_of_later_chapters() -> None:
    named = set(yaml.safe_load(uncommented(sample_settings())))
    assert set(FileSettings.model_fields) - named == {"breakpoints", "notify", "keep_going"}


@pytest.mark.parametrize("change", [str, uncommented])
def test_the_sample_plan(change: type[str]) -> None:
    tasks = load_plan("plan.yaml", change(sample_plan()), agents=["claude"])
    assert [task.id for task in tasks] == ["read-me", "first-test"]
    assert tasks[1].depends_on == ("read-me",)


def test_the_sample_plan_names_every_key() -> None:
    plan = yaml.safe_load(uncommented(sample_plan()))
    named = set(plan["defaults"]).union(*plan["tasks"])
    assert named == set(TaskModel.model_fields)
