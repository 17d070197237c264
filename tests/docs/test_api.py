"""The reference of the API holds what the protos say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import REPOSITORY, anchors, links

MARK = "<!-- Written by `make proto` from here on: change the protos' comments instead. -->\n"
INTRODUCTION = "# The shop\n\nBy hand.\n\n"

SHOP = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/duration.proto";

// Sells a|b things. It never sleeps.
service ShopService {
  // Buys *things* and <b>more</b>. Slowly.
  //
  // Errors:
  // - NOT_FOUND (`NO|THING`): nothing of
  //   that [name](x).
  // - OK: a `*`.
  //
  // # No heading
  rpc Buy(stream BuyRequest) returns (stream BuyResponse);
  // Looks.
  rpc Look(BuyRequest) returns (Thing.Part);
}

// Asks.
message BuyRequest {
  // What, `a|b` or c|d.
  //
  // - _one_ and snake_case
  // - two
  repeated Thing things = 1;
  // Prices.
  map<string, Thing> prices = 4;
  // How often.
  optional int32 count = 2;
  // How to pay.
  oneof payment {
    // In cash.
    string cash = 3;
    // Later.
    google.protobuf.Duration credit = 5;
  }
  // Old.
  bool old = 6 [deprecated = true];
}

// Answers.
message BuyResponse {}

// A thing.
message Thing {
  // A part of it.
  message Part {
    // Its size.
    Size size = 1;
  }
  // How large.
  enum Size {
    // Not a size.
    SIZE_UNSPECIFIED = 0;
    // Large | larger.
    SIZE_LARGE = 7;
  }
}
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proto.reference", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shop's proto, its reference, and a page that is no longer one."""
    folder = tmp_path_factory.mktemp("shop")
    source = folder / "proto" / "shop" / "v1" / "shop_service.proto"
    source.parent.mkdir(parents=True)
    source.write_text(SHOP, encoding="utf-8")
    (folder / "api").mkdir()
    (folder / "api" / "README.md").write_text(f"{INTRODUCTION}{MARK}old", encoding="utf-8")
    (folder / "api" / "gone.md").write_text("gone", encoding="utf-8")
    result = run("--protos", folder / "proto", "--out", folder / "api")
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def page(shop: Path) -> str:
    return (shop / "api" / "shop-service.md").read_text(encoding="utf-8")


@pytest.fixture
def section(page: str) -> Callable[[str], str]:
    """What stands below a heading of the shop's page."""

    def find(heading: str) -> str:
        return page.partition(f"\n### {heading}\n\n")[2].partition("\n#")[0].strip()

    return find


def test_the_reference_is_up_to_date() -> None:
    result = run("--check")
    assert result.returncode == 0, result.stderr


def test_calls_show_streams_and_comments_as_they_were_meant(
    section: Callable[[str], str],
) -> None:
    """Lists stay lists and code stays code; whatever else looks like Markdown or HTML is text."""
    assert section("Buy") == (
        "a stream of [BuyRequest](#buyrequest) → a stream of [BuyResponse](#buyresponse)\n\n"
        "Buys \\*things\\* and \\<b>more\\</b>. Slowly.\n\n"
        "Errors:\n\n"
        "- NOT_FOUND (`NO|THING`): nothing of that \\[name\\](x).\n"
        "- OK: a `*`.\n\n"
        "\\# No heading"
    )
    assert section("Look") == "[BuyRequest](#buyrequest) → [Thing.Part](#thingpart)\n\nLooks."


def test_messages_show_repeated_fields_maps_optionals_and_oneofs(
    section: Callable[[str], str],
) -> None:
    things = "What, `a\\|b` or c\\|d.<br>• \\_one\\_ and snake_case<br>• two"
    duration = "https://protobuf.dev/reference/protobuf/google.protobuf/#duration"
    assert section("BuyRequest").splitlines() == [
        "Asks.",
        "",
        "`payment`: How to pay. At most one of its fields is set.",
        "",
        "| field | type | number | meaning |",
        "| --- | --- | --- | --- |",
        f"| `things` | repeated [Thing](#thing) | 1 | {things} |",
        "| `prices` | map of `string` to [Thing](#thing) | 4 | Prices. |",
        "| `count` | optional `int32` | 2 | How often. |",
        "| `cash` | `string`, of `payment` | 3 | In cash. |",
        f"| `credit` | [Duration]({duration}), of `payment` | 5 | Later. |",
        "| `old` | `bool` | 6 | Deprecated.<br>Old. |",
    ]
    assert section("BuyResponse") == "Answers.\n\nIt has no fields."


def test_nested_messages_and_enums_are_found_by_their_full_names(
    section: Callable[[str], str],
) -> None:
    part, size = section("Thing.Part"), section("Thing.Size")
    assert "| `size` | [Thing.Size](#thingsize) | 1 | Its size. |" in part
    assert size.startswith("How large.\n\n| value | number | meaning |")
    assert size.endswith("| `SIZE_LARGE` | 7 | Large \\| larger. |")


def test_links_within_a_page_lead_to_its_headings(shop: Path) -> None:
    page = shop / "api" / "shop-service.md"
    used = {link.anchor for link in links(page) if link.anchor}
    assert used
    assert used <= anchors(page)


def test_the_index_keeps_its_introduction_and_lists_the_calls(shop: Path) -> None:
    index = (shop / "api" / "README.md").read_text(encoding="utf-8")
    assert index.startswith(f"{INTRODUCTION}{MARK}\n## Services")
    assert "Sells a\\|b things. [Its page](shop-service.md)" in index
    assert (
        "| [Buy](shop-service.md#buy) | Buys \\*things\\* and \\<b>more\\</b>. |\n"
        "| [Look](shop-service.md#look) | Looks. |"
    ) in index


def test_pages_of_protos_that_are_gone_go_too(shop: Path) -> None:
    assert {path.name for path in (shop / "api").iterdir()} == {"README.md", "shop-service.md"}


def test_the_check_names_stale_pages_and_changes_nothing(shop: Path, tmp_path: Path) -> None:
    """Stale, missing and superfluous ones alike."""
    index = (shop / "api" / "README.md").read_text(encoding="utf-8")
    pages = {"README.md": f"{index}more", "gone.md": "gone"}
    for name, text in pages.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    result = run("--check", "--protos", shop / "proto", "--out", tmp_path)
    assert result.returncode == 1
    named = [Path(line.partition(": ")[0]).name for line in result.stderr.splitlines()]
    assert named == ["README.md", "gone.md", "shop-service.md"]
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == pages


def test_headings_that_would_have_the_same_anchor_are_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(MARK, encoding="utf-8")
    proto = 'syntax = "proto3"; package twice.v1; message Once {} message ONCE {}'
    (tmp_path / "twice.proto").write_text(proto, encoding="utf-8")
    result = run("--protos", tmp_path, "--out", tmp_path)
    assert result.returncode == 1
    assert result.stderr == "two pages or headings would be called once\n"


def test_an_index_without_the_mark_is_not_overwritten(shop: Path, tmp_path: Path) -> None:
    index = tmp_path / "README.md"
    index.write_text("by hand", encoding="utf-8")
    result = run("--protos", shop / "proto", "--out", tmp_path)
    assert result.returncode != 0
    assert "lacks the line" in result.stderr
    assert index.read_text(encoding="utf-8") == "by hand"
