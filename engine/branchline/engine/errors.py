"""What the engine refuses.

EngineError
├── Refused                 the command does not fit the execution as it stands
│   ├── ExecutionClosed     it has ended
│   ├── TaskGone            the task is not pending any more
│   ├── NotRetryable        it has not failed, or in a way that a retry cannot mend
│   ├── UnknownBranch       the execution has no such branch
│   └── BranchEnded         the branch has ended
└── InvalidHistory          the events do not follow from each other
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of what the engine raises on purpose."""


class Refused(EngineError):
    """The command does not fit the execution as it stands; nothing has changed."""


class ExecutionClosed(Refused):
    """The execution has ended (semantics 4.11)."""


class TaskGone(Refused):
    """The task is not pending any more: it has an outcome, or was withdrawn."""


class NotRetryable(Refused):
    """The execution has not failed, or in a way that a retry cannot mend (semantics 4.9)."""


class UnknownBranch(Refused):
    """The execution has no such branch."""


class BranchEnded(Refused):
    """The branch has ended."""


class InvalidHistory(EngineError):
    """The events do not follow from each other: the history is damaged."""
