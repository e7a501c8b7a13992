"""The engine behind `kind = "typestate"`: which names are one object, and what is never done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from demo import Bench
from tlsight.config import Config
from tlsight.engine import check


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder: Path = tmp_path_factory.mktemp("rules")
    return Bench(folder)


@pytest.mark.parametrize(
    "text",
    [
        "void f() { object *o = create(); start(o); }",
        "void f() { object *o; o = create(); start(o); }",
        "void f(bool b) { object *o = b ? create() : create(); start(o); }",
        "void f() { object *o = create(); object *p = o; start(p); }",
        "void f() { object *o = create(); object *p = derive(o); start(p); }",
        "static void go(object *o) { start(o); } void f() { object *o = create(); go(o); }",
        "static object *make() { return create(); } void f() { object *o = make(); start(o); }",
        "static object *o; void f() { o = create(); } void g() { start(o); }",
        "struct S { object *o; }; void f(S *s) { s->o = create(); start(s->o); }",
        "class C { object *o = create(); void f() { start(o); } };",
        "class C { C() : o(create()) {} void f() { start(o); } object *o; };",
        "class C { C(); void f(); object *o; }; C::C() { o = create(); } void C::f() { start(o); }",
        "void f() { std::unique_ptr<object, D> o(create()); start(o.get()); }",
        "using P = std::unique_ptr<object, D>; void f() { P o(create()); start(o.get()); }",
        "void f() { auto o = create(); auto p = std::move(o); start(p); }",
        "void f(object *a) { prepare(a); object *o = create(); start(o); }",
        "object *f() { object *o = create(); start(o); return o; }",
        "void f() { object *o = create(); auto g = [o] { start(o); }; g(); }",
        "static struct { object *o; } s; void f() { s.o = create(); start(s.o); }",
    ],
)
def test_what_is_made_here_and_never_prepared_is_found(bench: Bench, text: str) -> None:
    assert 1 == len(bench.found(text, "unprepared"))


@pytest.mark.parametrize(
    "text",
    [
        "void f() { object *o = create(); prepare(o); start(o); }",
        "void f(bool b) { object *o = create(); if (b) prepare(o); start(o); }",
        "void f() { object *o = create(); prepare(o); object *p = derive(o); start(p); }",
        "void f() { object *o = create(); prepare(options_of(o)); start(o); }",
        "static void set(object *o) { prepare(o); } void f() { object *o = create(); set(o);"
        " start(o); }",
        "static void two(object *o) { prepare(o); } static void one(object *o) { two(o); }"
        " void f() { object *o = create(); one(o); start(o); }",
        "static object *make() { object *o = create(); prepare(o); return o; }"
        " void f() { object *o = make(); start(o); }",
        "class C { C(); void f(); object *o; }; C::C() { o = create(); prepare(o); }"
        " void C::f() { start(o); }",
    ],
)
def test_what_is_prepared_anywhere_is_not(bench: Bench, text: str) -> None:
    assert [] == bench.found(text, "unprepared")


@pytest.mark.parametrize(
    "text",
    [
        "void f(object *o) { start(o); }",
        "void f() { object *o = elsewhere(); start(o); }",
        "void elsewhere(object *); void f() { object *o = create(); elsewhere(o); start(o); }",
        "object *o; void f() { o = create(); start(o); }",
        "extern object *o; void f() { o = create(); start(o); }",
        "void f(object *o) { object *p = derive(o); start(p); }",
        "object *make() { return create(); } void f() { start(unknown(make())); }",
        "void f(Other *other) { object *o = create(); other->keep(o); start(o); }",
    ],
)
def test_what_other_code_gets_is_not_judged(bench: Bench, text: str) -> None:
    assert [] == bench.found(text, "unprepared")


def test_one_function_does_not_make_one_object_of_two(bench: Bench) -> None:
    """What is done to one of the objects that it is handed is not done to the other."""
    text = """
        static void go(object *o) { start(o); }
        void f() { object *a = create(); prepare(a); go(a); object *b = create(); go(b); }
    """
    assert 1 == len(bench.found(text, "unprepared"))
    marked = """
        static void both(object *o) { touch(o); }
        void f() { object *a = create(); mark(a); both(a); prepare(a);
                   object *b = create(); both(b); start(b); }
    """
    assert [] == bench.found(marked, "marked")


def test_only_if_what_is_given_is_done_to_it(bench: Bench) -> None:
    plain = "void f() { object *o = create(); start(o); }"
    assert [] == bench.found(plain, "marked")
    assert 1 == len(bench.found(plain.replace("start", "mark(o); start"), "marked"))


def test_what_is_returned_may_be_prepared_afterwards(bench: Bench) -> None:
    """Unless the step needs it before."""
    text = "object *f() { object *o = create(); mark(o); start(o); return o; }"
    assert [] == bench.found(text, "marked")
    assert 1 == len(bench.found(text, "unprepared"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("void f() { Gadget g; g.start(); }", 1),
        ("void f() { Gadget g; g.prepare(); g.start(); }", 0),
        ("void f() { Gadget *g = new Gadget; g->start(); }", 1),
        ("void f(Gadget &g) { g.start(); }", 0),
        ("void f(Gadget g) { g.start(); }", 1),
        ("class C { Gadget g; void f() { g.start(); } };", 1),
        ("class C { Gadget g; void f() { g.start(); } void h() { g.prepare(); } };", 0),
        (
            "class C { std::vector<std::unique_ptr<Gadget>> all; void f() {"
            " std::unique_ptr<Gadget> g(new Gadget); all.push_back(std::move(g)); }"
            " void h() { for (std::unique_ptr<Gadget> &each : all) each->start(); } };",
            1,
        ),
    ],
)
def test_objects_of_classes(bench: Bench, text: str, count: int) -> None:
    assert count == len(bench.found(text, "unprepared-gadget"))


def test_a_class_that_is_declared_elsewhere_may_do_more(bench: Bench) -> None:
    """In a header, a method without a body stands in another file."""
    text = "class C { C(); void more(); void f() { start(o); } object *o = create(); };"
    unit = bench.unit(text)
    assert 1 == len(bench.found(text, "unprepared"))
    findings = check(bench.index, replace(unit, header=True, cache={}), Config(), lambda: ())
    assert "unprepared" not in {item.rule for item in findings}


def test_what_a_call_puts_out_is_known(bench: Bench) -> None:
    """What is done to it is done to the object, and its absence can be claimed of it."""
    text = "void f() {{ object *o = create(); int *s; stamp_of(o, {}); {} }}"

    assert 1 == len(bench.found(text.format("&s", ""), "unstamped"))
    assert 1 == len(bench.found(text.format("0", "check_stamp(s);"), "unstamped"))
    assert [] == bench.found(text.format("&s", "check_stamp(s);"), "unstamped")
    assert [] == bench.found("void g(int *);" + text.format("&s", "g(s);"), "unstamped")


@pytest.mark.parametrize(
    ("use", "count"),
    [
        ("return state_of(o) == 1;", 1),
        ("if (state_of(o)) return 1;", 1),
        ("if (!state_of(o)) return 1;", 1),
        ("int s = state_of(o); if (s != 2) return 1;", 1),
        ("int s; if ((s = state_of(o)) != 2) return 1;", 1),
        ("switch (state_of(o)) { case 1: return 1; }", 1),
        ("print(state_of(o));", 0),
        ("int s = state_of(o); print(s);", 0),
        ("state_of(o);", 0),
    ],
)
def test_a_result_decides_if_it_is_looked_at(bench: Bench, use: str, count: int) -> None:
    text = f"void print(int); int f() {{ object *o = create(); {use} return 0; }}"

    assert count == len(bench.found(text, "believed"))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("attach(o, c); if (start(o) < 0) put(c, d);", 1),
        ("attach(o, c); int r = start(o); if (r == 1) return; put(c, d);", 1),
        ("attach(o, c); if (start(o) < 0) return; put(c, d);", 0),
        ("attach(o, c); if (start(o) < 0) put(e, d);", 0),
        ("if (start(o) < 0) put(c, d);", 0),
        ('attach(o, c); if (start(o) < 0) put(c, "bye");', 0),
    ],
)
def test_a_step_on_what_is_tied_to_the_object(bench: Bench, body: str, count: int) -> None:
    text = f"void f(object *o, int c, int e, char *d) {{ {body} }}"

    assert count == len(bench.found(text, "put-after"))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("start(o); mark(o);", 1),
        ("start(o); prepare(o); mark(o);", 0),
        ("start(o); helper(o); mark(o);", 0),
        ("start(o); other(o); mark(o);", 1),
        ("start(o); unknown(o); mark(o);", 0),
    ],
)
def test_what_is_done_in_between_may_stand_in_a_function(
    bench: Bench, body: str, count: int
) -> None:
    """Of this text; code that is not here may do it too."""
    text = (
        "void unknown(object *); static void helper(object *o) { prepare(o); }"
        f" static void other(object *o) {{ shut(o); }} void f(object *o) {{ {body} }}"
    )

    assert count == len(bench.found(text, "marked-after"))
