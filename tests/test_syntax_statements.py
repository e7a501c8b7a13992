"""Statements, each to its part of the control-flow graph."""

from __future__ import annotations

import pytest

from ir_printer import graph
from tlsight.syntax import Hints

FATAL = Hints(no_return=frozenset(("exit_now",)), asserts=frozenset(("ENSURE",)))
KNOWN = Hints(types=frozenset(("T",)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "if (a) b(); else c();",
            ["2 test a -> T3 F4", "3 evaluate b() -> x", "4 evaluate c() -> x"],
        ),
        (
            "if ((rc = f()) <= 0 || !b) goto err; g(); err: h();",
            [
                "2 test ((rc = f()) <= 0) -> F3 T4",
                "3 test b -> F4 T5",
                "4 join -> 6",
                "5 evaluate g() -> 6",
                "6 join -> 7",
                "7 evaluate h() -> x",
            ],
        ),
        (
            "while (a && f()) g();",
            ["2 test a loop -> T3 Fx", "3 test f() loop -> T4 Fx", "4 evaluate g() -> 2"],
        ),
        (
            "do { f(); } while (g());",
            ["2 join -> 3", "3 evaluate f() -> 4", "4 test g() loop -> T2 Fx"],
        ),
        ("do { f(); } while (0);", ["2 evaluate f() -> x"]),
        (
            "for (int i = 0; i < n; i++) f(i);",
            [
                "2 declare int i = 0 -> 3",
                "3 test (i < n) loop -> T4 Fx",
                "4 evaluate f(i) -> 5",
                "5 evaluate (p++ i) -> 3",
            ],
        ),
        (
            "for (;;) { if (a) break; if (b) continue; f(); }",
            [
                "2 join loop -> 3",
                "3 test a -> T4 F5",
                "4 join -> x",
                "5 test b -> T6 F7",
                "6 join -> 2",
                "7 evaluate f() -> 2",
            ],
        ),
        (
            "switch (a) { case 1: f(); case 2: case 3: g(); break; default: h(); }",
            [
                "2 switch a -> [1]3 [2, 3]4 [default]6",
                "3 evaluate f() -> 4",
                "4 evaluate g() -> 5",
                "5 join -> x",
                "6 evaluate h() -> x",
            ],
        ),
        ("switch (a) { case X: return; }", ["2 switch a -> [X]3 [default]x", "3 return -> x"]),
        (
            "x = a() && b();",
            ["2 test a() -> T3 F4", "3 test b() -> T4 F4", "4 evaluate (x = ~(a() && b())) -> x"],
        ),
        ("a && b();", ["2 test a -> T3 Fx", "3 evaluate b() -> x"]),
        ("a ? f() : g();", ["2 test a -> T3 F4", "3 evaluate f() -> x", "4 evaluate g() -> x"]),
        (
            "x = a ? f() : g();",
            [
                "2 test a -> T3 F4",
                "3 evaluate f() -> 5",
                "4 evaluate g() -> 5",
                "5 evaluate (x = ~(a ? f() : g())) -> x",
            ],
        ),
        (
            "return a() || b();",
            ["2 test a() -> F3 T4", "3 test b() -> T4 F4", "4 return ~(a() || b()) -> x"],
        ),
        ("if (a, b) c();", ["2 evaluate a -> 3", "3 test b -> T4 Fx", "4 evaluate c() -> x"]),
        ("while (1) f();", ["2 test 1 loop -> T3", "3 evaluate f() -> 2"]),
        ("if (0) f();", ["2 test 0 -> Fx", "3 evaluate f() -> x"]),
        ("exit_now(); f();", ["2 evaluate exit_now() -> ", "3 evaluate f() -> x"]),
        (
            "a ? f() : exit_now(); g();",
            [
                "2 test a -> T3 F4",
                "3 evaluate f() -> 5",
                "4 evaluate exit_now() -> ",
                "5 evaluate g() -> x",
            ],
        ),
        (
            "a || exit_now(); g();",
            ["2 test a -> F3 T4", "3 evaluate exit_now() -> ", "4 evaluate g() -> x"],
        ),
        (
            "int b = a ? 1 : exit_now(); g();",
            [
                "2 test a -> F3 T4",
                "3 evaluate exit_now() -> ",
                "4 declare int b = ~(a ? 1 : exit_now()) -> 5",
                "5 evaluate g() -> x",
            ],
        ),
        (
            "if (exit_now()) f(); g();",
            ["2 test exit_now() -> ", "3 evaluate f() -> 4", "4 evaluate g() -> x"],
        ),
        ("return exit_now();", ["2 return exit_now() -> "]),
        (
            "int b = (f(), g());",
            ["2 evaluate f() -> 3", "3 declare int b = (~f() , g()) -> x"],
        ),
        ("ENSURE(a && !b); f();", ["2 test a -> T3", "3 test b -> F4", "4 evaluate f() -> x"]),
        (
            "x = ({ int t = f(); t + 1; });",
            ["2 declare int t = f() -> 3", "3 evaluate (x = (t + 1)) -> x"],
        ),
        (
            "if (f(a || b) > 0) c();",
            [
                "2 test a -> F3 T4",
                "3 test b -> T4 F4",
                "4 test (f(~(a || b)) > 0) -> T5 Fx",
                "5 evaluate c() -> x",
            ],
        ),
        (
            "if (!(a && (b || !c))) f();",
            ["2 test a -> T3 F5", "3 test b -> F4 Tx", "4 test c -> T5 Fx", "5 evaluate f() -> x"],
        ),
        ('__asm__ volatile ("nop" : : "r"(f()));', ["2 evaluate ?['nop', 'r', f()] -> x"]),
        ("again: f(); goto again;", ["2 join -> 3", "3 evaluate f() -> 4", "4 join -> 2"]),
        (
            "if (a ? b : c) f();",
            ["2 test a -> T3 F4", "3 test b -> T5 Fx", "4 test c -> T5 Fx", "5 evaluate f() -> x"],
        ),
    ],
)
def test_graphs_of_c(source: str, expected: list[str]) -> None:
    assert graph(source, "c", FATAL) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "if (T *s = f(); s && g()) h();",
            [
                "2 declare T * s = f() -> 3",
                "3 test s -> T4 Fx",
                "4 test g() -> T5 Fx",
                "5 evaluate h() -> x",
            ],
        ),
        (
            "if (T *s = f()) h();",
            ["2 declare T * s = f() -> 3", "3 test s -> T4 Fx", "4 evaluate h() -> x"],
        ),
        (
            "for (const auto &x : f()) g(x);",
            [
                "2 evaluate f() -> 3",
                "3 test ?[] loop -> T4 Fx",
                "4 declare const auto & x -> 5",
                "5 evaluate g(x) -> 3",
            ],
        ),
        (
            "try { f(); throw 1; } catch (const E &e) { g(); } catch (...) { throw; } h();",
            [
                "2 join -> 3 5 7",
                "3 evaluate f() -> 4",
                "4 evaluate (throw 1) -> 5 7",
                "5 declare const E & e -> 6",
                "6 evaluate g() -> 8",
                "7 join -> x",
                "8 evaluate h() -> x",
            ],
        ),
        ("co_return f();", ["2 return f() -> x"]),
        ('throw E("x");', ["2 evaluate (throw E('x')) -> x"]),
        (
            "for (const auto &[k, v] : m) g(k);",
            [
                "2 evaluate m -> 3",
                "3 test ?[] loop -> T4 Fx",
                "4 declare const auto & k -> 5",
                "5 declare const auto & v -> 6",
                "6 evaluate g(k) -> 3",
            ],
        ),
        (
            "if constexpr (A) f(); else g();",
            ["2 test A -> T3 F4", "3 evaluate f() -> x", "4 evaluate g() -> x"],
        ),
        (
            "while (auto line = next()) f(line);",
            [
                "2 declare auto line = next() -> 3",
                "3 test line loop -> T4 Fx",
                "4 evaluate f(line) -> 2",
            ],
        ),
        (
            "switch (int q = f()) { case E::A: g(); }",
            [
                "2 declare int q = f() -> 3",
                "3 switch q -> [E::A]4 [default]x",
                "4 evaluate g() -> x",
            ],
        ),
        (
            "auto l = [&, q = f()](int a) { return a; }; l(1);",
            ["2 declare auto l = lambda 1 -> 3", "3 evaluate l(1) -> x"],
        ),
        ("connect(a, [this] { f(); });", ["2 evaluate connect(a, lambda 1) -> x"]),
    ],
)
def test_graphs_of_cpp(source: str, expected: list[str]) -> None:
    assert graph(source, "cpp", KNOWN) == expected
