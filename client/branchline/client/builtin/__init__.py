"""The activities that the SDK ships, for a worker to offer (semantics 7.10)."""

from branchline.client.builtin._registry import BUILTINS, builtin

__all__ = ["BUILTINS", "builtin"]
