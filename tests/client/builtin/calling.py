"""Runs a built-in activity with JSON parameters, as a worker does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from branchline.client.activities import activity_of
from branchline.client.builtin import BUILTINS


def run(name: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON is of any type
    return call(BUILTINS[name], **parameters)


def call(function: Callable[..., Any], **parameters: object) -> Any:  # noqa: ANN401 - JSON is of any type
    """The result, or of an async activity what is to be awaited for it."""
    activity = activity_of(function)
    return activity.function(**activity.bind(json.dumps(parameters)))
