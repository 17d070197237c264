"""The activities of the order: the world they deal with is not a reliable one."""

from __future__ import annotations

from branchline.client import ActivityError, activity

_BUSY_FOR = 2
"""How many attempts the payment gateway refuses."""


@activity
def charge_card(card: str, amount: float) -> str:
    attempt = activity.context().task.attempt
    if card == "expired":
        raise ActivityError("the card has expired", "card_declined", {"card": card})
    if attempt <= _BUSY_FOR:
        raise ActivityError("the gateway is busy", "gateway_busy")
    return f"{amount:.2f} by card, attempt {attempt}"


@activity
def send_invoice(amount: float, reason: str) -> str:
    return f"{amount:.2f} by invoice, because {reason}"


@activity
def call_courier() -> str:
    """The courier can't come, and asking again won't help."""
    raise ActivityError("the couriers are on strike", "fatal_error", {"until": "Friday"})


@activity
def send_by_post(problem: dict[str, object]) -> str:
    """What a catch stores has the error's type, message and details."""
    return f"by post, because {problem['Cause']}"
