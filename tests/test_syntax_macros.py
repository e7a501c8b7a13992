"""Macros: which uses are lowered in place, and what they become."""

from __future__ import annotations

import pytest

from ir_printer import graph, module, nodes
from tlsight.facts import MacroFact
from tlsight.syntax import Hints
from tlsight.text import Span

MACROS = {
    "CHECK": MacroFact(("x",), "do { if (!(x)) goto err; } while (0)"),
    "BOTH": MacroFact(("a", "b"), "first(a) + second(b)"),
    "FAIL": MacroFact(None, "return -1"),
    "BIGGER": MacroFact(("a", "b"), "((a) > (b) ? (a) : (b))"),
    "SIZE": MacroFact(None, "32"),
    "MASK": MacroFact(("n",), "((n) << 1)"),
    "TEXT": MacroFact(("x",), "use(#x)"),
    "PASTE": MacroFact(("a", "b"), "a##b(1)"),
    "AGAIN": MacroFact(("x",), "AGAIN(x + 1)"),
    "MANY": MacroFact(("f", "..."), "f(__VA_ARGS__)"),
    "NAMED": MacroFact(("rest...",), "g(rest)"),
    "ROLE": MacroFact(("x",), "ctrl(1, x)"),
    "INSIDE": MacroFact(("x",), "BOTH(x, 2)"),
    "BROKEN": MacroFact(("x",), "if (x) {"),
}
HINTS = Hints(macros=MACROS, roles=frozenset(("ROLE",)))


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("CHECK(g()); h(); err: ;", [
            "2 test g() expanded -> F3 T4", "3 join expanded -> 5", "4 evaluate h() -> 5",
            "5 join -> x",
        ]),
        ("y = BOTH(1, 2);", ["2 evaluate (y = (first(1) + second(2))) expanded -> x"]),
        ("if (a) FAIL;", ["2 test a -> T3 Fx", "3 return (- 1) expanded -> x"]),
        ("BIGGER(a, b);", [
            "2 test (a > b) expanded -> T3 F4", "3 evaluate a expanded -> x",
            "4 evaluate b expanded -> x",
        ]),
        ("y = SIZE;", ["2 evaluate (y = SIZE) -> x"]),
        ("y = MASK(g());", ["2 evaluate (y = MASK(g())) -> x"]),
        ('TEXT("a" b);', ["2 evaluate use('\"a\" b') expanded -> x"]),
        ("PASTE(fo, o);", ["2 evaluate foo(1) expanded -> x"]),
        ("AGAIN(1);", ["2 evaluate AGAIN((1 + 1)) expanded -> x"]),
        ("MANY(f, 1, g(2, 3));", ["2 evaluate f(1, g(2, 3)) expanded -> x"]),
        ("NAMED(1, 2);", ["2 evaluate g(1, 2) expanded -> x"]),
        ("ROLE(1);", ["2 evaluate macro ROLE(1) -> x"]),
        ("y = INSIDE(1);", ["2 evaluate (y = (first(1) + second(2))) expanded -> x"]),
        ("UNKNOWN(g());", ["2 evaluate UNKNOWN(g()) -> x"]),
        ("BROKEN(g());", ["2 evaluate BROKEN(g()) -> x"]),
        ("BOTH(1);", ["2 evaluate BOTH(1) -> x"]),
    ],
)  # fmt: skip
def test_uses(use: str, expected: list[str]) -> None:
    assert graph(use, "c", HINTS) == [line.replace("(- 1)", "-1") for line in expected]


def test_every_range_in_an_expansion_is_that_of_the_use() -> None:
    text = "void f(void) { y = BOTH(g(1), 2); }"
    (function,) = module(text, "c", HINTS).functions
    (assign,) = (node.expr for node in function.nodes if node.expr is not None)
    value = assign.value  # type: ignore[union-attr]

    use = Span(text.index("BOTH"), text.index(";"))
    assert (value.span, value.left.span, value.left.anchor) == (use, use, use.start)
    assert value.left.arguments[0].span == use


def test_a_definition_of_the_text_itself_counts() -> None:
    text = "#define RUN(x) run(x)\nvoid f(void) { RUN(1); }\n"
    (function,) = module(text).functions

    assert nodes(function) == ["2 evaluate run(1) expanded -> x"]


def test_expansion_is_bounded() -> None:
    doubling = {
        f"M{level}": MacroFact(("x",), f"M{level + 1}(x) + M{level + 1}(x)") for level in range(40)
    }
    lines = graph("y = M0(1);", "c", Hints(macros=doubling))

    assert len(lines) == 1
    assert len(lines[0]) < 200_000


@pytest.mark.parametrize(
    ("macros", "expected"),
    [
        ({"FLAG": "BIT(7)", "BIT(n)": "(1ULL << (n))"}, "use(FLAG)"),
        ({"FLAG": "BIT(7)"}, "use(BIT(7)) expanded"),
        ({"FLAG": "BIT(7)", "BIT(n)": "next(n)"}, "use(next(7)) expanded"),
        ({"FLAG": "BIT(7)", "BIT(n)": "BIT(n)"}, "use(BIT(7)) expanded"),
    ],
)
def test_a_macro_does_what_the_macros_in_it_do(macros: dict[str, str], expected: str) -> None:
    defines = "".join(f"#define {name} {body}\n" for name, body in macros.items())
    (function,) = module(f"{defines}void f(void) {{ use(FLAG); }}").functions

    assert nodes(function) == [f"2 evaluate {expected} -> x"]


def test_a_macro_that_clang_folds_is_a_number() -> None:
    hints = Hints(macros={"FLAG": MacroFact(None, "BIT(7)", 128)})

    assert graph("use(FLAG);", hints=hints) == ["2 evaluate use(FLAG) -> x"]
