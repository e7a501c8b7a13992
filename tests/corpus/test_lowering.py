"""Our calls, conditions and returns against clang's cursors, on files that compile.

Clang is the reference: what it sees outside of macros must be what syntax reads. Each kind of
disagreement is counted by itself and printed.
"""

from __future__ import annotations

import ctypes
import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import pytest
from clang import cindex
from fetch import PACKAGES, corpus, database

from tlsight import ir
from tlsight.rulebook import load
from tlsight.syntax import Hints, parse, read
from tlsight.text import Lines, Span

pytestmark = [pytest.mark.corpus]

NAMES = tuple(package.name for package in PACKAGES)
MOST_FILES = 30
IN_HUNDRED = 99
LEAST = 50
"""Of each kind in a package, or the comparison says little."""
KIND = cindex.CursorKind
BODIES = (
    KIND.FUNCTION_DECL,
    KIND.CXX_METHOD,
    KIND.CONSTRUCTOR,
    KIND.DESTRUCTOR,
    KIND.CONVERSION_FUNCTION,
    KIND.FUNCTION_TEMPLATE,
)
_NO_CODE = re.compile(rb"/\*(?s:.*?)\*/|//[^\n]*|^[ \t]*#[^\n]*", re.MULTILINE)
LOOPS = {KIND.IF_STMT: 0, KIND.WHILE_STMT: 0, KIND.DO_STMT: 1}
Extent = tuple[int, int]


@dataclass
class Seen:
    """What a reader saw in one file: extents by kind."""

    calls: dict[Extent, int] = field(default_factory=dict)
    """Each call's number of arguments."""
    conditions: set[Extent] = field(default_factory=set)
    returns: set[Extent] = field(default_factory=set)
    constructions: set[Extent] = field(default_factory=set)
    bodies: set[int] = field(default_factory=set)
    """Where the bodies start that were read without an error."""


