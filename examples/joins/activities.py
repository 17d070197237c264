"""The activities of the mortgage: banks, a surveyor and a buyer."""

from __future__ import annotations

from branchline.client import ActivityError, activity

_OWN_MONEY = 0.2


@activity
def make_application(price: int) -> dict[str, int]:
    return {"price": price, "loan": round(price * (1 - _OWN_MONEY))}


@activity
def make_offer(bank: str, loan: int, rate: float) -> dict[str, str | float]:
    return {"bank": bank, "interest": round(loan * rate / 100)}


@activity
def survey_house(price: int) -> int:
    """What the house is worth."""
    return price + 5000


@activity
def take_photos(rooms: int) -> list[str]:
    return [f"room-{number}.jpg" for number in range(1, rooms + 1)]


@activity
def choose_offer(offers: dict[str, dict[str, str | int]]) -> dict[str, str | int]:
    """The offer with the least interest."""
    return min(offers.values(), key=lambda offer: offer["interest"])


@activity
def sign_contract(offer: dict[str, str | int], value: int, photos: list[str]) -> str:
    if not photos:
        raise ActivityError("nobody has seen the house", "not_surveyed")
    return f"{offer['bank']}, {offer['interest']} a year, for a house worth {value}"
