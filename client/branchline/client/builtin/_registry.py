"""The built-in activities by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from branchline.client.builtin._basic import fail, print_message, tell_time
from branchline.client.builtin._http import http_activity
from branchline.client.builtin._json import json_activity
from branchline.client.builtin._random import random_activity

BUILTINS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "print": print_message,
        "time": tell_time,
        "json": json_activity,
        "random": random_activity,
        "fail": fail,
        "http": http_activity,
    }
)
"""Every built-in activity that is offered without more ado, by its name, as a worker takes it."""

ON_REQUEST: Mapping[str, str] = MappingProxyType({"shell": "shell()", "file": "file(root)"})
"""Those that reach further, by name: how each is made where it is asked for."""


def builtin(*names: str) -> list[Callable[..., Any]]:
    """The built-in activities of these names, in their order; without names all of ``BUILTINS``.

    ``shell`` and ``file`` are not among them: they are made by functions of their names.

    Raises:
        ValueError: a name is none of them; the message lists those that there are.

    """
    unknown = [name for name in names if name not in BUILTINS]
    for name in unknown:
        if name in ON_REQUEST:
            raise ValueError(f"{name} is made by {ON_REQUEST[name]}, for a worker that asks for it")
    if unknown:
        known = ", ".join(BUILTINS)
        raise ValueError(f"no built-in activity is named {unknown[0]!r}; there are {known}")
    return [BUILTINS[name] for name in names or BUILTINS]
