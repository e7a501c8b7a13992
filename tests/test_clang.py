"""What clang says of small texts: sound facts, and nothing where an error may have changed them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tlsight.clang import ClangFailed, Command, HeaderIndex, Session, find_command
from tlsight.clang.builtin import OWN, best_of, builtin_folder
from tlsight.facts import Facts, MacroFact, NameFact, ParameterFact
from tlsight.rule import Header
from tlsight.text import Span

CPP = Command(("-std=c++17",), "/", "default", "cpp")
C = Command(("-std=c17",), "/", "default", "c")

Open = Callable[..., Session]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Open]:
    """Opens sessions on files of a folder of their own, and closes them."""
    opened: list[Session] = []

    def open_one(
        name: str = "main.cpp",
        command: Command = CPP,
        headers: Sequence[Header] = (),
        index: HeaderIndex | None = None,
        lone: bool = True,
    ) -> Session:
        one = Session(
            tmp_path / "project" / name,
            command,
            headers=headers,
            cache=tmp_path / "cache",
            index=index,
            system_headers=not lone,
        )
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()


def at(text: str, needle: str, occurrence: int = 1) -> int:
    """The offset of the nth occurrence of a piece of text."""
    offset = -1
    for _ in range(occurrence):
        offset = text.index(needle, offset + 1)
    return offset


def span(text: str, needle: str, occurrence: int = 1) -> Span:
    """The span of the nth occurrence of a piece of text."""
    start = at(text, needle, occurrence)
    return Span(start, start + len(needle))


def test_a_lone_snippet_has_names_and_calls(session: Open) -> None:
    text = "int look(int key);\nint f(int n) { int m = look(n); return m; }\n"

    facts = session().update(text.encode())

    assert facts.calls[at(text, "look", 2)].qualified == "look"
    assert facts.calls[at(text, "look", 2)].parameters == (ParameterFact("key", "int"),)
    assert facts.names[at(text, "m =")] == NameFact("m", "variable", "int")
    assert facts.names[at(text, "n)", 2)] == NameFact("n", "parameter", "int")
    assert facts.read == (span(text, "{ int m = look(n); return m; }"),)
    assert facts.errors == facts.broken == facts.missing_headers == ()


def test_a_method_call_has_its_class_and_its_receiver(session: Open) -> None:
    text = """\
namespace net { class Base { public: bool send(const char *s, int n = -1); };
class Socket : public Base { public: void g() { send("a"); } }; }
void f(net::Socket *s, const net::Socket &r) { s->send("x"); (*s).send("y", 2); (void)r; }
"""

    facts = session().update(text.encode())

    for occurrence in (3, 4):
        fact = facts.calls[at(text, "send(", occurrence)]
        assert (fact.qualified, fact.receiver, fact.result) == (
            "net::Base::send",
            "net::Socket",
            "bool",
        )
        assert fact.parameters == (
            ParameterFact("s", "const char *"),
            ParameterFact("n", "int", "-1"),
        )
    assert facts.calls[at(text, "send(", 2)].receiver == "net::Base"


@pytest.mark.parametrize(
    ("statement", "anchor"),
    [
        ("T x(1);", "x(1)"),
        ("T x{1};", "x{1}"),
        ("auto x = T(1);", "T(1)"),
        ("auto x = ns::T{1, 2};", "T{1, 2}"),
        ("auto *x = new ns::T(1);", "T(1)"),
        ("Alias x(1);", "x(1)"),
        ("take(ns::T(1));", "T(1)"),
    ],
)
def test_a_construction_is_a_call(session: Open, statement: str, anchor: str) -> None:
    text = (
        "namespace ns { struct T { T(int); T(int, int); }; } using namespace ns;\n"
        f"using Alias = ns::T; void take(T);\nvoid f() {{ {statement} }}\n"
    )

    fact = session().update(text.encode()).calls[at(text, anchor)]

    assert (fact.qualified, fact.result) == ("ns::T::T", "ns::T")


def test_members_and_bases_are_constructed_where_they_are_named(session: Open) -> None:
    text = """\
