"""The engine behind `kind = "callback"`: which function it is, how it ends, what it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import Bench

HEAD = "int f(int b, unsigned char *d, unsigned *n)"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder: Path = tmp_path_factory.mktemp("rules")
    return Bench(folder)


def installed(body: str, above: str = "") -> str:
    return f"{above}\n{HEAD} {{ {body} }}\nvoid main(object *o) {{ install(o, f); }}"


@pytest.mark.parametrize(
    "handing",
    [
        "install(o, f);",
        "install(o, &f);",
        "install(o, (judge)f);",
        "judge j = f; install(o, j);",
        "judge j; if (o) j = f; else j = f; install(o, j);",
        "install(o, o ? f : 0);",
        "install(o, [](int, unsigned char *, unsigned *) { return 1; });",
        "auto j = [](int, unsigned char *, unsigned *) { return 1; }; install(o, +j);",
        "install(o, wrap(f));",
        "install(o, global);",
        "install(o, Judge());",
        "Judge judging; install(o, judging);",
        "install(o, Judge::all);",
        "install(o, Outer::Inner::all);",
        "hand(o, f);",
    ],
)
def test_the_function_is_found(bench: Bench, handing: str) -> None:
    """However it is written where it is installed."""
    text = f"""
        {HEAD} {{ return 1; }}
        static judge global = f;
        struct Judge {{
            int operator()(int, unsigned char *, unsigned *) {{ return 1; }}
            static int all(int, unsigned char *, unsigned *) {{ return 1; }}
        }};
        namespace Outer {{ struct Inner {{
            static int all(int, unsigned char *, unsigned *) {{ return 1; }} }}; }}
        static void hand(object *o, judge j) {{ install(o, j); }}
        void main(object *o) {{ {handing} }}
    """
    assert ["1"] == bench.found(text, "accepts")


@pytest.mark.parametrize(
    "handing",
    [
        "install(o, elsewhere);",
        "install(o, 0);",
        "install(o, given);",
        "judge j; fill(&j); install(o, j);",
        "install(o, given ? f : given);",
        "o->install(f);",
    ],
)
def test_a_function_that_is_not_here_is_not_judged(bench: Bench, handing: str) -> None:
    """Nor one that may be another."""
    text = (
        f"{HEAD} {{ return 1; }} {HEAD.replace(' f(', ' elsewhere(')};"
        f"void main(object *o, judge given) {{ {handing} }}"
    )
    assert [] == bench.found(text, "accepts")


@pytest.mark.parametrize(
    ("body", "accepts"),
    [
        ("return 1;", True),
        ("return true;", True),
        ("if (d) return 1; return 2;", True),
        ("if (d) return 1; return 0;", False),
        ("return b;", False),
        ("if (!b) return 1; return b;", True),
        ("if (b) return 1; return b;", False),
        ("if (b == 0) b = 1; return b;", True),
        ("int ok = b; ok |= 1; return ok;", False),  # not followed, so not claimed
        ("int ok = 0; if (d) ok = 1; return ok;", False),
        ("int ok = 0; while (n) ok = 1; ok = 3; return ok;", True),
        ("int ok = 0; goto out; out: ok = 1; return ok;", True),
        ("switch (b) { case 1: return 0; default: return 1; }", True),
        ("switch (b) { case 0: return 0; default: return 1; }", False),
        ("switch (b) { case 1: return 1; } return 0;", False),
        ("return helper(b);", True),
        ("return strict(b);", False),
        ("return unknown(b);", False),
        ("int ok = 1; unknown(&ok); return ok;", False),
        ("int ok = 1; change(ok); return ok;", False),
        ("return d ? 1 : 2;", True),
        ("return d ? 1 : b;", False),
        ("return d != 0 || 1;", True),
        ("return f(b, d, n);", False),
        ("", False),
    ],
)
def test_how_it_ends_is_read_off_all_its_ways(bench: Bench, body: str, accepts: bool) -> None:
    """Where what was checked before was refused."""
    above = (
        "int helper(int b) { if (b) return 2; return 1; } int strict(int b) { return b; }"
        "void change(int &value);"
    )
    assert accepts == bool(bench.found(installed(body, above), "accepts"))


def test_a_function_of_many_ways_is_given_up(bench: Bench) -> None:
    """In bounded time, and without a word."""
    body = "".join(f"int v{i} = 0; if (d[{i}]) v{i} = 1;" for i in range(40))
    assert [] == bench.found(installed(f"{body} return 1;"), "accepts")


@pytest.mark.parametrize(
    ("body", "underlined"),
    [
        ('copy(d, "abc", 3); return 1;', ['copy(d, "abc", 3)']),
        ("d[0] = 'a'; d[1] = 'b'; return 1;", ["d[0] = 'a'"]),
        ("*d++ = 7; return 1;", ["*d++ = 7"]),
        ("plain(n, d); return 1;", ["plain(n, d)"]),
        ("unsigned char t[8]; plain(n, t); copy(d, t, 8); return 1;", ["copy(d, t, 8)"]),
        ("fill(d); return 1;", ["fill(d)"]),
        ("mix(key, n, d); return 1;", []),
        ("unsigned char t[8]; mix(key, n, t); copy(d, t, 8); return 1;", []),
        ("unsigned char t[8], *p = t; mix(key, n, p); copy(d, t, 8); return 1;", []),
        ("unsigned char t[8]; make(t); copy(d, t, 8); return 1;", []),
        ("copy(d, made(), 8); return 1;", []),
        ("copy(d, kept(0), 8); return 1;", []),
        ("copy(d, state, 8); return 1;", []),
        ("elsewhere(d); return 1;", []),
        ("return 1;", []),
    ],
)
def test_what_is_written_is_followed_to_where_it_comes_from(
    bench: Bench, body: str, underlined: list[str]
) -> None:
    """And nothing is said where a part of it comes from elsewhere."""
    above = """
        static unsigned char key[16];
        extern unsigned char state[8];
        void elsewhere(unsigned char *out);
        static void fill(unsigned char *out) { out[0] = 1; }
        static void make(unsigned char *out) { mix(key, key, out); }
        static unsigned char *made() { static unsigned char t[8]; make(t); return t; }
    """
    assert underlined == bench.found(installed(body, above), "open-made")


@pytest.mark.parametrize(
    ("body", "underlined"),
    [
        ('mix(key, "abc", d); return 1;', ['"abc"']),
        ("unsigned char t[8]; copy(t, n, 4); mix(key, t, d); return 1;", ["t"]),
        ("unsigned char t[8]; peer_of(o, t); mix(key, t, d); return 1;", []),
        ("unsigned char t[8]; address(t); mix(key, t, d); return 1;", []),
        ("unsigned char t[8]; peer_of(o, t + 2); mix(key, &t[0], d); return 1;", []),
        ("Peer *p = (Peer *)kept(o); mix(key, p->address, d); return 1;", []),
    ],
)
def test_only_what_reaches_an_argument_of_its_makers_counts(
    bench: Bench, body: str, underlined: list[str]
) -> None:
    """With `through`."""
    above = (
        "static unsigned char key[16]; static object *o;"
        "static void address(unsigned char *out) { peer_of(o, out); }"
    )
    assert underlined == bench.found(installed(body, above), "unbound")


def test_what_is_made_anew_each_time(bench: Bench) -> None:
    """In a local; a static one, or a global, is kept."""
    local = "unsigned char k[8]; chance(k, 8); mix(k, n, d); return 1;"
    kept = local.replace("unsigned", "static unsigned", 1)
    shared = local.replace("unsigned char k[8];", "")
    assert ["chance(k, 8)"] == bench.found(installed(local), "by-chance")
    assert [] == bench.found(installed(kept), "by-chance")
    assert [] == bench.found(installed(shared, "static unsigned char k[8];"), "by-chance")


@pytest.mark.parametrize(
    ("body", "underlined"),
    [
        ("return same(d, mine, *n) == 0;", ["*n"]),
        ("unsigned s = *n; return same(d, mine, s) == 0;", ["s"]),
        ("return *n == 8 && same(d, mine, *n) == 0;", []),
        ("if (*n != sizeof(mine)) return 0; return same(d, mine, *n) == 0;", []),
        ("if (*n == 0) return 0; return same(d, mine, *n) == 0;", ["*n"]),
        ("return same(d, mine, 8) == 0;", []),
    ],
)
def test_a_length_that_is_handed_over_is_compared_with_something(
    bench: Bench, body: str, underlined: list[str]
) -> None:
    above = "static unsigned char mine[8];"
    assert underlined == bench.found(installed(body, above), "trusted")


def test_what_it_does_to_what_it_was_handed(bench: Bench) -> None:
    """Itself, or a function that it calls."""
    own = "return same(d, mine, 8) == 0;"
    other = "return same(mine, mine, 8) == 0;"
    helper = "return equal(d);"
    above = (
        "static unsigned char mine[8];"
        "static int equal(unsigned char *p) { return same(p, mine, 8) == 0; }"
    )
    assert ["same(d, mine, 8)"] == bench.found(installed(own, above), "compared")
    assert [] == bench.found(installed(other, above), "compared")
    assert ["same(p, mine, 8)"] == bench.found(installed(helper, above), "compared")


def test_more_than_there_is_room_for(bench: Bench) -> None:
    assert ["9"] == bench.found(installed("copy(d, n, 9); return 1;"), "too-long")
    assert [] == bench.found(installed("copy(d, n, 8); return 1;"), "too-long")
    assert [] == bench.found(installed("copy(n, d, 9); return 1;"), "too-long")
