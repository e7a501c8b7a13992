"""Functions, however they are written, and what a text declares."""

from __future__ import annotations

import pytest

from ir_printer import expr, module, nodes
from tlsight import ir
from tlsight.syntax import Hints, declarations

HEADER = """#pragma once
namespace Net { namespace {
const int kMost = 3;
}
class NET_EXPORT Channel : public Base, private ns::Other<int>
{
    MARKER
public:
    enum class Mode { A, B = 5, C };
    enum Old { X, Y = 1 << 2, Z = X | Y };
    struct Options { Text name; int count = 3; Options(); };
    using Pointer = std::shared_ptr<Channel>;
    typedef List<Error> Errors;
    explicit Channel(Object *parent = nullptr, Mode mode = Mode::A);
    ~Channel() override;
    static bool ready(const Text &name, int count = 10) { return count > 1; }
    bool operator==(const Channel &other) const;
    operator bool() const { return a; }
    template <class T> T get() const { return static_cast<T>(x); }
    virtual void pure() = 0;
    Channel(const Channel &) = delete;
    void configure(const Options &options = {});
private Q_SLOTS:
    void slot();
private:
    int a = compute();
    static constexpr int limit = 7;
    unsigned char key[32], *next;
    int (*callback)(void *);
};
int open(Channel *channel, int flags = 0);
}
extern "C" { int plain(void); }
#define LIMIT 3
#define CHECK(x) check(x)
typedef struct { int fd; } handle_t;
"""


def declared() -> ir.Declarations:
    return declarations(HEADER.encode(), "cpp", Hints())


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("c", "int f(int a, char *b) {}", "function f() int: int a, char * b"),
        ("c", "int f(a, b) int a; char *b; {}", "function f() int: int a, char * b"),
        ("c", "API_EXPORT const char *f(void) {}", "function f() const char *: "),
        ("c", "static lib_inline int\nf(x_t *x) {}", "function f() int: x_t * x"),
        ("c", "int f(void) __attribute__((unused)) {}", "function f() int: "),
        ("c", "void f(ctx_t *ctx LIB_UNUSED) {}", "function f() void: ctx_t * ctx"),
        ("c", "void f(int a[4], int (*g)(int)) {}", "function f() void: int[4] a, int (*)(int) g"),
        ("cpp", "C::C(int a = 3) : m(a) {}", "constructor C::C(C) : int a = 3"),
        ("cpp", "C::~C() {}", "destructor C::~C(C) : "),
        (
            "cpp",
            "bool C::operator==(const C &o) const {}",
            "method C::operator==(C) bool: const C & o",
        ),
        ("cpp", "C::operator bool() const {}", "method C::operator bool(C) bool: "),
        ("cpp", "template <class T> void f(T &&t) {}", "function f() void: T && t"),
        ("cpp", "auto f() -> int {}", "function f() auto: "),
        ("cpp", "namespace n { void f() {} }", "function n::f() void: "),
        ("cpp", "namespace n { void C::f() {} }", "method n::C::f(n::C) void: "),
        ("cpp", "namespace { static void f() {} }", "function f() void: "),
        ("cpp", 'extern "C" int f(void *) {}', "function f() int: void * "),
        ("cpp", "struct S { int f() { } };", "method S::f(S) int: "),
        ("cpp", "class LIB_EXPORT S final : B { void f() { } };", "method S::f(S) void: "),
        ("cpp", "void f() try { } catch (...) { }", "function f() void: "),
        ("cpp", "NS_BEGIN\nnamespace n {\nvoid f() {}\n}\nNS_END\n", "function n::f() void: "),
        ("cpp", "[[nodiscard]] int f() noexcept(true) {}", "function f() int: "),
    ],
)
def test_a_function_is_found(language: str, text: str, expected: str) -> None:
    found = module(text, language)
    (function,) = found.functions
    parameters = ", ".join(
        f"{item.type} {item.name}" + (f" = {expr(item.initial)}" if item.initial else "")
        for item in function.parameters
    )

    head = f"{function.kind} {function.name}({function.owner}) {function.result}"
    assert f"{head}: {parameters}" == expected
    assert not function.broken
    assert found.errors == ()


