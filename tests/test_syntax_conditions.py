"""Conditional compilation: alternatives in the graph, tags, and branches that cut statements."""

from __future__ import annotations

import pytest

from ir_printer import graph, module, nodes
from tlsight.ir import Tag
from tlsight.syntax import Hints
from tlsight.text import Span


def test_branches_are_alternatives() -> None:
    lines = graph("a();\n#ifdef X\nb();\n#else\nc();\n#endif\nd();")

    assert lines == [
        "2 evaluate a() -> 3",
        "3 join -> 4 6",
        "4 join {defined(X)} -> 5",
        "5 evaluate b() {defined(X)} -> 8",
        "6 join {!defined(X)} -> 7",
        "7 evaluate c() {!defined(X)} -> 8",
        "8 evaluate d() -> x",
    ]


def test_without_an_else_there_is_a_way_around() -> None:
    lines = graph("#if defined(X)\nb();\n#elif N > 1\nc();\n#endif\nd();")

    assert lines == [
        "2 join -> 3 5 7",
        "3 join {defined(X)} -> 4",
        "4 evaluate b() {defined(X)} -> 8",
        "5 join {!defined(X), N > 1} -> 6",
        "6 evaluate c() {!defined(X), N > 1} -> 8",
        "7 join {!defined(X), !N > 1} -> 8",
        "8 evaluate d() -> x",
    ]


def test_an_empty_branch_is_a_way_too() -> None:
    lines = graph("#ifdef X\n#else\nc();\n#endif\nd();")

    assert lines == [
        "2 join -> 3 4",
        "3 join {defined(X)} -> 6",
        "4 join {!defined(X)} -> 5",
        "5 evaluate c() {!defined(X)} -> 6",
        "6 evaluate d() -> x",
    ]


def test_branches_nest() -> None:
    lines = graph("#ifdef X\na();\n#ifndef Y\nb();\n#endif\n#endif")

    tags = [line.partition("{")[2].partition("}")[0] for line in lines]
    assert tags == [
        "", "defined(X)", "defined(X)", "defined(X)", "defined(X), !defined(Y)",
        "defined(X), !defined(Y)", "defined(X), defined(Y)", "!defined(X)",
    ]  # fmt: skip


def test_after_a_return_there_is_nothing_to_fork() -> None:
    lines = graph("switch (a) { case 1: return;\n#ifdef X\ncase 2: b(); break;\n#endif\n}")

    assert lines == [
        "2 switch a -> [1]3 [2]4 [default]x",
        "3 return -> x",
        "4 evaluate b() {defined(X)} -> 5",
        "5 join {defined(X)} -> x",
    ]


@pytest.mark.parametrize(
    ("directive", "tag"),
    [
        ("#ifdef X", Tag("defined(X)", True)),
        ("#ifndef X // why", Tag("defined(X)", False)),
        ("#if defined X", Tag("defined(X)", True)),
        ("#if !defined ( X )", Tag("defined(X)", False)),
        ("#if  A   && \\\n B", Tag("A && B", True)),
        ("# if 0", Tag("0", True)),
    ],
)
def test_conditions_are_normalised(directive: str, tag: Tag) -> None:
    (function,) = module(f"int a;\n{directive}\nvoid f(void) {{ g(); }}\n#endif\n").functions

    assert function.tags == (tag,)
    assert {node.tags for node in function.nodes} == {(tag,)}


def test_an_include_guard_is_no_condition() -> None:
    (function,) = module("#ifndef A_H\n#define A_H\nvoid f(void) { g(); }\n#endif\n").functions

    assert function.tags == ()


CUT = """
#ifdef X
    if (a()) {
#else
    if (b()) {
#endif
        c();
    }
"""


