"""Plays the operator, who sees why an edition is held and lets it go on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from branchline.client import ExecutionInfo, local
from examples.pausing.activities import cancel_edition, lay_out, print_copies
from examples.telling import tell


async def main() -> None:
    async with local([lay_out, print_copies, cancel_edition]) as client:
        await client.register(Path(__file__).with_name("pausing.yaml"))
        edition = await client.start("newspaper", {"articles": ["Rain", "Football", "Elections"]})
        look_at(await edition.until("PAUSED"))
        tell("the proofs are fine")
        await edition.unpause()
        print(json.dumps(await edition.result()))


def look_at(info: ExecutionInfo) -> None:
    """Tell why a paused execution is held."""
    for branch in info.suspension.branches if info.suspension else ():
        tell(f"{info.status} at {branch.step}: {branch.pause_reason}")


asyncio.run(main())
