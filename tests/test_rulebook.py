"""Loading pages: what is read, and that every mistake is a line in a page."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlsight.finding import Safety, Severity
from tlsight.rule import Form, Releases, Rulebook, Slot
from tlsight.rulebook import load
from tlsight.rulebook.examples import read_examples
from tlsight.rulebook.forms import BadForm, read_form
from tlsight.rulebook.markdown import read_page

LIBRARY = """\
# Toy

Prose.

```toml
prefixes = ["t_"]

[call.open]
role = "start"
forms = ["toy_open(context, version)", "Toy::open(version?)"]
where = { version = ["TOY_1", "has TOY_2"] }
ok = "== 1"
writes = { context = "@version" }
near = "cookie"
name-tells = true
note = "nothing opens"
severity = { old-toy = "error" }
mend = { set = { version = "TOY_2" }, safety = "safe" }
```

More prose.

```toml
replacements = [['\\bEMIT\\b', ""]]

[values.version]
reads = "name"
means.old = ["TOY_1"]
means.new = ["TOY_2"]
mend = { old = "TOY_2" }
sizes = { old = 20 }
```

```c header=toy.h header=toy2.h
enum { TOY_1, TOY_2 };
int toy_open(struct ctx *, int version);
```

```cpp header=toy.h
struct Toy { void open(int version = TOY_2); };
```
"""

PROPERTY = """\
# old-toy

**An old toy is opened.**

```toml
severity = "warning"
discouraged = "information"
cwe = [327]
kind = "argument"
safety = "unsafe"
message = "{call} allows {value}"

[[check]]
roles = ["start"]
argument = "version"
judge = "version"

[[check]]
roles = ["start"]
message = "{call} is wrong"
```

## Toy

```c bad
void f(void) {
    toy_open(0, TOY_1);
    //          ^^^^^ old-toy: toy_open allows
}
```

```c fixed
void f(void) {
    toy_open(0, TOY_2);
}
```

```cpp good facts-only
void f() {}
```

Because of a reason.
"""

POLICY = """\
# rfc9325

**The policy.**

```toml
[judge.version]
forbidden.old = "1.1"

[minimum.bits]
value = 2048
clause = "4.5"

[needs.group]
any = ["a", "b"]
clause = "own"

[[suites]]
level = "forbidden"
clause = "4.1"
reason = "does not encrypt"
attributes = { encryption = ["none"] }
```
"""


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder with one page of each kind."""
    return write(
        tmp_path / "pages",
        {
            "libraries/toy.md": LIBRARY,
            "practice/old-toy.md": PROPERTY,
            "policies/rfc9325.md": POLICY,
            "README.md": "no page",
        },
    )


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def said(rulebook: Rulebook, folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}/", "") for problem in rulebook.problems]


def test_a_library_page_is_read(pages: Path) -> None:
    """Bindings, vocabularies and declarations come out as the page has them."""
    rulebook = load(pages=pages)
    library = rulebook.libraries["toy"]
    binding = library.bindings[0]

    assert [] == said(rulebook, pages)
    assert ("toy", "Toy", ("t_",)) == (library.id, library.title, library.prefixes)
    assert ((r"\bEMIT\b", ""),) == library.replacements
    assert ("open", ("start",), "== 1") == (binding.id, binding.roles, binding.ok)
    assert {"version": ("TOY_1", "has TOY_2")} == binding.where
    assert {"context": "@version"} == binding.writes
    assert {"old-toy": Severity.ERROR} == binding.severity
    assert binding.name_tells
    assert binding.mend is not None
    assert ({"version": "TOY_2"}, Safety.SAFE) == (binding.mend.set, binding.mend.safety)
    assert f"{pages}/libraries/toy.md:8" == binding.place


def test_a_vocabulary_is_read(pages: Path) -> None:
    """Constants map to meanings."""
    vocabulary = load(pages=pages).libraries["toy"].vocabularies["version"]

    assert {"TOY_1": "old", "TOY_2": "new"} == vocabulary.means
    assert ({"old": "TOY_2"}, {"old": 20}) == (vocabulary.mend, vocabulary.sizes)


