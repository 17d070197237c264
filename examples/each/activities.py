"""The activities of the monthly invoices; each run sees one item."""

from __future__ import annotations

import asyncio
from typing import TypedDict

from branchline.client import ActivityError, activity

_at_service: set[str] = set()
"""The customers whose requests are at the accounting service right now."""


class Invoice(TypedDict):
    """What one customer owes."""

    number: int
    customer: str
    total: float


@activity
async def make_invoice(customer: str, hours: float, rate: float) -> Invoice:
    """Make an invoice; the service refuses the first attempt for the second customer."""
    _at_service.add(customer)
    print(f"at the service: {', '.join(sorted(_at_service))}")
    await asyncio.sleep(0.05)
    _at_service.remove(customer)
    task = activity.context().task
    if task.item == 1 and task.attempt == 1:
        raise ActivityError("come back later", "service_busy")
    return Invoice(number=(task.item or 0) + 1, customer=customer, total=hours * rate)


@activity
def send_invoice(invoice: Invoice) -> str:
    return f"no. {invoice['number']} to {invoice['customer']}: {invoice['total']:.2f}"
