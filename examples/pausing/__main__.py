"""Plays the operator, who sees why an edition is held and lets it go on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from branchline.client import Event, Execution
from examples.local import local, tell
from examples.pausing.activities import cancel_edition, lay_out, print_copies


async def main() -> None:
    async with local([lay_out, print_copies, cancel_edition]) as client:
        await client.register(Path(__file__).with_name("pausing.yaml"))
        edition = await client.start("newspaper", {"articles": ["Rain", "Football", "Elections"]})
        async for item in edition.watch():
            if isinstance(item, Event) and item.type == "branch_paused":
                await operate(edition)
        print(json.dumps(await edition.result()))


async def operate(execution: Execution) -> None:
    """Look at a paused execution; then let it go on."""
    info = await execution.describe()
    for branch in info.suspension.branches if info.suspension else ():
        tell(f"{info.status} at {branch.step}: {branch.pause_reason}")
    tell("the proofs are fine")
    await execution.unpause()


asyncio.run(main())
