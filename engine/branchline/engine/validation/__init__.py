"""Everything that is wrong with a definition, found at once (semantics 2.6)."""

from ._find import find_problems

__all__ = ["find_problems"]
