"""Generate the Python code of the protos, or check that the committed code is up to date.

Run it through ``make proto`` and ``make check``: the plugins are looked up beside the interpreter.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = Path("branchline", "v1")
INIT = '"""The vocabulary and the public API of Branchline: messages, services, stubs."""\n'
SERVICE = re.compile(r"^service\s", re.MULTILINE)


def main() -> int:
    """Generate, or compare with ``--check``; return the exit status."""
    arguments = parse_arguments()
    protos = sorted((arguments.protos / PACKAGE).glob("*.proto"))
    if not protos:
        print(f"No .proto files in {arguments.protos / PACKAGE}.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(arguments.protos, protos, fresh)
        if arguments.check:
            return check(fresh / PACKAGE, arguments.out / PACKAGE)
        replace(fresh / PACKAGE, arguments.out / PACKAGE)
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line; the defaults are this repository's folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail on differences")
    parser.add_argument("--protos", type=Path, default=HERE, help="root of the .proto files")
    parser.add_argument(
        "--out", type=Path, default=HERE / "gen" / "python", help="root of the code"
    )
    return parser.parse_args()


def generate(root: Path, protos: list[Path], out: Path) -> None:
    """Write the whole package of ``protos`` below ``out``."""
    protoc(root, protos, f"--python_out={out}", f"--mypy_out=quiet:{out}")
    # Without this choice protoc writes an empty stub module for every file of messages.
    services = [proto for proto in protos if SERVICE.search(proto.read_text(encoding="utf-8"))]
    if services:
        protoc(root, services, f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}")
    (out / PACKAGE / "__init__.py").write_text(INIT, encoding="utf-8")
    (out / PACKAGE / "py.typed").touch()


def protoc(root: Path, protos: list[Path], *options: str) -> None:
    """Run the compiler that grpcio-tools bundles; exit with its status when it fails."""
    plugins = [f"--plugin=protoc-gen-{name}={plugin(name)}" for name in ("mypy", "mypy_grpc")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={root}", *plugins]
    status = subprocess.run([*command, *options, *map(str, protos)], check=False).returncode
    if status:
        sys.exit(status)


def plugin(name: str) -> str:
    """Return the path of a protoc plugin in this interpreter's scripts folder."""
    path = shutil.which(f"protoc-gen-{name}", path=sysconfig.get_path("scripts"))
    if path is None:
        sys.exit(f"protoc-gen-{name} is not installed beside {sys.executable}: run `make .venv`.")
    return path


def check(fresh: Path, committed: Path) -> int:
    """Say which committed files are missing, stale or superfluous; return the exit status."""
    expected, found = file_names(fresh), file_names(committed)
    _, stale, unread = filecmp.cmpfiles(fresh, committed, expected & found, shallow=False)
    problems = {
        "missing": expected - found,
        "superfluous": found - expected,
        "out of date": {*stale, *unread},
    }
    for problem, names in problems.items():
        for name in sorted(names):
            print(f"{committed / name}: {problem}", file=sys.stderr)
    if any(problems.values()):
        print("The generated code differs from the protos: run `make proto`.", file=sys.stderr)
        return 1
    return 0


def replace(fresh: Path, committed: Path) -> None:
    """Make ``committed`` hold what ``fresh`` holds, touching only files that differ."""
    committed.mkdir(parents=True, exist_ok=True)
    for name in file_names(committed) - file_names(fresh):
        (committed / name).unlink()
    for name in file_names(fresh):
        target = committed / name
        if not target.exists() or not filecmp.cmp(fresh / name, target, shallow=False):
            shutil.copyfile(fresh / name, target)


def file_names(folder: Path) -> set[str]:
    """Return the names of the files directly in ``folder`` (none when it does not exist)."""
    return {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()


if __name__ == "__main__":
    sys.exit(main())
