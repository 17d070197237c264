"""Labels of executions as callers give them (semantics 12.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from branchline.server.errors import invalid_field
from branchline.server.rpc.checks import short

_MOST = 32
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,100}")
_LONGEST_VALUE = 200
_LONGEST_SHOWN = 50


def checked_labels(field: str, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of a request, by name. Raises ``ServiceError`` for one that cannot be.

    Ordered by name: the same labels make the same text wherever they are written.
    """
    if len(labels) > _MOST:
        raise invalid_field(field, f"may hold at most {_MOST} labels, not {len(labels)}")
    for name, value in sorted(labels.items()):
        if not _NAME.fullmatch(name):
            raise invalid_field(
                _label(field, name), "its name must be 1 to 100 letters, digits or any of -_./"
            )
        short(_label(field, name), value, _LONGEST_VALUE)
    return dict(sorted(labels.items()))


def _label(field: str, name: str) -> str:
    cut = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
    return f'{field}["{cut}"]'