struct M { M(int); }; struct B { B(int); };
struct D : B { M m; D() : B(1), m(2) {} };
"""

    facts = session().update(text.encode())

    assert facts.calls[at(text, "B(1)")].qualified == "B::B"
    assert facts.calls[at(text, "m(2)")].qualified == "M::M"


def test_an_implicit_construction_is_no_call(session: Open) -> None:
    text = "struct T { T(int); };\nint g();\nvoid take(T);\nvoid f() { take(g()); T t = g(); }\n"

    facts = session().update(text.encode())

    assert facts.calls[at(text, "g()", 2)].qualified == "g"
    assert facts.calls[at(text, "g()", 3)].qualified == "g"
    assert {fact.qualified for fact in facts.calls.values()} == {"g", "take"}


def test_nobody_spells_inline_and_anonymous_namespaces(session: Open) -> None:
    text = """\
namespace std { inline namespace __1 { struct S { void go(); }; } }
namespace { enum { Five = 5 }; int hidden(); enum class E { A }; enum U { B }; }
void f(std::S s) { s.go(); hidden(); (void)Five; (void)E::A; (void)B; }
"""

    facts = session().update(text.encode())

    assert facts.calls[at(text, "go()", 2)].qualified == "std::S::go"
    assert facts.calls[at(text, "hidden()", 2)].qualified == "hidden"
    assert facts.names[at(text, "Five", 2)].qualified == "Five"
    assert facts.names[at(text, "A;")].qualified == "E::A"
    assert facts.names[at(text, "B;")].qualified == "B"


def test_a_call_through_a_pointer_names_the_pointer(session: Open) -> None:
    text = "int (*hook)(char *, int);\nvoid f() { hook(0, 1); }\n"

    fact = session().update(text.encode()).calls[at(text, "hook(0")]

    assert (fact.qualified, fact.result) == ("hook", "int")
    assert [item.type for item in fact.parameters] == ["char *", "int"]


def test_a_default_argument_is_that_of_the_first_declaration(session: Open) -> None:
    text = """\
struct T { int go(int a, int b = int(sizeof(int[3])), const char *c = "=,"); };
int T::go(int a, int b, const char *c) { return a; }
void f(T t) { t.go(1); }
"""

    fact = session().update(text.encode()).calls[at(text, "go(1)")]

    assert [item.default for item in fact.parameters] == [None, "int(sizeof(int[3]))", '"=,"']


def test_constants_are_folded(session: Open) -> None:
    text = """\
enum E { A = 1, B = A << 2 };
#define FLAG 0x10
#define BOTH FLAG | 3
const int k = B | FLAG;
constexpr int q = k + 1;
int take(int);
void f(int n) { take(A | B); take(FLAG); take(BOTH); take((k)); take(n + 1); take(q); }
"""

    facts = session().update(text.encode())

    assert facts.constants[span(text, "A | B")] == 5
    assert facts.constants[span(text, "FLAG", 4)] == 16
    assert facts.constants[span(text, "BOTH", 2)] == 19
    assert facts.constants[span(text, "(k)")] == 20
    assert facts.names[at(text, "B);")].value == 4
    assert facts.names[at(text, "q);")].value == 21
    assert span(text, "n + 1") not in facts.constants


def test_a_variable_that_changes_has_no_value(session: Open) -> None:
    text = "int take(int);\nint n = 3;\nvoid f() { int m = 4; take(m | n); take(m); }\n"

    facts = session().update(text.encode())

    assert span(text, "m | n") not in facts.constants
    assert facts.names[at(text, "m);")].value is None


def test_an_unknown_value_is_no_constant(session: Open) -> None:
    text = """\
enum E { A = UNKNOWN, B };
enum F { C = A };
const int k = A;
int take(int);
void f() { take(A | 1); take(C | 1); take(k | 1); take(B); }
"""

    facts = session().update(text.encode())

    assert facts.constants == {}
    assert at(text, "A |") not in facts.names
    assert at(text, "B);") not in facts.names
    assert facts.names[at(text, "k |")].value is None


def test_the_size_of_an_unknown_type_is_unknown(session: Open) -> None:
    text = """\
