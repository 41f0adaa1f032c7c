"""The file of a scripted agent: what it may say, checked before anything runs.

    steps:                          # played in every attempt of every task
      - say: I look at it.
      - ask: {tool: Bash, input: {command: git push}}
        denied: [{say: "Then not."}]
    attempts: [[…], {steps: […]}]   # or: for the first, second … attempt; the last one repeats
    tasks: {slugify: {steps: […]}}  # and: for one task of the plan

Words of a step: say, write, edit, run, ask (with denied), question, wait, usage, limit, exit, hang.
In every text {{task.id}}, {{attempt}} and {{feedback}} are filled in. An `ask` only asks; what is
to happen after an approval is the next step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from conductor_tui.domain.errors import Fault, SettingsError

Json = dict[str, Any]

TEMPLATE = re.compile(r"\{\{\s*(task\.[\w.]*|attempt|feedback)\s*\}\}")
KNOWN = frozenset({"task.id", "attempt", "feedback"})

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds(value: object) -> object:
    """Return a duration of the contract (``1h30m``, ``90s``, a number) in seconds.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        match = _DURATION.fullmatch(text)
        if match and any(match.groups()):
            hours, minutes, rest = (float(part or 0) for part in match.groups())
            return hours * 3600 + minutes * 60 + rest
    raise ValueError("a duration like 90s, 5m or 1h30m, or a number of seconds")


Duration = Annotated[float, BeforeValidator(seconds), Field(ge=0)]


class Strict(BaseModel):
    """Nothing unknown, nothing converted in silence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Write(Strict):
    """A whole file."""

    path: str
    text: str


class Edit(Strict):
    """A text in a file, replaced where it first stands."""

    path: str
    old: str
    new: str


class Ask(Strict):
    """A permission that is asked for."""

    tool: str
    input: dict[str, Any] = {}


class Tokens(Strict):
    """Tokens and money that are told."""

    input: Annotated[int, Field(ge=0)] = 0
    output: Annotated[int, Field(ge=0)] = 0
    cost_usd: Annotated[float, Field(ge=0)] | None = None


class Limit(Strict):
    """A usage limit that is reached; the turn ends with it."""

    resets_in: Duration


class Step(Strict):
    """One word, with what belongs to it."""

    say: str | None = None
    write: Write | None = None
    edit: Edit | None = None
    run: str | None = None
    ask: Ask | None = None
    denied: list[Step] | None = None
    question: str | None = None
    wait: Duration | None = None
    usage: Tokens | None = None
    limit: Limit | None = None
    exit: Annotated[int, Field(ge=0, le=255)] | None = None
    hang: bool | None = None

    @model_validator(mode="after")
    def one_word(self) -> Step:
        """Refuse steps without a word, or with two."""
        words = self.model_fields_set - {"denied"}
        if len(words) != 1:
            known = ", ".join(name for name in Step.model_fields if name != "denied")
            raise ValueError(f"a step has exactly one of {known}")
        if "denied" in self.model_fields_set and self.ask is None:
            raise ValueError("`denied` belongs to an `ask`")
        if self.hang is False:
            raise ValueError("`hang` takes only true")
        return self


def unwrapped(value: object) -> object:
    """Return attempts as a list of lists of steps; they may be numbered, or called `steps`."""
    if isinstance(value, dict) and value and all(type(key) is int for key in value):
        value = [
            value[max((n for n in value if n <= at), default=min(value))]
            for at in range(1, max(value) + 1)
        ]
    if not isinstance(value, list):
        return value
    return [
        one["steps"] if isinstance(one, dict) and set(one) == {"steps"} else one for one in value
    ]


Attempts = Annotated[list[list[Step]], BeforeValidator(unwrapped), Field(min_length=1)]


class Part(Strict):
    """Steps for every attempt, or for each."""

    steps: list[Step] | None = None
    attempts: Attempts | None = None

    @model_validator(mode="after")
    def not_both(self) -> Part:
        """Refuse two answers to one question."""
        if self.steps is not None and self.attempts is not None:
            raise ValueError("either `steps` or `attempts`, not both")
        return self

    def steps_for(self, attempt: int) -> list[Step] | None:
        """Return the steps of an attempt, counted from 1; None where there are none at all."""
        if self.attempts is None:
            return self.steps
        return self.attempts[min(max(attempt, 1), len(self.attempts)) - 1]


class Script(Part):
    """A whole file."""

    version: int = 1
    tasks: dict[str, Part] = {}

    def play(self, task: str, attempt: int, feedback: str) -> list[Json] | None:
        """Return what is played for a task's attempt, filled in; None where nothing is."""
        part = self.tasks.get(task, self)
        steps = part.steps_for(attempt)
        if steps is None:
            return None
        values = {"task.id": task, "attempt": str(attempt), "feedback": feedback}
        filled: list[Json] = fill([step.model_dump(exclude_unset=True) for step in steps], values)
        return filled


