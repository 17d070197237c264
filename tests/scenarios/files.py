"""Finds and reads scenario files."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from branchline.client.definitions.yaml_reader import read_yaml
from tests.scenarios.actions import runs_of
from tests.scenarios.scenario import Scenario


class UnreadableScenario(ValueError):
    """A file that is no scenario; the message says what is wrong and where."""


def find(folder: Path, pattern: str = "*") -> list[Path]:
    """The scenario files of a folder whose names match, in order.

    Raises ``FileNotFoundError`` when there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder")
    return sorted(path for path in folder.glob("*.yaml") if fnmatchcase(path.stem, pattern))


def read(path: Path) -> Scenario:
    """The scenario of a file. Raises ``UnreadableScenario``."""
    try:
        scenario = msgspec.convert(read_yaml(path.read_text(encoding="utf-8")).plain, Scenario)
        for entries in scenario.activities.values():
            runs_of(entries)
    except (OSError, ValueError) as error:
        raise UnreadableScenario(f"{path}: {error}") from error
    if scenario.name != path.stem:
        raise UnreadableScenario(f"{path}: its name is {scenario.name!r}, not the file's")
    return scenario