struct U { Unknown m; int k; };
struct V { U u; };
typedef Unknown Z;
struct W { int a[4]; };
unsigned char buffer[20];
unsigned long take(unsigned long);
void f() { take(sizeof(V)); take(sizeof(Z)); take(sizeof(W)); take(sizeof buffer); }
"""

    facts = session().update(text.encode())

    sizes = {text[place.start : place.end]: value for place, value in facts.constants.items()}
    assert sizes == {"sizeof(W)": 16, "sizeof buffer": 20}


def test_the_size_of_a_stand_in_is_unknown(session: Open) -> None:
    page = Header("lib.h", "struct Lib { int only; }; enum { LIB = 7 };", "lib")
    text = "#include <lib.h>\nunsigned long n = sizeof(Lib);\nint m = LIB | 8;\n"

    facts = session(headers=[page]).update(text.encode())

    assert facts.constants == {span(text, "LIB | 8"): 15}


def test_calls_through_an_unknown_member_break_the_body(session: Open) -> None:
    text = """\
struct U { Unknown m; };
int look(int);
void f(U &u) { u.m.foo(1); look(2); }
void g() { look(3); }
"""

    facts = session().update(text.encode())

    assert facts.broken == (span(text, "{ u.m.foo(1); look(2); }"),)
    assert facts.read == (span(text, "{ look(3); }"),)
    assert facts.calls[at(text, "look", 2)].qualified == "look"


def test_a_function_with_an_unknown_type_is_no_callee(session: Open) -> None:
    text = "typedef Unknown Z;\nZ one();\nint two(Unknown);\nvoid f() { one(); two(1); }\n"

    facts = session().update(text.encode())

    assert facts.calls == {}


def test_an_unknown_base_may_hide_a_function(session: Open) -> None:
    text = """\
int close(int);
int LIB_close(int);
class A : public Missing { void f() { close(1); ::close(2); LIB_close(6); } };
class B { void f() { close(3); } };
class C : public B { void f(); };
void C::f() { close(4); }
class D : public A { void f() { close(5); } };
"""

    calls = session().update(text.encode()).calls

    sound = ("close(2)", "LIB_close(6)", "close(3)", "close(4)")
    assert sorted(calls) == [at(text, call) for call in sound]


def test_a_base_that_a_page_declares_may_hide_a_function(session: Open) -> None:
    page = Header("lib.h", "class Base { public: void known(); };", "lib")
    text = "#include <lib.h>\nint close(int);\nclass A : Base { void f() { close(1); known(); } };"

    calls = session(headers=[page]).update(text.encode()).calls

    assert sorted(calls) == [at(text, "known()")]


def test_an_error_in_an_initialiser_leaves_the_type(session: Open) -> None:
    text = "void f() { long n = UNKNOWN; auto m = UNKNOWN; char a[UNKNOWN]; (void)n; }\n"

    names = session().update(text.encode()).names

    assert {fact.qualified: fact.type for fact in names.values()} == {"f": "void ()", "n": "long"}


def test_a_syntax_error_breaks_one_function_only(session: Open) -> None:
    text = """\
