"""Statements typed key by key: whatever is there so far, what stands around it reads as before."""

from __future__ import annotations

import pytest

from ir_printer import module, nodes
from tlsight.syntax.unfinished import ended

BODY = """int f(struct s *p)
{{
{typed}
    a = first(p);
    if (a)
        second(a);
    p->third(a,
             p);
{other}
    fourth(&a);
    return fifth(a);
}}
"""
PARTS = ("(a = first(p))", "second(a)", "p->third(a, p)", "fourth((& a))", "fifth(a)")
STATEMENTS = (
    'open_it(p, "name:with:parts", NULL);',
    "if (open_it(p, 16) != 1) return;",
    "count = open_it(p);",
    "p->inner.member = 1;",
    "ns::call(ns::value, 2);",
    'const char *const text = "open";',
    "char letter = 'a';",
    "for (int i = 0; i < 3; i++) open_it(i);",
    "while (a[0] && !open_it(a)) continue;",
    "switch (open_it(p)) {",
    "return open_it(p) ? 1 : 2;",
    "T value(ns::other(1), p);",
    "auto value = make(ns::other, p);",
)


def steps(text: str) -> set[str]:
    (function,) = (item for item in module(text, "cpp").functions if item.name == "f")
    return {line.partition(" ")[2] for line in nodes(function)}


def missing(text: str) -> list[str]:
    found = steps(text)
    return [part for part in PARTS if not any(_is_whole(line, part) for line in found)]


def _is_whole(line: str, part: str) -> bool:
    """Whether a node is this step itself, and not a larger one with it inside."""
    words = line.partition(" ")[2].rpartition(" -> ")[0]
    return words == part


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("place", ["typed", "other"])
@pytest.mark.parametrize("remark", ["", " /* a remark */"])
def test_what_stands_around_reads_as_before(statement: str, place: str, remark: str) -> None:
    lost = {}
    for length in range(1, len(statement) + 1):
        lines = {"typed": "", "other": "", place: f"    {statement[:length]}{remark}"}
        if gone := missing(BODY.format(**lines)):
            lost[statement[:length]] = gone

    assert lost == {}


BRANCHES = """int f(struct s *p)
{{
{typed}
#if NEW
    a = first(p);
#else
    b = second(p);
{other}
#endif
    return third(a);
}}
"""


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("place", ["typed", "other"])
def test_all_branches_after_an_unfinished_line_are_read(statement: str, place: str) -> None:
    lost = []
    for length in range(1, len(statement) + 1):
        last = statement[:length].split()[-1]
        if place == "other" and last in ("const", "char", "*const", "auto", "{"):
            continue  # the rest of it may as well stand after the branch
        lines = {"typed": "", "other": "", place: f"    {statement[:length]}"}
        text = "\n".join(steps(BRANCHES.format(**lines)))
        if any(f"{name}(" not in text for name in ("first", "second", "third")):
            lost.append(statement[:length])

    assert lost == []


def test_a_string_that_is_not_closed_is_no_value() -> None:
    found = steps('void f() {\n    g("abc\n    h();\n}\n')

    assert found == {"evaluate g(_) -> 3", "evaluate h() -> x"}


@pytest.mark.parametrize(
    "text",
    [
        "    static int\n    *a = g();",
        "    a =\n        g();",
        "    n +=\n    g();",
        "    if (a)\n    g();",
        "    do\n    g();\n    while (a);",
        "#if X\n    const\n#endif\n    T *a = g();",
        "    f(a,\n    g());",
    ],
)
def test_lines_that_are_whole_stay(text: str) -> None:
    source = f"int f(struct s *p)\n{{\n{text}\n}}\n".encode()
    found = module(source)

    assert ended(source, source) == source
    assert found.errors == ()
