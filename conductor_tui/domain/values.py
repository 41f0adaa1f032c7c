"""The small closed sets of words (states, kinds, answers) the contract names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a task stands (contract, section 7)."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})
"""Statuses that only a command of a human leaves."""

ACTIVE = frozenset({TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.WAITING})
"""Statuses that keep a run open."""


class Phase(StrEnum):
    """What a running task is doing."""

    PREPARING = "preparing"
    WORKING = "working"
    CHECKING = "checking"
    JUDGING = "judging"
    MERGING = "merging"


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    PARKED = "parked"
    INTERRUPTED = "interrupted"


class Outcome(StrEnum):
    """How good the end of a task is, apart from its status."""

    SUCCESS = "success"
    SUCCESS_LIMITS = "success_limits"
    PARTIAL = "partial"
    FAILED = "failed"


class WaitReason(StrEnum):
    """Why a task waits."""

    BREAKPOINT = "breakpoint"
    JUDGE = "judge"
    LIMIT = "limit"
    HOST = "host"


class BreakpointKind(StrEnum):
    """What a human is asked about (contract, section 8)."""

    PERMISSION = "permission"
    QUESTION = "question"
    PLAN = "plan"
    RESULT = "result"
    CONFLICT = "conflict"
    LIMIT = "limit"
    HOST = "host"
    BUDGET = "budget"
    DISK = "disk"
    STATE = "state"


class Answer(StrEnum):
    """What a human may answer; the flags of ``breakpoint resolve``."""

    APPROVE = "approve"
    ALWAYS = "always"
    EDIT = "edit"
    ANSWER = "answer"
    REJECT = "reject"
    RETRY = "retry"
    TAKE_OVER = "take-over"
    WAIT = "wait"
    CANCEL = "cancel"


ANSWERS: dict[BreakpointKind, tuple[Answer, ...]] = {
    BreakpointKind.PERMISSION: (Answer.APPROVE, Answer.ALWAYS, Answer.EDIT, Answer.REJECT),
    BreakpointKind.QUESTION: (Answer.ANSWER, Answer.APPROVE, Answer.REJECT),
    BreakpointKind.PLAN: (Answer.ANSWER, Answer.APPROVE, Answer.REJECT),
    BreakpointKind.RESULT: (Answer.APPROVE, Answer.RETRY, Answer.REJECT, Answer.TAKE_OVER),
    BreakpointKind.CONFLICT: (Answer.RETRY, Answer.TAKE_OVER, Answer.REJECT),
    BreakpointKind.LIMIT: (Answer.APPROVE, Answer.WAIT, Answer.REJECT),
    BreakpointKind.HOST: (Answer.APPROVE, Answer.WAIT, Answer.REJECT),
    BreakpointKind.BUDGET: (Answer.APPROVE, Answer.WAIT, Answer.REJECT),
    BreakpointKind.DISK: (Answer.APPROVE, Answer.WAIT, Answer.REJECT),
    BreakpointKind.STATE: (Answer.APPROVE, Answer.WAIT, Answer.REJECT),
}
"""The answers each kind takes; all take ``cancel`` besides."""


class BreakpointPolicy(StrEnum):
    """What happens to a breakpoint nobody is there to answer (contract, section 2)."""

    FAIL = "fail"
    SKIP = "skip"
    ACCEPT = "accept"
    WAIT = "wait"


class PermissionMode(StrEnum):
    """What an agent may do without being asked, besides the rules."""

    MANUAL = "manual"
    ACCEPT_EDITS = "acceptEdits"
    PLAN = "plan"
    DONT_ASK = "dontAsk"
    BYPASS = "bypassPermissions"


class Verdict(StrEnum):
    """What the permission rules say of one tool call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Changes(StrEnum):
    """Whether a task has to change files."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class Completion(StrEnum):
    """When an agent's work on a task counts as done."""

    VALIDATED = "validated"
    EXIT = "exit"
    DONE_FILE = "done_file"


class DecisionAction(StrEnum):
    """What follows from the evidence of one attempt."""

    ACCEPT = "accept"
    RETRY = "retry"
    ASK = "ask"
    FAIL = "fail"


class Scope(StrEnum):
    """On which tree a check ran."""

    WORKSPACE = "workspace"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money; ``cost_usd`` is None where the price is unknown."""

    input: int = 0
    output: int = 0
    cost_usd: float | None = None

    def __add__(self, other: Usage) -> Usage:
        """Add two bookings; an unknown price does not erase a known one."""
        if self.cost_usd is None and other.cost_usd is None:
            cost = None
        else:
            cost = (self.cost_usd or 0.0) + (other.cost_usd or 0.0)
        return Usage(self.input + other.input, self.output + other.output, cost)

    def since(self, earlier: Usage) -> Usage:
        """Return what was used between an earlier total and this one, never negative."""
        cost = None
        if self.cost_usd is not None:
            cost = max(0.0, self.cost_usd - (earlier.cost_usd or 0.0))
        return Usage(max(0, self.input - earlier.input), max(0, self.output - earlier.output), cost)
