"""Text that is no C or C++: what can be read is read, and an error says where it is."""

from __future__ import annotations

import random

import pytest

from ir_printer import graph, module, nodes
from tlsight import ir
from tlsight.syntax import Hints, parse, read

PAGE = Hints(
    replacements=(
        (r"\bEMIT\b", ""),
        (r"\bLIST_OF\(\s*\w+\s*\)", "LIST"),
        (r"\beach\s*\(([^,()]*),", r"for(\1:"),
        (r"\bSLOT\(((?:[^()]|\([^()]*\))*)\)", r'"\1"'),
        (r"\bTOO_LONG\b", "a text that does not fit"),
        (r"(", "broken"),
    )
)
AROUND = """static int before(int a)
{{
    return first(a);
}}

int f(struct s *p)
{{
    int a = second(p);
    if (a) {{
        third(a);
    }}
{typed}
    fourth(p);
    while (fifth(a))
        sixth(p);
    return seventh(a);
}}

int after(void)
{{
    return eighth();
}}
"""
WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def called(found: ir.Module) -> set[str]:
    return {
        part.callee.text
        for function in found.functions
        for node in function.nodes
        if node.evaluates is not None
        for part in ir.walk(node.evaluates)
        if isinstance(part, ir.Call) and isinstance(part.callee, ir.Name)
    }


@pytest.mark.parametrize(
    "typed",
    [
        "", "    foo(", "    foo(a, ", '    foo("a', "    if (", "    if (a", "    if (a) {",
        "    while (a", "    for (int i", "    switch (a) {", "    x =", "    x = {",
        "    return", "    T x(", "    }", "    else", "    #if X", "    /", "    case 1", "    (",
        "    \\", "    @",
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_a_half_typed_statement_loses_nothing_else(typed: str, language: str) -> None:
    found = module(AROUND.format(typed=typed), language)

    assert [item.name for item in found.functions] == ["before", "f", "after"]
    assert set(WORDS) - called(found) == set()
    assert [item.name for item in found.functions if item.broken] == (["f"] if found.errors else [])


@pytest.mark.parametrize(
    "typed",
    ["    p->", "    ns::", "    int", "    goto", "    auto x = [", "    a ? b", "    new"],
)
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_a_half_typed_statement_takes_at_most_the_next_one(typed: str, language: str) -> None:
    found = module(AROUND.format(typed=typed), language)

    assert [item.name for item in found.functions] == ["before", "f", "after"]
    assert set(WORDS) - called(found) <= {"fourth"}


@pytest.mark.parametrize(
    "typed", ["    foo(", "    if (a", "    if (a) {", '    foo("a', "    x = {"]
)
def test_a_mended_text_is_still_broken(typed: str) -> None:
    found = module(AROUND.format(typed=typed))

    assert found.errors
    assert [item.name for item in found.functions if item.broken] == ["f"]


def test_an_error_is_told_and_where() -> None:
    text = "int f(void) { return g(1 2 3; }\nint h(void) { return 1; }\n"
    found = module(text)

    assert [(item.name, item.broken) for item in found.functions] == [("f", True), ("h", False)]
    assert found.errors
    assert all(0 <= span.start <= span.end < text.index("int h") for span in found.errors)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EMIT done();", ["2 evaluate done() -> x"]),
        ("LIST_OF(item) *x = f();", ["2 declare LIST * x = f() -> x"]),
        ("connect(a, SLOT(b(int)));", ["2 evaluate connect(a, 'b(int)') -> x"]),
        ("each (T x, g()) h(x);", [
            "2 evaluate g() -> 3", "3 test ?[] loop -> T4 Fx", "4 declare T x -> 5",
            "5 evaluate h(x) -> 3",
        ]),
        ('f("EMIT x");', ["2 evaluate f('EMIT x') -> x"]),
        ("f(TOO_LONG);", ["2 evaluate f(TOO_LONG) -> x"]),
    ],
)  # fmt: skip
def test_pages_say_what_to_replace(text: str, expected: list[str]) -> None:
    assert graph(text, "cpp", PAGE) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("c", "LIST_EACH(head, item) { f(item); }", "f"),
        ("c", "LIST_EACH(head, item)\n    f(item);", "f"),
        ("c", "case_of(x); MARKER\n f(1);", "f"),
        ("c", 'ifdebug(LEVEL) f(1, "a");', "f"),
        ("c", "if (a) { h(); } else ifdebug(LEVEL) { f(1); } else { h(); }", "f"),
        ("c", 'if (a) {\n ifdebug(LEVEL) f("a",\n b->c); return; }', "f"),
        ("c", "v = va_arg(args, struct item *); f(v);", "f"),
        ("c", 'log("a" FORMAT, f(1));', "f"),
        ("c", 'log("a" FORMAT(x) "b", f(1));', "f"),
        ("c", "switch (a) { case 1 ... 3: f(1); }", "f"),
        ("c", "char text[3] ALIGNED(8) = {0}; f(text);", "f"),
        ("c", "if (unlikely(f(a))) return;", "f"),
        ("cpp", "connect(a, static_cast<void (C::*)(int)>(&C::x), f(1));", "f"),
        ("cpp", "TRY(const T); f(1);", "f"),
    ],
)
def test_macros_that_are_no_grammar_hide_no_call(language: str, text: str, expected: str) -> None:
    found = module(f"void g(void) {{\n{text}\n}}", language)

    assert expected in called(found)