def test_member_initialisers_come_before_the_body() -> None:
    (function,) = module("C::C() : Base(p), m{g()} { h(); }", "cpp").functions

    assert nodes(function) == [
        "2 evaluate construct Base@Base(p) -> 3",
        "3 evaluate construct m@m(g()) -> 4",
        "4 evaluate h() -> x",
    ]


def test_a_lambda_is_a_function_of_its_own() -> None:
    first, second = module("void f() { g([a = h()](int b) { return b; }); }", "cpp").functions

    assert nodes(first) == ["2 evaluate g(lambda 1) -> x"]
    assert (second.kind, second.name, second.enclosing) == ("lambda", "<lambda>", 0)
    assert nodes(second) == ["2 declare auto a = h() -> 3", "3 return b -> x"]


def test_initialisers_of_files_and_classes_are_functions() -> None:
    found = module("static const int a = f();\nclass C { int b = 3; T c; };", "cpp").functions

    assert [(item.kind, item.owner, nodes(item)) for item in found] == [
        ("initialiser", "", ["2 declare const int a = f() -> x"]),
        ("initialiser", "C", ["2 declare int b = 3 -> x"]),
    ]


def test_a_record_knows_its_members() -> None:
    record = declared().records["Net::Channel"]

    assert {name: item.type for name, item in record.fields.items()} == {
        "a": "int",
        "limit": "int",
        "key": "unsigned char[32]",
        "next": "unsigned char *",
        "callback": "int (*)(void *)",
    }
    assert set(record.methods) == {
        "Channel", "~Channel", "ready", "operator==", "operator bool", "get", "pure", "configure",
        "slot",
    }  # fmt: skip
    assert record.bases == ("Base", "ns::Other")


def test_nested_types_are_qualified() -> None:
    found = declared()

    assert set(found.records) == {"Net::Channel", "Net::Channel::Options", "handle_t"}
    assert found.aliases == {
        "Net::Channel::Pointer": "std::shared_ptr<Channel>",
        "Net::Channel::Errors": "List<Error>",
    }


def test_enumerators_have_values() -> None:
    found = declared().enumerators

    assert {key: value for key, value in found.items() if "::Old::" not in key} == {
        "Net::Channel::Mode::A": 0,
        "Net::Channel::Mode::B": 5,
        "Net::Channel::Mode::C": 6,
        "Net::Channel::X": 0,
        "Net::Channel::Y": 4,
        "Net::Channel::Z": 4,
    }


def test_default_arguments_are_kept() -> None:
    (signature,) = declared().records["Net::Channel"].methods["ready"]
    (configure,) = declared().records["Net::Channel"].methods["configure"]

    assert [expr(item.initial) for item in signature.parameters] == ["", "10"]
    assert [expr(item.initial) for item in configure.parameters] == ["{}"]
    assert (signature.static, signature.owner, signature.result) == (True, "Net::Channel", "bool")


def test_functions_variables_and_macros_are_declared() -> None:
    found = declared()

    assert {"Net::open", "plain"} <= set(found.functions)
    assert set(found.variables) == {"Net::kMost", "Net::Channel::limit"}
    assert {name: (item.parameters, item.body) for name, item in found.macros.items()} == {
        "LIMIT": (None, "3"),
        "CHECK": (("x",), "check(x)"),
    }


def test_a_text_declares_the_functions_that_it_defines() -> None:
    found = module("int f(int a) { return a; }\nint g(void);").declarations.functions

    assert {name: len(items) for name, items in found.items()} == {"g": 1, "f": 1}


def test_a_cast_is_told_from_an_operation_by_the_names_in_scope() -> None:
    text = "void f(int a) { x = (a) & b; y = (T) & b; z = (g)(1); } int g(int);"
    (function,) = module(text, "c", Hints(types=frozenset(("T",)))).functions

    assert [line.partition("(")[2].rpartition(" -> ")[0] for line in nodes(function)] == [
        "x = (a & b))",
        "y = <T>(& b))",
        "z = g(1))",
    ]