def test_blocks_of_one_header_add_up_behind_guards(pages: Path) -> None:
    """The text of one block under two names is read once, two blocks for one name both."""
    headers = {header.name: header.text for header in load(pages=pages).libraries["toy"].headers}

    assert {"toy.h", "toy2.h"} == set(headers)
    assert headers["toy.h"].startswith(headers["toy2.h"])
    assert 2 == headers["toy.h"].count("#ifndef TLSIGHT_toy_")


def test_a_property_page_is_read(pages: Path) -> None:
    """The machine part and the examples come out as the page has them."""
    found = load(pages=pages).properties["old-toy"]
    bad, fixed, good = found.examples

    assert ("practice", "argument", Severity.WARNING) == (found.aspect, found.kind, found.severity)
    assert ("An old toy is opened.", (327,), Safety.UNSAFE) == (
        found.title,
        found.cwe,
        found.safety,
    )
    assert Severity.INFORMATION == found.discouraged
    assert ("version", "version") == (found.checks[0].argument, found.checks[0].judge)
    assert ("bad", "c", "toy") == (bad.kind, bad.language, bad.library)
    assert "^" not in bad.text
    assert "TOY_1" == bad.text[bad.expectations[0].start : bad.expectations[0].end]
    assert "toy_open allows" == bad.expectations[0].message
    assert "fixed" == fixed.kind
    assert ("facts-only:Because of a reason.",) == good.options


def test_a_policy_page_is_read(pages: Path) -> None:
    """Every threshold has its clause."""
    policy = load(pages=pages).policy

    assert ("forbidden", "1.1") == (
        policy.judge["version"]["old"].level,
        policy.judge["version"]["old"].clause,
    )
    assert (2048, "4.5") == (policy.minimum["bits"].value, policy.minimum["bits"].clause)
    assert (("a", "b"), "own") == policy.needs["group"]
    assert {"encryption": ("none",)} == policy.suites[0].attributes


def test_an_unknown_policy_is_reported_and_the_default_taken(pages: Path) -> None:
    """A misspelt policy must not turn the thresholds off."""
    rulebook = load(policy="rfc9326", pages=pages)

    assert "rfc9325" == rulebook.policy.id
    assert [
        "policy: unknown policy 'rfc9326'; did you mean 'rfc9325'?; there are 'rfc9325'"
    ] == said(rulebook, pages)


LIBRARY_MISTAKES = [
    ("note = ", "nota = ", "16: unknown word 'nota'; did you mean 'note'?"),
    ("ok = ", "okay = ", "12: unknown word 'okay'; did you mean 'ok'?"),
    ('"== 1"', '"= 1"', "12: '= 1' is no test of a result, such as '== 1' or '!= null'"),
    ("version)", "version", "10: 'toy_open(context, version' is neither"),
    ("Toy::open(version?)", "Toy::open(1version?)", "10: '1version?' is no slot: 'name',"),
    ("{ version = [", "{ versoin = [", "11: 'versoin' is no slot of the forms; did you mean"),
    ('"has TOY_2"', '"holds TOY_2"', "11: 'holds TOY_2' is no condition on 'version'"),
    ('"@version"', '"@vers"', "13: 'vers' is no slot of the forms"),
    ('"@version"', '"many"', "13: 'many' is no size: '20', '@slot' or 'size:slot'"),
    ('near = "cookie"', 'near = "("', "14: '(' is no regular expression"),
    ("name-tells = true", 'name-tells = "yes"', "15: 'name-tells' must be 'true' or 'false'"),
    ('= "error" }', '= "fatal" }', "17: 'fatal' is none of 'error', 'warning', 'information'"),
    ("{ set = {", "{ sett = {", "18: unknown word 'sett'; did you mean 'set'?"),
    ('safety = "safe"', 'safety = "sure"', "18: 'sure' is none of 'safe', 'unsafe'"),
    ("set = { version", "set = { size", "18: 'size' is no slot of the forms"),
    ("{ set = {", "{ before = 'f({size})', set = {", "18: 'size' is no slot of the forms"),
    ("{ set = {", "{ before = 'f()', set = {", "8: no declaration names 'f'"),
    ('reads = "name"', 'reads = "names"', "27: 'names' is none of name, flags"),
    ("means.new = [", 'means.new = ["TOY_1", ', "29: 'TOY_1' means 'old' already"),
    ("mend = { old =", "mend = { older =", "30: no constant means 'older'; did you mean 'old'?"),
    ("[values.version]", "[value.version]", "26: unknown word 'value'"),
    ('means.old = ["TOY_1"]', 'means.old = ["TOY_3"]', "26: no declaration names 'TOY_3'"),
    ('role = "start"', 'role = "Start"', "9: 'Start' is no role"),
    ("header=toy2.h", "header=../toy2.h", "35: '../toy2.h' is no name of a header"),
    ('prefixes = ["t_"]', "prefixes = [", "8: not TOML: "),
    ("header=toy.h\nstruct", "\nstruct", "39: a block of code on a library page has"),
]


