"""What pages declare is read once and kept, and whatever is wrong with that is made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import write_pages
from tlsight import pages
from tlsight.rule import Rulebook
from tlsight.rulebook import load


@pytest.fixture
def rulebook(tmp_path: Path) -> Rulebook:
    write_pages(tmp_path / "rules")
    return load(policy="demo", pages=tmp_path / "rules")


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_known", {})


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Effect: forget what this process knows, and fail where anything is read."""
    monkeypatch.setattr(pages, "_known", {})
    monkeypatch.setattr(pages, "declarations", None)


def test_the_next_process_need_not_read_them(
    tmp_path: Path, rulebook: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pages.page_declarations(rulebook, tmp_path / "cache")
    restart(monkeypatch)

    assert pages.page_declarations(rulebook, tmp_path / "cache") == first
    assert "set_grade" in first.functions


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x05K\x01."])
def test_a_broken_file_is_made_anew(
    tmp_path: Path, rulebook: Rulebook, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    pages.page_declarations(rulebook, tmp_path / "cache")
    (kept,) = (tmp_path / "cache" / "declarations").iterdir()
    kept.write_bytes(content)
    monkeypatch.setattr(pages, "_known", {})

    assert "set_grade" in pages.page_declarations(rulebook, tmp_path / "cache").functions
    restart(monkeypatch)
    assert "set_grade" in pages.page_declarations(rulebook, tmp_path / "cache").functions


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, rulebook: Rulebook) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")

    assert "set_grade" in pages.page_declarations(rulebook, tmp_path / "cache").functions
