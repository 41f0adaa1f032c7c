"""A task as its author wrote it: what is wanted, how it is proved, what it may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from conductor_tui.domain.values import Changes, Completion


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work of a plan, complete with defaults (contract, section 3)."""

    id: str
    title: str
    prompt: str
    depends_on: tuple[str, ...] = ()
    priority: int = 5
    agent: str = "claude"
    checks: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    changes: Changes = Changes.REQUIRED
    completion: Completion = Completion.VALIDATED
    attempts: int = 3
    timeout_s: float = 7200.0
    """Wall clock of one attempt, seconds."""
    idle_timeout_s: float = 300.0
    """Silence of the agent after which it is stopped, seconds."""
    check_timeout_s: float = 600.0
    budget_usd: float | None = None
    critical: bool = False
    env: dict[str, str] = field(default_factory=dict)
