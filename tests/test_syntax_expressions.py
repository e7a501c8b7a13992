"""Expressions and declarations, each to its form in the IR."""

from __future__ import annotations

import pytest

from ir_printer import graph, statement
from tlsight.syntax import Hints

KNOWN = Hints(types=frozenset(("T", "Key")))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('a.b->c(1, "x")(2)', "a.b->c(1, 'x')(2)"),
        ("p = (unsigned char *)malloc(n)", "(p = <unsigned char *>malloc(n))"),
        ("(*fp)(3)", "(* fp)(3)"),
        ("a[i].x = b ^ ~c", "(a[i].x = (b ^ (~ c)))"),
        ("!a", "(! a)"),
        ("i++", "(p++ i)"),
        ("--i", "(-- i)"),
        ('s = "a" "b\\n\\x41\\101"', "(s = 'ab\\nAA')"),
        ("c = '\\n'", "(c = 10)"),
        ("n = 0x1F + 0b101 + 017 + 10UL", "(n = (((31 + 5) + 15) + 10))"),
        ("f(NULL)", "f(null)"),
        (
            "sizeof(int) + sizeof x + sizeof(struct s)",
            "((sizeof(int) + sizeof(x)) + sizeof(struct s))",
        ),
        ("v = (struct point){.x = 1, .y = 2}", "(v = <struct point>{(x = 1), (y = 2)})"),
        ("(void)f()", "<void>f()"),
        ("*p = &q", "((* p) = (& q))"),
        ("x |= FLAG", "(x |= FLAG)"),
        ("(size_t)(x)", "<size_t>x"),
        ("(callback)(x)", "<callback>x"),
        ("offsetof(struct s, a.b)", "?[]"),
    ],
)
def test_expressions_of_c(source: str, expected: str) -> None:
    assert statement(f"{source};") == f"evaluate {expected}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ns::a<b>::c(1)", "ns::a::c(1)"),
        ("T(1)", "construct T(1)"),
        ("T{1, 2}", "construct T(1, 2)"),
        ("new T(a)", "new T(a)"),
        ("new T", "new T()"),
        ("new char[n]", "new char[](n)"),
        ("delete p", "(delete p)"),
        ("static_cast<T *>(p)", "<T *>p"),
        ("this->x()", "this->x()"),
        ("x.template get<int>()", "x.get()"),
        ('R"(a"b)"', "'a\"b'"),
        ('"x"_s', "'x'"),
        ("1'000'000", "1000000"),
        ("nullptr", "null"),
        ("true", "1"),
        ("co_await f()", "(co_await f())"),
        ("::f()", "f()"),
        ("a.*m", "a.m"),
        ("int(3)", "<int>3"),
        ("Key(&file)", "construct Key((& file))"),
        ("f({1, 2})", "f({1, 2})"),
        ("std::move(x)", "std::move(x)"),
        ("x = {}", "(x = {})"),
        ("a<b>(c)", "a(c)"),
        ('u8"é"', "'é'"),
        ("L'x'", "120"),
    ],
)
def test_expressions_of_cpp(source: str, expected: str) -> None:
    assert statement(f"{source};", "cpp", KNOWN) == f"evaluate {expected}"


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        (
            "c",
            "unsigned char buf[32] = {0}, *p;",
            ["unsigned char[32] buf = {0}", "unsigned char * p"],
        ),
        ("c", "int (*fp)(int, char *) = g;", ["int (*)(int, char *) fp = g"]),
        ("c", 'static const char *const names[] = { "a" };', ["const char *const[] names = {'a'}"]),
        ("c", "struct sockaddr_in sa;", ["struct sockaddr_in sa"]),
        ("cpp", "T x;", ["T x = construct T@x()"]),
        ("cpp", "T x(f(y));", ["T x = construct T@x(f(y))"]),
        ("cpp", "T x(a, *b);", ["T x = construct T@x(a, (* b))"]),
        ("cpp", "T x{a};", ["T x = construct T@x(a)"]),
        ("cpp", "T x = T(a);", ["T x = construct T@x(a)"]),
        ("cpp", "auto x = T(a);", ["auto x = construct T@x(a)"]),
        ("cpp", "T x = make();", ["T x = make()"]),
        ("cpp", "T x = {a, b};", ["T x = {a, b}"]),
        ("cpp", "T x(int a);", []),
        ("cpp", "T x();", []),
        ("cpp", "T *p(q);", ["T * p = q"]),
        ("cpp", "int n(3), m{4};", ["int n = 3", "int m = 4"]),
        ("cpp", "size_t n;", ["size_t n"]),
        ("cpp", "auto [a, b] = f();", ["auto  = f()", "auto a", "auto b"]),
        ("cpp", "constexpr int k = 3;", ["int k = 3"]),
        ("cpp", "T x(a::b);", ["T x = construct T@x(a::b)"]),
        ("cpp", "T x(y & z);", ["T x = construct T@x((y & z))"]),
        ("cpp", "T &r = y;", ["T & r = y"]),
        ("cpp", "std::vector<int> v(n);", ["std::vector<int> v = construct std::vector@v(n)"]),
        ("cpp", "extern T x;", ["T x"]),
    ],
)
def test_declared_variables(language: str, source: str, expected: list[str]) -> None:
    lines = graph(source, language, KNOWN)

    found = [line.partition(" ")[2].rpartition(" -> ")[0] for line in lines]
    assert found == [f"declare {item}" for item in expected]
