"""The command line, ``branchline``."""

from branchline.client.cli.entry import main

__all__ = ["main"]
