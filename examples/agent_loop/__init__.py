"""A language model that works in a loop: ``python -m examples.agent_loop``."""
