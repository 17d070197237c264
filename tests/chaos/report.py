"""What the chaos test counts, and what it finds wrong."""

from __future__ import annotations

from collections import Counter, defaultdict

_MOST_SHOWN = 40


class Report:
    """Counts by section, and violations."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.violations: list[str] = []

    def count(self, section: str, what: str, number: int = 1) -> None:
        """Count something."""
        self.counts[section][what] += number

    def violation(self, promise: str, what: str) -> None:
        """Note that a promise was broken."""
        self.violations.append(f"{promise}: {what}")

    def require(self, held: bool, promise: str, what: str) -> None:  # noqa: FBT001 - a claim
        """Check a promise: it is counted, and a violation if it does not hold."""
        self.count("checked", promise)
        if not held:
            self.violation(promise, what)

    def lines(self) -> list[str]:
        """All of it, for people."""
        lines = []
        for section, counts in self.counts.items():
            lines.append(f"{section}:")
            lines += [f"  {number:7d}  {what}" for what, number in sorted(counts.items())]
        lines.append(f"violations: {len(self.violations)}")
        lines += [f"  {violation}" for violation in self.violations[:_MOST_SHOWN]]
        if len(self.violations) > _MOST_SHOWN:
            lines.append(f"  and {len(self.violations) - _MOST_SHOWN} more")
        return lines
