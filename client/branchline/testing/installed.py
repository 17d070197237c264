"""Imported first: tells what is missing when the engine, which decides, cannot be imported."""

from __future__ import annotations

try:
    import branchline.engine  # noqa: F401 - whether it can be
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"branchline.testing needs {error.name}, which comes with the server: "
        'pip install "branchline[server]"',
        name=error.name,
    ) from error
