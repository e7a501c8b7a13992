"""The page of a review in a real browser: as it is looked at, and as it is printed.

`TLSIGHT_SHOTS` names a folder for the pictures, if someone wants to look at them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kept import fetched, npm_install, npm_version, run
from reviewed import long_review
from tlsight.views.review_html import render

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "review_page"

pytestmark = pytest.mark.tools


class Seen(NamedTuple):
    """What the browser told of a page, and the page on paper."""

    told: dict[str, Any]
    printed: str
    page: str


@pytest.fixture(scope="module", params=["everything", "example"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("page")
    page = folder / "review.html"
    if request.param == "everything":
        page.write_text(render(long_review()))
    else:
        options = ("--format", "html", "--output", str(page), "tests/examples")
        command = (sys.executable, "-m", "tlsight.cli", "review", *options)
        assert 1 == subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode
    kept = os.environ.get("TLSIGHT_SHOTS")
    shots = Path(kept) / request.param if kept else folder / "shots"
    told = json.loads(_looked(page, shots, folder))
    from pypdf import PdfReader  # it comes with the tools only

    pages = PdfReader(shots / "review.pdf").pages
    return Seen(told, "".join(item.extract_text() for item in pages), page.read_text())


def _looked(page: Path, shots: Path, folder: Path) -> str:
    browser = shutil.which("chromium")
    assert browser, "chromium is missing: apt-get install chromium"
    modules = fetched("review-page", npm_version(HERE), lambda to: npm_install(HERE, to))
    shutil.copy(HERE / "look.mjs", folder)
    (folder / "node_modules").symlink_to(modules / "node_modules")
    options = ("--page", str(page), "--browser", browser, "--shots", str(shots))
    return run(folder, os.environ, "node", "look.mjs", *options)


def test_nothing_keeps_people_out(seen: Seen) -> None:
    """Light and dark, wide and narrow, folded and unfolded; where the focus is can be seen."""
    violations = seen.told["violations"]

    assert 8 == len(violations)
    assert {} == {name: found for name, found in violations.items() if found}
    assert ["A", "solid", "3px"] == seen.told["focus"]


def test_it_fits_on_every_screen_and_on_paper(seen: Seen) -> None:
    assert {} == {name: lines for name, lines in seen.told["wide"].items() if lines}


def test_all_of_it_is_printed(seen: Seen) -> None:
    """What is folded on the screen too, and the longest line to its end."""
    printed = re.sub(r"\s", "", seen.printed)
    lines = sorted(seen.told["lines"], key=len)

    assert 0 == seen.told["hidden"]
    assert len(lines) == seen.page.count('class="src"')
    assert re.sub(r"\s", "", lines[-1]) in printed
    assert [] == [line for line in lines if re.sub(r"\s", "", line) not in printed]


def test_it_asks_for_nothing_but_itself(seen: Seen) -> None:
    assert {"review.html"} == {Path(url).name for url in seen.told["requests"]}
