"""The activity ``file``: what it does below its root, and that it never gets out."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from branchline.client.builtin import file
from branchline.client.errors import ActivityError
from tests.client.builtin.calling import call

MEBIBYTE = 1024 * 1024
OPERATIONS = ["read", "write", "append", "delete", "exists", "mkdir", "list"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the root, with a secret in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


@pytest.fixture
def run(root: Path) -> Callable[..., Any]:
    offered = file(root)

    def run(operation: str, path: str, **more: object) -> Any:  # noqa: ANN401 - JSON is of any type
        return call(offered, operation=operation, path=path, **more)

    return run


def attempt(run: Callable[..., Any], operation: str, path: str) -> str:
    """The message of a refusal, for an operation with all that it needs."""
    more = {"content": "overwritten"} if operation in {"write", "append"} else {}
    with pytest.raises(ActivityError) as caught:
        run(operation, path, **more)
    return caught.value.message


def unharmed(outside: Path) -> bool:
    return [(entry.name, entry.read_text()) for entry in outside.iterdir()] == [
        ("secret", "secret")
    ]


def test_a_text_is_written_and_read(run: Callable[..., Any], root: Path) -> None:
    assert run("write", "memo.txt", content="a\r\né\n") == {"size": 6}
    assert run("read", "memo.txt") == "a\r\né\n"
    assert (root / "memo.txt").read_bytes() == "a\r\né\n".encode()


def test_a_write_replaces_all_and_keeps_the_permissions(
    run: Callable[..., Any], root: Path
) -> None:
    script = root / "run.sh"
    script.write_text("something longer")
    script.chmod(0o750)
    with script.open() as before:
        run("write", "run.sh", content="short")
        assert before.read() == "something longer"
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("short", 0o750)
    assert [entry.name for entry in root.iterdir()] == ["run.sh"]


def test_an_append_adds_and_makes_the_file(run: Callable[..., Any]) -> None:
    assert run("append", "log", content="one\n") == {"size": 4}
    assert run("append", "log", content="two\n") == {"size": 8}
    assert run("read", "log") == "one\ntwo\n"


def test_a_file_exists_or_not(run: Callable[..., Any], root: Path) -> None:
    (root / "there").touch()
    assert [run("exists", path) for path in ("there", ".", "absent", "absent/deep", "there/x")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_folders_are_made_with_those_on_the_way(run: Callable[..., Any], root: Path) -> None:
    assert run("mkdir", "a/b/c") is True
    assert run("mkdir", "a/b/c/") is False
    assert (root / "a/b/c").is_dir()
    run("write", "a/./b//c/x", content="deep")
    assert run("read", "a/b/c/x") == "deep"


def test_a_folder_is_listed_in_order(run: Callable[..., Any], root: Path) -> None:
    for name in ("b", "a", "Z", ".hidden"):
        (root / name).touch()
    (root / "folder").mkdir()
    (root / "folder" / "inner").touch()
    assert run("list", ".") == [".hidden", "Z", "a", "b", "folder/"]
    assert run("list", "folder/") == ["inner"]


def test_a_name_that_is_no_utf_8_can_be_listed(run: Callable[..., Any], root: Path) -> None:
    Path(os.fsdecode(bytes(root) + b"/a\xff")).touch()
    assert run("list", ".") == ["a\ufffd"]


def test_what_is_deleted_is_gone(run: Callable[..., Any], root: Path) -> None:
    (root / "folder").mkdir()
    (root / "memo").touch()
    assert (run("delete", "memo"), run("delete", "memo"), run("delete", "folder")) == (
        True,
        False,
        True,
    )
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("../outside/secret", "leads upwards"),
        ("a/../../outside/secret", "leads upwards"),
        ("..", "leads upwards"),
        ("/etc/passwd", "is absolute: give it relative to the root"),
        ("//etc/passwd", "is absolute"),
        ("a\0b", "a path has 1 to 4096 bytes, none of them 0"),
        ("", "a path has 1 to 4096 bytes"),
        ("a/" * 2049, "a path has 1 to 4096 bytes"),
    ],
)
def test_no_path_leads_out(
    run: Callable[..., Any], outside: Path, operation: str, path: str, problem: str
) -> None:
    message = attempt(run, operation, path)
    assert message.startswith("path: ")
    assert problem in message
    assert unharmed(outside)


@pytest.mark.parametrize("operation", ["read", "write", "append", "mkdir", "list"])
@pytest.mark.parametrize("target", ["../outside/secret", "../outside", "../outside/new"])
def test_a_link_is_not_followed(
    run: Callable[..., Any], root: Path, outside: Path, operation: str, target: str
) -> None:
    (root / "link").symlink_to(target)
    assert "is a symbolic link, and links are not followed" in attempt(run, operation, "link")
    assert unharmed(outside)
    assert (root / "link").is_symlink()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_link_on_the_way_is_not_followed(
    run: Callable[..., Any], root: Path, outside: Path, operation: str
) -> None:
    (root / "a").mkdir()
    (root / "a" / "link").symlink_to(outside)
    message = attempt(run, operation, "a/link/secret")
    assert message == "path: 'link' is a symbolic link, and links are not followed"
    assert unharmed(outside)


def test_a_link_within_the_root_is_not_followed_either(run: Callable[..., Any], root: Path) -> None:
    (root / "memo").write_text("text")
    (root / "link").symlink_to("memo")
    assert "symbolic link" in attempt(run, "read", "link")


def test_a_link_itself_exists_and_is_deleted(
    run: Callable[..., Any], root: Path, outside: Path
) -> None:
    (root / "link").symlink_to(outside / "secret")
    (root / "broken").symlink_to("/absent")
    assert (run("exists", "link"), run("exists", "broken")) == (True, True)
    assert run("list", ".") == ["broken", "link"]
    assert (run("delete", "link"), run("delete", "broken")) == (True, True)
    assert unharmed(outside)


@pytest.fixture
def swapped(root: Path, outside: Path) -> Iterator[None]:
    """``folder`` in the root is a link to the outside every other moment."""
    (root / "folder").mkdir()
    (root / "folder" / "secret").write_text("mine")
    (root / "link").symlink_to(outside)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            (root / "folder").rename(root / "aside")
            (root / "link").rename(root / "folder")
            (root / "folder").rename(root / "link")
            (root / "aside").rename(root / "folder")

    swapping = threading.Thread(target=swap)
    swapping.start()
    yield
    done.set()
    swapping.join()


@pytest.mark.usefixtures("swapped")
@pytest.mark.parametrize("operation", ["read", "write", "append", "delete", "list"])
def test_no_race_leads_out(run: Callable[..., Any], outside: Path, operation: str) -> None:
    more = {"content": "mine"} if operation in {"write", "append"} else {}
    path = "folder" if operation == "list" else "folder/secret"
    (outside / "theirs").touch()
    met: Counter[str] = Counter()
    while met["done"] < 200 or met["refused"] < 20:
        try:
            assert run(operation, path, **more) not in ("secret", ["secret", "theirs"])
            met["done"] += 1
        except ActivityError as error:
            met["refused"] += "symbolic link" in error.message
    assert sorted(entry.read_text() for entry in outside.iterdir()) == ["", "secret"]


def test_a_folder_that_became_a_link_after_it_was_used_is_refused(
    run: Callable[..., Any], root: Path, outside: Path
) -> None:
    run("mkdir", "work")
    run("write", "work/secret", content="mine")
    (root / "work").rename(root / "old")
    (root / "work").symlink_to(outside)
    for operation in OPERATIONS:
        assert "symbolic link" in attempt(run, operation, "work/secret")
    assert unharmed(outside)


@pytest.mark.parametrize("operation", ["read", "write", "append"])
def test_a_pipe_is_no_file_and_nobody_waits_for_it(
    run: Callable[..., Any], root: Path, operation: str
) -> None:
    os.mkfifo(root / "pipe")
    assert attempt(run, operation, "pipe") == "path: 'pipe' is no ordinary file: name a file"


def test_sizes_are_limited(run: Callable[..., Any], root: Path) -> None:
    full = "x" * MEBIBYTE
    run("write", "full", content=full)
    assert run("read", "full") == full
    for operation, content in (("append", "x"), ("write", full + "x")):
        with pytest.raises(ActivityError, match="more than 1048576 bytes is neither read nor"):
            run(operation, "full", content=content)
    assert (root / "full").stat().st_size == MEBIBYTE
    (root / "large").write_bytes(b"x" * (MEBIBYTE + 1))
    assert "more than 1048576 bytes" in attempt(run, "read", "large")


def test_a_folder_with_too_many_entries_is_not_listed(run: Callable[..., Any], root: Path) -> None:
    for number in range(10_000):
        (root / str(number)).touch()
    assert len(run("list", ".")) == 10_000
    (root / "more").touch()
    assert attempt(run, "list", ".") == "path: the folder has more than 10000 entries"


def test_what_cannot_be_done_is_explained(run: Callable[..., Any], root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder" / "memo").write_bytes(b"ab\xff")
    expected = [
        ("read", "absent", "there is no 'absent'"),
        ("write", "absent/memo", "no folder for it: make folders with mkdir"),
        ("read", "folder", "'folder' is a folder: name a file"),
        ("write", ".", "'.' is a folder: name a file"),
        ("read", "folder/memo", "'memo' is no text in UTF-8: byte 2 is not"),
        ("read", "folder/memo/x", "a part of 'folder/memo/x' is no folder"),
        ("mkdir", "folder/memo", "a part of 'folder/memo' is no folder"),
        ("list", "folder/memo", "a part of 'folder/memo' is no folder"),
        ("list", "absent", "there is no 'absent'"),
        ("delete", "folder", "is not empty: delete what is in it first"),
        ("delete", ".", "the root itself cannot be deleted"),
        ("write", "x" * 256, "File name too long"),
    ]
    for operation, path, problem in expected:
        assert problem in attempt(run, operation, path)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"operation": "write", "path": "a"}, "content is missing: write needs a text"),
        ({"operation": "read", "path": "a", "content": "b"}, "content is not for read"),
        ({"operation": "chmod", "path": "a"}, "parameter operation: invalid enum value 'chmod'"),
        ({"operation": "read"}, "parameter path is missing"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    root: Path, parameters: dict[str, object], problem: str
) -> None:
    with pytest.raises(ActivityError, match=problem):
        call(file(root), **parameters)


def test_the_root_must_be_a_folder(root: Path) -> None:
    for path in (root / "absent", Path(__file__)):
        with pytest.raises(ValueError, match="the root of the activity file is no folder"):
            file(path)


def test_the_root_is_where_it_was_when_it_was_offered(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    offered = file("root")
    monkeypatch.chdir("/")
    call(offered, operation="write", path="memo", content="here")
    assert (root / "memo").read_text() == "here"


def test_a_root_that_is_gone_is_told(root: Path) -> None:
    offered = file(root)
    root.rmdir()
    for operation in ("exists", "list"):
        with pytest.raises(ActivityError, match="the root folder cannot be opened"):
            call(offered, operation=operation, path=".")
