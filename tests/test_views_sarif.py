"""SARIF is valid, exact in its places, and stable in its fingerprints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tlsight.finding import (
    Finding,
    Fix,
    Related,
    Report,
    Safety,
    Severity,
    Suppression,
    Unanalysed,
)
from tlsight.rule import Check, Policy, Property, Rulebook
from tlsight.text import Edit, Span
from tlsight.views import Answer
from tlsight.views.sarif import Run, render

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text())
TEXT = 's = "😀"; f(1); g(2);\r\nf(1);\n'.encode()


def test_everything_that_a_log_can_hold_is_valid() -> None:
    log = _log(_full_answer(), Answer("b.c", "b.c", b"", Report()))

    jsonschema.validate(log, SCHEMA)


def test_an_empty_run_is_valid() -> None:
    jsonschema.validate(_log(), SCHEMA)


def test_columns_are_utf16_code_units_and_the_log_says_so() -> None:
    run = _run(_log(_full_answer()))

    assert "utf16CodeUnits" == run["columnKind"]
    assert {
        "startLine": 1,
        "startColumn": 13,
        "endLine": 1,
        "endColumn": 14,
        "snippet": {"text": "1"},
    } == run["results"][0]["locations"][0]["physicalLocation"]["region"]


def test_lines_end_as_for_an_editor_and_the_log_says_so() -> None:
    data = b"a\f\xe2\x80\xa8b\rf(1);"
    start = data.index(b"1")
    run = _run(_log(Answer("a.c", "a.c", data, Report((_finding(start, start + 1),)))))

    assert ["\r\n", "\n", "\r"] == run["newlineSequences"]
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (2, 3) == (region["startLine"], region["startColumn"])


def test_a_fix_is_a_replacement_of_a_region() -> None:
    result = _run(_log(_full_answer()))["results"][0]
    (fix,) = result["fixes"]

    assert {
        "deletedRegion": {"startLine": 1, "startColumn": 13, "endLine": 1, "endColumn": 14},
        "insertedContent": {"text": "2"},
    } == fix["artifactChanges"][0]["replacements"][0]
    assert {"safety": "unsafe"} == fix["properties"]


def test_a_withheld_fix_is_no_fix() -> None:
    fix = Fix("Use 2", (), Safety.SAFE, withheld="no")
    log = _log(Answer("a.c", "a.c", TEXT, Report((_finding(0, 1, fixes=(fix,)),))))

    assert "fixes" not in _run(log)["results"][0]


def test_a_rule_has_help_level_and_its_weaknesses_as_taxa() -> None:
    run = _run(_log(_full_answer()))
    (rule,) = run["tool"]["driver"]["rules"]

    assert "rule-one" == rule["id"]
    assert "error" == rule["defaultConfiguration"]["level"]
    assert "file:///pages/rule-one.md" == rule["helpUri"]
    assert "## Fix" in rule["help"]["markdown"] and "toml" not in rule["help"]["markdown"]
    assert ["295", "327"] == [item["id"] for item in run["taxonomies"][0]["taxa"]]
    assert [("327", 1), ("295", 0)] == [
        (item["target"]["id"], item["target"]["index"]) for item in rule["relationships"]
    ]


def test_results_refer_to_their_rule_by_number_unless_it_is_not_there() -> None:
    other = Finding("unheard-of", "m", Span(0, 1), Severity.INFORMATION)
    results = _run(_log(Answer("a.c", "a.c", TEXT, Report((_finding(2, 3), other)))))["results"]

    assert [("unheard-of", None, "note"), ("rule-one", 0, "error")] == [
        (item["ruleId"], item.get("ruleIndex"), item["level"]) for item in results
    ]


def test_the_way_of_a_finding_is_in_related_locations() -> None:
    (first, *_) = _run(_log(_full_answer()))["results"]

    assert [(1, "x is made here", 1)] == [
        (item["id"], item["message"]["text"], item["physicalLocation"]["region"]["startColumn"])
        for item in first["relatedLocations"]
    ]


def test_a_suppressed_finding_is_a_result_with_its_reason() -> None:
    *_, last = _run(_log(_full_answer()))["results"]

    assert [{"kind": "inSource", "status": "accepted", "justification": "a test"}] == last[
        "suppressions"
    ]


def test_what_was_not_analysed_is_a_notification_with_its_place() -> None:
    (invocation,) = _run(_log(_full_answer()))["invocations"]
    first, second = invocation["toolExecutionNotifications"]

    assert ("warning", "Not analysed: main: too many paths") == (
        first["level"],
        first["message"]["text"],
    )
    assert 5 == first["locations"][0]["physicalLocation"]["region"]["startColumn"]
    assert "Header not found, read without it: missing.h" == second["message"]["text"]
    assert (1, True) == (invocation["exitCode"], invocation["executionSuccessful"])


def test_paths_are_relative_to_the_root_and_others_are_absolute() -> None:
    run = _run(_log(_full_answer(), Answer("/x/b.c", "file:///x/b.c", b"", Report())))

    assert {"SRCROOT": {"uri": "file:///project/"}} == run["originalUriBaseIds"]
    assert [
        {"uri": "src/a%20b.c", "uriBaseId": "SRCROOT"},
        {"uri": "file:///x/b.c"},
    ] == [item["location"] for item in run["artifacts"]]


@pytest.mark.parametrize(
    "moved",
    [b"// a new line above\n" + TEXT, TEXT.replace(b"f(1); g", b"f( 1);\tg")],
    ids=["moved down", "spaced"],
)
def test_fingerprints_stay_when_code_moves_or_is_spaced(moved: bytes) -> None:
    assert _fingerprints(TEXT) == _fingerprints(moved)


def test_fingerprints_differ_for_equal_lines_and_other_rules() -> None:
    data = b"f(1);\nf(1);\n"
    findings = (_finding(0, 4), _finding(6, 10), _finding(0, 4, rule="other"))
    results = _run(_log(Answer("a.c", "a.c", data, Report(findings))))["results"]

    assert 3 == len({item["partialFingerprints"]["lineText/v1"] for item in results})


def test_a_run_that_shows_less_calls_it_by_the_same_names() -> None:
    data = b"f(1);\nf(1);\nf(1);\n"
    first, second, third = (_finding(start, start + 4) for start in (0, 6, 12))
    silenced = (Suppression(first, ""),)
    whole = Answer("a.c", "a.c", data, Report((second, third), suppressions=silenced))
    less = whole.narrowed(Report((third,)))
    names = [
        [item["partialFingerprints"]["lineText/v1"] for item in _run(_log(answer))["results"]]
        for answer in (whole, less)
    ]

    assert names[0][-1:] == names[1]


def test_the_same_answers_give_the_same_log() -> None:
    assert _log(_full_answer()) == _log(_full_answer())


def _fingerprints(data: bytes) -> list[str]:
    found = []
    start = data.find(b"f(")
    while start >= 0:
        found.append(_finding(start, start + 1))
        start = data.find(b"f(", start + 1)
    results = _run(_log(Answer("a.c", "a.c", data, Report(tuple(found)))))["results"]
    return [item["partialFingerprints"]["lineText/v1"] for item in results]


def _full_answer() -> Answer:
    first = TEXT.index(b"1")
    fix = Fix("Use 2", (Edit(Span(first, first + 1), "2"),), Safety.UNSAFE)
    related = (Related(Span(0, 1), "x is made here"),)
    finding = _finding(first, first + 1, related=related, fixes=(fix,))
    second = TEXT.rindex(b"1")
    report = Report(
        findings=(finding,),
        unanalysed=(Unanalysed("too many paths", Span(4, 6), "main"),),
        missing_headers=("missing.h",),
        suppressed=1,
        suppressions=(Suppression(_finding(second, second + 1), "a test"),),
    )
    return Answer("src/a b.c", "src/a%20b.c", TEXT, report)


def _finding(
    start: int,
    end: int,
    *,
    rule: str = "rule-one",
    related: tuple[Related, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> Finding:
    return Finding(rule, "f allows 1", Span(start, end), Severity.ERROR, "C::main", related, fixes)


def _log(*answers: Answer) -> dict[str, Any]:
    rule = Property(
        id="rule-one",
        aspect="practice",
        title="One is allowed.",
        kind="argument",
        severity=Severity.ERROR,
        cwe=(327, 295),
        checks=(Check(roles=("role",)),),
        message="",
        safety=Safety.UNSAFE,
        markdown='# rule-one\n\n**One is allowed.**\n\n```toml\nkind = "x"\n```\n\n## Fix\n\nDo.\n',
        place="/pages/rule-one.md:1",
    )
    policy = Policy("some-policy", "Some policy", {}, {}, {})
    run = Run("0.1.0", "file:///project/", 1, lambda item: f"file:///pages/{item.id}.md")
    log: dict[str, Any] = json.loads(render(answers, Rulebook({rule.id: rule}, {}, policy), run))
    return log


def _run(log: dict[str, Any]) -> dict[str, Any]:
    (run,) = log["runs"]
    return dict(run)
