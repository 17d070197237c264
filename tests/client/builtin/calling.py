"""Runs a built-in activity with JSON parameters, as a worker does."""

from __future__ import annotations

import json
from typing import Any

from branchline.client.activities import activity_of
from branchline.client.builtin import BUILTINS


def run(name: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON is of any type
    activity = activity_of(BUILTINS[name])
    return activity.function(**activity.bind(json.dumps(parameters)))
