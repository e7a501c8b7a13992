"""Which files a command takes, and how it writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tlsight.cli.files import (
    Unreadable,
    check_writable,
    find_targets,
    read_text,
    write_whole,
)
from tlsight.cli.status import UsageError


def test_a_folder_is_walked_for_c_and_cpp_in_the_order_of_names(project: Path) -> None:
    _make(project, "b.cpp", "a.c", "sub/c.HPP", "sub/d.txt", "e.py", ".hidden/f.c", "A/g.inl")

    assert ["A/g.inl", "a.c", "b.cpp", "sub/c.HPP"] == _found(project)


def test_gitignore_holds_in_its_folder_and_below_and_the_last_word_counts(project: Path) -> None:
    _make(project, "a.c", "gen/b.c", "sub/c.c", "sub/d.c", "sub/deep/d.c", "sub/keep/gen/e.c")
    (project / ".gitignore").write_text("gen/\n!keep/gen/\n")
    (project / "sub" / ".gitignore").write_text("/d.c\n")

    assert ["a.c", "sub/c.c", "sub/deep/d.c"] == [
        name for name in _found(project) if "keep" not in name
    ]


def test_the_gitignore_of_a_folder_above_holds_too(project: Path) -> None:
    _make(project, "sub/a.c", "sub/b.c")
    (project / ".gitignore").write_text("b.c\n")

    assert ["sub/a.c"] == _found(project, "sub")


def test_a_folder_that_is_ignored_is_walked_when_it_is_named(project: Path) -> None:
    _make(project, "build/a.c", "build/b.c")
    (project / ".gitignore").write_text("build/\nb.c\n")

    assert ["build/a.c"] == _found(project, "build")


def test_exclude_is_relative_to_the_root(project: Path) -> None:
    _make(project, "a.c", "third/b.c", "x/third/c.c")

    assert ["a.c", "x/third/c.c"] == _found(project, exclude=["/third"])


def test_a_named_file_is_taken_whatever_it_is_called_or_excluded(project: Path) -> None:
    _make(project, "a.tpl", "b.c")

    assert ["a.tpl", "b.c"] == _found(project, "a.tpl", "b.c", exclude=["b.c"])


def test_a_file_that_is_named_twice_is_taken_once(project: Path) -> None:
    _make(project, "a.c")
    (project / "link.c").symlink_to("a.c")

    assert ["a.c"] == _found(project, "a.c", "./a.c", ".")


def test_links_to_folders_are_not_followed(project: Path) -> None:
    _make(project, "a.c")
    (project / "loop").symlink_to(".")

    assert ["a.c"] == _found(project)


def test_uris_are_relative_to_the_root_and_quoted(project: Path) -> None:
    _make(project, "a b:c#.c")
    (target,) = find_targets([Path("a b:c#.c")], (), project)
    (outside,) = find_targets([Path("a b:c#.c")], (), project / "elsewhere")

    assert "a%20b%3Ac%23.c" == target.uri
    assert outside.uri.startswith("file:///")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.c", "'none.c' does not exist; name a C or C++ file, or a folder"),
        ("dangling.c", "'dangling.c' is a dangling link; name a C or C++ file, or a folder"),
        ("pipe", "'pipe' is neither a file nor a folder"),
        ("empty", "no C or C++ file in folder 'empty'"),
    ],
)
def test_what_cannot_be_taken_is_said(project: Path, name: str, message: str) -> None:
    (project / "dangling.c").symlink_to("nowhere")
    os.mkfifo(project / "pipe")
    (project / "empty").mkdir()

    with pytest.raises(UsageError) as raised:
        find_targets([Path(name)], (), project)

    assert str(raised.value).startswith(message)


def test_a_binary_file_is_no_text(project: Path) -> None:
    (project / "a.c").write_bytes(b"\x7fELF\0\0")

    with pytest.raises(Unreadable, match="NUL bytes"):
        read_text(project / "a.c")


def test_a_folder_is_no_text(project: Path) -> None:
    with pytest.raises(Unreadable, match="it cannot be read: Is a directory"):
        read_text(project)


def test_a_file_is_replaced_whole_with_its_mode_and_through_a_link(project: Path) -> None:
    (project / "a.sh").write_bytes(b"old")
    (project / "a.sh").chmod(0o750)
    (project / "link").symlink_to("a.sh")

    write_whole(project / "link", b"new")

    assert b"new" == (project / "a.sh").read_bytes()
    assert 0o750 == (project / "a.sh").stat().st_mode & 0o777
    assert (project / "link").is_symlink()
    assert ["a.sh", "link"] == sorted(path.name for path in project.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "a.c").write_bytes(b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        write_whole(project / "a.c", b"new")

    assert b"old" == (project / "a.c").read_bytes()
    assert ["a.c"] == [path.name for path in project.iterdir()]


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_whole(Path(os.devnull), b"x")

    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "'folder' is a folder; name a file for the output"),
        ("none/out", "folder 'none' does not exist; make it, or name another file"),
    ],
)
def test_an_output_that_cannot_be_is_said_before_the_work(
    project: Path, name: str, message: str
) -> None:
    (project / "folder").mkdir()

    with pytest.raises(UsageError) as raised:
        check_writable(Path(name))

    assert message == str(raised.value)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"int x;\n")


def _found(root: Path, *paths: str, exclude: list[str] | None = None) -> list[str]:
    named = [Path(path) for path in paths or (".",)]
    return [target.shown for target in find_targets(named, exclude or (), root)]
