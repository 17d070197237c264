"""The activities of the holiday, of its bookings and of the reminders."""

from __future__ import annotations

from branchline.client import ActivityError, activity

_OFFERS = {"hotel": "a room in {place}", "bus": "a coach to {place}"}


@activity
def find_offer(what: str, place: str) -> str:
    """Look for something that is free."""
    if what not in _OFFERS:
        raise ActivityError(f"every {what} to {place} is booked up", "booked_up")
    return _OFFERS[what].format(place=place)


@activity
def book_offer(offer: str, guest: str) -> str:
    return f"{offer} for {guest}"


@activity
def write_itinerary(hotels: list[str], ride: str) -> str:
    return "; ".join([ride, *hotels])


@activity
def write_to_guest(guest: str, text: str) -> None:
    print(f"To {guest}: {text}")