RELEASES = """\
# Toy

```toml
[releases]
macro = "TOY_VERSION"
oldest = "1.0"
numbers = { "1.0" = 0x100, "2.0" = 0x200 }
packed = { TOY_CHECK = [8, 0] }

[call.open]
forms = ["toy_open(context, version)"]
where = { version = "except 1" }
since = "2.0"
```

```c header=toy.h
int toy_open(struct ctx *, int version);
```
"""

RELEASE_MISTAKES = [
    ('macro = "TOY_VERSION"\n', "", "4: 'macro' names what conditions compare, and is missing"),
    ('oldest = "1.0"', 'oldest = "1.1"', "6: 'numbers' has no '1.1'; did you mean '1.0'?"),
    ("0x200", '"two"', "7: '2.0' of 'numbers' must be a whole number"),
    ("[8, 0]", "[8, -1]", "8: 'TOY_CHECK' of 'packed' must be a list of whole numbers"),
    ('since = "2.0"', 'since = "2.1"', "10: 'releases' has no number for '2.1'; did you mean"),
    ("except 1", "except", "10: no declaration names 'except'"),
]


@pytest.mark.parametrize(("old", "new", "expected"), RELEASE_MISTAKES)
def test_a_mistake_about_releases_is_found_at_its_line(
    pages: Path, old: str, new: str, expected: str
) -> None:
    write(pages, {"libraries/toy.md": RELEASES.replace(old, new, 1)})

    assert any(f"toy.md:{expected}" in line for line in said(load(pages=pages), pages))


def test_releases_are_read(pages: Path) -> None:
    write(pages, {"libraries/toy.md": RELEASES})
    library = load(pages=pages).libraries["toy"]

    assert library.releases == Releases(
        "TOY_VERSION", {"1.0": 0x100, "2.0": 0x200}, "1.0", {"TOY_CHECK": (8, 0)}
    )
    assert [binding.since for binding in library.bindings] == ["2.0"]


@pytest.mark.parametrize(("old", "new", "expected"), LIBRARY_MISTAKES)
def test_a_mistake_in_a_library_page_is_found_at_its_line(
    pages: Path, old: str, new: str, expected: str
) -> None:
    """One wrong word is one line for the author, who sees where it stands."""
    assert 1 <= LIBRARY.count(old)
    write(pages, {"libraries/toy.md": LIBRARY.replace(old, new, 1)})

    problems = said(load(pages=pages), pages)

    line, _, message = expected.partition(": ")
    wanted = f"libraries/toy.md:{int(line)}: {message}"
    assert any(problem.startswith(wanted) for problem in problems), problems


