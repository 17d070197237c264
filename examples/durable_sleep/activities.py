"""The activity of the trial subscription."""

from __future__ import annotations

from branchline.client import activity


@activity
def send_mail(to: str, subject: str) -> str:
    return f"to {to}: {subject}"
