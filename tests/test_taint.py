"""The engine behind `kind = "taint"`: from where what is compared has come, and on what object."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder: Path = tmp_path_factory.mktemp("rules")
    return Bench(folder)


LABEL = "label_of(holder_of(o))"


@pytest.mark.parametrize(
    "text",
    [
        f"int f(object *o, char *x) {{ return same_text({LABEL}, x); }}",
        f"int f(object *o, char *x) {{ return same_text(x, {LABEL}); }}",
        f'int f(object *o) {{ return same_text({LABEL}, "name"); }}',
        f"int f(object *o, char *x) {{ char *l = {LABEL}; return same_text(l, x); }}",
        f"int f(object *o, char *x) {{ char *l; l = {LABEL}; return same_text(l + 2, x); }}",
        "int f(object *o, char *x) { holder *h = holder_of(o); return same_text(label_of(h), x); }",
        "int f(object *o, char *x) { char l[9]; label_into(holder_of(o), l);"
        " return same_text(l, x); }",
        "int f(object *o, char *x) { char l[9]; label_into(holder_of(o), l); length_of(l);"
        " return same_text(l, x); }",
        f"int f(object *o, char *x) {{ char l[9]; copy_text(l, {LABEL});"
        " return same_text(l, x); }",
        f"int f(object *o, bool b, char *x) {{ return same_text(b ? {LABEL} : x, x); }}",
        f"static char *get(object *o) {{ return {LABEL}; }}"
        " int f(object *o, char *x) { return same_text(get(o), x); }",
        "static void get(object *o, char *to) { label_into(holder_of(o), to); }"
        " int f(object *o, char *x) { char l[9]; get(o, l); return same_text(l, x); }",
        "static int fits(char *l, char *x) { return same_text(l, x); }"
        f" int f(object *o, char *x) {{ return fits({LABEL}, x); }}",
        f"struct S {{ char *l; void set(object *o) {{ l = {LABEL}; }}"
        " int is(char *x) { return same_text(l, x); } };",
        "struct S { char l[9]; void set(object *o) { label_into(holder_of(o), l); }"
        " int is(char *x) { return same_text(l, x); } };",
        f"static char *l; void set(object *o) {{ l = {LABEL}; }}"
        " int f(char *x) { return same_text(l, x); }",
        "template <typename T> class owner { public: holder *get(); };"
        " int f(object *o, char *x) { owner<holder> h(holder_of(o));"
        " return same_text(label_of(h.get()), x); }",
        f"void f(object *o, char *x) {{ char *l = {LABEL}; auto g = [l, x] {{"
        " return same_text(l, x); }; g(); }",
    ],
)
def test_what_was_read_is_followed_to_where_it_is_compared(bench: Bench, text: str) -> None:
    assert 1 == len(bench.found(text, "label-compared"))


def test_operators_compare_texts(bench: Bench) -> None:
    """And not numbers, null, or one character of a text."""
    text = f"bool f(object *o, Text x) {{ return Text({LABEL}) == x; }}"

    assert [f"Text({LABEL}) == x"] == bench.found(text, "label-compared")
    for other in ("0", "nullptr", "'a'"):
        text = f"bool f(object *o) {{ char *l = {LABEL}; return l[0] == 'a' || l == {other}; }}"
        assert [] == bench.found(text, "label-compared")


def test_a_part_of_what_a_library_keeps_is_it(bench: Bench) -> None:
    """Also in a union without a name."""
    text = "int f(object *o, char *x) { return same_text(label_of(holder_of(o)->u.label), x); }"

    assert 1 == len(bench.found(text, "label-compared"))


@pytest.mark.parametrize(
    "text",
    [
        "int f(holder *h, char *x) { return same_text(label_of(h), x); }",
        "int f(object *o, char *x) { return same_text((char *)o, x); }",
        "int f(object *o, char *x) { char l[9]; label_into(holder_of(o), l); copy_text(l, x);"
        " return same_text(l, x); }",
        f"int f(object *o, int n) {{ std::list<Text> l({LABEL}); return l.size() == n; }}",
        f"int f(object *o, char *x) {{ char *l = {LABEL}; l = x; return same_text(l, x); }}",
        f"char *unknown(char *); int f(object *o, char *x)"
        f" {{ return same_text(unknown({LABEL}), x); }}",
        f"int f(object *o, object *p) {{ return same_text({LABEL}, label_of(holder_of(p))); }}",
        f'int f(object *o) {{ return same_text({LABEL}, "") || same_text({LABEL}, "a="); }}',
        "int f(object *o, char *x) { char l[9]; int n = label_into(holder_of(o), l);"
        " return n == length_of(l) && same_text(l, x); }",
        f"struct S {{ char *l; char *m; void set(object *o) {{ l = {LABEL}; }}"
        " int is(char *x) { return same_text(m, x); } };",
        "static int fits(char *l, char *x) { return same_text(l, x); }"
        f" int f(object *o, char *x) {{ char *l = {LABEL}; return l && fits(x, x); }}",
    ],
)
def test_anything_else_is_not(bench: Bench, text: str) -> None:
    assert [] == bench.found(text, "label-compared")


def test_two_callers_are_told_apart(bench: Bench) -> None:
    """What one hands to a helper that returns it does not come out at the other."""
    text = (
        "static char *same(char *t) { return t; }"
        f" int f(object *o, char *x) {{ char *l = same({LABEL}); return l == 0; }}"
        " int g(char *x) { return same_text(same(x), x); }"
    )

    assert [] == bench.found(text, "label-compared")


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("start(o);", 1),
        ("", 0),
        ("prepare(o); start(o);", 0),
        ("start(o); elsewhere(o);", 0),
    ],
)
def test_the_object_is_asked(bench: Bench, body: str, count: int) -> None:
    """Only of one that is made here and that no other code gets is absence claimed."""
    text = (
        "void elsewhere(object *);"
        f"int f(char *x) {{ object *o = create(); {body} return same_text({LABEL}, x); }}"
    )

    assert count == len(bench.found(text, "label-believed"))


def test_the_object_of_a_caller_is_not(bench: Bench) -> None:
    text = f"int f(object *o, char *x) {{ start(o); return same_text({LABEL}, x); }}"

    assert [] == bench.found(text, "label-believed")


def test_names_beside_it_tell_what_it_is_for(bench: Bench) -> None:
    """Those in the comparison, and that of the function."""
    text = "int {}(holder *h, char *{}) {{ return same_text(label_of(h), {}); }}"

    assert 1 == len(bench.found(text.format("f", "host", "host"), "label-near"))
    assert 1 == len(bench.found(text.format("is_host", "x", "x"), "label-near"))
    assert [] == bench.found(text.format("f", "x", "x"), "label-near")
