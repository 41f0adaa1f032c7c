"""Settings from flags, environment, project file and user file, in this order of strength.

A mapping is merged key by key, save for one agent or one host, which is taken whole; the lists of
``permissions`` are joined; any other value of a stronger source replaces that of a weaker one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import platformdirs
from pydantic import BaseModel, ValidationError

from conductor_tui.domain.errors import Fault, SettingsError
from conductor_tui.settings.consistency import consistency_faults
from conductor_tui.settings.document import MAX_BYTES, Document, Path, Unreadable, decode, dotted
from conductor_tui.settings.faults import explain
from conductor_tui.settings.models import AgentKind, FileSettings, Settings
from conductor_tui.settings.secrets import secret_faults
from conductor_tui.settings.yamltree import parse_yaml

FILE_NAME = "conductor.yaml"
MEND = "`conductor init` writes a commented conductor.yaml; `conductor doctor` tells what holds"

VARIABLES: Mapping[str, Path] = {
    "CONDUCTOR_MAX_AGENTS": ("max_agents",),
    "CONDUCTOR_AGENT": ("agent",),
    "CONDUCTOR_JUDGE": ("judge", "provider"),
    "CONDUCTOR_JUDGE_MODEL": ("judge", "model"),
    "CONDUCTOR_JUDGE_URL": ("judge", "url"),
    "CONDUCTOR_JUDGE_TIMEOUT": ("judge", "timeout"),
    "CONDUCTOR_LAND": ("land",),
    "CONDUCTOR_ON_BREAKPOINT": ("on_breakpoint",),
    "CONDUCTOR_BUDGET_USD": ("budget_usd",),
    "CONDUCTOR_TIMEOUT": ("timeout",),
    "CONDUCTOR_KEEP_GOING": ("keep_going",),
}
"""Settings that the environment can give, and their keys."""

_NUMBERS = ("max_agents", "budget_usd")
_TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_WHOLE = ("agents", "hosts")
_JOINED = "permissions"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that holds, and why."""

    key: str
    value: object
    origin: str
    """``default``, ``FILE:LINE``, ``environment NAME`` or ``flag``."""


def user_folder() -> FilePath:
    """Return the platform's folder for a user's settings of conductor."""
    return FilePath(platformdirs.user_config_dir("conductor", appauthor=False))


def load_settings(
    root: FilePath,
    *,
    env: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    user: FilePath | None = None,
    i_know: bool = False,
) -> Settings:
    """Read all that holds for a repository.

    Args:
        root: the repository's root, where ``conductor.yaml`` may lie.
        env: the environment.
        flags: what the command line gave, by dotted key (``max_agents``, ``judge.provider``);
            None as a value is a flag that was not given.
        user: the user's folder of settings; None: the platform's.
        i_know: ``--i-know`` was given: permissions may be bypassed anywhere.

    Raises:
        SettingsError: every fault of every source, one line each.
    """
    folder = user_folder() if user is None else user
    faults: list[Fault] = []
    layers = [_flags(flags or {}), _environment(env)]
    for path, name in ((root / FILE_NAME, FILE_NAME), (folder / FILE_NAME, "")):
        document = _read(path, name or str(path), faults)
        if document is not None:
            layers.append(document)
    values: dict[str, Any] = {}
    places: dict[str, tuple[Document, Path]] = {}
    for layer in reversed(layers):
        own = _checked(layer, faults)
        _note(own, (), layer, places)
        values = _merged(values, own, ())
    if faults:
        raise SettingsError(faults, MEND)
    if not values.get("agents"):
        values["agents"] = {"claude": {}}
    faults += _fill(values["agents"], places)
    settings = _whole(values, places, [layer.name for layer in layers[2:]])
    faults += consistency_faults(settings, env, i_know, lambda key, text: _blame(places, key, text))
    if faults:
        raise SettingsError(faults, MEND)
    return settings


def list_settings(settings: Settings) -> list[Setting]:
    """Return every setting with its value and where it comes from, by key."""
    values = settings.model_dump(mode="json", by_alias=True, exclude={"origins", "files"})
    return [
        Setting(key, value, _origin(settings.origins, key))
        for key, value in sorted(_leaves(values, ()))
    ]


def _leaves(value: object, path: Path) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    else:
        yield dotted(path), value


def _origin(origins: Mapping[str, str], key: str) -> str:
    return origins.get(key, "default")


def _read(path: FilePath, name: str, faults: list[Fault]) -> Document | None:
    """Read one settings file; None where there is none, or it cannot be read at all."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        faults.append(Fault(name, None, "", f"cannot be read: {error.strerror or error}"))
        return None
    try:
        document = parse_yaml(name, decode(name, data))
    except Unreadable as error:
        faults.append(Document(name).blame(error.path, error.text, error.line))
        return None
    faults += document.faults
    if document.value is None:
        document.value = {}
    if not isinstance(document.value, dict):
        faults.append(document.blame((), "should be a mapping of settings"))
        return None
    faults += secret_faults(document)
    _absolute(document.value, path.parent)
    return document


def _absolute(value: dict[str, Any], folder: FilePath) -> None:
    """Take paths in a file from the file's own folder, ``~`` from the home folder."""
    agents = value.get("agents")
    entries = list(agents.values()) if isinstance(agents, dict) else []
    for entry in (*entries, value.get("judge")):
        if not isinstance(entry, dict):
            continue
        for key in ("script", "token_file"):
            given = entry.get(key)
            if isinstance(given, str) and given.strip() and "\0" not in given:
                entry[key] = str((folder / _home(given)).absolute())


