"""The server as commands use it."""

from branchline.client.embedding import database_url, embedded_for_now, run_server

__all__ = ["database_url", "embedded_for_now", "run_server"]
