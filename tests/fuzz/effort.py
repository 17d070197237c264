"""How hard the fuzzers try: a little in the suite, for long with the profile ``fuzz``."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

LONG = "fuzz"
"""The profile of a long run: ``pytest tests/fuzz --hypothesis-profile=fuzz``."""

_USUAL = 100
"""Hypothesis' own number of examples, which counts as once."""

# What is drawn is large and slow to draw on purpose.
_EXPECTED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

settings.register_profile(LONG, deadline=None, max_examples=100 * _USUAL, print_blob=True)


def effort(examples: int) -> settings:
    """So many examples in the suite, and so many times more as the profile has more than usual."""
    times = settings().max_examples / _USUAL
    return settings(
        max_examples=max(1, round(examples * times)),
        deadline=None,
        print_blob=True,
        suppress_health_check=_EXPECTED,
    )
