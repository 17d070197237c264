"""Whether an execution passes a filter, in memory as in the database's lists."""

from __future__ import annotations

import msgspec

from branchline.server.storage import ExecutionFilter, ExecutionIdentity

_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


def labels_of(execution: ExecutionIdentity) -> dict[str, str]:
    """An execution's labels."""
    return _decode_labels(execution.labels) if execution.labels else {}


def matches(wanted: ExecutionFilter, execution: ExecutionIdentity, status: int) -> bool:
    """Whether an execution passes a filter in a status (semantics 12.5)."""
    if status not in wanted.statuses:
        return False
    if wanted.workflow is not None and wanted.workflow != execution.workflow:
        return False
    if wanted.parent is not None and wanted.parent != execution.parent:
        return False
    after, before = wanted.started_after, wanted.started_before
    if after is not None and execution.start_time < after:
        return False
    if before is not None and execution.start_time >= before:
        return False
    return not wanted.labels or wanted.labels.items() <= labels_of(execution).items()