PROPERTY_MISTAKES = [
    ("# old-toy", "# older-toy", "1: the title is 'older-toy' and not the file's name, 'old-toy'"),
    ("**An old toy is opened.**", "An old toy.", "1: under the title stands a summary"),
    ('severity = "warning"', 'severity = "high"', "6: 'high' is none of 'error', 'warning'"),
    ('severity = "warning"', "", "7: 'severity' is missing"),
    ("cwe = [327]", 'cwe = ["CWE-327"]', "8: 'cwe' must be a list of whole numbers"),
    ('kind = "argument"', 'kind = "arguments"', "9: 'kind' is 'argument' or 'result'"),
    ('safety = "unsafe"', 'saftey = "unsafe"', "10: unknown word 'saftey'; did you mean 'safety'"),
    ("allows {value}", "allows {valeu}", "11: '{valeu}' stands for nothing; did you mean 'value'"),
    ("allows {value}", "allows {value", "11: the braces do not pair"),
    ('judge = "version"', 'judg = "version"', "16: unknown word 'judg'; did you mean 'judge'?"),
    ('judge = "version"', 'judge = "versions"', "13: policy 'rfc9325' has no 'judge.versions'"),
    ('judge = "version"', 'minimum = "bit"', "13: policy 'rfc9325' has no 'minimum.bit'; did you"),
    ('judge = "version"', 'judge = "version"\nconstant = true', "17: 'constant' beside 'judge'"),
    ('argument = "version"', 'argument = "versions"', "13: no form of the role 'start' has a slot"),
    ('argument = "version"', "", "16: 'judge' judges an 'argument', which is missing"),
    ('judge = "version"', 'wrong = "unchecked"', "16: 'wrong' belongs to checks of another kind"),
    ('roles = ["start"]', 'roles = ["stat"]', "13: warning: no library binds the role 'stat'"),
    ("## Toy", "## Toys", "25: 'Toys' is the title of no library page: 'Toy'"),
    ("```c bad", "```c", "25: a block of code is 'bad', 'good' or 'fixed'"),
    ("```c bad", "```c bad broken", "25: unknown word 'broken'"),
    ("Because of a reason.", "", "38: a sentence under the block says why it is 'facts-only'"),
    (" ^^^^^ old", " ^^^^ old", "28: the carets end where nothing of the line above ends"),
    (" ^^^^^ old", "  ^^^^ old", "28: the carets start where nothing of the line above starts"),
    (" ^^^^^ old", " ^.^ old", ""),
    (" ^^^^^ old-toy:", " ^^^^^ odd-toy:", "28: carets expect findings of this page's rule"),
    (" ^^^^^ old-toy: toy_open allows", " ^^^^^ old-toy", "28: after carets stands 'old-toy: "),
    (" ^^^^^ old-toy:", " ^^^^^ maybe: old-toy:", "28: carets expect findings of this page's rule"),
    ("    //          ^^^^^ old-toy: toy_open allows\n", "", "25: a 'bad' block says by carets"),
    (
        "toy_open(0, TOY_2);",
        "toy_open(0, TOY_2);\n//  ^^^^^^^^ old-toy: x",
        "32: a 'fixed' block has",
    ),
    ("Because of a reason.\n", "```c good\nvoid f();\n", "42: this block is never closed"),
]


@pytest.mark.parametrize(("old", "new", "expected"), PROPERTY_MISTAKES)
def test_a_mistake_in_a_property_page_is_found_at_its_line(
    pages: Path, old: str, new: str, expected: str
) -> None:
    """One wrong word is one line for the author, who sees where it stands."""
    assert 1 <= PROPERTY.count(old)
    write(pages, {"practice/old-toy.md": PROPERTY.replace(old, new, 1)})

    problems = said(load(pages=pages), pages)

    line, _, message = expected.partition(": ")
    wanted = f"practice/old-toy.md:{line}: {message}" if expected else "practice/old-toy.md:28: "
    assert any(problem.startswith(wanted) for problem in problems), problems


POLICY_MISTAKES = [
    ("# rfc9325", "# rfc9235", "1: the title is 'rfc9235' and not the file's name, 'rfc9325'"),
    ("forbidden.old", "forbiden.old", "7: unknown word 'forbiden'; did you mean 'forbidden'?"),
    ("value = 2048", 'value = "2048"', "10: 'value' must be a whole number"),
    ("value = 2048", "", "9: 'value' is missing"),
    ('clause = "4.5"', "", "9: 'clause' says where the threshold comes from, and is missing"),
    ('level = "forbidden"', 'level = "bad"', "18: 'level' is one of forbidden, discouraged"),
    ("forbidden.old", "forbidden.odl", "1: warning: 'judge.version' names 'odl', which nothing"),
    ('"1.1"', '"1.1"\nforbidden.old = "2"', "8: not TOML: cannot overwrite a value"),
]


@pytest.mark.parametrize(("old", "new", "expected"), POLICY_MISTAKES)
def test_a_mistake_in_a_policy_page_is_found_at_its_line(
    pages: Path, old: str, new: str, expected: str
) -> None:
    """One wrong word is one line for the author, who sees where it stands."""
    assert 1 <= POLICY.count(old)
    write(pages, {"policies/rfc9325.md": POLICY.replace(old, new, 1)})

    problems = said(load(pages=pages), pages)

    assert any(item.startswith(f"policies/rfc9325.md:{expected}") for item in problems), problems


