"""Plays the director, who approves what the manager has left lying."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from branchline.client import local
from examples.approval.activities import note_decision, pay_claim, refuse_claim
from examples.telling import tell


async def main() -> None:
    async with local([note_decision, pay_claim, refuse_claim]) as client:
        await client.register(Path(__file__).with_name("approval.yaml"))
        claim = await client.start("expense-claim", {"employee": "Ines", "amount": 84.5})
        async for event in claim.watch(progress=False):
            if event.type == "signal_awaited":
                topic = event.data["topic"]
                tell(f"waiting for a signal on {topic}")
                if topic.startswith("director/"):
                    tell("the director approves")
                    await claim.signal(topic, {"approved": True, "by": "the director"})
            elif event.type == "wait_timed_out":
                tell("nobody has answered in time")
        print(json.dumps(await claim.result()))


asyncio.run(main())
