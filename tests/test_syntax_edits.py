"""After any edits, what is read equals what is read from the final text alone."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from tlsight.ir import Call, Evaluated, Expr, Name, walk
from tlsight.syntax import Hints, parse, read
from tlsight.syntax.chunks import chunks
from tlsight.syntax.scan import scan

TEXT = b"""#include <a.h>
#define RUN(x) run(x)
namespace n {
enum E { A, B = 3 };
struct S { int a = f(); void g() { h([this] { k(); }); } };
static const char *name = "a" "b";
#ifdef X
int one(T t) { T u(t); return RUN(u); }
#else
int one(int t) { return t; }
#endif
int two(S *s, int b) // comment
{
    if (s->a && b) { auto l = [=](int c) { return c + b; }; return l(1); }
#if Y
    three(s);
#endif
    for (int i = 0; i < b; i++)
        s->g();
    return b ? four() : 5;
}
}
void last() { n::two(nullptr, (T) & x); }
"""
PIECES = st.sampled_from(
    [
        b"", b" ", b"\n", b";", b"{", b"}", b"(", b")", b'"', b"x", b"T x(y);", b"if (", b"/*",
        b"*/", b"//", b"#define Q(a) a\n", b"#if Z\n", b"\n#endif\n", b"\n#else\n",
        b"namespace m {",
        b"int z() { return 1; }\n", b"class T { };", b"[] { f(); };", b"\xc3\xa9", b"else ",
    ]
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, len(TEXT)), st.integers(0, 60), PIECES), min_size=1, max_size=6
)


@given(EDITS, st.sampled_from(["c", "cpp"]))
@settings(max_examples=150, deadline=None)
def test_a_warm_reading_equals_a_cold_one(
    edits: list[tuple[int, int, bytes]], language: str
) -> None:
    hints = Hints(types=frozenset(("T",)))
    data = TEXT
    tree = parse(data, language, hints)
    module = read(tree, hints)
    for start, length, piece in edits:
        data = data[:start] + piece + data[start + length :]
        tree = parse(data, language, hints, tree)
        module = read(tree, hints, module)

        cold = read(parse(data, language, hints), hints)
        assert cold.functions == module.functions
        assert cold == module


def test_a_brace_that_is_typed_ends_the_error_of_its_absence() -> None:
    hints = Hints()
    open_, closed = b"int f() { g(); }\nint h() { i();", b"int f() { g(); }\nint h() { i();}"
    tree = parse(open_, "c", hints)
    module = read(parse(closed, "c", hints, tree), hints, read(tree, hints))

    assert read(parse(closed, "c", hints), hints) == module
    assert module.errors == ()


def test_other_hints_are_another_reading() -> None:
    before, after = Hints(), Hints(types=frozenset(("x",)))
    data = b"void f() { y = (x) & z; g(x(1)); }"
    module = read(parse(data, "cpp", before), before)

    assert read(parse(data, "cpp", after), after) == read(parse(data, "cpp", after), after, module)
    assert read(parse(data, "cpp", after), after).functions != module.functions


def test_an_unchanged_function_is_the_same_object() -> None:
    hints = Hints()
    data = b"int one(void) { return 1; }\nint two(void) { return 2; }\n"
    tree = parse(data, "c", hints)
    first = read(tree, hints)
    changed = data.replace(b"2;", b"23;")
    second = read(parse(changed, "c", hints, tree), hints, first)

    assert second.functions[0] is first.functions[0]
    assert second.functions[1] != first.functions[1]


def test_a_text_is_cut_at_its_declarations() -> None:
    found = scan(TEXT)
    names = [
        bytes(found.clean[item.span.start : item.span.end]).split(b"{")[0].split(b"=")[0].strip()
        for item in chunks(found.clean, found.plain)
    ]

    assert names == [
        b"enum E", b"struct S", b"static const char *name", b"int one(T t)", b"int one(int t)",
        b"int two(S *s, int b)", b"void last()",
    ]  # fmt: skip


def test_a_call_is_one_object_wherever_its_function_moves() -> None:
    """A result is followed by the identity of its call, also where a `?:` was taken apart."""
    data = b"void f() { T *t = a ? make(a) : 0; use(t); }\n"
    hints = Hints()
    tree = parse(data, "c", hints)
    module = read(tree, hints)
    for ahead in (b"", b"int x;\n"):
        module = read(parse(ahead + data, "c", hints, tree), hints, module)
        (function,) = module.functions
        made = [
            call
            for node in function.nodes
            if node.evaluates is not None
            for call in _calls(node.evaluates)
            if isinstance(call.callee, Name) and call.callee.text == "make"
        ]
        assert len(made) > 1
        assert 1 == len({id(call) for call in made})


def _calls(expr: Expr) -> Iterator[Call]:
    """All calls in an expression, those too that were evaluated before it."""
    for item in walk(expr):
        if isinstance(item, Call):
            yield item
        elif isinstance(item, Evaluated):
            yield from _calls(item.expr)
