"""The activities of the insurance claim: the graph decides which of them run."""

from __future__ import annotations

from branchline.client import activity

_WEAR = 0.25
"""The part of the damage that an expert puts down to wear."""


@activity
def assess_claim(amount: float, deductible: float) -> float:
    """What is left to pay when the customer has borne the deductible."""
    return amount - deductible


@activity
def inspect_damage(payable: float) -> float:
    """What an expert finds justified."""
    return payable * (1 - _WEAR)


@activity
def pay_out(amount: float) -> str:
    return f"we pay {amount:.2f}"


@activity
def reject_claim(amount: float, deductible: float) -> str:
    return f"{amount:.2f} is within your deductible of {deductible:.2f}"
