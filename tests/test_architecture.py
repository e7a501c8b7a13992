"""The nine invariants of the design, as tests: here, or where `ELSEWHERE` says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tlsight.config import OPTIONS
from tlsight.rule import Binding, Library
from tlsight.rulebook import load

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "server" / "tlsight"
TESTS = ROOT / "tests"

LAYERS = (
    ("text", "facts", "ir", "rule", "finding", "config"),
    ("syntax", "clang", "engine", "rulebook", "views"),
    ("analysis", "carry", "pages", "standing", "suite_table"),
    ("worker",),
    ("service",),
    ("lsp", "cli"),
)
"""From the bottom up. Modules of layer 1 do not know each other."""

OWNERS = {
    "clang.cindex": ("clang",),
    "tree_sitter": ("syntax",),
    "tree_sitter_c": ("syntax",),
    "tree_sitter_cpp": ("syntax",),
    "pygls": ("lsp",),
    "lsprotocol": ("lsp",),
    "markdown_it": ("rulebook", "cli"),
    "cryptodatahub": ("suite_table",),
    "rich": ("cli", "views"),
    "jinja2": ("views",),
    "markupsafe": ("views",),
    "msgspec": ("ir",),
    "pygments": ("views",),
}
"""Who may import what others must not know."""

LANGUAGE = {"NULL", "nullptr"}
"""Names of C and C++ themselves, which pages use as constants."""

PURE = ("engine", "views")
IMPURE = ("datetime", "io", "logging", "os", "pathlib", "random", "socket", "subprocess", "time")

ELSEWHERE = [
    (3, "test_pages.py", "test_every_binding_library_has_examples"),
    (4, "test_pages.py", "test_fixed_is_bad_with_the_fix_applied"),
    (4, "test_pages.py", "test_fixes_are_proven"),
    (5, "test_pages.py", "test_carets_are_exact_with_facts"),
    (5, "test_pages.py", "test_carets_are_exact_by_syntax"),
    (5, "test_pages.py", "test_right_code_is_silent_under_all_rules"),
    (5, "test_pages.py", "test_what_other_rules_say_is_reviewed"),
    (6, "test_server.py", "test_a_defect_is_typed_shown_mended_and_gone"),
    (6, "test_server.py", "test_nothing_follows_a_close_but_the_empty_list"),
    (6, "test_service.py", "test_versions_never_go_backwards_and_nothing_follows_a_close"),
    (7, "test_pages.py", "test_the_index_of_the_manual_is_that_of_the_pages"),
    (7, "test_cli_example.py", "test_every_command_of_the_readme_is_there"),
    (9, "test_edits.py", "test_a_first_answer_is_as_from_cold_where_the_edit_is"),
    (9, "test_edits.py", "test_the_final_answer_is_as_from_cold"),
]
"""Invariants, and the tests in other files that hold them."""


def modules() -> list[Path]:
    """Every module of the server."""
    return sorted(SERVER.rglob("*.py"))


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions and for types only."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(file)}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(module: str) -> str:
    """`syntax` for `tlsight.syntax.tree`, '' for `tlsight` itself."""
    return [*module.split("."), ""][1]


def layer_of(package: str) -> int:
    return next(level for level, names in enumerate(LAYERS) if package in names)


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_imports_point_down(file: Path) -> None:
    """Invariant 1: a module knows only what is below it, and layer 1 does not know itself."""
    here = file.relative_to(SERVER).parts[0].removesuffix(".py")
    if here == "__init__":
        assert not list(imports(file))
        return
    level = layer_of(here)
    for module in imports(file):
        there = package_of(module) if module.split(".")[0] == "tlsight" else ""
        if there in ("", here) or not any(there in names for names in LAYERS):
            continue
        allowed = layer_of(there) < level or (layer_of(there) == level and level != 1)

        assert allowed, f"{here} imports {module}"


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_readers_and_protocols_have_one_user(file: Path) -> None:
    """Invariant 1: only `clang/` knows libclang, only `syntax/` tree-sitter, only `lsp/` LSP."""
    here = file.relative_to(SERVER).parts[0].removesuffix(".py")
    for module in imports(file):
        for library, users in OWNERS.items():
            foreign = module == library or module.startswith(f"{library}.")

            assert not foreign or here in users, f"{here} imports {module}"


@pytest.mark.parametrize(
    "file", [item for package in PURE for item in (SERVER / package).rglob("*.py")], ids=name_of
)
def test_engines_and_views_are_pure(file: Path) -> None:
    """No file, clock or log is used where findings are made and shown."""
    used = {module.split(".")[0] for module in imports(file)} & set(IMPURE)
    calls = {
        node.func.id
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    stated = [node for node in ast.walk(parsed(file)) if isinstance(node, ast.Global)]

    assert (set(), set(), []) == (used, calls & {"open", "print", "input"}, stated)


@cache
def page_names() -> frozenset[str]:
    """Every symbol that a library page names: callees, constants, prefixes, headers, words."""
    names: set[str] = set()
    for library in load().libraries.values():
        names.update(_library_names(library))
        for binding in library.bindings:
            names.update(_binding_names(binding))
    parts = {part for name in names for part in name.split("::")}
    return frozenset(name for name in names | parts if re.search(r"[A-Za-z]", name)) - LANGUAGE


def _library_names(library: Library) -> Iterator[str]:
    yield from library.prefixes
    yield from library.no_return
    yield from library.asserts
    yield from (header.name for header in library.headers if "/" in header.name)
    for vocabulary in library.vocabularies.values():
        yield from vocabulary.mend.values()
        if vocabulary.reads in ("name", "flags"):
            yield from vocabulary.means
    if library.suites is not None:
        yield from (library.suites.default_word, *library.suites.aliases)


def _binding_names(binding: Binding) -> Iterator[str]:
    for form in binding.forms:
        yield form.callee
        yield from (slot.constant for slot in form.slots if slot.constant)
    for conditions in binding.where.values():
        yield from (word for text in conditions for word in text.split() if word != text.lower())


def literals(file: Path) -> Iterator[tuple[int, str]]:
    """Every string of a module that is no docstring."""
    told = {
        id(node.value)
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(parsed(file)):
        if not isinstance(node, ast.Constant) or id(node) in told:
            continue
        if isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node.value, bytes):
            yield node.lineno, node.value.decode("latin-1")


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_no_string_names_what_a_page_names(file: Path) -> None:
    """Invariant 2: what is known of a library stands on its page.

    A word of small letters alone (`read`, `send`) is plain English and proves nothing.
    """
    names = page_names()
    found = [
        f"{name_of(file)}:{line}: '{word}'"
        for line, text in literals(file)
        for word in {text, *re.findall(r"\w+(?:::\w+)*", text)}
        if word in names and not re.fullmatch(r"[a-z]+", word)
    ]

    assert [] == found


def test_pages_name_something() -> None:
    """The test above has something to look for."""
    assert len(page_names()) > 500


@pytest.mark.parametrize("file", [*modules(), *sorted(TESTS.rglob("*.py"))], ids=name_of)
def test_every_module_opens_with_a_docstring(file: Path) -> None:
    """Invariant 8: a module says why it exists."""
    assert ast.get_docstring(parsed(file))


@pytest.mark.parametrize(
    "file", [f for f in sorted(TESTS.rglob("*.py")) if f.parent.name != "bench"], ids=name_of
)
def test_no_test_sleeps(file: Path) -> None:
    """Invariant 8: tests wait for events, not for time (a benchmark is no test)."""
    sleeps = [
        node.lineno
        for node in ast.walk(parsed(file))
        if (isinstance(node, ast.Attribute) and node.attr == "sleep")
        or (isinstance(node, ast.Name) and node.id == "sleep")
        or (isinstance(node, ast.alias) and node.name == "sleep")
    ]

    assert [] == sleeps


@pytest.mark.parametrize(("number", "file", "name"), ELSEWHERE)
def test_invariants_that_live_elsewhere_are_there(number: int, file: str, name: str) -> None:
    """A test that holds an invariant is not lost by a change of name."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    there = {node.name for node in ast.walk(parsed(TESTS / file)) if isinstance(node, functions)}

    assert name in there, f"invariant {number}"


