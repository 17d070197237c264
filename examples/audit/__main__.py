"""Runs the audit as it would run in earnest: a server, a worker, and this client.

The server is a process of its own on a SQLite file. Kill it while the audit runs (its process
number is shown, or use --kill): it is started again, and the audit goes on where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from branchline.client import Client, Event, Execution, Progress
from examples.audit.processes import Server, free_address, worker

_HERE = Path(__file__).parent
_KILL_AFTER = 20
"""With --kill the server dies after so many distributions."""


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m examples.audit", description=__doc__)
    parser.add_argument("--folder", default="", help="where the packages are")
    parser.add_argument("--report", default="report.md", help="the file to write")
    parser.add_argument("--kill", action="store_true", help="kill the server in the middle")
    parser.add_argument("--json", action="store_true", help="print the outputs alone, as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="branchline-audit-") as folder:
        outputs = asyncio.run(_audit(arguments, Path(folder)))
    print(json.dumps(outputs, indent=None if arguments.json else 2))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _keep_quiet(_text: str) -> None:
    """With --json nothing but the outputs is shown."""


async def _audit(arguments: argparse.Namespace, folder: Path) -> Mapping[str, Any]:
    tell = _keep_quiet if arguments.json else _tell
    address, ledger = free_address(), folder / "ledger"
    server = Server(address, folder / "audit.db", tell)
    serving = asyncio.create_task(server.keep_running())
    try:
        async with Client(address) as client, worker(address, "examples.audit.activities", ledger):
            await client.register(_HERE / "audit.yaml")
            inputs = {"folder": arguments.folder, "report": arguments.report}
            execution = await client.start("audit", inputs=inputs)
            tell(f"execution: {execution.id}")
            watcher = _Watcher(tell, server if arguments.kill else None)
            await watcher.watch(execution)
            outputs = await execution.result()
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    begun = ledger.read_text(encoding="utf-8").splitlines()
    tell(f"{len(set(begun))} distributions checked in {len(begun)} runs of the activity")
    return outputs


class _Watcher:
    """Shows what happens, and kills the server once if it is told to."""

    def __init__(self, tell: Callable[[str], None], victim: Server | None) -> None:
        self._tell = tell
        self._victim = victim
        self._items = 0
        self._checked = 0

    async def watch(self, execution: Execution) -> None:
        """Follow an execution to its end; a lost connection is the SDK's business."""
        async for item in execution.watch():
            if isinstance(item, Progress):
                self._tell(f"  {item.step}: {item.message}")
            else:
                self._show(item)

    def _show(self, event: Event) -> None:
        data = event.data
        if event.type == "step_started":
            self._tell(f"[{data['branch']}] {data['step']}")
        elif event.type == "items_listed":
            self._items = len(data.get("items", ()))
        elif event.type == "task_completed" and "files" in (data.get("result") or ()):
            self._count(data["result"])

    def _count(self, check: Mapping[str, Any]) -> None:
        if "version" not in check:
            return
        self._checked += 1
        differs = f", {len(check['differences'])} differ" if check["differences"] else ""
        self._tell(
            f"  {self._checked}/{self._items} {check['name']} {check['version']}:"
            f" {check['files']} files{differs}"
        )
        if self._victim is not None and self._checked == _KILL_AFTER:
            self._tell("killing the server")
            self._victim.kill()
            self._victim = None


if __name__ == "__main__":
    main()
