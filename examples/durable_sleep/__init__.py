"""A sleep that outlives its server: ``python -m examples.durable_sleep``."""
