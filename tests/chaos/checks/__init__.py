"""The promises, checked against what is left after a run."""

from tests.chaos.checks.check import check

__all__ = ["check"]
