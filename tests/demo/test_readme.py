"""What the README and the pages beside it promise is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from conductor_tui.cli import COMMANDS, conductor
from conductor_tui.domain import errors
from conductor_tui.screens.actions import BREAKPOINTS, CONTEXTS, as_markdown
from conductor_tui.settings.loading import load_settings
from conductor_tui.settings.plan import load_plan
from tests.demo import pages

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "conductor_tui"
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CHECKED = re.compile(r"(?:[a-z_]+/)+[\w.*]*|[a-z_*]+\.(?:py|tcss|j2)")
"""How a file or a room of the package is written in code."""

DOCUMENTS = {"README.md": README, "docs/architecture.md": ARCHITECTURE, "CHANGELOG.md": CHANGES}

FIRST_WORD = click.Context(conductor)


def code(text: str) -> list[str]:
    """Return what stands in code: indented lines, fenced lines, spans."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (?:\$ )?(.+)$", rest, re.MULTILINE)
    return [*"\n".join(fenced).splitlines(), *indented, *re.findall(r"`([^`\n]+)`", rest)]


def calls(text: str) -> list[list[str]]:
    """Return the words of each call of conductor that stands in code."""
    lines = [line for line in code(text) if re.match(r"conductor(?: |$)", line)]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def example(opening: str) -> list[str]:
    """Return the fenced YAML examples that hold a key."""
    fenced = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [text for text in fenced if re.search(rf"^{opening}:", text, re.MULTILINE)]


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words call, and the words behind it."""
    if words[:1] == ["-C"]:
        words = words[2:]
    if not words or words[0].startswith("-") or "." in words[0] or words[0].isupper():
        words = ["run", *words]
    command = conductor.get_command(FIRST_WORD, words[0])
    assert command is not None, f"there is no `conductor {words[0]}`"
    if isinstance(command, click.Group):
        assert words[1] in command.commands
        return command.commands[words[1]], words[2:]
    return command, words[1:]


# -- examples ------------------------------------------------------------------------------------


def test_each_plan_in_the_readme_loads() -> None:
    plans = example("tasks")
    assert plans
    for text in plans:
        tasks = load_plan("plan.yaml", text, agents=None)
        assert all(task.checks for task in tasks), "a task without a check ends in a breakpoint"


def test_each_settings_example_in_the_readme_loads(tmp_path: Path) -> None:
    examples = example("agents")
    assert examples
    for text in examples:
        (tmp_path / "conductor.yaml").write_text(text)
        settings = load_settings(tmp_path, env={}, user=tmp_path / "nobody")
        assert settings.agents
        assert settings.permissions.deny


def test_every_fenced_example_is_one_of_these() -> None:
    assert README.count("```yaml") == len(example("tasks")) + len(example("agents"))


# -- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_and_flag_that_is_named_exists(name: str) -> None:
    called = calls(DOCUMENTS[name])
    assert called or name != "README.md"
    for words in called:
        command, rest = find_command(words)
        known = {
            flag for option in command.params for flag in (*option.opts, *option.secondary_opts)
        }
        used = {word.split("=")[0] for word in rest if word.startswith("--")}
        assert used <= known | {"--help", "--version"}, f"conductor {shlex.join(words)}"


def test_the_flags_the_text_names_exist() -> None:
    known = {
        flag
        for word in COMMANDS
        for command in [conductor.get_command(FIRST_WORD, word)]
        if command is not None
        for part in (command, *getattr(command, "commands", {}).values())
        for option in part.params
        for flag in (*option.opts, *option.secondary_opts)
    }
    for name, text in DOCUMENTS.items():
        named = {flag for line in code(text) for flag in re.findall(r"(?<!\S)(--[a-z-]+)", line)}
        assert named - known <= {"--help", "--version"}, name


@pytest.mark.parametrize("words", [["fly"], ["breakpoint", "forget"]])
def test_a_command_that_is_not_there_is_seen(words: list[str]) -> None:
    with pytest.raises(AssertionError):
        find_command(words)


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for name, text in DOCUMENTS.items():
        named = {line.split()[1] for line in code(text) if line.startswith("make ")}
        assert named <= targets, name
    assert {line.split()[1] for line in code(README) if line.startswith("make ")} >= {
        "demo",
        "test",
        "check",
    }


def test_the_exit_codes_are_all_there() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    told = {int(number) for row in rows for number in row.split(",")}
    assert told == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


# -- links, keys, rooms, size --------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_linked_is_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", DOCUMENTS[name]):
        if not target.startswith("https://"):
            assert ((ROOT / name).parent / target.split("#")[0]).exists(), target


def test_every_file_of_the_code_that_the_architecture_names_is_there() -> None:
    spans = re.findall(r"`([^`\n]+)`", ARCHITECTURE)
    named = [span for span in spans if CHECKED.fullmatch(span)]
    assert len(named) > 40
    for name in named:
        folders = (ROOT, PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_dir()))
        assert any(list(folder.glob(name)) for folder in folders), name


def test_the_keys_are_those_of_the_app() -> None:
    assert pages.KEYS.read_text(encoding="utf-8") == pages.keys(), pages.AGAIN
    heading = f"**{CONTEXTS[BREAKPOINTS]}**\n\n"
    table = as_markdown().split(heading)[1].split("\n\n")[0].strip()
    assert table in README, f"the table of answers in README.md should be:\n{table}"


def test_the_picture_is_that_of_a_snapshot_test() -> None:
    assert pages.PICTURE.read_bytes() == pages.SNAPSHOT.read_bytes(), pages.AGAIN


def rooms_drawn(text: str) -> set[str]:
    """Return the rooms of the drawing of floors: the lines whose first words are rooms."""
    drawn: set[str] = set()
    for line in re.findall(r"^    ([a-z]+(?:(?: \| |, )[a-z]+)*)(?: {2,}.*)?$", text, re.MULTILINE):
        drawn |= set(re.split(r" \| |, ", line))
    return drawn


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md"])
def test_the_floors_that_are_drawn_hold_every_room(name: str) -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith(("_", "styles"))}
    assert rooms_drawn(DOCUMENTS[name]) == rooms


def test_the_pages_stay_short() -> None:
    assert len(README.splitlines()) <= 120
    assert len(ARCHITECTURE.splitlines()) <= 200
