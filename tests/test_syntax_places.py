"""Ranges and anchors: everything stands where it is spelled, so that a fix is exact."""

from __future__ import annotations

import pytest

from ir_printer import module
from tlsight import ir
from tlsight.syntax import Hints
from tlsight.text import Span


def calls(text: str, language: str = "cpp") -> list[ir.Call]:
    hints = Hints(types=frozenset(("T",)))
    return [
        part
        for function in module(text, language, hints).functions
        for node in function.nodes
        if node.evaluates is not None
        for part in ir.walk(node.evaluates)
        if isinstance(part, ir.Call)
    ]


def under(marks: str, mark: str) -> Span:
    """The range under a run of `mark`; of a single `|`, the empty range before it."""
    start = marks.index(mark)
    return Span(start, start if mark == "|" else marks.rindex(mark) + 1)


@pytest.mark.parametrize(
    ("text", "whole", "anchor", "between"),
    [
        (
            "void f() { a::b->c(x, 1); }",
            "           ^^^^^^^^^^^^^",
            "                 a",
            "                   ^^^^",
        ),
        (
            "void f() { T x(1); }",
            "             ^^^^",
            "             a",
            "               ^",
        ),
        (
            "void f() { T x; }",
            "             ^",
            "             a",
            "              |",
        ),
        (
            "void f() { y = T{1}; }",
            "               ^^^^",
            "               a",
            "                 ^",
        ),
        (
            "void f() { p = new n::T; }",
            "               ^^^^^^^^",
            "                      a",
            "                       |",
        ),
        (
            "void f() { n::g<int>(); }",
            "           ^^^^^^^^^^^",
            "              a",
            "                     |",
        ),
        (
            "C::C() : m(1) {}",
            "         ^^^^",
            "         a",
            "           ^",
        ),
    ],
)
def test_a_call_knows_its_range_its_anchor_and_its_brackets(
    text: str, whole: str, anchor: str, between: str
) -> None:
    (call,) = calls(text)

    assert call.span == under(whole, "^")
    assert call.anchor == anchor.index("a")
    assert call.arguments_span == under(between, "|" if "|" in between else "^")


def test_a_variable_knows_its_name() -> None:
    text = "static const char *names[2] = {0};"
    (function,) = module(text).functions
    variable = function.nodes[2].variable
    assert variable is not None

    assert variable.name_span == Span(19, 24)
    assert variable.span == Span(18, 33)
    assert (variable.type, variable.constant, variable.static) == ("const char *[2]", False, True)


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("const int x = 1;", True),
        ("int const x = 1;", True),
        ("const char *x = 0;", False),
        ("char *const x = 0;", True),
        ("const char x[] = {0};", True),
    ],
)
def test_only_a_constant_at_the_top_level_keeps_its_value(text: str, constant: bool) -> None:
    assert module(text).declarations.variables["x"].constant is constant


def test_offsets_are_those_of_the_text_whatever_is_blanked() -> None:
    text = "/* é */ int f(void)\n{\n  // x\n  return g(1, /* two */ 2);\n}\n"
    data = text.encode()
    (call,) = calls(text, "c")

    assert data[call.span.start : call.span.end] == b"g(1, /* two */ 2)"
    first, second = call.arguments
    assert data[first.span.start : first.span.end] == b"1"
    assert data[second.span.start : second.span.end] == b"2"


def test_a_function_knows_its_head_and_its_body() -> None:
    text = "static int *f(int a)\n{\n}\n"
    (function,) = module(text).functions

    assert text[function.span.start : function.span.end] == text.strip()
    assert text[function.body.start : function.body.end] == "{\n}"
    assert text[function.name_span.start : function.name_span.end] == "f"
    assert (function.result, function.static) == ("int *", True)


def test_strings_comments_and_includes_stand_where_they_are() -> None:
    text = '#include <a.h>\n#include "b.h"\n// one\nchar *s = "a" "b"; /* two */\n#define X "c"\n'
    found = module(text)

    assert [(item.name, item.quoted) for item in found.includes] == [("a.h", False), ("b.h", True)]
    assert [item.text for item in found.comments] == ["one", "two"]
    assert [item.value for item in found.strings] == ["ab", "c"]
    assert [text[item.span.start : item.span.end] for item in found.strings] == ['"a" "b"', '"c"']


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\u00e9\n\\\""', 'é\n\\"'),
        (r'"\377"', "ÿ"),
        ('R"x(a"b)x"', 'a"b'),
        ('L"a"', "a"),
        ('"a\\\nb"', "ab"),
        ('"open', "open;"),
    ],
)
def test_the_value_of_a_string(text: str, value: str) -> None:
    (literal,) = module(f"auto s = {text};", "cpp").strings

    assert literal.value == value
