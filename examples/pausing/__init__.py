"""A newspaper that an operator lets go: ``python -m examples.pausing``."""
