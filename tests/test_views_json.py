"""The JSON document says where things are, and what is not known is not in it."""

from __future__ import annotations

import json
from typing import Any

from tlsight.finding import Evidence, Finding, Fix, Report, Safety, Severity, Unanalysed
from tlsight.rule import Binding, Check, Library, Policy, Property, Rulebook
from tlsight.text import Edit, Span
from tlsight.views import Answer
from tlsight.views.json import render, rules

TEXT = "é f(1);".encode()
RULE = Property(
    id="rule-one",
    aspect="practice",
    title="One is allowed.",
    kind="argument",
    severity=Severity.ERROR,
    cwe=(327,),
    checks=(Check(roles=("role",)),),
    message="",
)
LIBRARIES = {
    name: Library(name, name.title(), bindings=(Binding(name, (role,), (), name),))
    for name, role in (("one", "role"), ("two", "other"))
}
RULEBOOK = Rulebook({RULE.id: RULE}, LIBRARIES, Policy("some-policy", "Some policy", {}, {}, {}))


def test_a_finding_has_lines_and_columns_from_one_and_offsets_in_bytes() -> None:
    finding = Finding("rule-one", "f allows 1", Span(5, 6), Severity.ERROR)

    assert {
        "rule": "rule-one",
        "severity": "error",
        "message": "f allows 1",
        "start": {"line": 1, "column": 5, "offset": 5},
        "end": {"line": 1, "column": 6, "offset": 6},
        "live": True,
        "cwe": [327],
        "related": [],
        "fixes": [],
    } == _file(Report((finding,)))["findings"][0]


def test_fixes_have_their_edits_or_the_reason_for_having_none() -> None:
    fixes = (
        Fix("Use 2", (Edit(Span(5, 6), "2"),), Safety.SAFE),
        Fix("Use 3", (), Safety.UNSAFE, withheld="no"),
    )
    finding = Finding("rule-one", "m", Span(5, 6), Severity.ERROR, fixes=fixes)
    here = {"start": {"line": 1, "column": 5, "offset": 5}}

    assert [
        {
            "title": "Use 2",
            "safety": "safe",
            "edits": [{**here, "end": {"line": 1, "column": 6, "offset": 6}, "text": "2"}],
        },
        {"title": "Use 3", "safety": "unsafe", "withheld": "no", "edits": []},
    ] == _file(Report((finding,)))["findings"][0]["fixes"]


def test_what_was_not_analysed_and_what_is_right_are_there_too() -> None:
    report = Report(
        evidence=(Evidence("rule-one", "f allows 2", Span(0, 2)),),
        unanalysed=(Unanalysed("because", None, "main"),),
        missing_headers=("a.h",),
    )
    file = _file(report)

    assert [{"reason": "because", "function": "main"}] == file["unanalysed"]
    assert ["a.h"] == file["missingHeaders"]
    assert ["f allows 2"] == [item["message"] for item in file["evidence"]]


def test_the_summary_counts() -> None:
    finding = Finding("rule-one", "m", Span(0, 1), Severity.WARNING)
    document = _document(Report((finding, finding), suppressed=3))

    assert {
        "files": 1,
        "errors": 0,
        "warnings": 2,
        "information": 0,
        "fixable": 0,
        "suppressed": 3,
        "unanalysed": 0,
        "holding": 0,
        "undecided": 0,
    } == document["summary"]
    assert ("some-policy", {"name": "tlsight", "version": "9"}) == (
        document["policy"],
        document["tool"],
    )


def test_a_rule_names_the_libraries_that_play_its_roles() -> None:
    assert [
        {
            "id": "rule-one",
            "aspect": "practice",
            "title": "One is allowed.",
            "kind": "argument",
            "severity": "error",
            "cwe": [327],
            "fix": None,
            "enabled": True,
            "libraries": ["one"],
        }
    ] == json.loads(rules(RULEBOOK))["rules"]


def _document(report: Report) -> dict[str, Any]:
    answers = [Answer("a.c", "a.c", TEXT, report)]
    document: dict[str, Any] = json.loads(render(answers, RULEBOOK, tool_version="9"))
    return document


def _file(report: Report) -> dict[str, Any]:
    (file,) = _document(report)["files"]
    return dict(file)
