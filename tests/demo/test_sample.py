"""The sample repository: the same on every machine, and what the demonstration promises."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from conductor_tui.agents.script import load_script
from conductor_tui.cli import COMMANDS
from conductor_tui.demo import Sample, create_sample, farewell, greeting
from conductor_tui.domain.errors import RepositoryError
from conductor_tui.domain.task import Task
from conductor_tui.settings.loading import load_settings
from tests.demo.conftest import AGENTS
from tests.demo.player import STEPS, check, flat, play, script, steps


def git(folder: Path, *arguments: str) -> str:
    """Ask git without anybody's settings."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_NAME": "Test" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "test@example.org" for role in ("AUTHOR", "COMMITTER")},
    }
    ran = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def assert_pristine(repository: Path) -> None:
    """One commit on main, nothing left over, nothing of the machine's in it."""
    assert git(repository, "rev-list", "--all", "--count") == "1"
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(repository, "status", "--porcelain", "--ignored") == ""
    assert git(repository, "log", "-1", "--format=%an %cn %G?") == "conductor demo conductor demo N"
    assert not (repository / ".git" / "hooks").exists()


# -- the repository ------------------------------------------------------------------------------


def test_it_is_one_commit_and_clean(sample: Sample) -> None:
    assert_pristine(sample.repository)
    assert sample.plan == sample.repository / "plan.yaml"


def test_a_home_without_any_git_settings_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("HOME")
    assert_pristine(create_sample(tmp_path).repository)


def test_hostile_git_settings_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "commit-msg", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\necho ran > {tmp_path}/hook-ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "ignored").write_text("*.yaml\n")
    config = (
        "[commit]\n\tgpgSign = true\n\ttemplate = /nonexistent\n[gpg]\n\tprogram = /bin/false\n"
        f"[core]\n\thooksPath = {hooks}\n\texcludesFile = {tmp_path}/ignored\n\tautocrlf = true\n"
        "[user]\n\tuseConfigOnly = true\n[status]\n\tshowUntrackedFiles = no\n"
        f"[init]\n\tdefaultBranch = other\n\ttemplateDir = {tmp_path}/template\n"
    )
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(config)
    (tmp_path / "hostile").write_text(config)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "hostile"))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    sample = create_sample(tmp_path)
    assert_pristine(sample.repository)
    assert "plan.yaml" in git(sample.repository, "ls-files").splitlines()
    assert not (tmp_path / "hook-ran").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_has_one_is_refused(sample: Sample) -> None:
    with pytest.raises(RepositoryError, match="is there already"):
        create_sample(sample.repository.parent)
    assert_pristine(sample.repository)


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match="git is not installed"):
        create_sample(tmp_path)


def test_where_no_python3_is_known_this_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A PATH that has git alone, as on a machine whose Python came with a package manager.
    where = subprocess.run(
        ["sh", "-c", "command -v git"], capture_output=True, text=True, check=True
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(where.stdout.strip())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("sys.executable", "/opt/a python/bin/python3.12")
    sample = create_sample(tmp_path)
    plan = yaml.safe_load(sample.plan.read_text(encoding="utf-8"))
    for task in plan["tasks"]:
        for command in task["checks"]:
            assert command.startswith("'/opt/a python/bin/python3.12' -m unittest")
    assert load_settings(sample.repository, env={}, user=tmp_path).permissions.allow[2] == (
        "Bash('/opt/a python/bin/python3.12' *)"
    )
    for agent in AGENTS:
        assert script(sample.repository, agent)


# -- the pauses ----------------------------------------------------------------------------------


def waits(sample: Sample) -> list[float]:
    found = []
    for agent in AGENTS:
        read = script(sample.repository, agent)
        for part in (read, *read.get("tasks", {}).values()):
            for played in (part.get("steps", []), *part.get("attempts", {}).values()):
                found += [float(step["wait"]) for step in flat(played) if "wait" in step]
    return found


def test_speed_scales_the_pauses(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("none", "normal", "slow")}
    for folder in folders.values():
        folder.mkdir()
    normal = waits(create_sample(folders["normal"]))
    written = files("conductor_tui.demo").joinpath("sample/demo/ada.yaml").read_text("utf-8")
    assert normal[0] == float(written.split("- wait: ")[1].split("\n")[0])
    assert waits(create_sample(folders["none"], speed=0)) == []
    assert waits(create_sample(folders["slow"], speed=2)) == pytest.approx([2 * w for w in normal])


def test_a_negative_speed_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="negative"):
        create_sample(tmp_path, speed=-1)
    assert not (tmp_path / "textkit").exists()


# -- the plan and the scripts --------------------------------------------------------------------


def test_the_plan_shows_what_the_demonstration_promises(plan: dict[str, Task]) -> None:
    assert len(plan) == 8
    assert {task.agent for task in plan.values()} == set(AGENTS)
    first = [task for task in plan.values() if not task.depends_on]
    assert {task.agent for task in first} == set(AGENTS), "four agents work at once from the start"
    assert any(task.depends_on for task in plan.values())
    assert len({task.priority for task in plan.values()}) > 2
    assert all(task.checks and task.paths for task in plan.values())


