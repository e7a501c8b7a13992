"""The engines on an invented library: values, roles, results, mends and suppressions."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import Bench
from tlsight.engine import suppressed, unread
from tlsight.facts import Facts, MacroFact
from tlsight.finding import Severity
from tlsight.text import apply_edits


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder: Path = tmp_path_factory.mktemp("rules")
    return Bench(folder)


def test_the_invented_pages_have_no_problems(bench: Bench) -> None:
    assert [str(item) for item in bench.rulebook.problems] == []


@pytest.mark.parametrize(
    ("text", "underlined"),
    [
        ("void f(object *o) { set_grade(o, GRADE_LOW); }", ["GRADE_LOW"]),
        ("void f(object *o) { my_set_grade(o, GRADE_LOW); }", ["GRADE_LOW"]),
        ("void f(object *o) { set_grade(o, 1); }", ["1"]),
        ("void f(object *o) { int g = GRADE_LOW; set_grade(o, g); }", ["GRADE_LOW"]),
        ("void f(object *o) { int g = GRADE_LOW; g = GRADE_HIGH; set_grade(o, g); }", []),
        ("void f(object *o, bool b) { set_grade(o, b ? GRADE_HIGH : GRADE_LOW); }", ["GRADE_LOW"]),
        (
            "void f(object *o, bool b) { int g = GRADE_HIGH; if (b) g = GRADE_LOW;"
            " set_grade(o, g); }",
            ["GRADE_LOW"],
        ),
        ("#define MINE GRADE_LOW\nvoid f(object *o) { set_grade(o, MINE); }", ["MINE"]),
        ("constexpr int k = GRADE_LOW;\nvoid f(object *o) { set_grade(o, k); }", ["GRADE_LOW"]),
        ("void f(Channel &c) { c.setGrade(Demo::Low); }", ["Demo::Low"]),
        ("void f(Channel *c) { c->setGrade(Demo::High); }", []),
        ("void f(Other *c) { c->setGrade(Demo::Low); }", []),
        ("void f() { Channel c; }", ["c"]),
        ("void f() { Channel c(GRADE_HIGH); }", []),
        (
            "static void set(object *o, int g) { set_grade(o, g); }\n"
            "void f(object *o) { set(o, GRADE_LOW); }",
            ["GRADE_LOW"],
        ),
        ("void f(object *o, int g = GRADE_LOW) { set_grade(o, g); }", ["GRADE_LOW"]),
        (
            "static int pick() { return GRADE_LOW; } void f(object *o) { set_grade(o, pick()); }",
            ["GRADE_LOW"],
        ),
        ("void f(object *o, int g) { set_grade(o, g); }", []),
        (
            "void f(object *o, Kind k) { int g; switch (k) { case Kind::Old: g = GRADE_LOW; break;"
            " default: g = GRADE_HIGH; } set_grade(o, g); }",
            [],
        ),
        (
            'void f(object *o, char *w) { if (strcmp(w, "old") == 0) set_grade(o, GRADE_LOW);'
            ' if (strcmp(w, "new") == 0) set_grade(o, GRADE_HIGH); }',
            [],
        ),
        (
            'int pick(char *w) { if (!strcmp("old", w)) return GRADE_LOW; return GRADE_HIGH; }'
            " void f(object *o, char *w) { set_grade(o, pick(w)); }",
            [],
        ),
        (
            'void f(object *o, char *w) { if (strcmp(w, "old") == 0) set_grade(o, GRADE_LOW); }',
            ["GRADE_LOW"],
        ),
        (
            "void f(object *o, Kind k, Kind n) { if (k == Kind::Old) set_grade(o, GRADE_LOW);"
            " if (n == Kind::New) set_grade(o, GRADE_HIGH); }",
            ["GRADE_LOW"],
        ),
        (
            "void f(object *o, Kind k) { int g; switch (k) { case Kind::New: g = GRADE_HIGH; break;"
            " default: g = GRADE_LOW; } set_grade(o, g); }",
            ["GRADE_LOW"],
        ),
        ("void f(object *o, bool b) { if (b) set_grade(o, GRADE_LOW); }", ["GRADE_LOW"]),
        ("void f(object *o) { int g = GRADE_LOW; load(&g); set_grade(o, g); }", []),
        (
            "void f(object *o) {\n int g;\n#ifdef DEMO_NO_HIGH\n g = GRADE_LOW;\n#else\n"
            " g = GRADE_HIGH;\n#endif\n set_grade(o, g);\n}",
            [],
        ),
        (
            "void f(object *o) {\n#ifdef DEMO_NO_HIGH\n set_grade(o, GRADE_HIGH);\n#else\n"
            " set_grade(o, GRADE_LOW);\n#endif\n}",
            ["GRADE_LOW"],
        ),
        ("void f(object *o) {\n#ifdef OLD\n set_grade(o, GRADE_LOW);\n#endif\n}", ["GRADE_LOW"]),
    ],
)
def test_an_argument_is_followed_to_its_constant(
    bench: Bench, text: str, underlined: list[str]
) -> None:
    assert bench.found(text, "low-grade") == underlined


def test_one_value_of_two_is_one_step_less_severe(bench: Bench) -> None:
    sure = bench.check("void f(object *o) { set_grade(o, GRADE_LOW); }")
    perhaps = bench.check("void f(object *o, int b) { set_grade(o, b ? GRADE_HIGH : GRADE_LOW); }")

    assert [item.severity for item in sure] == [Severity.ERROR]
    assert [item.severity for item in perhaps] == [Severity.WARNING]


def test_what_the_policy_only_discourages_is_silent_without_a_word_of_the_page(
    bench: Bench,
) -> None:
    assert bench.check("void f(object *o) { set_grade(o, GRADE_MID); }") == ()


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (
            "void f(object *o) { set_grade(o, GRADE_LOW); }",
            "void f(object *o) { set_grade(o, GRADE_HIGH); }",
        ),
        (
            "void f(object *o) { set_flags(o, FLAG_OTHER | FLAG_OPEN); }",
            "void f(object *o) { set_flags(o, FLAG_OTHER); }",
        ),
        (
            "void f(object *o) { set_flags(o, FLAG_OPEN | FLAG_OTHER); }",
            "void f(object *o) { set_flags(o, FLAG_OTHER); }",
        ),
        (
            "void f(object *o) { set_flags(o, FLAG_OPEN); }",
            "void f(object *o) { set_flags(o, 0); }",
        ),
        (
            "void f(char *d) { unsigned char out[20]; digest(d, out); }",
            "void f(char *d) { unsigned char out[32]; digest(d, out); }",
        ),
        (
            "int f(object *o) { if (verify(o)) return 1; return 0; }",
            "int f(object *o) { if (verify(o) == 1) return 1; return 0; }",
        ),
        (
            "int f(object *o) { if (!verify(o)) return 0; return 1; }",
            "int f(object *o) { if (verify(o) != 1) return 0; return 1; }",
        ),
        (
            "bool f(object *o) {\n    verify(o);\n    return true;\n}",
            "bool f(object *o) {\n    if (verify(o) != 1)\n        return false;\n"
            "    return true;\n}",
        ),
    ],
)
def test_a_fix_is_exact(bench: Bench, text: str, mended: str) -> None:
    (item,) = bench.check(text)

    assert apply_edits(text.encode(), item.fixes[0].edits).decode() == mended


def test_a_fix_inside_a_macro_is_withheld(bench: Bench) -> None:
    text = "#define SET(o) do { set_grade(o, GRADE_LOW); } while (0)\nvoid f(object *o) { SET(o); }"

    (item,) = bench.check(text)

    assert item.fixes[0].edits == ()
    assert item.fixes[0].withheld == "the code stands in the body of a macro"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("void f(object *o) { set_flags(o, FLAG_OPEN); }", 1),
        ("void f(object *o) { set_flags(o, 0x30); }", 1),
        ("void f(object *o) { set_flags(o, FLAG_OTHER); }", 0),
        ("void f(object *o) { set_flags(o, FLAG_OPEN); shut(o); }", 0),
        ("void f(object *o, object *p) { set_flags(o, FLAG_OPEN); shut(p); }", 1),
        ("void f(object *o) { set_flags(o, FLAG_OPEN); }\nvoid g(object *o) { shut(o); }", 0),
    ],
)
def test_a_role_is_settled_by_another_on_the_same_object(
    bench: Bench, text: str, expected: int
) -> None:
    assert len(bench.found(text, "door-open")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('void f(object *o) { use_key(o, "secret"); }', 1),
        ('void f(object *o) { use_key(o, Text("secret")); }', 1),
        ('static const char key[] = "secret"; void f(object *o) { use_key(o, key); }', 1),
        ("void f(object *o) { const unsigned char k[] = {1, 2, 3}; use_key(o, k); }", 1),
        ("void f(object *o) { unsigned char k[3] = {1}; fill(k); use_key(o, k); }", 0),
        ("void f(object *o) { unsigned char k[4] = {0}; use_key(o, k); }", 1),
        ("void f(object *o) { unsigned char k[4] = {0}; k[1] = 2; use_key(o, k); }", 0),
        ("void f(object *o) { unsigned char k[4] = {0}; fill(k + 1); use_key(o, k); }", 0),
        ("void f(object *o) { unsigned char k[4] = {0}; fill(&k[1]); use_key(o, k); }", 0),
        ("void f(object *o, char c) { unsigned char k[4] = {c}; use_key(o, k); }", 0),
        ("void f(object *o) { unsigned char k[1] = {0}; use_key(o, k); }", 0),
        ('void f(object *o) { use_key(o, ""); }', 0),
        ("void f(object *o, const char *k) { use_key(o, k); }", 0),
        ("void f(object *o) { use_key(o, read_file()); }", 0),
    ],
)
def test_content_is_constant_only_if_nothing_can_write_it(
    bench: Bench, text: str, expected: int
) -> None:
    assert len(bench.found(text, "literal-key")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "void f(object *o) { verify(o); }",
        "void f(object *o) { int r = verify(o); r = 0; use(r); }",
        "void f(object *o) { int r = verify(o); }",
        "void f(object *o) {\n // Ignore the result.\n\n verify(o);\n}",
        "void f(object *o) {\n verify(o);\n // Errors are ignored.\n touch(o);\n}",
        "void f(object *o) {\n verify(o); // the result\n // Ignore it.\n touch(o);\n}",
        "void f(object *o, bool b) { int r; if (b) r = verify(o); }",
    ],
)
def test_a_result_nobody_looks_at_is_found(bench: Bench, text: str) -> None:
    assert len(bench.found(text, "unlooked")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "void f(object *o) { (void)verify(o); }",
        "int f(object *o) { return verify(o); }",
        "void f(object *o) { if (verify(o) != 1) abort(); }",
        "void f(object *o) { log(verify(o)); }",
        "void f(object *o) { int r = verify(o); log(r); }",
        "void f(object *o) { ENSURE(verify(o) == 1); }",
        "void f(object *o) { while (verify(o) != 1) wait(); }",
        "int f(object *o) { return verify(o) == 1 ? 0 : 1; }",
        "void f(object *o) { int r; if ((r = verify(o)) <= 0) log(r); }",
        "void f(object *o) {\n /* A failure\n is not fatal here. */\n verify(o);\n}",
        "void f(object *o) {\n verify(o); // errors are deliberately ignored\n touch(o);\n}",
        "void f(object *o, int i) {\n verify(o);\n // If it fails,\n // we don't care.\n i = 1;\n}",
    ],
)
def test_a_result_that_is_looked_at_or_dropped_on_purpose_is_not(bench: Bench, text: str) -> None:
    assert bench.check(text) == ()


@pytest.mark.parametrize(
    ("text", "underlined"),
    [
        ("int f(object *o) { if (verify(o)) return 1; return 0; }", ["verify(o)"]),
        ("int f(object *o) { if (!verify(o)) return 1; return 0; }", ["verify(o)"]),
        ("int f(object *o) { if (verify(o) < 0) return 1; return 0; }", ["verify(o) < 0"]),
        ("int f(object *o) { if (verify(o) != 0) return 1; return 0; }", ["verify(o) != 0"]),
        ("int f(object *o) { if (-1 == verify(o)) return 1; return 0; }", ["-1 == verify(o)"]),
        ("int f(object *o) { int r = verify(o); if (r) return 1; return 0; }", ["r"]),
        ("bool f(object *o) { return verify(o); }", ["verify(o)"]),
        ("bool f(object *o) { bool ok = verify(o); return ok; }", ["verify(o)"]),
        (
            "int f(object *o) { switch (verify(o)) { case 0: return 1; default: return 0; } }",
            ["verify(o)"],
        ),
        (
            "int f(object *o) { if (verify(o) > 0) { log(); return -1; } return 0; }",
            ["verify(o) > 0"],
        ),
        (
            "int f(object *o) { if (verify(o) == 1) return BIG_ERROR; return 0; }",
            ["verify(o) == 1"],
        ),
        ("int f(object *o) { if (verify(o) == 1) return -1; return -2; }", []),
        ("int f(object *o) { if (verify(o) == 1) return VERROUIL; return 0; }", []),
        ("int f(object *o) { if (verify(o) == 1) return BIG_ERR_SUCCESS; return 1; }", []),
        ("int f(object *o) { if (verify(o) > 0) return 1; return 0; }", []),
        ("int f(object *o) { if (verify(o) == 1) return 1; return 0; }", []),
        (
            "int f(object *o) { int r = verify(o); if (r < 0) return 1;"
            " if (r == 0) return 2; return 0; }",
            [],
        ),
        (
            "int f(object *o) { int r = verify(o); if (r != 0) { if (r < 0) return 2; return 0; }"
            " return 1; }",
            [],
        ),
        ("bool f(object *o, bool b) { return b && verify(o) == 1; }", []),
        ("int f(object *o) { int r = verify(o); if (r) { report(r); return 1; } return 0; }", []),
    ],
)
def test_a_test_that_takes_failure_for_success_is_found(
    bench: Bench, text: str, underlined: list[str]
) -> None:
    assert bench.found(text, "misread") == underlined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("void f() { object *o = make(); touch(o); }", 1),
        ("void f() { object *o = make(); o->x = 1; }", 1),
        ("void f() { touch(make()); }", 1),
        ("void f() { object *o = make(); if (!o) return; touch(o); }", 0),
        ("void f() { object *o = make(); if (o && o->x) go(); }", 0),
        ("void f() { object *o = make(); if (o == nullptr) { log(); } touch(o); }", 1),
        ("void f() { object *o; if ((o = make()) == 0) return; touch(o); }", 0),
        ("void f() { object *o = make(); ENSURE(o); touch(o); }", 0),
        ("void f() { object *o = make(); if (!o) throw_error(1); touch(o); }", 0),
    ],
)
def test_a_null_that_is_used_before_its_test_is_found(
    bench: Bench, text: str, expected: int
) -> None:
    assert len(bench.found(text, "unguarded")) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("void f(object *o, int n) { emit(o, n); }", 1),
        ("void f(object *o) { emit(o, 2); }", 1),
        ("void f(object *o, bool b) { emit(o, b ? 1 : 2); }", 1),
        ("void f(object *o) { emit(o, 1); }", 0),
        ("void f(object *o) { const int one = 1; emit(o, one); }", 0),
    ],
)
def test_a_condition_may_except_a_number(bench: Bench, text: str, found: int) -> None:
    assert len(bench.found(text, "sent")) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("void f(object *o) { old_name(o); }", 1),
        ("void legacy_f(object *o) { old_name(o); }", 0),
        ("void f(object *o) { old_name(o); }\nvoid asLegacy(object *o) { f(o); }", 0),
        ("struct Legacy { void f(object *o) { old_name(o); } };", 0),
        ("struct S { void legacy(); void f(object *o) { old_name(o); } };", 1),
    ],
)
def test_names_tell_what_a_call_is_for(bench: Bench, text: str, found: int) -> None:
    assert len(bench.found(text, "old-name")) == found


def test_one_call_in_two_roles_is_reported_once(bench: Bench) -> None:
    text = 'void f(object *o) { use_key(o, "secret"); }'

    assert bench.found(text, "also-keyed") == ['"secret"']
    assert bench.found(text.replace("void f", "void special_f"), "also-keyed") == []


BRANCHES = [
    ("#if DEMO_VERSION < 0x20000L", 0, 1),
    ("#if DEMO_VERSION >= 0x20000L", 1, 0),
    ("#if DEMO_VERSION < 0x30000L", 1, 1),
    ("#if 0x20000 > DEMO_VERSION", 0, 1),
    ("#if DEMO_VERSION < DEMO_CHECK(2, 0)", 0, 1),
    ("#if DEMO_VERSION <= 0x1ffff && defined(OTHER)", 0, 1),
    ("#if DEMO_VERSION < 0x20000 || defined(OTHER)", 1, 1),
    ("#if !(DEMO_VERSION >= 0x20000 || defined OTHER)", 0, 1),
    ("#if !(DEMO_VERSION < 0x20000) && defined(OTHER)", 1, 1),
    ("#if DEMO_VERSION", 1, 1),
    ("#if defined(DEMO_VERSION) && DEMO_VERSION ==", 1, 1),
]


@pytest.mark.parametrize(("condition", "then", "otherwise"), BRANCHES)
def test_a_branch_for_earlier_releases_plays_no_later_role(
    bench: Bench, condition: str, then: int, otherwise: int
) -> None:
    """Where a condition does not settle the release, both branches are judged."""
    lines = ["void f(object *o) {", condition, "old_name(o);", "#else", "old_name(o) ;", "#endif"]
    found = [
        item.span.start for item in bench.check("\n".join((*lines, "}"))) if item.rule == "old-name"
    ]

    assert len(found) == then + otherwise


@pytest.mark.parametrize(
    ("condition", "then", "otherwise"),
    [
        ("#if DEMO_VERSION >= 0x20000L", 0, 1),
        ("#if DEMO_VERSION < 0x20000L", 1, 0),
        ("#if DEMO_VERSION > 0x1ffff && defined(OTHER)", 0, 1),
        ("#if DEMO_VERSION != 0x20000", 1, 0),
        ("#if DEMO_VERSION >= 0x18000L", 1, 1),
        ("#if defined(OTHER)", 1, 1),
    ],
)
def test_a_branch_for_later_releases_plays_no_role_that_has_ended(
    bench: Bench, condition: str, then: int, otherwise: int
) -> None:
    lines = ["void f(object *o) {", condition, "old_way(o);", "#else", "old_way(o) ;", "#endif"]

    assert len(bench.found("\n".join((*lines, "}")), "old-way")) == then + otherwise


def test_a_role_ends_where_clang_knows_the_release(bench: Bench) -> None:
    text = "void f(object *o) { old_way(o); }"
    for number, count in ((0x20000, 0), (0x1FFFF, 1)):
        facts = Facts(macros={"DEMO_VERSION": MacroFact(None, "OTHER", number)})
        rules = [item.rule for item in bench.check(text, facts)]
        assert rules.count("old-way") == count


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("void f(object *o, int n) { count(o, n); }", 1),
        ("void f(object *o) { count(o, GRADE_LOW); }", 0),
        ("void f(object *o, int n) { count(o, GRADE_LOW | n); }", 1),
        ("void f(object *o, bool b) { count(o, b ? 1 : 2); }", 0),
        ("int size(); void f(object *o) { count(o, size()); }", 1),
    ],
)
def test_what_an_argument_may_be_is_not_all_known(bench: Bench, text: str, found: int) -> None:
    assert len(bench.found(text, "vague")) == found


def test_what_only_abandoned_releases_compile_is_said_to_be_left_out(bench: Bench) -> None:
    text = """void f(object *o) {
#if DEMO_VERSION < 0x10000
    set_grade(o, GRADE_LOW);
    set_grade(o, GRADE_LOW);
#endif
}"""
    unit = bench.unit(text)

    assert bench.check(text) == ()
    assert [(item.function, item.reason) for item in unread(bench.index, unit)] == [
        ("f", "the branch is for Demo before 1.0, which its page does not describe")
    ]


def test_a_comment_with_a_reason_silences_a_rule(bench: Bench) -> None:
    text = (
        "void f(object *o) {\n"
        "    // tlsight-ignore low-grade: the peer knows no other\n"
        "    set_grade(o, GRADE_LOW);\n"
        "    set_grade(o, GRADE_LOW); // tlsight-ignore low-grade: nor here\n"
        "    set_grade(o, GRADE_LOW); // tlsight-ignore low-grade\n"
        "}\n"
    )
    unit = bench.unit(text)

    silenced = suppressed(unit, bench.check(text))

    assert [item.reason for item in silenced] == ["the peer knows no other", "nor here"]


def test_ten_thousand_branches_are_walked_within_the_budget(bench: Bench) -> None:
    body = "".join(f"if (x == {number}) g = GRADE_HIGH; " for number in range(2_000))
    text = f"void f(object *o, int x) {{ int g = GRADE_LOW; {body} set_grade(o, g); }}"

    assert bench.found(text, "low-grade") == ["GRADE_LOW"]
