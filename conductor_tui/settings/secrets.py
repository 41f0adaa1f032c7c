"""Tokens: never in a file of settings, and from one source only (contract, section 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from conductor_tui.domain.errors import Fault, SettingsError
from conductor_tui.settings.document import Document
from conductor_tui.settings.document import Path as Keys
from conductor_tui.settings.models import AgentSettings, JudgeSettings

_SECRET = re.compile(r"(?i)(.*[_-])?(token|secret|password|passwd|passphrase|api_?key)")
MAX_TOKEN_BYTES = 64 * 1024
"""Largest token file read; tokens are some hundred bytes."""


def variable_of(agent: str) -> str:
    """Return the name of the variable an agent's token may stand in."""
    return f"CONDUCTOR_AGENT_{re.sub(r'[^A-Z0-9]', '_', agent.upper())}_TOKEN"


def secret_faults(document: Document) -> list[Fault]:
    """Return a fault for every key of a file that would hold a secret.

    The keys are taken out of the document's value, so that they are not told as unknown too.
    """
    faults: list[Fault] = []
    for section in ("agents", "hosts"):
        entries = document.value.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            faults += _secrets_in(document, entry, (section, name))
    faults += _secrets_in(document, document.value.get("judge"), ("judge",))
    return faults + _secrets_in(document, document.value, ())


def _secrets_in(document: Document, value: object, path: Keys) -> list[Fault]:
    if not isinstance(value, dict):
        return []
    keys = [key for key in value if _SECRET.fullmatch(key)]
    for key in keys:
        del value[key]
    text = "a secret never stands in this file; name it by token_env or token_file"
    return [document.blame((*path, key), text) for key in keys]


def sources_of(
    name: str | None, settings: AgentSettings | JudgeSettings, env: Mapping[str, str]
) -> list[str]:
    """Return where a token may come from, as a user would call it; more than one is a fault.

    Args:
        name: the agent's name; None for the judge.
        settings: its settings.
        env: the environment.
    """
    found = []
    if settings.token_env:
        found.append(f"token_env {settings.token_env}")
    if settings.token_file:
        found.append(f"token_file {settings.token_file}")
    if name is not None and env.get(variable_of(name)):
        found.append(f"the variable {variable_of(name)}")
    return found


def read_token(
    name: str | None, settings: AgentSettings | JudgeSettings, env: Mapping[str, str]
) -> str | None:
    """Read the token of an agent, or of the judge (``name`` None), at the moment it is needed.

    Returns:
        the token; None where no source is configured.

    Raises:
        SettingsError: the variable or file that was named is missing, empty or unreadable.
    """
    key = "judge" if name is None else f"agents.{name}"
    if settings.token_env:
        token = env.get(settings.token_env, "").strip()
        if not token:
            raise SettingsError(
                [Fault("environment", None, f"{key}.token_env", f"{settings.token_env} is not set")]
            )
        return token
    if settings.token_file:
        return _from_file(settings.token_file, f"{key}.token_file")
    found = env.get(variable_of(name), "").strip() if name is not None else ""
    return found or None


def _from_file(path: str, key: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            token = file.read(MAX_TOKEN_BYTES).decode().strip()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise SettingsError([Fault(path, None, key, f"cannot be read: {error}")]) from None
    if not token:
        raise SettingsError([Fault(path, None, key, "the file is empty")])
    return token