int look(int);
int before(int n) { return look(n); }
int between(int n) { return look(n; }
int after(int n) { return look(n); }
"""

    facts = session().update(text.encode())

    assert [text[item.start : item.end] for item in facts.broken] == ["{ return look(n; }"]
    assert len(facts.read) == 2
    assert facts.calls[at(text, "look", 2)].qualified == "look"
    assert facts.calls[at(text, "look", 4)].qualified == "look"
    assert at(text, "look", 3) not in facts.calls


def test_an_open_brace_breaks_what_it_swallows(session: Open) -> None:
    text = "int a() { return 1; }\nint b() { if (1) {\nint c() { return 2; }\n"
    wanted = [span(text, "{ return 1; }"), span(text, "{ return 2; }")]

    facts = session().update(text.encode(), wanted)

    assert facts.read == (wanted[0],)
    assert facts.broken == (wanted[1],)


def test_an_undeclared_function_breaks_its_caller_in_c(session: Open) -> None:
    text = "int f(void) { return nowhere(1); }\nint g(void) { return 0; }\n"

    facts = session("main.c", C).update(text.encode())

    assert facts.broken == (span(text, "{ return nowhere(1); }"),)
    assert at(text, "nowhere") not in facts.calls


def test_only_the_wanted_bodies_are_read(session: Open) -> None:
    text = "int k;\nint a() { return k; }\nint b() { return k; }\n"
    wanted = span(text, "{ return k; }", 2)

    facts = session().update(text.encode(), [wanted])

    assert facts.read == (wanted,)
    assert at(text, "k;", 2) not in facts.names
    assert at(text, "k;", 3) in facts.names
    assert at(text, "k;") in facts.names


def test_text_that_a_condition_leaves_out_is_said(session: Open) -> None:
    text = "#ifdef NOWHERE\nint a;\n#else\nint b;\n#endif\nint c;\n#if 0\nint d;\n#endif\n"

    skipped = session().update(text.encode()).skipped

    left_out = {
        name for name in "abcd" if any(part.contains(span(text, name + ";")) for part in skipped)
    }
    assert left_out == {"a", "d"}


def test_a_condition_that_nothing_ends_leaves_nothing_out(session: Open) -> None:
    text = "#ifdef OTHER\nint a;\n#endif\nvoid f(void) {\n#ifdef NOWHERE\n}\nint b;\n"

    (left_out,) = session().update(text.encode()).skipped

    assert left_out.contains(span(text, "a;"))
    assert not left_out.contains(span(text, "b;"))


def test_macros_that_are_used_are_known(session: Open, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "m.h").write_text(
        "#define CHECK(x, ...) do { if (!(x)) \\\n  fail(__VA_ARGS__); /* so */ } while (0)\n"
        "#define UNUSED 1\n#define NAME fail\n"
    )
    text = '#include "m.h"\nvoid fail(int);\nvoid f(int n) { CHECK(n, 1); NAME(2); }\n'
    (folder / "main.cpp").write_text(text)

    facts = session().update(text.encode())

    assert facts.macros == {
        "CHECK": MacroFact(("x", "..."), "do { if (!(x))    fail(__VA_ARGS__);   } while (0)"),
        "NAME": MacroFact(None, "fail"),
    }
    assert facts.calls[at(text, "NAME")].qualified == "fail"


def test_a_macro_that_is_a_number_has_its_value(session: Open) -> None:
    text = "#define BIT(n) (1 << (n))\n#define FLAG BIT(3)\n#define CALL next()\n"
    text += "int next(void);\nint f(void) { return FLAG + CALL; }\n"
    facts = session().update(text.encode())

    assert facts.macros["FLAG"].value == 8
    assert facts.macros["CALL"].value is None


def test_what_a_macro_says_is_not_said_of_its_use(session: Open) -> None:
    text = """\
int target(int, int);
#define CALL(a) target((a), 3)
#define OUTER(x) CALL(x)
int inner(int);
enum { K = 4 };
void f() { CALL(K | 2); OUTER(inner(7)); }
"""

    facts = session().update(text.encode())

    assert at(text, "CALL(K") not in facts.calls
    assert at(text, "OUTER(inner") not in facts.calls
    assert facts.calls[at(text, "inner(7)")].qualified == "inner"
    assert facts.names[at(text, "K | 2")].value == 4
    assert facts.constants == {span(text, "K | 2"): 6}


def test_templates_give_what_does_not_depend(session: Open) -> None:
    text = """\
int known(int);
template <class T> int f(T t) { known(1); return t.size() + sizeof(T); }
auto g = [](auto v) { return v.x + known(2); };
int h() { auto k = [](auto v) { return v.x; }; return known(3); }
"""

    facts = session().update(text.encode())

    assert sorted(facts.calls) == [at(text, f"known({number})") for number in (1, 2, 3)]
    assert facts.broken == ()
    assert facts.constants == {}


def test_a_reparse_equals_a_parse(session: Open) -> None:
    first = "#include <stddef.h>\nint look(size_t);\nint f() { return look(1); }\n"
    second = first.replace("look(1)", "look(1 + 2)") + "#define N 3\nint g() { return N; }\n"
    broken = second.replace("return N;", "return N")
    one = session()

    for text in (first, second, broken, second):
        assert one.update(text.encode()) == session("other.cpp").update(text.encode())


def test_a_file_on_disk_is_read_as_it_is_in_the_editor(session: Open, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "main.cpp").write_text("int on_disk();\n")
    text = "int in_editor();\nint f() { return in_editor(); }\n"

    assert session().update(text.encode()).calls[at(text, "in_editor", 2)].qualified == "in_editor"


def test_a_page_stands_in_for_a_missing_header(session: Open) -> None:
    pages = [
        Header(
            "lib/one.h", "typedef struct lib_st LIB;\nint lib_go(LIB *lib, int how = 1);", "lib"
        ),
        Header(
            "lib/two.h", "typedef struct lib_st LIB;\nint lib_go(LIB *lib, int how = 1);", "lib"
        ),
        Header("../../outside.h", "int outside;", "lib"),
    ]
    text = (
        "#include <lib/one.h>\n#include <lib/two.h>\n#include <nowhere.h>\n"
        "int f(LIB *lib) { return lib_go(lib); }\n"
    )

    facts = session(headers=pages).update(text.encode())

    assert facts.calls[at(text, "lib_go")].parameters[1].default == "1"
    assert facts.missing_headers == ("lib/one.h", "lib/two.h", "nowhere.h")
    assert facts.errors == ()


def test_a_real_header_wins(session: Open, tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    (folder / "lib.h").write_text("int real();\n")
    command = Command(("-std=c++17", "-idirafter", str(folder)), "/", "default", "cpp")
    text = "#include <lib.h>\nint f() { return real(); }\n"

    facts = session(command=command, headers=[Header("lib.h", "int page();", "lib")]).update(
        text.encode()
    )

    assert facts.calls[at(text, "real")].qualified == "real"
    assert facts.missing_headers == ()


def test_the_folder_s_own_headers_are_found(session: Open, tmp_path: Path) -> None:
    place = tmp_path / "project" / "deep" / "include" / "own"
    place.mkdir(parents=True)
    (place / "api.h").write_text("#pragma once\n#include <own/more.h>\n")
    (place / "more.h").write_text("#pragma once\nint own();\n")
    text = "#include <own/api.h>\nint f() { return own(); }\n"

    facts = session(index=HeaderIndex(tmp_path / "project")).update(text.encode())

    assert facts.calls[at(text, "own()")].qualified == "own"
    assert facts.missing_headers == ()


def test_a_word_in_the_place_of_an_attribute_means_nothing(session: Open) -> None:
    text = """\
class FOO_EXPORT Bar { public: void go(); };
FOO_API int look(int);
void f(Bar *b) { b->go(); look(1); }
"""

    facts = session().update(text.encode())

    assert facts.errors == ()
    assert facts.calls[at(text, "go();", 2)].qualified == "Bar::go"
    assert facts.calls[at(text, "look(1)")].qualified == "look"


def test_a_session_with_flags_that_clang_refuses_still_reads(session: Open) -> None:
    command = Command(("-std=c++17", "-DX=1", "--target=nothing-at-all"), "/", "database", "cpp")

    facts = session(command=command).update(b"int n = X;\n")

    assert facts.names[4].type == "int"


def test_a_closed_session_says_so(session: Open) -> None:
    one = session()
    one.close()

    with pytest.raises(ClangFailed, match="closed"):
        one.update(b"int n;\n")


def test_empty_and_odd_texts_are_read(session: Open) -> None:
    one = session()

    for data in (b"", b"\0", b"\xff\xfe", b"int \xc3\xa4 = 1;\r\n", b"#", b"/*", b"}" * 50):
        assert isinstance(one.update(data), Facts)


@pytest.mark.parametrize(
    "header",
    [
        "stddef.h",
        "stdint.h",
        "stdarg.h",
        "stdbool.h",
        "limits.h",
        "float.h",
        "iso646.h",
        "stdalign.h",
        "stdnoreturn.h",
        "stdatomic.h",
    ],
)
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_the_freestanding_headers_are_ours_where_there_are_no_others(
    session: Open, header: str, language: str
) -> None:
    one = session("main.c", C) if language == "c" else session()

    facts = one.update(f"#include <{header}>\nint n;\n".encode())

    assert (facts.errors, facts.missing_headers) == ((), ())


def test_sizes_and_limits_are_right_without_a_compiler(session: Open) -> None:
    text = """\
#include <stdint.h>
#include <stddef.h>
#include <limits.h>
unsigned long a = sizeof(uint64_t), b = sizeof(size_t), c = UINT8_MAX | 0, d = INT_MAX - 0;
"""

    facts = session("main.c", C).update(text.encode())

    values = {text[place.start : place.end]: value for place, value in facts.constants.items()}
    assert values == {
        "sizeof(uint64_t)": 8,
        "sizeof(size_t)": 8,
        "UINT8_MAX | 0": 255,
        "INT_MAX - 0": 2147483647,
    }


def test_the_nearest_resource_folder_is_taken() -> None:
    clang = [Path("/c/16"), Path("/c/19.1.2"), Path("/c/22")]
    gnu = [Path("/usr/lib/gcc/x86_64/9"), Path("/usr/lib/gcc/x86_64/12")]

    assert best_of(clang, gnu) == Path("/c/19.1.2")
    assert best_of([], gnu) == Path("/usr/lib/gcc/x86_64/12")
    assert best_of([], []) == OWN
    assert (builtin_folder()[0] / "stddef.h").is_file()


def test_the_index_finds_headers_by_their_tail(tmp_path: Path) -> None:
    for name in ("a/net/x.h", "b/c/net/x.h", "build/net/gen.h", ".git/net/y.h", "a/Class"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "away.h").symlink_to("/etc/passwd")
    index = HeaderIndex(tmp_path)

    assert index.find("net/x.h") == tmp_path / "a/net/x.h"
    assert index.find("net/x.h", near=tmp_path / "b/c/main.c") == tmp_path / "b/c/net/x.h"
    assert index.root_of("net/x.h") == tmp_path / "a"
    assert index.find("Class") == tmp_path / "a/Class"
    for absent in ("et/x.h", "net/gen.h", "net/y.h", "away.h", "", "..", "/", "../net/x.h/.."):
        assert index.find(absent) is None, absent
    assert index.root_of("../net/x.h") is None


def test_a_construction_in_a_macro_is_not_that_of_its_use(session: Open) -> None:
    text = """\
struct T { T(const char *); };
#define LITERAL(text) (T(text))
#define ALIAS T
void take(T);
void f() { take(LITERAL("a")); take(ALIAS("b")); T t = LITERAL("c"); }
"""

    calls = session().update(text.encode()).calls

    assert {text[place:].partition("(")[0]: fact.qualified for place, fact in calls.items()} == {
        "take": "take",
        "ALIAS": "T::T",
    }


@pytest.mark.corpus
def test_real_headers_tell_their_default_arguments(session: Open) -> None:
    text = (
        "#include <QtNetwork/QSslCertificate>\n"
        "QByteArray f(const QSslCertificate &certificate) { return certificate.digest(); }\n"
    )
    command = find_command(
        Path("/nowhere/main.cpp"),
        build=None,
        root=Path("/nowhere"),
        data=text.encode(),
        include_folders=("/usr/include/*-linux-gnu/qt6",),
    )

    facts = session(command=command, lone=False).update(text.encode())

    assert (facts.errors, facts.missing_headers) == ((), ())
    assert facts.calls[at(text, "digest")].parameters == (
        ParameterFact("algorithm", "QCryptographicHash::Algorithm", "QCryptographicHash::Md5"),
    )