def fill(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 — any JSON value
    """Fill the templates in every text of a value."""
    if isinstance(value, str):
        return TEMPLATE.sub(lambda found: values.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {key: fill(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, values) for item in value]
    return value


def load_script(path: Path) -> Script:
    """Read and check a script file. Blocks: to be called outside the event loop, or in a thread.

    Raises:
        SettingsError: all its faults, with their lines.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([Fault(str(path), None, "", f"cannot be read: {error}")]) from error
    return parse_script(text, str(path))


def parse_script(text: str, file: str) -> Script:
    """Check the text of a script.

    Raises:
        SettingsError: all its faults, with their lines.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or str(error)
        raise SettingsError([Fault(file, line, "", f"no YAML: {problem}")]) from error
    faults = [*_doubled(root, file), *_templates(root, file)]
    if not isinstance(data, dict) or not {"steps", "attempts", "tasks"} & set(data):
        faults.append(Fault(file, 1, "", "has none of `steps`, `attempts` and `tasks`"))
        raise SettingsError(faults)
    try:
        script = Script.model_validate(data)
    except ValidationError as error:
        faults += [_fault(root, file, one["loc"], one["msg"]) for one in error.errors()]
        raise SettingsError(faults) from error
    if faults:
        raise SettingsError(faults)
    return script


def _fault(root: yaml.Node | None, file: str, loc: tuple[int | str, ...], text: str) -> Fault:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    told = text.removeprefix("Value error, ").replace("Extra inputs are not permitted", "unknown")
    return Fault(file, _line(root, loc), key.removeprefix("."), told)


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int | None:
    """Return the line of what a location names, or of the nearest thing around it."""
    if node is None:
        return None
    line = node.start_mark.line + 1
    if not loc:
        return line
    part, rest = loc[0], loc[1:]
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return _line(node.value[part], rest)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return _line(value, rest) if rest else key.start_mark.line + 1
            if key.value == "steps" and isinstance(part, int):
                return _line(value, loc)
    return line


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """Yield every node once; an anchor may stand in itself."""
    seen: set[int] = set()
    waiting = [] if node is None else [node]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, yaml.MappingNode):
            waiting += [child for pair in one.value for child in pair]
        elif isinstance(one, yaml.SequenceNode):
            waiting += one.value


def _doubled(root: yaml.Node | None, file: str) -> Iterator[Fault]:
    for node in _nodes(root):
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield Fault(file, key.start_mark.line + 1, key.value, "stands twice")
                seen.add(key.value)


def _templates(root: yaml.Node | None, file: str) -> Iterator[Fault]:
    for node in _nodes(root):
        if isinstance(node, yaml.ScalarNode):
            for name in TEMPLATE.findall(node.value):
                if name not in KNOWN:
                    known = ", ".join(sorted(KNOWN))
                    text = f"there is no {{{{{name}}}}} (there are: {known})"
                    yield Fault(file, node.start_mark.line + 1, "", text)