def test_the_settings_hold(sample: Sample, tmp_path: Path) -> None:
    settings = load_settings(sample.repository, env={}, user=tmp_path / "nobody")
    assert set(settings.agents) == set(AGENTS)
    assert settings.max_agents == 4
    assert {agent.kind for agent in settings.agents.values()} == {"scripted"}
    assert settings.permissions.ask == ["Bash(git push *)"]
    for name, agent in settings.agents.items():
        assert Path(agent.script or "") == sample.repository / "demo" / f"{name}.yaml"


def test_the_agents_can_play_their_scripts(sample: Sample, plan: dict[str, Task]) -> None:
    for task in plan.values():
        loaded = load_script(sample.repository / "demo" / f"{task.agent}.yaml")
        for attempt in range(1, task.attempts + 1):
            played = loaded.play(task.id, attempt, "it is red")
            assert played
            assert "{{" not in str(played)


def test_the_scripts_use_the_words_of_the_contract(sample: Sample, plan: dict[str, Task]) -> None:
    words: set[str] = set()
    for task in plan.values():
        for attempt in (1, 2) if task.agent == "bo" else (1,):
            for step in flat(steps(sample.repository, task, attempt)):
                assert set(step) - {"denied"} <= STEPS
                assert len(set(step) - {"denied"}) == 1
                words |= set(step)
    assert words >= {"say", "write", "edit", "run", "ask", "denied", "question", "usage"}


def test_one_permission_is_asked_for_and_one_question(
    sample: Sample, plan: dict[str, Task]
) -> None:
    asked = [
        (task.id, step["ask"])
        for task in plan.values()
        for step in flat(steps(sample.repository, task))
        if "ask" in step
    ]
    assert asked == [("manual", {"tool": "Bash", "input": {"command": "git push origin main"}})]
    questions = [
        task.id
        for task in plan.values()
        for step in flat(steps(sample.repository, task))
        if "question" in step
    ]
    assert questions == ["count"]


def test_some_of_what_agents_say_is_hostile(sample: Sample, plan: dict[str, Task]) -> None:
    said = "".join(str(step.get("say", "")) for step in steps(sample.repository, plan["count"]))
    assert "[bold red]" in said
    assert "\x1b[31m" in said
    assert "\x1b]0;" in said


# -- the work ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manual", "count", "upper", "title", "swapcase", "strip"])
def test_a_task_is_red_before_its_script_and_green_after(
    sample: Sample, plan: dict[str, Task], name: str
) -> None:
    before = check(sample.repository, plan[name])
    assert not before[plan[name].checks[0]], "its acceptance test proves something"
    play(sample.repository, plan[name])
    assert all(check(sample.repository, plan[name]).values())


def test_slugify_is_wrong_at_first_and_right_after_the_feedback(
    sample: Sample, plan: dict[str, Task]
) -> None:
    acceptance, suite = plan["slugify"].checks
    play(sample.repository, plan["slugify"], 1)
    assert check(sample.repository, plan["slugify"]) == {acceptance: False, suite: True}
    play(sample.repository, plan["slugify"], 2)
    assert check(sample.repository, plan["slugify"]) == {acceptance: True, suite: True}


def test_the_manual_is_right_without_the_permission_too(
    sample: Sample, plan: dict[str, Task]
) -> None:
    play(sample.repository, plan["manual"], denied=True)
    assert all(check(sample.repository, plan["manual"]).values())
    manual = (sample.repository / "docs" / "manual.md").read_text(encoding="utf-8")
    assert "git push origin main" in manual


def test_work_done_at_the_same_time_merges_and_holds_together(
    sample: Sample, plan: dict[str, Task]
) -> None:
    place = sample.repository
    release = plan.pop("release")
    for task in plan.values():
        git(place, "switch", "--quiet", "--create", task.id, "main")
        for attempt in (1, 2) if task.agent == "bo" else (1,):
            play(place, task, attempt)
        git(place, "add", "--all")
        git(place, "commit", "--quiet", f"--message={task.title}")
    git(place, "switch", "--quiet", "main")
    for task in plan.values():
        git(place, "merge", "--quiet", "--no-ff", "--no-edit", task.id)
    assert not all(check(place, release).values())
    play(place, release)
    for task in (*plan.values(), release):
        assert all(check(place, task).values()), task.id


# -- the words around it -------------------------------------------------------------------------


def test_the_farewell_shows_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "with a blank"
    folder.mkdir()
    sample = create_sample(folder)
    assert str(sample.repository) in greeting(sample)
    lines = farewell(sample, "main").splitlines()
    assert str(sample.repository) in lines[0]
    [look] = [line for line in lines if line.startswith("  git ")]
    shown = subprocess.run(["sh", "-c", look], capture_output=True, text=True, check=True)
    assert shown.stdout.count("Start textkit") == 1
    assert "git -C" not in farewell(sample, None)


@pytest.mark.parametrize("word", ["status", "show", "land"])
def test_the_farewell_names_commands_that_exist(
    sample: Sample, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert word in COMMANDS
    assert f"  conductor -C {sample.repository} {word}" in farewell(sample, None)
    monkeypatch.setenv("PATH", "/nonexistent")
    called = f"  {sys.executable} -m conductor_tui -C {sample.repository} {word}"
    assert called in farewell(sample, None)
