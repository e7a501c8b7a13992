"""The engine behind `kind = "ownership"`: what becomes of an object on every way, and what not.

The texts are judged by the real pages, without clang, for what owns and releases stands there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import analyst
from tlsight.finding import Finding, Report

HEAD = "#include <openssl/pem.h>\n#include <openssl/ssl.h>\n#include <openssl/x509v3.h>\n"
READ = "PEM_read_bio_X509(in, NULL, NULL, NULL)"
RULES = (
    "object-leaked",
    "object-freed-twice",
    "object-used-after-free",
    "free-mismatched",
    "borrowed-freed",
    "manual-lifetime",
    "scope-unbalanced",
)


def report(text: str, language: str = "c", evidence: bool = False) -> Report:
    path = Path(f"/nowhere/ownership.{language}")
    try:
        return analyst().final(path, (HEAD + text).encode(), evidence=evidence)
    finally:
        analyst().close(path)


def found(text: str, language: str = "c") -> list[Finding]:
    return [item for item in report(text, language).findings if item.rule in RULES]


def rules(text: str, language: str = "c") -> list[str]:
    return [item.rule for item in found(text, language)]


@pytest.mark.parametrize(
    "body",
    [
        f"X509 *x = {READ}; return x != NULL;",
        f"X509 *x = {READ}; X509 *y = x; x = NULL; return y != NULL;",
        f"X509 *x = {READ}; if (x && n) return 1; X509_free(x); return 0;",
        f"X509 *x = n ? {READ} : NULL; return x != NULL;",
        f"X509 *x; if ((x = {READ}) == NULL) return 0; return 1;",
        f"X509 *x; while ((x = {READ}) != NULL) n++; return n;",
        f"X509 *x = {READ}; switch (n) {{ case 1: X509_free(x); return 1; default: return 0; }}",
        f"X509 *x = {READ}; do {{ if (n) break; X509_free(x); return 1; }} while (0); return 0;",
        f"return {READ} != NULL;",
        f"(void)n; {READ}; return 1;",
    ],
)
def test_an_object_that_is_not_released_is_found(body: str) -> None:
    assert ["object-leaked"] == rules(f"int f(BIO *in, int n) {{ {body} }}")


@pytest.mark.parametrize(
    "body",
    [
        f"X509 *x = {READ}; X509 *y = x; X509_free(y); return 1;",
        f"X509 *x = n ? {READ} : NULL; if (n) X509_free(x); return 1;",
        f"X509 *x = NULL; if (n > 0) x = {READ}; if (n < 1) return 0; X509_free(x); return 1;",
        f"X509 *x = {READ}; int r = 0; if (!x) goto end; r = 1; end: X509_free(x); return r;",
        f"X509 *x = {READ}; if (x == NULL) return 0; elsewhere(x); return 1;",
        f"X509 *x = {READ}; elsewhere_too(&x); return 1;",
        f"X509 *x = {READ}; kept = x; return 1;",
        f"X509 *x = {READ}; struct s s = {{ x }}; return use(s);",
        f"X509 *x = {READ}; X509_up_ref(x); X509_free(x); return 1;",
        f"X509 *x = {READ}; X509_free(x); x = {READ}; X509_free(x); return 1;",
        f"X509 *x = {READ}; exit(1);",
        f"X509 *x = {READ}; if (n) {{ X509_free(x); x = NULL; }} if (x) X509_free(x); return 1;",
        "static X509 *x; x = X509_new(); return x != NULL;",
    ],
)
def test_what_is_released_or_out_of_sight_is_not(body: str) -> None:
    text = (
        "struct s { X509 *x; }; int use(struct s); void elsewhere(X509 *); void exit(int);"
        " void elsewhere_too(X509 **); extern X509 *kept;"
        f" int f(BIO *in, int n) {{ {body} }}"
    )

    assert [] == rules(text)


def test_main_may_leave_it_to_the_end_of_the_process() -> None:
    body = "SSL_CTX *c = SSL_CTX_new(TLS_method()); return c == NULL;"

    assert [] == rules(f"int main(void) {{ {body} }}")
    assert ["object-leaked"] == rules(f"int other(void) {{ {body} }}")


def test_preprocessor_conditions_are_kept_apart() -> None:
    """What is made under a condition is released under the same one."""
    text = (
        "int f(BIO *in) {{\n#ifdef A\nX509 *x = {read};\n#endif\nBIO_flush(in);\n"
        "#ifdef A\n{release}\n#endif\nreturn 1;\n}}\n"
    )

    assert [] == rules(text.format(read=READ, release="X509_free(x);"))
    assert ["object-leaked"] == rules(text.format(read=READ, release="BIO_reset(in);"))


def test_helpers_of_the_file_count_as_what_they_do() -> None:
    helpers = (
        f"static X509 *load(BIO *in) {{ X509 *x = {READ}; return x; }}"
        " static void drop(X509 *x) { if (x) X509_free(x); }"
        " static int look(X509 *x) { return X509_check_purpose(x, 1, 0); }"
        " static void maybe(X509 *x, int n) { if (n) X509_free(x); }"
    )
    cases = {
        "X509 *x = load(in); look(x); drop(x); return 1;": [],
        "X509 *x = load(in); return look(x);": ["object-leaked"],
        "X509 *x = load(in); drop(x); return look(x);": ["object-used-after-free"],
        "X509 *x = load(in); drop(x); drop(x); return 1;": ["object-freed-twice"],
        "X509 *x = load(in); maybe(x, 1); return 1;": [],
    }

    assert list(cases.values()) == [rules(f"{helpers} int f(BIO *in) {{ {c} }}") for c in cases]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("X509_free(s->x); X509_free(s->x);", ["object-freed-twice"]),
        ("X509_free(s->x); s->x = NULL; X509_free(s->x);", []),
        ("X509_free(s->x); s = s->next; X509_free(s->x);", []),
        ("X509_free(s->x); other(s); X509_free(s->x);", []),
        ("while (s) { X509_free(s->x); s = s->next; }", []),
        ("for (;; s++) X509_free(s->x);", []),
        ("if (n) X509_free(s->x); if (n) X509_free(s->x);", ["object-freed-twice"]),
        ("if (n) X509_free(s->x); else X509_free(s->x);", []),
        ("if (n <= 0) X509_free(s->x); if (n == 1) X509_free(s->x);", []),
        ("X509_free(s->x); n = s->x != NULL;", []),
    ],
)
def test_fields_are_objects_until_other_code_may_have_set_them(
    body: str, expected: list[str]
) -> None:
    text = (
        "struct s { X509 *x; struct s *next; }; void other(struct s *);"
        f" void f(struct s *s, int n) {{ {body} }}"
    )

    assert expected == rules(text)


@pytest.mark.parametrize(
    "holder",
    [
        "std::unique_ptr<X509, D> p(X509_new());",
        "std::unique_ptr<X509, D> p; p.reset(X509_new());",
        "X509 *x = X509_new(); std::shared_ptr<X509> p(x, X509_free);",
        "X509 *x = X509_new(); auto end = [x] { X509_free(x); }; end();",
        "Q q(X509_new());",
    ],
)
def test_smart_pointers_are_right(holder: str) -> None:
    text = (
        "#include <memory>\nstruct D { void operator()(X509 *x) const { X509_free(x); } };"
        " struct Q { Q(X509 *x); };"
        f" void f() {{ {holder} }}"
    )

    assert [] == rules(text, "cpp")


@pytest.mark.parametrize(
    "declared",
    [
        "__attribute__((cleanup(drop))) X509 *x = X509_new();",
        "X509 *x __attribute__((cleanup(drop))) = X509_new();",
        "AUTO X509 *x = X509_new();",
        "AUTO(X509) *x = X509_new();",
        "AUTO X509 *x = NULL; x = X509_new();",
    ],
)
def test_what_an_attribute_or_a_macro_may_release_is_not_claimed(declared: str) -> None:
    assert [] == rules(f"void drop(X509 **); int f(void) {{ {declared} return x != NULL; }}")


@pytest.mark.parametrize(
    "declared",
    [
        "const X509 *y = NULL, *x = X509_new();",
        "if (1) ; struct x509_st *x = X509_new();",
        "/* one */ X509 *x /* two */ = X509_new();",
        "X509 *x; x = X509_new();",
    ],
)
def test_plain_declarations_are_understood(declared: str) -> None:
    assert ["object-leaked"] == rules(f"int f(void) {{ {declared} return x != NULL; }}")


def test_evidence_tells_who_holds_it() -> None:
    text = (
        "#include <memory>\nstruct D { void operator()(X509 *x) const { X509_free(x); } };"
        " void f() { std::unique_ptr<X509, D> p(X509_new()); }"
    )

    told = [
        item.message
        for item in report(text, "cpp", evidence=True).evidence
        if item.rule == "object-leaked"
    ]

    assert ["X509_new: it is held by std::unique_ptr"] == told


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("keep(x);", "x is handed to code that may keep it"),
        ("X509 *y = x; X509_check_purpose(y, 1, 0);", None),
        ("x = X509_new();", "x is given another value"),
    ],
)
def test_the_refactoring_tells_why_it_is_withheld(use: str, reason: str | None) -> None:
    """Of an object under two names it is not spoken."""
    text = (
        "void keep(X509 *);"
        f" bool f(bool b) {{ X509 *x = X509_new(); if (b) {{ {use} }} X509_free(x); return b; }}"
    )

    withheld = [
        fix.withheld
        for item in found(text, "cpp")
        if item.rule == "manual-lifetime"
        for fix in item.fixes
    ]

    assert ([reason] if reason else []) == withheld


def test_a_function_of_many_ways_is_given_up() -> None:
    """And the report says so."""
    ways = "".join(f"if (a[{n}]) b{n} = 1; " for n in range(40))
    ends = "".join(f"if (b{n}) n++; " for n in range(40))
    names = ", ".join(f"b{n} = 0" for n in range(40))
    text = (
        f"int f(BIO *in, int *a, int n) {{ int {names}; X509 *x = {READ};"
        f" {ways} {ends} if (n) X509_free(x); return n; }}"
    )
    answer = report(text)

    assert [] == [item.rule for item in answer.findings if item.rule in RULES]
    assert any("too many ways" in item.reason for item in answer.unanalysed)
