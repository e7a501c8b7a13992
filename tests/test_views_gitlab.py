"""The report for GitLab has what its format asks for, and fingerprints that stay and differ."""

from __future__ import annotations

import json
from typing import Any

from tlsight.finding import Finding, Report, Severity
from tlsight.text import Span
from tlsight.views import Answer
from tlsight.views.gitlab import render

TEXT = "é(1);\nf(1);\nf(1);\ng(\n2);\n".encode()


def issues(data: bytes = TEXT, path: str = "src/a.c") -> list[dict[str, Any]]:
    """The issues of a file in which every 1, and the call of g, is a finding."""
    found = [
        Finding("rule-one", "1 is low", Span(at, at + 1), Severity.WARNING)
        for at, byte in enumerate(data)
        if byte == ord("1")
    ]
    start = data.index(b"g(")
    found.append(Finding("rule-two", "g is bad", Span(start, start + 4), Severity.ERROR))
    issues: list[dict[str, Any]] = json.loads(
        render([Answer(path, path, data, Report(tuple(found)))])
    )
    return issues


def test_an_issue_says_what_and_where() -> None:
    first, *_, last = issues()
    del first["fingerprint"], last["fingerprint"]

    assert first == {
        "description": "1 is low",
        "check_name": "rule-one",
        "severity": "major",
        "location": {"path": "src/a.c", "lines": {"begin": 1, "end": 1}},
    }
    assert last["severity"] == "critical"
    assert last["location"]["lines"] == {"begin": 4, "end": 5}


def test_no_two_issues_have_one_fingerprint() -> None:
    names = [item["fingerprint"] for item in (*issues(), *issues(path="src/b.c"))]

    assert len(names) == len(set(names)) == 8


def test_a_fingerprint_stays_while_code_moves() -> None:
    moved = [item["fingerprint"] for item in issues(b"// above\n\n" + TEXT)]

    assert moved == [item["fingerprint"] for item in issues()]


def test_nothing_found_is_an_empty_list() -> None:
    assert json.loads(render([Answer("a.c", "a.c", b"", Report())])) == []
