"""The activities that the SDK ships, for a worker to offer (semantics 7.10)."""

from branchline.client.builtin._file import file
from branchline.client.builtin._registry import BUILTINS, builtin
from branchline.client.builtin._shell import shell

__all__ = ["BUILTINS", "builtin", "file", "shell"]
