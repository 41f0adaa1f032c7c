"""The tree of errors a user can meet, each with what, where, and how to mend it.

ConductorError
├── UsageError            wrong words on the command line          exit 2
│   ├── SettingsError     faults of conductor.yaml, all at once    exit 2
│   ├── PlanError         faults of a plan file, all at once       exit 2
│   └── RepositoryError   a repository no run can start on         exit 2
├── LockHeld              another conductor works here             exit 2
├── StateError            the state cannot be read or written
│   └── IllegalTransition an event that the states do not allow
├── NotFound              no such task, run or breakpoint
├── Refused               a command that the present state forbids
├── AgentError            an agent could not be started or spoken to
├── HostError             a host could not be reached or lacks something
├── JudgeUnavailable      the judge's model cannot be asked now
├── CheckError            a check could not be run at all
└── GitError              git failed where it should not
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARKED = 3
EXIT_LIMIT = 4
EXIT_SIGINT = 130
EXIT_SIGTERM = 143


class ConductorError(Exception):
    """Anything that goes wrong and is told to a user.

    Args:
        message: what is wrong, and where.
        mend: how to mend it, as a sentence or a command; may be empty.
    """

    exit_code = EXIT_FAILED
    code = "error"

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}\n  {self.mend}" if self.mend else self.message


class UsageError(ConductorError):
    """The words of a command are wrong."""

    exit_code = EXIT_USAGE
    code = "usage"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file a user wrote."""

    file: str
    line: int | None
    key: str
    text: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class FileFaults(UsageError):
    """A file a user wrote has faults; all are told at once, one line each."""

    def __init__(self, faults: list[Fault], mend: str = "") -> None:
        super().__init__("\n".join(str(fault) for fault in faults), mend)
        self.faults = faults


class SettingsError(FileFaults):
    """conductor.yaml has faults."""

    code = "settings"


class PlanError(FileFaults):
    """A plan file has faults."""

    code = "plan"


class RepositoryError(UsageError):
    """No run can start on this repository as it stands."""

    code = "repository"


class LockHeld(UsageError):
    """Another conductor works on this repository."""

    code = "locked"

    def __init__(self, pid: int, folder: str) -> None:
        super().__init__(
            f"another conductor (pid {pid}) works on {folder}",
            "look at it with `conductor status`, or end it first",
        )
        self.pid = pid


class StateError(ConductorError):
    """The state cannot be read or written."""

    code = "state"


class IllegalTransition(StateError):
    """An event came that the states of contract section 7 do not allow."""

    code = "transition"


class NotFound(ConductorError):
    """There is no such run, task, breakpoint or agent."""

    code = "not_found"


class Refused(ConductorError):
    """The present state forbids the command."""

    code = "refused"


class AgentError(ConductorError):
    """An agent could not be started or spoken to."""

    code = "agent"


class HostError(ConductorError):
    """A host could not be reached, or lacks what is needed."""

    code = "host"


class JudgeUnavailable(ConductorError):
    """The judge's model cannot be asked now; nothing is known of the work."""

    code = "judge"


class CheckError(ConductorError):
    """A check could not be run at all."""

    code = "check"


class GitError(ConductorError):
    """Git failed where it should not."""

    code = "git"