def test_a_head_that_cannot_be_read_still_has_a_body() -> None:
    (function,) = module("PROCESS(f, ev, data) {\n    g();\n}\n").functions

    assert (function.name, nodes(function)) == ("PROCESS", ["2 evaluate g() -> x"])


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize(
    "text",
    [
        b"", b"\0", b"\xff\xfe{", b"}}}}", b"{{{{", b"((((", b'"', b"'", b"/*", b"#", b"#if",
        b"#else", b"#define", b"#define X(", b'R"(', b"int f(", b"class", b"template <",
        b"namespace {",
        b"x" * 5000 + b"(" * 3000, b"int f() { return " + b"(" * 3000 + b"; }",
        b"int f() { return " + b"a+" * 5000 + b"1; }", b"int f() {" + b"{" * 2000 + b"}",
        b"int f() {" + b"if (a) " * 1500 + b";}",
    ],
)  # fmt: skip
def test_no_text_is_too_broken(text: bytes, language: str) -> None:
    found = module(text, language)

    assert isinstance(found, ir.Module)


def test_random_damage_leaves_a_whole_graph() -> None:
    chance = random.Random(7)
    text = AROUND.format(typed="").encode() * 3
    marks = [
        b"{",
        b"}",
        b"(",
        b")",
        b";",
        b'"',
        b"/*",
        b"#if X\n",
        b"\n#endif\n",
        b"else ",
        b"\xff",
    ]
    for _ in range(300):
        place = chance.randrange(len(text))
        end = place + chance.choice((0, 1, 5, 40))
        damaged = text[:place] + chance.choice(marks) + text[end:]
        hints = Hints()
        found = read(parse(damaged, chance.choice(("c", "cpp")), hints), hints)

        for function in found.functions:
            assert [node.act for node in function.nodes[:2]] == [ir.Act.ENTRY, ir.Act.EXIT]
            for node in function.nodes:
                assert 0 <= node.span.start <= node.span.end <= len(damaged)
                assert all(0 <= edge.target < len(function.nodes) for edge in node.next)


def test_a_brace_too_many_ends_no_function_and_no_namespace() -> None:
    around = AROUND.format(typed="    switch (a) {\n    case 1:\n        b();\n    }")
    around = around.replace("    fourth(p);\n    while (fifth(a))\n        sixth(p);\n", "")
    around = around.replace("    return seventh(a);\n", "")
    text = f"namespace n {{\n{around}}}\nint last() {{ return 1; }}\n"
    names = ["n::before", "n::f", "n::after", "last"]
    lost = {}
    for place in range(text.index("    int a"), text.index("    }\n}\n\nint after")):
        damaged = text[:place] + " } " + text[place:]
        found = [item.name for item in module(damaged, "cpp").functions]
        if found != names:
            lost[damaged[place - 10 : place + 10]] = found

    assert lost == {}
