"""Which project a path belongs to: its root, its options, its build folder."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tlsight.cli import project
from tlsight.cli.project import load_project
from tlsight.rulebook import load


@pytest.fixture(autouse=True)
def toy_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages instead of all of them."""
    pages = Path(__file__).parent / "pages"
    monkeypatch.setattr(project, "load", functools.partial(load, pages=pages))


def test_the_root_is_the_folder_of_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "tlsight.toml").write_text("")
    (tmp_path / "sub" / ".git").mkdir(parents=True)

    assert tmp_path == load_project([tmp_path / "sub"]).root


def test_else_it_is_the_folder_under_version_control(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.c").write_text("")

    assert tmp_path == load_project([tmp_path / "sub" / "a.c"]).root


def test_else_it_is_the_folder_around_the_folders_that_were_named(tmp_path: Path) -> None:
    for name in ("src", "lib"):
        (tmp_path / name).mkdir()

    assert tmp_path / "src" == load_project([tmp_path / "src"]).root
    assert tmp_path == load_project([tmp_path / "src", tmp_path / "lib"]).root


def test_a_lone_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("")

    assert load_project([tmp_path / "a.c"]).root is None


def test_folders_of_the_project_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "compile_commands.json").write_text("[]")
    (tmp_path / "pages").mkdir()
    (tmp_path / "tlsight.toml").write_text("build = 'out'\nrules = ['pages']\n")
    config = load_project([tmp_path]).config

    assert (str(tmp_path / "out"), (str(tmp_path / "pages"),)) == (config.build, config.rules)


def test_what_was_asked_for_goes_before_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "compile_commands.json").write_text("[]")
    (tmp_path / "tlsight.toml").write_text("policy = 'none'\n")
    loaded = load_project([tmp_path], policy="rfc9325", build=tmp_path / "compile_commands.json")

    assert ("rfc9325", str(tmp_path)) == (loaded.config.policy, loaded.config.build)
