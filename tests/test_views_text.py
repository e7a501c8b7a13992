"""Findings as a compiler shows them, whatever the line holds."""

from __future__ import annotations

from tlsight.finding import Finding, Fix, Related, Report, Safety, Severity, Unanalysed
from tlsight.text import Edit, Span
from tlsight.views import Answer, summarised, text


def test_a_finding_has_a_place_a_message_a_rule_the_line_and_carets() -> None:
    assert [
        "a.c:2:5: error: f allows 1 [rule-one]",
        "    2 |   f(1);",
        "      |     ^",
    ] == _shown(b"int x;\n  f(1);\n", (11, 12), severity=Severity.ERROR)


def test_columns_count_characters_and_carets_stand_below_wide_and_astral_ones() -> None:
    data = 's = "日本😀"; f(1);'.encode()
    start = data.index(b"1")

    assert [
        "a.c:1:14: warning: f allows 1 [rule-one]",
        '    1 | s = "日本😀"; f(1);',
        "      | " + " " * 16 + "^",
    ] == _shown(data, (start, start + 1))


def test_tabs_do_not_move_the_carets() -> None:
    assert [
        "a.c:1:4: warning: f allows 1 [rule-one]",
        "    1 |     x   f(1);",
        "      |         ^^^^",
    ] == _shown(b"\tx\tf(1);", (3, 7))


def test_control_characters_and_turned_writing_are_spelled_out() -> None:
    data = "f(\x1b[2J\u202e1);".encode()

    assert [
        "a.c:1:1: warning: f allows 1 [rule-one]",
        "    1 | f(<U+001B>[2J<U+202E>1);",
        "      | ^",
    ] == _shown(data, (0, 1))


def test_bytes_that_are_no_utf8_are_shown_as_one_replacement_each() -> None:
    assert [
        "a.c:1:4: warning: f allows 1 [rule-one]",
        "    1 | \ufffd\ufffd f(1);",
        "      |    ^^^^",
    ] == _shown(b"\xe9\xff f(1);", (3, 7))


def test_a_form_feed_and_a_line_separator_do_not_end_a_line() -> None:
    data = "a\f\u2028 f(1);\r\n".encode()
    start = data.index(b"f(1)")

    assert "a.c:1:5: warning: f allows 1 [rule-one]" == _shown(data, (start, start + 4))[0]


def test_a_long_line_is_a_window_around_the_carets() -> None:
    data = b"x" * 500 + b"f(1)" + b"y" * 500
    line = _shown(data, (500, 504))

    assert line[1].startswith("    1 | …xxx") and line[1].endswith("y…")
    assert "f(1)" == line[1][line[2].index("^") : line[2].rindex("^") + 1]
    assert len(line[1]) < 180


def test_a_finding_over_several_lines_shows_the_first() -> None:
    assert [
        "a.c:1:1: warning: f allows 1 [rule-one]",
        "    1 | f(",
        "      | ^^",
    ] == _shown(b"f(\n1);", (0, 6))


def test_a_range_beyond_the_text_is_clamped() -> None:
    assert "a.c:1:2: warning: f allows 1 [rule-one]" == _shown(b"x", (40, 50))[0]


def test_the_way_of_a_finding_is_shown_as_notes() -> None:
    related = (Related(Span(0, 5), "x is made here"),)

    assert [
        "a.c:1:1: note: x is made here",
        "    1 | int x;",
        "      | ^^^^^",
    ] == _shown(b"int x;\nf(1);", (7, 11), related=related)[3:]


def test_a_fix_shows_the_line_as_it_will_be() -> None:
    fix = Fix("Use 2", (Edit(Span(2, 3), "2"),), Safety.SAFE)

    assert ["      = fix: Use 2", "    1 + f(2);"] == _shown(b"f(1);", (2, 3), fixes=(fix,))[3:]


def test_a_fix_that_touches_another_line_shows_it_as_it_was() -> None:
    fix = Fix("Widen", (Edit(Span(7, 8), "9"), Edit(Span(13, 14), "2")), Safety.UNSAFE)

    assert [
        "      = fix (unsafe): Widen",
        "    1 - char a[1];",
        "    1 + char a[9];",
        "    2 + f(2);",
    ] == _shown(b"char a[1];\nf(1);\nx;", (13, 14), fixes=(fix,))[3:]


