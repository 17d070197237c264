"""Stops the server while the execution sleeps, and starts another one on the same file."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from branchline.client import Execution, local
from examples.durable_sleep.activities import send_mail
from examples.telling import tell


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "trials.db")
        async with local([send_mail], database=database) as client:
            await client.register(Path(__file__).with_name("durable_sleep.yaml"))
            trial = await client.start("trial-subscription", {"reader": "Noor"})
            await fall_asleep(trial)
            tell("stopping the server")
        tell("the server is down; starting another one")
        async with local([send_mail], database=database) as client:
            trial = client.execution(trial.id)
            outputs = await trial.result()
            types = [event.type async for event in trial.events()]
    tell(f"{types.count('sleep_started')} sleep, {types.count('task_completed')} mails")
    print(json.dumps(outputs))


async def fall_asleep(execution: Execution) -> None:
    """Wait until it sleeps."""
    info = await execution.until("SUSPENDED")
    if info.suspension and info.suspension.wake_time:
        tell(f"asleep until {info.suspension.wake_time:%H:%M:%S} UTC")


asyncio.run(main())