def test_documented_options_are_those_of_the_code() -> None:
    """Invariant 7: the options that the manual of the editors lists, word for word."""
    manual = (ROOT / "editors" / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", manual, re.MULTILINE))

    assert dict(OPTIONS) == listed


def test_every_package_is_shipped() -> None:
    """Nothing is found by itself: each folder of modules is listed in `pyproject.toml`."""
    listed = set(
        re.findall(r'^    "(tlsight[\w.]*)",$', (ROOT / "pyproject.toml").read_text(), re.M)
    )
    folders = {file.parent.relative_to(SERVER) for file in modules() if file.parent != SERVER}
    packages = {".".join(("tlsight", *folder.parts)) for folder in folders}

    assert {"tlsight", "tlsight.rules", *packages} == listed


def test_top_level_is_as_designed() -> None:
    """Six places and no seventh."""
    allowed = {"pyproject.toml", "README.md", "LICENSE", "server", "rules", "editors", "tests"}
    built = {"build", "dist", "tlsight.egg-info"}
    there = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")}

    assert set() == there - allowed - built


_KEY = re.compile(r'(?:\bkey = \(|\.(?:cache|kept)(?:\.get\(|\[)\(?)"([^"]+)"')


def test_no_two_modules_keep_their_answers_under_one_name() -> None:
    homes: dict[str, set[str]] = {}
    for path in sorted((SERVER / "engine").glob("*.py")):
        for name in _KEY.findall(path.read_text(encoding="utf-8")):
            homes.setdefault(name, set()).add(path.stem)

    assert len(homes) > 50
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}