def test_a_fix_that_takes_lines_away_shows_what_goes() -> None:
    fix = Fix("Remove", (Edit(Span(0, 6), ""),), Safety.UNSAFE)

    assert [
        "      = fix (unsafe): Remove",
        "    1 - f(1);",
        "    2 - g();",
        "    1 + g();",
    ] == _shown(b"f(1);\ng();", (2, 3), fixes=(fix,))[3:]


def test_a_withheld_fix_gives_its_reason() -> None:
    fix = Fix("Use 2", (), Safety.SAFE, withheld="it would stand in a macro")

    assert ["      = no fix: it would stand in a macro"] == _shown(b"f(1);", (2, 3), fixes=(fix,))[
        3:
    ]


def test_findings_come_in_the_order_of_the_text_the_worst_first() -> None:
    answer = _answer(
        b"f(1); f(1);",
        _finding((6, 10), rule="c"),
        _finding((0, 4), rule="b"),
        _finding((0, 4), rule="a", severity=Severity.ERROR),
    )

    assert ["a", "b", "c"] == [item.rule for item in answer.findings]


def test_what_was_not_analysed_is_said_with_place_function_and_reason() -> None:
    report = Report(
        unanalysed=(
            Unanalysed("it cannot be read"),
            Unanalysed("too many paths", Span(3, 4), "main"),
        )
    )
    answer = Answer("a.c", "a.c", b"x\n y", report)

    assert [
        "a.c: not analysed: it cannot be read",
        "a.c:2:2: not analysed: main: too many paths",
    ] == [line.plain for line in text.unanalysed([answer])]


def test_places_with_the_same_reason_are_one_line() -> None:
    items = [Unanalysed("too many paths", Span(n, n + 1), f"f{n}") for n in range(10)]
    lines = list(text.unanalysed([Answer("a.c", "a.c", b"x" * 20, Report((), (), tuple(items)))]))

    assert ["a.c:1:1: not analysed: f0, f1, f2, f3, f4, f5, f6, f7 and 2 more: too many paths"] == [
        line.plain for line in lines
    ]


def test_the_last_line_counts() -> None:
    clean = Answer("b.c", "b.c", b"", Report())
    mended = Fix("Use 2", (Edit(Span(2, 3), "2"),), Safety.SAFE)
    bad = _answer(b"f(1);", _finding((0, 4), severity=Severity.ERROR, fixes=(mended,)))

    assert (
        "1 file checked: nothing found.",
        "2 files checked: 1 error; 1 with a fix.",
    ) == (
        text.closing(summarised([clean])).plain,
        text.closing(summarised([clean, bad])).plain,
    )


def test_missing_headers_are_named_once() -> None:
    report = Report(missing_headers=("b.h", "a.h"))
    line = text.missing_headers([Answer("a.c", "a.c", b"", report)] * 2)

    assert line is not None
    said = "note: headers not found, and replaced by what rule pages declare: a.h, b.h"
    assert said == line.plain
    assert text.missing_headers([_answer(b"")]) is None


def test_a_threshold_leaves_out_what_is_less_severe() -> None:
    answer = _answer(
        b"f(1);", _finding((0, 1), severity=Severity.ERROR), _finding((2, 3), rule="other")
    )

    assert ["rule-one"] == [item.rule for item in answer.filtered(Severity.ERROR).findings]


def _finding(
    span: tuple[int, int],
    *,
    rule: str = "rule-one",
    severity: Severity = Severity.WARNING,
    related: tuple[Related, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> Finding:
    return Finding(rule, "f allows 1", Span(*span), severity, related=related, fixes=fixes)


def _answer(data: bytes, *findings: Finding) -> Answer:
    return Answer("a.c", "a.c", data, Report(findings))


def _shown(
    data: bytes,
    span: tuple[int, int],
    *,
    severity: Severity = Severity.WARNING,
    related: tuple[Related, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> list[str]:
    answer = _answer(data, _finding(span, severity=severity, related=related, fixes=fixes))
    return [line for block in text.findings(answer) for line in block.plain.split("\n")]
