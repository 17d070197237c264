"""The activities of the audit: they read the machine, the workflow decides what comes next."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path
from typing import Any, TypedDict

from branchline.client import activity

_CHUNK = 1024 * 1024
_REPORT_EVERY = 200
"""After so many files the activity tells how far it is."""


class Check(TypedDict):
    """What the audit of one distribution found."""

    name: str
    version: str
    files: int
    bytes: int
    differences: list[str]


@activity
def list_distributions(folder: str = "") -> list[dict[str, str]]:
    """The distributions that have a RECORD, by name, and where they are."""
    installed = distributions(path=[folder]) if folder else distributions()
    found = {
        (dist.name, str(dist.locate_file(""))): dist
        for dist in installed
        if dist.read_text("RECORD")
    }
    return [{"name": name, "folder": where} for name, where in sorted(found)]


@activity
def check_distribution(distribution: dict[str, str]) -> Check:
    """Compare every file of a distribution with its RECORD."""
    _note(distribution["name"])
    dist = _find(distribution["name"], distribution["folder"])
    check = Check(name=dist.name, version=dist.version, files=0, bytes=0, differences=[])
    for number, file in enumerate(_recorded(dist), start=1):
        if activity.context().cancelled:
            break
        problem = _difference(dist, file)
        if problem:
            check["differences"].append(problem)
        check["files"] += 1
        check["bytes"] += file.size or 0
        if number % _REPORT_EVERY == 0:
            activity.context().progress(f"{dist.name}: {number} files", {"files": number})
    return check


@activity
def find_largest(checks: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The largest distributions, the largest first."""
    ranked = sorted(checks, key=lambda check: (-check["bytes"], check["name"]))
    return [{"name": check["name"], "bytes": check["bytes"]} for check in ranked[:count]]


@activity
def collect_differences(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The distributions with files that differ."""
    return [
        {"name": check["name"], "files": check["differences"]}
        for check in checks
        if check["differences"]
    ]


@activity
def write_report(
    path: str,
    checks: list[dict[str, Any]],
    largest: list[dict[str, Any]],
    differences: list[dict[str, Any]],
    decision: Any = None,  # noqa: ANN401 - whatever somebody signals
) -> dict[str, Any]:
    """Write the report and return what counts in it."""
    lines = ["# Audit of installed packages", ""]
    lines += [f"{len(checks)} distributions, {_total(checks, 'files')} files.", ""]
    lines += ["## The largest", ""]
    lines += [f"- {item['name']}: {item['bytes']:,} bytes" for item in largest]
    lines += ["", "## What differs", ""]
    lines += [f"- {item['name']}: {', '.join(item['files'])}" for item in differences]
    lines += ["" if differences else "Nothing.", f"Decision: {decision or 'none'}", ""]
    Path(path).write_text("\n".join(lines), encoding="utf-8")
    return {
        "distributions": len(checks),
        "files": _total(checks, "files"),
        "bytes": _total(checks, "bytes"),
        "differences": len(differences),
        "decision": decision,
        "path": str(Path(path).resolve()),
    }


def _note(name: str) -> None:
    """Write down that a distribution is being checked, so that somebody can count the runs."""
    ledger = os.environ.get("AUDIT_LEDGER")
    if ledger:
        with Path(ledger).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def _total(checks: list[dict[str, Any]], what: str) -> int:
    return sum(check[what] for check in checks)


def _find(name: str, folder: str) -> Distribution:
    return next(iter(distributions(name=name, path=[folder])))


def _recorded(dist: Distribution) -> Iterator[PackagePath]:
    """The files whose hash the RECORD knows."""
    return (file for file in dist.files or () if file.hash is not None)


def _difference(dist: Distribution, file: PackagePath) -> str | None:
    """How a file differs from the RECORD, None when it does not."""
    path = Path(str(dist.locate_file(file)))
    recorded = file.hash
    if recorded is None or recorded.mode != "sha256":
        return None
    if not path.is_file():
        return f"{file} (missing)"
    return None if _sha256(path) == recorded.value else f"{file} (changed)"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