def test_a_broken_page_loses_only_itself(pages: Path) -> None:
    """The other pages are there as before."""
    write(pages, {"practice/broken.md": "# broken\n\n```toml\nseverity = \n```\n"})

    rulebook = load(pages=pages)

    assert {"old-toy"} == set(rulebook.properties)
    assert any("broken.md:4: not TOML" in problem for problem in said(rulebook, pages))


def test_a_broken_binding_loses_only_itself(pages: Path) -> None:
    """The rest of a library is there as before."""
    more = LIBRARY + '\n```toml\n[call.close]\nforms = ["toy_open("]\n```\n'
    write(pages, {"libraries/toy.md": more})

    library = load(pages=pages).libraries["toy"]

    assert ["open"] == [binding.id for binding in library.bindings]


def test_pages_that_are_no_text_are_reported(pages: Path) -> None:
    """Bytes that are not UTF-8 are a problem of one page."""
    (pages / "practice" / "latin.md").write_bytes(b"# latin\n\xff\n")

    problems = said(load(pages=pages), pages)

    assert any("practice/latin.md:1: the page cannot be read" in item for item in problems)


def test_a_folder_is_read_as_one_library(pages: Path) -> None:
    """Its pages share a title; what two of them state is reported and stated once."""
    (pages / "libraries" / "toy.md").unlink()
    forms = 'forms = ["toy_open()"]'
    second = f"# Toy: more\n\n```toml\n[call.open]\n{forms}\n[call.close]\n{forms}\n```\n"
    third = "# Tie: else\n"
    write(
        pages,
        {
            "libraries/toy/a.md": LIBRARY,
            "libraries/toy/b.md": second,
            "libraries/toy/c.md": third,
        },
    )

    rulebook = load(pages=pages)
    library = rulebook.libraries["toy"]

    assert ["open", "close"] == [binding.id for binding in library.bindings]
    assert 2 == len(library.bindings[0].forms)
    assert [
        f"libraries/toy/b.md:4: 'call.open' is stated at {pages}/libraries/toy/a.md:8 too".replace(
            f"{pages}/", ""
        ),
        "libraries/toy/c.md:1: the pages of one folder have one title, 'Toy: …'",
    ] == said(rulebook, pages)


def test_what_two_blocks_state_is_reported(pages: Path) -> None:
    """Tables may be continued in a later block, their words may not be repeated."""
    write(pages, {"libraries/toy.md": LIBRARY + '\n```toml\n[call.open]\nok = "== 2"\n```\n'})

    problems = said(load(pages=pages), pages)

    assert any("'call.open.ok' is stated twice" in problem for problem in problems)


def test_a_projects_pages_add(pages: Path, tmp_path: Path) -> None:
    """A property of a project may use our libraries, and a library bind our roles."""
    own_library = """\
# Ours

```toml
[call.our-open]
role = "start"
forms = ["our_open(context, version)"]
```

```c header=ours.h
int our_open(struct ctx *, int version);
```
"""
    folder = write(
        tmp_path / "project",
        {
            "practice/older-toy.md": PROPERTY.replace("old-toy", "older-toy"),
            "libraries/ours.md": own_library,
        },
    )

    rulebook = load(folders=[folder], pages=pages)

    assert [] == said(rulebook, folder)
    assert {"old-toy", "older-toy"} == set(rulebook.properties)
    assert {"toy", "ours"} == set(rulebook.libraries)


def test_a_projects_pages_do_not_replace(pages: Path, tmp_path: Path) -> None:
    """An id that is taken is reported, and ours stays."""
    folder = write(
        tmp_path / "project",
        {
            "errors/old-toy.md": PROPERTY.replace("warning", "information"),
            "libraries/toy.md": "# Toy\n",
            "policies/rfc9325.md": POLICY.replace("2048", "1"),
        },
    )

    rulebook = load(folders=[folder], pages=pages)

    assert Severity.WARNING == rulebook.properties["old-toy"].severity
    assert 2048 == rulebook.policy.minimum["bits"].value
    assert [
        "errors/old-toy.md:1: there is a property page 'old-toy' already",
        "libraries/toy.md:1: there is a library page 'toy' already",
        "policies/rfc9325.md:1: there is a policy page 'rfc9325' already",
    ] == said(rulebook, folder)


