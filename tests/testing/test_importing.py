"""What importing the test kit takes."""

from __future__ import annotations

import subprocess
import sys

import pytest

_FORGET = "import sys; sys.modules['{}'] = None; import branchline.testing"
_LOADED = "import sys, branchline.testing; print(*sys.modules)"


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["lark", "re2"])
def test_without_the_servers_packages_the_remedy_is_told(package: str) -> None:
    told = python(_FORGET.format(package)).stderr.splitlines()[-1]
    assert told == (
        f"ModuleNotFoundError: branchline.testing needs {package}, which comes with the server: "
        'pip install "branchline[server]"'
    )


def test_the_server_is_not_loaded() -> None:
    loaded = set(python(_LOADED).stdout.split())
    assert "branchline.testing" in loaded
    heavy = {"branchline.server.rpc.server", "branchline.server.storage", "sqlalchemy", "structlog"}
    assert not heavy & loaded
