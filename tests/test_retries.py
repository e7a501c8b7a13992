"""What is repeated with something else, and what is changed too late: `differs` and `lone`."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import Bench

WRONG = "if (n <= 0 && why(o, n) != WHY_LATER) return -1;"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder: Path = tmp_path_factory.mktemp("rules")
    return Bench(folder)


def inside(body: str, before: str = "") -> str:
    """A function that is handed an object that is made in the same text."""
    return (
        "static void again(object *o, const char *d, int size) { attempt(o, d, size); }"
        f"static int f(object *o, char *d, int size) {{ int n, sent = 0, more = 1; {body} }}"
        f"void g(char *d) {{ object *o = create(); {before} f(o, d, 3); }}"
    )


@pytest.mark.parametrize(
    "body",
    [
        f"for (;;) {{ size = bring(d, 9); n = attempt(o, d, size); {WRONG} }}",
        f"while (bring(d, 9) > 0) {{ n = attempt(o, d, 9); {WRONG} }}",
        f"while (sent < size) {{ n = attempt(o, d + sent, size - sent); {WRONG} sent += n; }}",
        f"again: n = attempt(o, d, size); {WRONG} if (n <= 0) {{ size = size - 1; goto again; }}",
        f"again: n = attempt(o, d, size); {WRONG} if (n <= 0) {{ d++; goto again; }}",
        f'n = attempt(o, "a", 1); {WRONG} n = attempt(o, "b", 1);',
        f"char a[4], b[4]; n = attempt(o, a, 4); {WRONG} n = attempt(o, b, 4);",
    ],
)
def test_what_is_repeated_with_other_data_is_found(bench: Bench, body: str) -> None:
    assert 1 == len(bench.found(inside(body), "other-data"))
    assert [] == bench.found(inside(body, "permit(o);"), "other-data")
    assert [] == bench.found(inside(body).replace("create()", "elsewhere()"), "other-data")


@pytest.mark.parametrize(
    "body",
    [
        "for (;;) { n = attempt(o, d, size); if (n > 0) return n;"
        " if (why(o, n) != WHY_LATER) return -1; }",
        f"while (size > 0) {{ n = attempt(o, d, size); {WRONG}"
        " if (n > 0) { d += n; size -= n; } }",
        f"for (;;) {{ if (sent == size) {{ size = bring(d, 9); sent = 0; }}"
        f" n = attempt(o, d + sent, size - sent); {WRONG} if (n > 0) sent += n; }}",
        f"for (;;) {{ if (more) size = bring(d, 9); n = attempt(o, d, size); {WRONG}"
        " more = n > 0; }",
        f"for (;;) {{ char *p = d; n = attempt(o, p, size); {WRONG} }}",
        f"n = attempt(o, d, 3); {WRONG} if (n <= 0) again(o, d, 3); n = attempt(o, d + 1, 3);",
        f'n = attempt(o, "a", 1); {WRONG} if (n <= 0) again(o, "a", 1); n = attempt(o, "b", 1);',
        f"n = attempt(o, d, size); {WRONG} o = create(); n = attempt(o, d + 1, size - 1);",
        "n = attempt(o, d, size); if (n <= 0) return why(o, n); d += n; n = attempt(o, d, 1);",
    ],
)
def test_what_is_repeated_as_it_was_is_not(bench: Bench, body: str) -> None:
    assert [] == bench.found(inside(body), "other-data")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("void f() { object *o = create(); object *p = derive(o); change(o); }", 1),
        ("void f() { object *o = create(); change(o); object *p = derive(o); }", 0),
        ("void f() { object *o = create(); derive(o); change(o); derive(o); }", 0),
        ("void f() { object *o = create(); for (;;) { derive(o); change(o); } }", 0),
        ("void f(object *o) { derive(o); change(o); }", 0),
        ("object *f() { object *o = create(); derive(o); change(o); return o; }", 0),
        ("static object *o; void f() { o = create(); derive(o); change(o); }", 0),
        ("void f() { static object *o = create(); derive(o); change(o); }", 0),
        (
            "void keep(object *);"
            " void f() { object *o = create(); derive(o); keep(o); change(o); }",
            0,
        ),
        (
            "static void more(object *o) { derive(o); }"
            " void f() { object *o = create(); derive(o); change(o); more(o); }",
            0,
        ),
    ],
)
def test_what_is_changed_after_all_that_was_made_of_it(bench: Bench, text: str, count: int) -> None:
    assert count == len(bench.found(text, "changed-late"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("int f(object *o) { if (verify(o) != 1) return 0; change(o); return 1; }", 1),
        ("int f(object *o) { while (verify(o) != 1) change(o); return 1; }", 0),
        ("int f(object *o) { verify(o); start(o); change(o); return 1; }", 0),
        ("void f(S *s) { for (S *i = s; i; i = i->next) { change(i->o); verify(i->o); } }", 0),
        ("void f(S *s, S *e) { for (; s < e; s++) { change(s->o); verify(s->o); } }", 0),
        (
            "void f(S *s, int n)"
            " { for (int i = 0; i < n; i++) { change(s[i].o); verify(s[i].o); } }",
            0,
        ),
        (
            "void f(S *s, int n)"
            " { for (int i = 0; i < n; i++) { verify(s[i].o); change(s[i].o); } }",
            1,
        ),
    ],
)
def test_only_past_the_result_and_on_the_same_object(bench: Bench, text: str, count: int) -> None:
    assert count == len(bench.found(text, "changed-after-success"))