def _home(path: str) -> FilePath:
    try:
        return FilePath(path).expanduser()
    except RuntimeError:
        return FilePath(path)


def _flags(flags: Mapping[str, object]) -> Document:
    document = Document("flag", {})
    for key, value in flags.items():
        if value is not None:
            _put(document.value, tuple(key.split(".")), value)
    return document


def _environment(env: Mapping[str, str]) -> Document:
    document = Document("environment", {})
    for name, path in VARIABLES.items():
        text = env.get(name, "").strip()
        if text:
            _put(document.value, path, _typed(path[-1], text))
    return document


def _typed(key: str | int, text: str) -> object:
    """Read a variable's text as the kind of value its key has; what is none stays text."""
    if key == "keep_going":
        return _TRUTHS.get(text.lower(), text)
    if key in _NUMBERS:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _put(value: dict[str, Any], path: Path, item: object) -> None:
    for step in path[:-1]:
        value = value.setdefault(str(step), {})
    value[str(path[-1])] = item


def _checked(layer: Document, faults: list[Fault]) -> dict[str, Any]:
    """Check one source by itself; return what is set in it, as it was written."""
    try:
        return _set(FileSettings.model_validate(layer.value))
    except ValidationError as error:
        found = explain(layer, error, FileSettings, ())
        faults += [_named(layer, fault) for fault in sorted(found, key=lambda item: item.line or 0)]
        return {}


def _set(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(exclude_unset=True, by_alias=True)


def _named(layer: Document, fault: Fault) -> Fault:
    """Call a fault by the name of the variable or flag that it is in."""
    if layer.name == "environment":
        names = {dotted(path): name for name, path in VARIABLES.items()}
        return Fault(layer.name, None, names.get(fault.key, fault.key), fault.text)
    return fault


def _merged(weak: Mapping[str, Any], strong: Mapping[str, Any], path: Path) -> dict[str, Any]:
    found = dict(weak)
    for key, value in strong.items():
        old = found.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and path[:1] not in _entries():
            found[key] = _merged(old, value, (*path, key))
        elif isinstance(old, list) and isinstance(value, list) and path == (_JOINED,):
            found[key] = list(dict.fromkeys([*old, *value]))
        else:
            found[key] = value
    return found


def _entries() -> tuple[Path, ...]:
    return tuple((name,) for name in _WHOLE)


def _note(
    value: object, path: Path, layer: Document, places: dict[str, tuple[Document, Path]]
) -> None:
    """Note that a source, stronger than those before, gives a value and all in it."""
    if len(path) == 2 and path[0] in _WHOLE:
        for key in [key for key in places if key.startswith(f"{dotted(path)}.")]:
            del places[key]
    if isinstance(value, dict) and value:
        for key, child in value.items():
            _note(child, (*path, key), layer, places)
    if path:
        places[dotted(path)] = (layer, path)


def _whole(
    values: dict[str, Any], places: Mapping[str, tuple[Document, Path]], files: list[str]
) -> Settings:
    """Make the settings of all sources together."""
    origins = {key: _where(layer, path) for key, (layer, path) in places.items()}
    return Settings.model_validate({**values, "origins": origins, "files": files})


_NAMED_KINDS = ("claude", "codex", "qwen")
"""Kinds whose program has their own name."""


def _fill(
    agents: dict[str, dict[str, Any]], places: Mapping[str, tuple[Document, Path]]
) -> list[Fault]:
    """Give agents the kind that their name says, and the command that their kind says."""
    faults = []
    for name, agent in agents.items():
        if "kind" not in agent and name not in _NAMED_KINDS:
            text = f"needs `kind:`, one of {', '.join(AgentKind)}"
            faults.append(_blame(places, f"agents.{name}", text))
            agent.update(kind=AgentKind.COMMAND, command=agent.get("command", ["?"]))
        kind = agent.setdefault("kind", AgentKind(name) if name in _NAMED_KINDS else None)
        if kind in _NAMED_KINDS:
            agent.setdefault("command", [str(kind)])
    return faults


def _where(layer: Document, path: Path) -> str:
    if layer.name == "flag":
        return "flag"
    if layer.name == "environment":
        names = {known: name for name, known in VARIABLES.items()}
        return f"environment {names.get(path, dotted(path))}"
    return f"{layer.name}:{layer.line(path)}"


def _blame(places: Mapping[str, tuple[Document, Path]], key: str, text: str) -> Fault:
    """Make a fault of a value, on the line of whichever source gave it."""
    near = key
    while near and near not in places:
        near = near.rpartition(".")[0]
    if not near:
        return Fault("settings", None, key, text)
    layer, path = places[near]
    return Fault(layer.name, layer.line(path), key, text)