@pytest.mark.parametrize("package", NAMES)
def test_lowering_agrees_with_clang(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    examples: list[str] = []
    for path, arguments in _files(package):
        _compare(path, arguments, counts, examples)
    lines = [f"{package}: {dict(sorted(counts.items()))}", *examples[:40]]
    for kind in ("call", "condition", "return", "arguments", "function"):
        agreed = counts[f"{kind} agreed"]
        total = sum(number for key, number in counts.items() if key.startswith(kind + " "))
        share = 100 * agreed / max(1, total)
        lines.append(f"{package}: {kind}: {share:.2f} in 100 of {total}")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")

    for kind in ("call", "condition", "return", "arguments", "function"):
        agreed = counts[f"{kind} agreed"]
        total = sum(number for key, number in counts.items() if key.startswith(kind + " "))
        assert total > LEAST
        assert 100 * agreed >= IN_HUNDRED * total, kind


def _compare(path: Path, arguments: list[str], counts: Counter[str], examples: list[str]) -> None:
    data = path.read_bytes()
    unit = cindex.TranslationUnit.from_source(
        str(path), arguments, options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
    )
    if any(item.severity >= cindex.Diagnostic.Error for item in unit.diagnostics):
        counts["file with errors, left out"] += 1
        return
    counts["file compared"] += 1
    here = [cursor for cursor in unit.cursor.get_children() if _is_here(cursor, path)]
    macros, skipped = _macros(here), _skipped(unit, path)
    theirs = _clang(here, data, macros)
    ours = _ours(path, data, skipped, _types(here))
    lines = Lines.of(data)

    def note(kind: str, what: str, extents: Iterable[Extent]) -> None:
        for start, end in extents:
            counts[f"{kind} {what}"] += 1
            text = " ".join(data[start:end].decode(errors="replace").split())
            line = lines.position(start).line + 1
            examples.append(f"  {kind} {what}: {path.name}:{line}: {text[:90]}")

    for kind, mine, other in (
        ("call", set(ours.calls), set(theirs.calls)),
        ("condition", ours.conditions, theirs.conditions),
        ("return", ours.returns, theirs.returns),
        ("construction", ours.constructions, theirs.constructions),
    ):
        mine = {extent for extent in mine if not _within(extent, macros)}
        mine = {extent for extent in mine if not _within(extent, skipped)}
        counts[f"{kind} agreed"] += len(mine & other)
        note(kind, "missed", sorted(other - mine))
        if kind != "construction":
            note(kind, "invented", sorted(mine - other))
    for extent in set(ours.calls) & set(theirs.calls):
        if theirs.calls[extent] in (-1, ours.calls[extent]):
            counts["arguments agreed"] += 1
        else:
            note("arguments", "differ", [extent])
    counts["function agreed"] += len(theirs.bodies & ours.bodies)
    note("function", "missed", ((start, start + 60) for start in theirs.bodies - ours.bodies))


def _within(extent: Extent, ranges: list[Extent]) -> bool:
    return any(start <= extent[0] < end or start < extent[1] <= end for start, end in ranges)


def _macros(here: list[cindex.Cursor]) -> list[Extent]:
    return [_extent(cursor) for cursor in here if cursor.kind is KIND.MACRO_INSTANTIATION]


class _Ranges(ctypes.Structure):
    _fields_ = (("count", ctypes.c_uint), ("ranges", ctypes.POINTER(cindex.SourceRange)))


def _skipped(unit: cindex.TranslationUnit, path: Path) -> list[Extent]:
    """What `#if` left out; the Python binding has no prototype for it."""
    ask = cindex.conf.lib.clang_getSkippedRanges
    ask.restype = ctypes.POINTER(_Ranges)
    ask.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    found = ask(unit, unit.get_file(str(path))).contents
    ranges = (found.ranges[index] for index in range(found.count))
    return [(item.start.offset, item.end.offset) for item in ranges]


def _is_here(cursor: cindex.Cursor, path: Path) -> bool:
    file = cursor.location.file
    return file is not None and file.name == str(path)


def _clang(here: list[cindex.Cursor], data: bytes, macros: list[Extent]) -> Seen:
    seen = Seen()
    stack = [*here]
    while stack:
        cursor = stack.pop()
        kind = cursor.kind
        if kind is KIND.STATIC_ASSERT:
            continue
        if kind in BODIES and cursor.is_definition():
            body = [child for child in cursor.get_children() if child.kind is KIND.COMPOUND_STMT]
            if not body or data[_extent(body[0])[0] :][:1] != b"{":
                continue
            start = _extent(body[0])[0]
            if not _within((start, start + 1), macros):
                seen.bodies.add(start)
        elif kind is KIND.CALL_EXPR:
            _clang_call(cursor, data, macros, seen)
        elif kind is KIND.RETURN_STMT:
            word = (_extent(cursor)[0], _extent(cursor)[0] + len(b"return"))
            if not _within(word, macros):
                seen.returns.add(word)
        elif kind is KIND.BINARY_OPERATOR:
            if _operator(cursor, data)[:2] in (b"&&", b"||"):
                _tests(cursor, data, macros, seen)
        elif kind in LOOPS or kind in (KIND.FOR_STMT, KIND.CONDITIONAL_OPERATOR):
            condition = _condition(cursor, data)
            if condition is not None:
                _tests(condition, data, macros, seen)
        stack.extend(cursor.get_children())
    return seen


def _extent(cursor: cindex.Cursor) -> Extent:
    return cursor.extent.start.offset, cursor.extent.end.offset


def _clang_call(cursor: cindex.Cursor, data: bytes, macros: list[Extent], seen: Seen) -> None:
    """A call as spelled: constructors and operators apart, which are not written `f(x)`."""
    start, end = _extent(cursor)
    target = cursor.referenced
    if _within((start, end), macros):
        return
    if target is not None and target.kind is KIND.CONSTRUCTOR:
        inner = [_extent(child) for child in cursor.get_children() if child.kind.is_expression()]
        bracketed = data[end - 1 : end] in (b")", b"}") and (start, end) not in inner
        if bracketed and (data[start : start + 1].isalpha() or data[start : start + 1] == b"_"):
            seen.constructions.add((start, end))
        return
    if data[end - 1 : end] != b")":
        return
    if target is not None and target.kind is KIND.CONVERSION_FUNCTION:
        return
    if cursor.spelling.startswith("operator") and b"operator" not in data[start:end]:
        if cursor.spelling == "operator()":
            seen.calls[(start, end)] = -1
        return
    children = list(cursor.get_children())
    if not children:
        return
    callee = _extent(children[0])
    if callee[0] != start or callee[1] >= end or data[callee[1] : end].lstrip()[:1] != b"(":
        return
    seen.calls[(start, end)] = sum(
        argument is None or argument.extent.end.offset > 0 for argument in cursor.get_arguments()
    )


def _condition(cursor: cindex.Cursor, data: bytes) -> cindex.Cursor | None:
    children = list(cursor.get_children())
    if cursor.kind is KIND.FOR_STMT:
        start, end = _extent(cursor)
        head = data[start:end]
        first = head.find(b";")
        second = head.find(b";", first + 1)
        for child in children[:-1]:
            if start + first < child.extent.start.offset < start + second:
                return child
        return None
    if (
        children
        and children[0].kind is KIND.VAR_DECL
        and cursor.kind
        in (
            KIND.IF_STMT,
            KIND.WHILE_STMT,
        )
    ):
        return children[0]
    if cursor.kind is KIND.IF_STMT:
        expressions = [child for child in children if child.kind.is_expression()]
        return expressions[0] if expressions and children[0].kind.is_expression() else None
    if cursor.kind is KIND.CONDITIONAL_OPERATOR:
        return children[0]
    index = LOOPS[cursor.kind]
    return children[index] if index < len(children) else None


def _tests(cursor: cindex.Cursor, data: bytes, macros: list[Extent], seen: Seen) -> None:
    for extent in _leaves(cursor, data):
        if not _within(extent, macros):
            seen.conditions.add(extent)


def _operator(cursor: cindex.Cursor, data: bytes) -> bytes:
    children = list(cursor.get_children())
    if len(children) != 2:
        return b""
    between = data[children[0].extent.end.offset : children[1].extent.start.offset]
    return _NO_CODE.sub(b" ", between).strip(b" \t\r\n()\\")


def _leaves(cursor: cindex.Cursor, data: bytes) -> Iterator[Extent]:
    """The tests that a condition is made of."""
    children = list(cursor.get_children())
    start, end = _extent(cursor)
    wrapped = cursor.kind is KIND.PAREN_EXPR or (
        cursor.kind is KIND.UNEXPOSED_EXPR and len(children) == 1
    )
    negated = cursor.kind is KIND.UNARY_OPERATOR and data[start : start + 1] == b"!"
    if wrapped or negated:
        yield from _leaves(children[0], data)
    elif cursor.kind is KIND.BINARY_OPERATOR and len(children) == 2:
        operator = _operator(cursor, data)
        if operator[:2] in (b"&&", b"||"):
            for child in children:
                yield from _leaves(child, data)
        elif operator == b",":
            yield from _leaves(children[1], data)
        else:
            yield start, end
    elif cursor.kind is KIND.CONDITIONAL_OPERATOR:
        for child in children:
            yield from _leaves(child, data)
    elif cursor.kind is KIND.VAR_DECL:
        start = cursor.location.offset
        yield start, start + len(cursor.spelling.encode())
    elif cursor.kind.is_expression():
        yield start, end


def _types(here: list[cindex.Cursor]) -> frozenset[str]:
    """The names that the file uses as types: clang's facts tell them to syntax."""
    return frozenset(
        cursor.spelling.split()[-1].rpartition("::")[2]
        for top in here
        for cursor in top.walk_preorder()
        if cursor.kind in (KIND.TYPE_REF, KIND.TEMPLATE_REF)
    )


def _ours(path: Path, data: bytes, skipped: list[Extent], types: frozenset[str]) -> Seen:
    seen = Seen()
    language = "c" if path.suffix == ".c" else "cpp"
    hints = replace(_hints(), types=types, skipped=tuple(Span(*extent) for extent in skipped))
    module = read(parse(data, language, hints), hints)
    for function in module.functions:
        if function.kind not in ("lambda", "initialiser"):
            seen.bodies.add(function.body.start)
        for node in function.nodes:
            if node.act is ir.Act.TEST and not isinstance(node.expr, ir.Opaque):
                seen.conditions.add((node.span.start, node.span.end))
            if node.act is ir.Act.RETURN:
                seen.returns.add((node.span.start, node.span.start + 6))
            for edge in node.next:
                for case in edge.when if isinstance(edge.when, tuple) else ():
                    if case.value is not None:
                        _calls(case.value, seen)
            if node.evaluates is not None:
                _calls(node.evaluates, seen)
        for parameter in function.parameters:
            if parameter.initial is not None:
                _calls(parameter.initial, seen)
    return seen


def _calls(expr: ir.Expr, seen: Seen) -> None:
    for part in ir.walk(expr):
        if isinstance(part, ir.Call) and part.kind in (ir.CallKind.CALL, ir.CallKind.MACRO):
            seen.calls[(part.span.start, part.span.end)] = len(part.arguments)
        if isinstance(part, ir.Call) and part.kind is ir.CallKind.CONSTRUCT:
            seen.constructions.add((part.span.start, part.span.end))
        if isinstance(part, ir.Call) and part.kind is ir.CallKind.NEW:
            seen.constructions.add((part.callee.span.start, part.span.end))
        if isinstance(part, ir.SizeOf) and part.operand is not None:
            _calls(part.operand, seen)


@lru_cache(maxsize=1)
def _hints() -> Hints:
    libraries = load().libraries.values()
    return Hints(replacements=tuple(item for library in libraries for item in library.replacements))


def _files(package: str) -> Iterator[tuple[Path, list[str]]]:
    """Some files of a package, evenly chosen, with the arguments of their compilation."""
    entries = json.loads(database(corpus(), package).read_bytes())
    by_path = {Path(entry["directory"], entry["file"]).resolve(): entry for entry in entries}
    own = sorted(path for path in by_path if path.suffix in (".c", ".cpp"))
    step = max(1, len(own) // MOST_FILES)
    for path in own[::step]:
        entry = by_path[path]
        command = entry.get("arguments") or shlex.split(entry["command"])
        yield path, _arguments(command[1:], entry["directory"], entry["file"])


def _arguments(command: list[str], directory: str, file: str) -> list[str]:
    kept: list[str] = []
    words = iter(command)
    for word in words:
        if word in ("-o", "-MF", "-MT", "-MQ"):
            next(words, None)
        elif word.startswith("-I") and len(word) > 2:
            kept.append(f"-I{Path(directory, word[2:])}")
        elif word in ("-I", "-isystem", "-include"):
            kept += [word, str(Path(directory, next(words, "")))]
        elif word not in ("-c", "-MD", "-MP", file) and not word.endswith((".c", ".cpp")):
            kept.append(word)
    return [*kept, "-ferror-limit=0", "-isystem", _builtin_headers()]


@lru_cache(maxsize=1)
def _builtin_headers() -> str:
    found = subprocess.run(
        ["gcc", "-print-file-name=include"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()