def test_a_projects_pages_cannot_name_include_folders(pages: Path, tmp_path: Path) -> None:
    """A page of an opened folder must not lead clang to files elsewhere."""
    page = '# Evil\n\n```toml\ninclude-folders = ["/etc"]\n```\n'
    folder = write(tmp_path / "project", {"libraries/evil.md": page})

    rulebook = load(folders=[folder], pages=pages)

    assert () == rulebook.libraries["evil"].include_folders
    assert ["libraries/evil.md:4: only tlsight's own pages name 'include-folders'"] == said(
        rulebook, folder
    )


def test_links_out_of_a_projects_folder_are_not_followed(pages: Path, tmp_path: Path) -> None:
    """A link in an opened folder reads nothing outside of it."""
    outside = write(tmp_path / "outside", {"secret.md": "# secret\n", "dir/other.md": "# other\n"})
    folder = write(tmp_path / "project", {"practice/older-toy.md": PROPERTY})
    (folder / "practice" / "secret.md").symlink_to(outside / "secret.md")
    (folder / "libraries").symlink_to(outside / "dir")

    rulebook = load(folders=[folder], pages=pages)

    assert not any("secret" in str(p) or "other.md" in str(p) for p in rulebook.problems)
    assert {"toy"} == set(rulebook.libraries)


def test_a_page_too_large_is_not_read(pages: Path, tmp_path: Path) -> None:
    """An opened folder cannot make the worker read for ever."""
    folder = write(tmp_path / "project", {"practice/big.md": "#" * 500_001})

    assert ["practice/big.md:1: the page cannot be read: it is larger than 500,000 bytes"] == said(
        load(folders=[folder], pages=pages), folder
    )


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)*$", "a*a*a*a*b", r"(a)\\1", "a" * 201, "(a*){9}"]
)
def test_a_projects_pattern_must_be_cheap(pages: Path, tmp_path: Path, pattern: str) -> None:
    """An opened folder cannot make a regular expression run for ever."""
    page = f'# Slow\n\n```toml\n[call.f]\nforms = ["toy_open()"]\nnear = "{pattern}"\n```\n'
    folder = write(tmp_path / "project", {"libraries/slow.md": page})

    problems = said(load(folders=[folder], pages=pages), folder)

    assert any("slow.md:6: " in item and "may take for ever" in item for item in problems)


def test_a_page_that_is_wrong_throughout_is_given_up(pages: Path, tmp_path: Path) -> None:
    """An opened folder cannot make the loader search for mistakes for ever."""
    words = "\n".join(f"word{number} = 1" for number in range(20_000))
    folder = write(tmp_path / "project", {"libraries/wrong.md": f"# W\n\n```toml\n{words}\n```\n"})

    rulebook = load(folders=[folder], pages=pages)

    assert 100 == len(said(rulebook, folder))
    assert {"toy"} == set(rulebook.libraries)


def test_a_folder_that_is_not_there_is_reported(pages: Path, tmp_path: Path) -> None:
    """The project file may name a folder that was moved."""
    rulebook = load(folders=[tmp_path / "gone"], pages=pages)

    assert ["gone:1: there is no such folder of rule pages"] == said(rulebook, tmp_path)


def test_an_unknown_aspect_is_reported(pages: Path) -> None:
    """A page in a folder that is misspelt would never be read."""
    write(pages, {"pratice/other.md": "# other\n"})

    assert ["pratice:1: 'pratice' is no folder of rule pages; did you mean 'practice'?"] == said(
        load(pages=pages), pages
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", Form("f()", "f", ())),
        ("f(a, b?)", Form("f(a, b?)", "f", (Slot("a"), Slot("b", optional=True)))),
        ("A::f(_, ...)", Form("A::f(_, ...)", "A::f", (Slot("_"),), rest=True)),
        (
            "f(=X, =-1)",
            Form("f(=X, =-1)", "f", (Slot("#0", constant="X"), Slot("#1", constant="-1"))),
        ),
        ("A::b = v", Form("A::b = v", "A::b", (Slot("v"),), field=True)),
        ("@A::T = v", Form("@A::T = v", "A::T", (Slot("v"),), typed=True)),
        ("T::T(x-y)", Form("T::T(x-y)", "T::T", (Slot("x-y"),))),
    ],
)
def test_forms(text: str, expected: Form) -> None:
    """Every kind of form that the manual names."""
    assert expected == read_form(text)


