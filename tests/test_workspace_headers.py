"""What the folder's own headers declare is known to syntax, from the first file on."""

from __future__ import annotations

from pathlib import Path

from demo import write_pages
from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.rulebook import load


def test_the_first_file_knows_the_headers_of_its_folder(tmp_path: Path) -> None:
    write_pages(tmp_path / "rules")
    project = tmp_path / "project"
    (project / "include").mkdir(parents=True)
    (project / "src").mkdir()
    header = '#include "demo.h"\nclass Line : public Channel {};\n'
    (project / "include" / "line.h").write_text(header)
    path = project / "src" / "main.cpp"
    before = b'#include "line.h"\n'
    after = before + b"void f(Line &line) { line.setGrade(GRADE_LOW); }\n"
    rulebook = load(policy="demo", pages=tmp_path / "rules")
    analyst = Analyst(rulebook, Config(), project, tmp_path / "cache")

    assert analyst.first(path, before).findings == ()
    analyst.final(path, before)
    found = analyst.first(path, after).findings

    assert [item.rule for item in found] == ["low-grade"]
    analyst.close(path)
