"""What an event changes. The only place where a state changes.

Rules of this room: a handler applies what its event says and decides nothing; it needs no
definition, so that a history can be read back without one; and the same events give the
same state, whether they happen now or are read back.
"""

from branchline.engine.evolve._evolve import evolve, fold

__all__ = ["evolve", "fold"]
