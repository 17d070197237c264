"""Finds the activities that a command is to offer."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from branchline.client.activities import activity
from branchline.client.cli.exits import CommandError, Exit

Function: TypeAlias = Callable[..., Any]
"""A function or bound method that is marked as an activity."""


def activities_named(targets: Iterable[str]) -> list[Function]:
    """Load what ``module:attribute`` names: an activity, a list of them, or all of a module.

    Modules are looked for in the current folder, too.

    Raises:
        CommandError: something cannot be imported, or is no activity.

    """
    _look_in("")
    return [function for target in targets for function in _activities_of(target)]


def activities_in_file(path: Path) -> list[Function]:
    """Load all activities of a Python file, which may import from its own and this folder.

    Raises:
        CommandError: it cannot be imported.

    """
    _look_in("")
    _look_in(str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - the suffix is .py
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader
    _importing(str(path), lambda: loader.exec_module(module))
    return _all_of(module, str(path))


def _look_in(folder: str) -> None:
    """Let modules be imported from a folder; the empty one is the current."""
    if folder not in sys.path:
        sys.path.insert(0, folder)


def by_name(functions: Iterable[Function]) -> dict[str, Function]:
    """The activities by name.

    Raises:
        CommandError: two are of the same name.

    """
    found: dict[str, Function] = {}
    for function in functions:
        name = activity.name_of(function) or ""
        if found.setdefault(name, function) != function:
            raise CommandError(f"two activities are named {name}: rename one of them", Exit.USAGE)
    return found


def _activities_of(target: str) -> list[Function]:
    module_name, colon, attribute = target.partition(":")
    if not module_name or (colon and not attribute):
        raise CommandError(f"{target!r} is not MODULE or MODULE:ATTRIBUTE", Exit.USAGE)
    module = _importing(module_name, lambda: importlib.import_module(module_name))
    return _named(module, attribute, target) if attribute else _all_of(module, module_name)


def _named(module: ModuleType, attribute: str, target: str) -> list[Function]:
    value: Any = module
    for name in attribute.split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            raise CommandError(f"{target}: there is no {name}", Exit.USAGE) from None
    functions = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    for function in functions:
        if activity.name_of(function) is None:
            raise CommandError(
                f"{target} is neither an activity nor a list of them: "
                "mark functions with @activity",
                Exit.USAGE,
            )
    return functions


def _all_of(module: ModuleType, name: str) -> list[Function]:
    found = {id(value): value for value in vars(module).values() if activity.name_of(value)}
    if not found:
        raise CommandError(f"{name} has no activities: mark functions with @activity", Exit.USAGE)
    return list(found.values())


def _importing(name: str, load: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it loads
    try:
        return load()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        here = "" if "importlib" in place.filename else f" ({place.filename}, line {place.lineno})"
        message = f"cannot import {name}: {type(error).__name__}: {error}{here}"
        raise CommandError(message) from error
