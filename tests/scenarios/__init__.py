"""Plays scenario files, on real servers and on the bare engine: ``python -m tests.scenarios``.

A scenario says what is registered and started, what activities do, what happens from outside, and
what must come out. On servers, the server, its database and the worker
are each scenario's own. On the bare engine (``--bare``) nothing is real, and time is virtual.
"""
