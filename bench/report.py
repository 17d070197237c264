"""Writes the results into docs/performance.md, between its markers: python bench/report.py."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from measuring import compared, shown

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def write(results: Path = RESULTS, page: Path = PAGE) -> None:
    """Replace what stands between the markers."""
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} lacks the markers {BEGIN} and {END}")
    found = json.loads(results.read_text()) if results.exists() else {}
    page.write_text(f"{before}{BEGIN}\n{_tables(found)}{END}{after}")


def _tables(found: dict[str, dict[str, Any]]) -> str:
    series = [result for result in found.values() if "points" in result]
    figures = [result for result in found.values() if "value" in result]
    peers = [result for result in found.values() if "ratios" in result]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return "\n".join(
        [
            f"\nMeasured on {machine}.\n",
            *_peers_table(peers),
            "| what grows | cost | smallest | largest | times a doubling | at most | |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *map(_series_row, series),
            "",
            "| what | figure | |",
            "| --- | --- | --- |",
            *map(_figure_row, figures),
            "\n",
        ]
    )


def _peers_table(peers: Sequence[dict[str, Any]]) -> list[str]:
    """A row for each measure, a column for each engine, and each engine's ratio to the first."""
    if not peers:
        return []
    rows = [["", *(result["engine"] for result in peers)], ["---", *("---:" for _ in peers)]]
    for number, title in enumerate(peers[0]["measures"]):
        figures = [(result["values"][number], result["ratios"][number]) for result in peers]
        rows.append([title, *(compared(*figure) for figure in figures)])
    return [*map(_row, rows), ""]


def _series_row(result: dict[str, Any]) -> str:
    (small, first), (large, last) = result["points"][0], result["points"][-1]
    good = "flat" if result["limit"] < 2 else "linear"  # noqa: PLR2004 - 1 and 2, and some noise
    cells = [
        f"{result['name']}: {result['size']}",
        result["cost"],
        f"{small:,.0f}: {shown(first)} µs",
        f"{large:,.0f}: {shown(last)} µs",
        f"{result['growth']:.2f}",
        f"{result['limit']}",
        good if result["growth"] <= result["limit"] else f"**not {good}**",
    ]
    return _row(cells)


def _figure_row(result: dict[str, Any]) -> str:
    return _row([result["name"], f"{shown(result['value'])} {result['unit']}", result["note"]])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write()
