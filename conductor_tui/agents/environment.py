"""What of our environment an agent gets: an allow-list, so no secret reaches it by accident.

Contract, section 4. Pure: bootstrap reads the process's environment and hands it in.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

DEFAULT = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM",
    "TMPDIR", "XDG_*",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
)  # fmt: skip
"""Handed to every agent."""

BY_KIND: Mapping[str, tuple[str, ...]] = {
    "claude": (
        "ANTHROPIC_*", "CLAUDE_CODE_*", "CLAUDE_CONFIG_DIR", "IS_SANDBOX", "AWS_*", "GOOGLE_*",
        "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING",
    ),
}  # fmt: skip
"""Handed to the agents of a kind besides."""

MARKS = (
    "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_EXECPATH", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_TASK_LIST_ID", "CLAUDE_EFFORT",
    "CLAUDE_PID", "AI_AGENT", "CLAUDE_CODE_REMOTE", "CLAUDE_CODE_REMOTE_*",
    "CLAUDE_CODE_PARENT_*",
)  # fmt: skip
"""Marks of a surrounding agent session: a program that sees them behaves as its child."""

RUN_MARK = "CONDUCTOR_RUN_ID"
TASK_MARK = "CONDUCTOR_TASK_ID"

CLAUDE_ALWAYS: Mapping[str, str] = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
}
"""Quiet on the network, no update below our feet, idle is told, one result a turn."""

CLAUDE_UNLESS_SET: Mapping[str, str] = {"CLAUDE_CODE_MAX_RETRIES": "3"}
"""Its own default of 10 needs three minutes to find a server unreachable."""


def agent_environment(
    ours: Mapping[str, str],
    *,
    kind: str,
    run: str,
    task: str,
    extra: Iterable[str] = (),
    task_env: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the whole environment of an agent's program.

    Args:
        ours: the environment it is chosen from.
        kind: the agent's kind; some have variables of their own.
        run: goes into ``CONDUCTOR_RUN_ID``, by which leftovers are found.
        task: goes into ``CONDUCTOR_TASK_ID``.
        extra: names and globs of further variables (``environment:`` in the settings).
        task_env: the task's own variables; they win over inherited ones.
    """
    allowed = (*DEFAULT, *BY_KIND.get(kind, ()), *extra)
    env = {name: value for name, value in ours.items() if _matches(name, allowed)}
    if kind == "claude":
        env = {**CLAUDE_UNLESS_SET, **env, **CLAUDE_ALWAYS}
    env |= task_env or {}
    env = {name: value for name, value in env.items() if not _matches(name, MARKS)}
    return {**env, RUN_MARK: run, TASK_MARK: task}


def git_ceiling(workspace: str) -> dict[str, str]:
    """Return the variable that keeps git in a workspace.

    A workspace whose ``.git`` was deleted would else be taken for a part of the repository above.
    """
    return {"GIT_CEILING_DIRECTORIES": os.path.dirname(workspace)}


def claude_login(token: str) -> dict[str, str]:
    """Return the variable in which Claude Code expects this token."""
    oauth = token.startswith("sk-ant-oat")
    return {"CLAUDE_CODE_OAUTH_TOKEN" if oauth else "ANTHROPIC_API_KEY": token}


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
