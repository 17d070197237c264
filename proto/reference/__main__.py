"""Write the reference of the API, docs/api/, from the protos, or check that it is up to date.

Run it through ``make proto`` and ``make check``. The index begins with an introduction written by
hand, which stays as it is; what stands below its mark is written anew.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from proto.reference.files import read_files
from proto.reference.pages import INDEX, Reference

REPOSITORY = Path(__file__).resolve().parents[2]
MARK = "<!-- Written by `make proto` from here on: change the protos' comments instead. -->\n"


def main() -> int:
    """Write, or compare with ``--check``; return the exit status."""
    arguments = parse_arguments()
    index = arguments.out / INDEX
    introduction, mark, _ = index.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        sys.exit(f"{index} lacks the line below which the reference begins: {MARK}")
    files = read_files(arguments.protos)
    if not files:
        sys.exit(f"No .proto files in {arguments.protos}.")
    try:
        pages = Reference(files, arguments.protos, arguments.out).pages(introduction + mark)
    except ValueError as error:
        sys.exit(str(error))
    return check(pages, arguments.out) if arguments.check else write(pages, arguments.out)


def parse_arguments() -> argparse.Namespace:
    """Read the command line; the defaults are this repository's folders."""
    parser = argparse.ArgumentParser(prog="python -m proto.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail on differences")
    parser.add_argument(
        "--protos", type=Path, default=REPOSITORY / "proto", help="root of the .proto files"
    )
    parser.add_argument(
        "--out", type=Path, default=REPOSITORY / "docs" / "api", help="folder of the pages"
    )
    return parser.parse_args()


def check(pages: dict[str, str], folder: Path) -> int:
    """Say which pages are missing, stale or superfluous; return the exit status."""
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    stale = sorted(
        name for name in found.keys() | pages.keys() if found.get(name) != pages.get(name)
    )
    for name in stale:
        print(f"{folder / name}: differs from the protos: run `make proto`.", file=sys.stderr)
    return 1 if stale else 0


def write(pages: dict[str, str], folder: Path) -> int:
    """Make the folder hold these pages and no others; return the exit status."""
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
