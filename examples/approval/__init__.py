"""An expense claim that somebody approves: ``python -m examples.approval``."""