@pytest.mark.parametrize(
    ("skipped", "expected"),
    [
        ((), "a()"),
        ((Span(CUT.index("#ifdef"), CUT.index("#else")),), "b()"),
        ((Span(CUT.index("#else"), CUT.index("#endif")),), "a()"),
    ],
)
def test_a_branch_that_cuts_a_statement_is_chosen(skipped: tuple[Span, ...], expected: str) -> None:
    head = len("void f(void) {\n")
    moved = tuple(Span(span.start + head, span.end + head) for span in skipped)
    lines = graph(CUT, "c", Hints(skipped=moved))

    assert lines == [f"2 test {expected} -> T3 Fx", "3 evaluate c() -> x"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if (a)\n#ifdef X\nb();\n#else\nc();\n#endif\nd();", [
            "2 test a -> T3 F4", "3 evaluate b() -> 4", "4 evaluate d() -> x",
        ]),
        ("if (a) { b(); }\n#ifdef X\nelse if (c) { d(); }\n#endif\nelse { e(); }", [
            "2 test a -> T3 F4", "3 evaluate b() -> x", "4 test c -> T5 F6",
            "5 evaluate d() -> x", "6 evaluate e() -> x",
        ]),
        ("a(1,\n#ifdef X\n2\n#else\n3\n#endif\n);", ["2 evaluate a(1, 2) -> x"]),
        ("if (a\n#ifdef X\n&& b\n#endif\n) c();", [
            "2 test a -> T3 Fx", "3 test b -> T4 Fx", "4 evaluate c() -> x",
        ]),
        ("#if 0\nif (a) {\n#else\nif (b) {\n#endif\nc(); }", [
            "2 test b -> T3 Fx", "3 evaluate c() -> x",
        ]),
    ],
)  # fmt: skip
def test_what_is_left_of_a_cut_statement(body: str, expected: list[str]) -> None:
    assert graph(body) == expected


def test_the_head_of_a_function_may_be_cut() -> None:
    text = "#ifdef X\nint f(int a)\n#else\nint f(void)\n#endif\n{\n  g();\n}\nvoid h(void) {}\n"

    assert [item.name for item in module(text).functions] == ["f", "h"]


@pytest.mark.parametrize(("language", "name"), [("c", "f"), ("cpp", "f")])
def test_linkage_for_the_other_language(language: str, name: str) -> None:
    text = (
        '#ifdef __cplusplus\nextern "C" {\n#endif\nvoid f(void) { g(); }\n'
        "#ifdef __cplusplus\n}\n#endif\n"
    )
    found = module(text, language)

    assert [item.name for item in found.functions] == [name]
    assert found.errors == ()


def test_a_brace_that_is_being_typed_does_not_cut_its_branch() -> None:
    text = (
        "#ifdef X\nvoid f(void)\n{\n    if (a) {\n    b();\n}\nvoid g(void)\n{\n    c();\n}\n"
        "#else\nvoid h(void)\n{\n    d();\n}\n#endif\n"
    )
    found = module(text)

    assert [item.name for item in found.functions] == ["f", "g", "h"]
    assert nodes(found.functions[2]) == ["2 evaluate d() {!defined(X)} -> x"]


@pytest.mark.parametrize("condition", ["#ifdef X", "#if 0", "#if A\nz();\n#else"])
def test_a_condition_whose_end_is_still_to_be_typed_says_nothing(condition: str) -> None:
    text = f"void f(void) {{\n{condition}\n  if (a)\n    b();\n}}\n\nvoid g(void)\n{{\n  c();\n}}\n"
    found = module(text)

    assert [item.name for item in found.functions] == ["f", "g"]
    assert nodes(found.functions[1]) == ["2 evaluate c() -> x"]
    assert found.functions[1].tags == ()


def test_functions_stay_beside_a_branch_that_is_broken() -> None:
    """The `#endif` of the first condition is being typed, and the next one takes its place."""
    text = (
        "#if A\nvoid f(void)\n{\n#if B\n  if (a) {\n  }\n#end if\n  b();\n}\n"
        "#else\nvoid g(void)\n{\n  c();\n}\n#endif\nvoid h(void)\n{\n  d();\n}\n"
    )

    assert [item.name for item in module(text).functions] == ["f", "g", "h"]