@pytest.mark.parametrize(
    "text",
    [
        "f",
        "f(",
        "f(a",
        "f(a,)",
        "f(a b)",
        "f(A)",
        "f(..., a)",
        "f(a, a)",
        "f(a?, b)",
        "a = v",
        "::f()",
        "f(=)",
        "@ = v",
        "A::b = v?",
        "A::b=v",
        "",
        "f(a)()",
        "f (a)",
    ],
)
def test_what_is_no_form(text: str) -> None:
    """What does not parse says so."""
    with pytest.raises(BadForm):
        read_form(text)


def expectation(code: str) -> tuple[str, str, str]:
    """What the one caret line of a block points at, its message and its mark."""
    page = read_page("page.md", f"# r\n\n## Toy\n\n```cpp bad\n{code}\n```\n")
    examples, problems = read_examples(page, "r", {"Toy": "toy"})
    assert () == problems
    wanted = examples[0].expectations[0]
    text = examples[0].text.encode()[wanted.start : wanted.end].decode()
    return text, wanted.message, wanted.mark


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("  f(a);\n//^^^^ r: m", ("f(a)", "m", "")),
        ("  f(a);\n/*^^^^ r: m */", ("f(a)", "m", "")),
        ("  é(a);\n//^^^^ r: m", ("é(a)", "m", "")),
        ("  f(a);\n//  ^ missing: r: m", ("a", "m", "missing")),
        ("  f(a);\n//  ^ spurious: r", ("a", "", "spurious")),
        ("  f(a, g(b,\n//^...^ r: m\n  c));\n", ("f(a, g(b,\n  c))", "m", "")),
        (
            '  f("a)"\n//  ^...^ r: m\n  "b" /* ; */ \n "c");',
            ('"a)"\n  "b" /* ; */ \n "c"', "m", ""),
        ),
        ("  f(abc, def);\n//^.........^ r: m", ("f(abc, def)", "m", "")),
        ("  x = abc;\n//^...^ r: m", ("x = abc", "m", "")),
        ("  f(a); // b ^\n//^^^^ r: m", ("f(a)", "m", "")),
    ],
)
def test_carets(code: str, expected: tuple[str, str, str]) -> None:
    """The range that carets stand for, in all their spellings."""
    assert expected == expectation(code)


def test_several_caret_lines_under_one_line() -> None:
    """Each stands for the last line that is no carets, and offsets are those of the code alone."""
    code = "  f(a);\n//^^^^ r: one\n//  ^ r: two\n  g(b);\n//^^^^ r: three"
    page = read_page("page.md", f"# r\n\n## Toy\n\n```c bad\n{code}\n```\n")
    (example,), problems = read_examples(page, "r", {"Toy": "toy"})

    assert () == problems
    assert "  f(a);\n  g(b);\n" == example.text
    assert [(2, 6), (4, 5), (10, 14)] == [(e.start, e.end) for e in example.expectations]


@settings(deadline=None, max_examples=60)
@given(
    page=st.sampled_from(["libraries/toy.md", "practice/old-toy.md", "policies/rfc9325.md"]),
    start=st.integers(0, 2000),
    length=st.integers(0, 40),
    text=st.text(alphabet="[]{}=\"'`#^*/.-\\n\\\\ \\0éa1", max_size=12),
)
def test_no_page_breaks_the_loader(page: str, start: int, length: int, text: str) -> None:
    """Whatever stands on a page, the others are read and the mistake is a problem."""
    files = {
        "libraries/toy.md": LIBRARY,
        "practice/old-toy.md": PROPERTY,
        "policies/rfc9325.md": POLICY,
    }
    old = files[page]
    files[page] = old[:start] + text + old[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        rulebook = load(pages=write(Path(folder), files))

    assert all(re.fullmatch(r".*:\d+|policy", problem.place) for problem in rulebook.problems)
