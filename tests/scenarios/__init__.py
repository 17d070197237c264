"""Plays scenario files against a real server and a real worker: ``python -m tests.scenarios``.

A scenario says what is registered and started, what activities do, what happens from outside, and
what must come out. The server, its database and the worker are each scenario's own.
"""
