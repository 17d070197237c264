"""What is built and installed is what is in the tree."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOTS = {
    "client": ROOT / "client",
    "engine": ROOT / "engine",
    "server": ROOT / "server",
    "v1": ROOT / "proto" / "gen" / "python",
}


PACKAGES = {
    "client": {"client", "testing"},
    "engine": {"engine"},
    "server": {"server"},
    "v1": {"v1"},
}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = document["project"]
    return table


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.mark.parametrize("root", ROOTS.values(), ids=ROOTS.keys())
def test_the_namespace_has_no_init(root: Path) -> None:
    """One ``branchline/__init__.py`` would hide the other roots, and no type checker notices."""
    assert {path.name for path in (root / "branchline").glob("*.py*")} == set()


@pytest.mark.parametrize("name", ROOTS)
def test_a_root_holds_its_packages_with_types(name: str) -> None:
    inside = ROOTS[name] / "branchline"
    folders = {path.name for path in inside.iterdir() if path.name != "__pycache__"}
    assert folders == PACKAGES[name]
    assert all((inside / package / "py.typed").is_file() for package in folders)


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    """Code, types' markers, migrations and grammars alike: each file of the roots, no other."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == {name for root in ROOTS.values() for name in package_files(root)}


def test_the_versions_agree(wheel: Path, project: dict[str, Any]) -> None:
    installed = importlib.metadata.version("branchline")
    assert wheel_metadata(wheel)["Version"] == installed == project["version"]


def test_the_licence_travels_with_the_wheel(wheel: Path) -> None:
    metadata = wheel_metadata(wheel)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"


@pytest.mark.parametrize("group", ["console_scripts", "branchline.commands"])
def test_entry_points_lead_to_something(group: str) -> None:
    points = importlib.metadata.distribution("branchline").entry_points.select(group=group)
    assert points
    assert all(callable(point.load()) for point in points)


def package_files(root: Path) -> set[str]:
    files = {path for path in (root / "branchline").rglob("*") if path.is_file()}
    return {path.relative_to(root).as_posix() for path in files if "__pycache__" not in path.parts}


def wheel_metadata(wheel: Path) -> Message[str, str]:
    archive = zipfile.ZipFile(wheel)
    [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(archive.read(name).decode())
