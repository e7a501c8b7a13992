"""What one parse says about its main file: the facts of the bodies asked for, and of all around.

One visit through a bare callback lists the cursors of the main file; everything else works on that
list, so a body that nobody asked about costs one cursor. A fact is kept only if it is sound: with
errors about, clang answers wrongly in silence (`enum { A = UNKNOWN }` is 0, a `typedef` of an
unknown type is `int`). So nothing comes from an invalid declaration, from one with an error in its
extent, or from an expression with an error in it; and nothing is folded that depends on such.

Structure is not read here: what is a call, an argument or a branch, syntax says.
"""

from __future__ import annotations

import bisect
import ctypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tlsight.clang.lib import (
    CONTINUE,
    RECURSE,
    VISITOR,
    Cursor,
    Kind,
    Libclang,
    Pointer,
    TypeKind,
)
from tlsight.facts import CallFact, ErrorFact, Facts, MacroFact, NameFact, ParameterFact
from tlsight.text import Span

_ERROR = 3
_NOT_FOUND = re.compile(r"'(?P<name>[^']+)' file not found")
_LARGEST_MACRO = 4096
_MOST_MACROS = 2000

_FUNCTIONS = frozenset(
    (
        Kind.FUNCTION,
        Kind.METHOD,
        Kind.CONSTRUCTOR,
        Kind.DESTRUCTOR,
        Kind.CONVERSION,
        Kind.FUNCTION_TEMPLATE,
    )
)
_MEMBER_FUNCTIONS = frozenset((Kind.METHOD, Kind.CONSTRUCTOR, Kind.DESTRUCTOR, Kind.CONVERSION))
_RECORDS = frozenset((Kind.STRUCT, Kind.UNION, Kind.CLASS))
_TEMPLATES = frozenset((Kind.FUNCTION_TEMPLATE, Kind.CLASS_TEMPLATE, Kind.PARTIAL_SPECIALIZATION))
_CLASSES = _RECORDS | {Kind.CLASS_TEMPLATE, Kind.PARTIAL_SPECIALIZATION}
_TYPES = _CLASSES | {
    Kind.ENUM,
    Kind.TYPEDEF,
    Kind.TYPE_ALIAS,
    Kind.TYPE_PARAMETER,
}
_NAMED_DECLARATIONS = (
    _FUNCTIONS | _TYPES | {Kind.FIELD, Kind.ENUMERATOR, Kind.VARIABLE, Kind.PARAMETER}
)
_REFERENCES = frozenset(
    (
        Kind.TYPE_REF,
        Kind.TEMPLATE_REF,
        Kind.MEMBER_REF,
        Kind.VARIABLE_REF,
        Kind.DECLARATION_REF_EXPRESSION,
        Kind.MEMBER_REF_EXPRESSION,
    )
)
_KIND_WORDS: Mapping[int, str] = {
    Kind.VARIABLE: "variable",
    Kind.PARAMETER: "parameter",
    Kind.FIELD: "field",
    Kind.ENUMERATOR: "enumerator",
    Kind.FUNCTION: "function",
    Kind.FUNCTION_TEMPLATE: "function",
    **dict.fromkeys(_MEMBER_FUNCTIONS, "method"),
    **dict.fromkeys(_TYPES, "type"),
}
_FOLDED = frozenset(
    (
        Kind.PARENTHESES,
        Kind.UNARY,
        Kind.BINARY,
        Kind.CONDITIONAL,
        Kind.C_CAST,
        Kind.STATIC_CAST,
        Kind.FUNCTIONAL_CAST,
        Kind.SIZEOF,
    )
)
_LITERALS = frozenset((Kind.INTEGER, Kind.FLOATING, Kind.CHARACTER, Kind.BOOLEAN))
_CONSTANT_PARTS = (
    _FOLDED
    | _LITERALS
    | {
        Kind.UNEXPOSED_EXPRESSION,
        Kind.DECLARATION_REF_EXPRESSION,
        Kind.TYPE_REF,
        Kind.TEMPLATE_REF,
        Kind.NAMESPACE_REF,
    }
)
_IDENTIFIER = re.compile(rb"[A-Za-z_]\w*")
_DEDUCED = re.compile(rb"\b(?:auto|decltype)\b")
_INITIALISER = re.compile(rb"[=({]")
_LIBRARY_STYLE = re.compile(r"[A-Za-z0-9]*_\w*[A-Z]|[A-Z]\w*_")
_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class Diagnostic(NamedTuple):
    """An error of clang's anywhere: its file ('' for none), offset and message."""

    file: str
    offset: int
    message: str

    @property
    def missing(self) -> str:
        """The header that could not be found, if that is what the error says."""
        match = _NOT_FOUND.search(self.message)
        return match["name"] if match else ""


def diagnostics(lib: Libclang, unit: Pointer) -> tuple[Diagnostic, ...]:
    """All errors of a parse, in the order in which clang met them."""
    found = []
    file, offset = Pointer(), ctypes.c_uint()
    for index in range(lib.getNumDiagnostics(unit)):
        diagnostic = lib.getDiagnostic(unit, index)
        if lib.getDiagnosticSeverity(diagnostic) >= _ERROR:
            location = lib.getDiagnosticLocation(diagnostic)
            lib.getFileLocation(location, ctypes.byref(file), None, None, ctypes.byref(offset))
            name = lib.text(lib.getFileName(file)) if file.value else ""
            message = lib.text(lib.getDiagnosticSpelling(diagnostic))
            found.append(Diagnostic(name, offset.value, message))
        lib.disposeDiagnostic(diagnostic)
    return tuple(found)


def gather(
    lib: Libclang,
    unit: Pointer,
    *,
    path: str,
    data: bytes,
    errors: Sequence[Diagnostic],
    wanted: Sequence[Span] | None,
    stand_ins: str,
) -> Facts:
    """The facts of the main file at `path`, whose text is `data`.

    `wanted` are the bodies to look into (None: all); `stand_ins` is the folder of the headers that
    stand in for missing ones, whose records are right but not whole.
    """
    return _Reader(lib, unit, path, data, errors, stand_ins).facts(wanted)


@dataclass
class _Declaration:
    """What is known of a referenced declaration; the dear parts are filled in when asked for."""

    cursor: Cursor
    kind: int
    name: str
    qualified: str
    sound: bool
    fact: NameFact | None = None
    call: tuple[str, tuple[ParameterFact, ...]] | None = None


@dataclass
class _Nodes:
    """The main file's cursors in the order of the visit, with what was found out about each."""

    cursors: list[Cursor] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Where the name of each stands in the main file; -1 where it does not."""
    declarations: list[_Declaration | None] = field(default_factory=list)
    variable: bytearray = field(default_factory=bytearray)
    """1 where the value of an expression cannot be a sound constant."""
    poisoned: bytearray = field(default_factory=bytearray)
    """1 where clang recovered from something that it could not understand."""
    generic: bytearray = field(default_factory=bytearray)
    """1 inside templates, where dependent types are no sign of an error."""


class _Reader:
    def __init__(
        self,
        lib: Libclang,
        unit: Pointer,
        path: str,
        data: bytes,
        errors: Sequence[Diagnostic],
        stand_ins: str,
    ) -> None:
        self.lib = lib
        self.unit = unit
        self.data = data
        self.stand_ins = stand_ins
        self.main: int | None = lib.getFile(unit, path.encode())
        self.main_errors = sorted(
            error.offset for error in errors if error.file == path and not error.missing
        )
        self.messages = tuple(
            ErrorFact(error.offset, error.message)
            for error in errors
            if error.file == path and not error.missing
        )
        self.header_errors: dict[str, list[int]] = {}
        for error in errors:
            if error.file not in ("", path) and not error.missing:
                self.header_errors.setdefault(error.file, []).append(error.offset)
        self.suspect = bool(self.main_errors or self.header_errors)
        self._file = Pointer()
        self._offset = ctypes.c_uint()
        self._file_reference = ctypes.byref(self._file)
        self._offset_reference = ctypes.byref(self._offset)
        self.files: dict[int, str] = {}
        self.contents: dict[int, bytes] = {}
        self.known: dict[int, _Declaration] = {}
        self.scopes: dict[int, str] = {}
        self.bases: dict[int, bool] = {}
        self.sizes: dict[int, bool] = {}
        self.expansions: dict[int, int] = {}
        """Start of each use of a macro in the main file to its end."""
        self.macros: dict[str, MacroFact] = {}

    # Places

    def place(self, location: Any) -> tuple[int, int]:
        """The file and offset of a location; an argument of a macro stands where it is spelled."""
        self.lib.getFileLocation(location, self._file_reference, None, None, self._offset_reference)
        return self._file.value or 0, self._offset.value

    def extent(self, cursor: Cursor) -> tuple[int, Span]:
        """The file and the span of a cursor."""
        extent = self.lib.getCursorExtent(cursor)
        file, start = self.place(self.lib.getRangeStart(extent))
        _, end = self.place(self.lib.getRangeEnd(extent))
        return file, Span(start, max(start, end))

    def name_of_file(self, file: int) -> str:
        """The name of a file by its handle."""
        if file not in self.files:
            self.files[file] = self.lib.text(self.lib.getFileName(file)) if file else ""
        return self.files[file]

    def content(self, file: int) -> bytes:
        """The text of a file of the parse."""
        if file not in self.contents:
            size = ctypes.c_size_t()
            start = self.lib.getFileContents(self.unit, file, ctypes.byref(size))
            self.contents[file] = ctypes.string_at(start, size.value) if start else b""
        return self.contents[file]

    def erroneous(self, file: int, span: Span) -> bool:
        """Whether an error stands in a span, its last byte included."""
        if file == self.main:
            return _any_within(self.main_errors, span)
        if not self.header_errors:
            return False
        return _any_within(sorted(self.header_errors.get(self.name_of_file(file), ())), span)

    # The visit

    def facts(self, wanted: Sequence[Span] | None) -> Facts:
        """Visit the main file and say what is known about it."""
        nodes, bodies = self.visit(wanted)
        self.examine(nodes)
        names = self.names(nodes)
        calls = self.calls(nodes)
        constants = self.constants(nodes)
        read, broken = self.judge(nodes, bodies, wanted)
        return Facts(
            names=names,
            calls=calls,
            constants=constants,
            macros=self.macros,
            skipped=self.skipped(),
            errors=self.messages,
            read=read,
            broken=broken,
        )

    def visit(self, wanted: Sequence[Span] | None) -> tuple[_Nodes, list[tuple[int, Span]]]:
        """List the cursors of the main file, and the bodies that were looked into."""
        lib = self.lib
        nodes = _Nodes()
        cursors, parents = nodes.cursors, nodes.parents
        bodies: list[tuple[int, Span]] = []
        index_of: dict[int, int] = {}
        macros: list[Cursor] = []
        in_main = lib.Location_isFromMainFile
        location_of = lib.getCursorLocation
        recurse_into, skip_over = RECURSE, CONTINUE

        def visitor(cursor: Cursor, parent: Cursor, _: object) -> int:
            kind = cursor.kind
            parent_kind = parent.kind
            if parent_kind == Kind.TRANSLATION_UNIT:
                if not in_main(location_of(cursor)):
                    return skip_over
                if kind > Kind.TRANSLATION_UNIT:
                    macros.append(cursor)
                    return skip_over
                up = -1
            else:
                up = index_of.get(parent.d1 if parent_kind >= 100 else parent.d0, -1)
                if kind in (Kind.COMPOUND, Kind.TRY) and parent_kind in _FUNCTIONS:
                    body = self.extent(cursor)[1]
                    if wanted is not None and not any(body.overlaps(span) for span in wanted):
                        return skip_over
                    bodies.append((len(cursors), body))
            index_of[cursor.d1 if kind >= 100 else cursor.d0] = len(cursors)
            cursors.append(cursor)
            parents.append(up)
            return recurse_into

        lib.visitChildren(lib.getTranslationUnitCursor(self.unit), VISITOR(visitor), None)
        for cursor in macros:
            self.note_macro(cursor)
        return nodes, bodies

    def note_macro(self, cursor: Cursor) -> None:
        """Remember a use or a definition of a macro in the main file."""
        if cursor.kind == Kind.MACRO_EXPANSION:
            _, span = self.extent(cursor)
            self.expansions[span.start] = max(span.end, self.expansions.get(span.start, 0))
            definition = self.lib.getCursorReferenced(cursor)
        else:
            definition = cursor
        if definition.kind != Kind.MACRO_DEFINITION or len(self.macros) >= _MOST_MACROS:
            return
        name = self.lib.text(self.lib.getCursorSpelling(definition))
        if name in self.macros and cursor is not definition:
            return
        file, span = self.extent(definition)
        text = self.data if file == self.main else self.content(file) if file else b""
        if text and span.end - span.start <= _LARGEST_MACRO:
            fact = _macro(text[span.start : span.end].decode(errors="replace"), name)
            if fact is not None:
                self.macros[name] = fact

    def examine(self, nodes: _Nodes) -> None:
        """Find the place and the declaration of every node, and what flows up from it."""
        lib = self.lib
        count = len(nodes.cursors)
        nodes.offsets = [-1] * count
        nodes.declarations = [None] * count
        nodes.variable = bytearray(count)
        nodes.poisoned = bytearray(count)
        nodes.generic = bytearray(count)
        offsets, declarations, parents = nodes.offsets, nodes.declarations, nodes.parents
        variable, poisoned, generic = nodes.variable, nodes.poisoned, nodes.generic
        main = self.main
        for index, cursor in enumerate(nodes.cursors):
            kind = cursor.kind
            up = parents[index]
            if up >= 0 and generic[up]:
                generic[index] = 1
            if kind in _REFERENCES:
                file, offset = self.place(lib.getCursorLocation(cursor))
                if file == main:
                    offsets[index] = offset
                referenced = lib.getCursorReferenced(cursor)
                if _valid(referenced):
                    declarations[index] = self.declaration(referenced)
                elif kind == Kind.MEMBER_REF_EXPRESSION and not generic[index]:
                    poisoned[index] = 1
                if kind == Kind.DECLARATION_REF_EXPRESSION:
                    known = declarations[index]
                    if known is None or not self.constant(known):
                        variable[index] = 1
                    if known is not None and known.kind in (Kind.VARIABLE, Kind.PARAMETER):
                        poisoned[index] |= not known.sound and lib.isInvalidDeclaration(referenced)
                elif kind == Kind.MEMBER_REF_EXPRESSION:
                    variable[index] = 1
            elif kind == Kind.CALL:
                variable[index] = 1
                file, offset = self.place(lib.getCursorLocation(cursor))
                if file == main:
                    offsets[index] = offset
                referenced = lib.getCursorReferenced(cursor)
                if _valid(referenced):
                    declarations[index] = self.declaration(referenced)
                elif not generic[index] and self.dependent(cursor):
                    poisoned[index] = 1
            elif kind == Kind.UNEXPOSED_EXPRESSION:
                if not generic[index] and self.dependent(cursor):
                    poisoned[index] = 1
            elif kind in _NAMED_DECLARATIONS:
                file, offset = self.place(lib.getCursorLocation(cursor))
                if file == main:
                    offsets[index] = offset
                known = declarations[index] = self.declaration(cursor)
                if kind in _TEMPLATES or (kind in _MEMBER_FUNCTIONS and self.in_template(cursor)):
                    generic[index] = 1
                elif (
                    kind == Kind.PARAMETER
                    and up >= 0
                    and nodes.cursors[up].kind == Kind.LAMBDA
                    and "auto" in lib.text(lib.getTypeSpelling(lib.getCursorType(cursor)))
                ):
                    generic[up] = 1
                if kind == Kind.VARIABLE and not known.sound and lib.isInvalidDeclaration(cursor):
                    poisoned[index] = 1
                variable[index] = 1
            elif kind not in _CONSTANT_PARTS:
                variable[index] = 1
        for index in range(count - 1, -1, -1):
            up = parents[index]
            if nodes.cursors[index].kind == Kind.SIZEOF:
                variable[index] = not self.sized(nodes, index)
            if up >= 0:
                poisoned[up] |= poisoned[index]
                if nodes.cursors[up].kind != Kind.SIZEOF:
                    variable[up] |= variable[index]

    def dependent(self, cursor: Cursor) -> bool:
        """Whether an expression's type is unknown: outside a template, clang has recovered."""
        kind: int = self.lib.getCursorType(cursor).kind
        return kind == TypeKind.DEPENDENT

    def in_template(self, cursor: Cursor) -> bool:
        """Whether a member function belongs to a class template."""
        parent = self.lib.getCursorSemanticParent(cursor)
        while parent.kind in _CLASSES:
            if parent.kind in _TEMPLATES:
                return True
            parent = self.lib.getCursorSemanticParent(parent)
        return False

    # Declarations

    def declaration(self, cursor: Cursor) -> _Declaration:
        """What is known of a declaration, looked up once."""
        known = self.known.get(cursor.d0)
        if known is None:
            name = self.lib.text(self.lib.getCursorSpelling(cursor)).partition("<")[0]
            if name.startswith("("):  # clang's words for what has no name
                name = ""
            scope = self.scope(cursor)
            known = _Declaration(
                cursor,
                cursor.kind,
                name,
                f"{scope}::{name}" if scope else name,
                self.sound(cursor),
            )
            self.known[cursor.d0] = known
        return known

    def scope(self, cursor: Cursor) -> str:
        """The qualified name of what a declaration stands in, without what nobody spells."""
        lib = self.lib
        if cursor.kind == Kind.PARAMETER or cursor.kind == Kind.TYPE_PARAMETER:
            return ""
        parent = lib.getCursorSemanticParent(cursor)
        known = self.scopes.get(parent.d0)
        if known is not None:
            return known
        kind = parent.kind
        result = ""
        if kind in _CLASSES or kind in (Kind.NAMESPACE, Kind.ENUM, Kind.LINKAGE):
            result = self.scope(parent)
            name = lib.text(lib.getCursorSpelling(parent)).partition("<")[0]
            transparent = (
                kind == Kind.LINKAGE
                or not name
                or name.startswith("(")
                or (kind == Kind.NAMESPACE and lib.Cursor_isInlineNamespace(parent))
                or (kind == Kind.ENUM and not lib.EnumDecl_isScoped(parent))
            )
            if not transparent:
                result = f"{result}::{name}" if result else name
        if parent.d0:
            self.scopes[parent.d0] = result
        return result

    def sound(self, cursor: Cursor) -> bool:
        """Whether a declaration is as its author meant it, as far as clang can tell."""
        lib = self.lib
        if lib.isInvalidDeclaration(cursor):
            return cursor.kind in _CLASSES
        if not self.suspect:
            return True
        kind = cursor.kind
        if kind == Kind.ENUMERATOR:
            return self.declaration(lib.getCursorSemanticParent(cursor)).sound
        if kind in _CLASSES or kind == Kind.NAMESPACE:
            return True
        file, span = self.extent(cursor)
        refers_well, body = self.refers_well(cursor)
        if body is not None:
            span = Span(span.start, max(span.start, body - 1))
        elif kind in (Kind.VARIABLE, Kind.FIELD) and file == self.main:
            span = self.declarator(cursor, span)
        return refers_well and not self.erroneous(file, span)

    def declarator(self, cursor: Cursor, span: Span) -> Span:
        """The part of a variable's declaration that says its type, if that part says it."""
        if _DEDUCED.search(self.data, span.start, span.end):
            return span
        _, name = self.place(self.lib.getCursorLocation(cursor))
        match = _INITIALISER.search(self.data, name, span.end)
        return Span(span.start, match.start() - 1) if match else span

    def refers_well(self, cursor: Cursor) -> tuple[bool, int | None]:
        """Whether the types of a declaration, and the values of an enumeration, are sound.

        Also where its body starts, if it has one.
        """
        lib = self.lib
        body: int | None = None
        used: list[Cursor] = []
        wanted = _REFERENCES if cursor.kind == Kind.ENUM else (Kind.TYPE_REF,)

        def visitor(child: Cursor, _: Cursor, __: object) -> int:
            nonlocal body
            if child.kind in (Kind.COMPOUND, Kind.TRY):
                body = self.extent(child)[1].start if body is None else body
                return CONTINUE
            if child.kind in wanted:
                used.append(lib.getCursorReferenced(child))
            return RECURSE

        lib.visitChildren(cursor, VISITOR(visitor), None)
        well = all(
            self.declaration(item).sound
            for item in used
            if _valid(item) and cursor.d0 not in (item.d0, lib.getCursorSemanticParent(item).d0)
        )
        return well, body

    def constant(self, known: _Declaration) -> bool:
        """Whether a referenced declaration has a value that clang may fold."""
        if not known.sound:
            return False
        if known.kind == Kind.ENUMERATOR:
            return True
        return known.kind == Kind.VARIABLE and self.value(known) is not None

    def value(self, known: _Declaration) -> int | None:
        """The value of an enumerator, or of a constant with an initialiser that can be folded."""
        return self.fact(known).value if known.sound else None

    def fact(self, known: _Declaration) -> NameFact:
        """The fact about a name that refers to this declaration."""
        if known.fact is None:
            lib = self.lib
            kind = lib.getCursorType(known.cursor)
            spelled = lib.text(lib.getTypeSpelling(kind))
            value: int | None = None
            if known.kind == Kind.ENUMERATOR:
                value = lib.getEnumConstantDeclValue(known.cursor)
            elif known.kind == Kind.VARIABLE and lib.isConstQualifiedType(kind):
                value = self.initial_value(known, kind)
            known.fact = NameFact(
                known.qualified, _KIND_WORDS.get(known.kind, "other"), spelled, value
            )
        return known.fact

    def initial_value(self, known: _Declaration, kind: Any) -> int | None:
        """The value of a constant, if its initialiser consists of sound constants only."""
        lib = self.lib
        if lib.getCanonicalType(kind).kind not in TypeKind.INTEGERS:
            return None
        known.fact = NameFact(known.qualified, "variable", "", None)
        foldable = True

        def visitor(child: Cursor, _: Cursor, __: object) -> int:
            nonlocal foldable
            if child.kind not in _CONSTANT_PARTS or child.kind == Kind.SIZEOF:
                foldable = False
            elif child.kind == Kind.DECLARATION_REF_EXPRESSION:
                referenced = lib.getCursorReferenced(child)
                if not _valid(referenced) or not self.constant(self.declaration(referenced)):
                    foldable = False
            elif child.kind == Kind.UNEXPOSED_EXPRESSION and self.dependent(child):
                foldable = False
            return RECURSE if foldable else 0

        lib.visitChildren(known.cursor, VISITOR(visitor), None)
        return self.evaluate(known.cursor) if foldable else None

    def evaluate(self, cursor: Cursor) -> int | None:
        """The integer that an expression, or a variable's initialiser, folds to."""
        lib = self.lib
        result = lib.Cursor_Evaluate(cursor)
        if not result:
            return None
        try:
            if lib.EvalResult_getKind(result) != 1:
                return None
            if lib.EvalResult_isUnsignedInt(result):
                return int(lib.EvalResult_getAsUnsigned(result))
            return int(lib.EvalResult_getAsLongLong(result))
        finally:
            lib.EvalResult_dispose(result)

    # Names

    def names(self, nodes: _Nodes) -> dict[int, NameFact]:
        """The facts about names that are spelled where clang says that they are."""
        data = self.data
        facts: dict[int, NameFact] = {}
        for known, offset, cursor in zip(
            nodes.declarations, nodes.offsets, nodes.cursors, strict=True
        ):
            if (
                known is None
                or offset < 0
                or cursor.kind == Kind.CALL
                or not known.sound
                or not known.name
            ):
                continue
            fact = known.fact or self.fact(known)
            anchor = offset + 1 if data[offset : offset + 1] == b"~" else offset
            if self.spelled(anchor, known.name.removeprefix("~")) and (
                anchor not in facts or facts[anchor].kind == "type"
            ):
                facts[anchor] = fact
        return facts

    def spelled(self, offset: int, name: str) -> bool:
        """Whether just this name stands at an offset: it does not if a macro's body said it."""
        spelling = name.encode()
        end = offset + len(spelling)
        return self.data[offset:end] == spelling and (
            end >= len(self.data) or self.data[end] not in _WORD_BYTES
        )

    # Calls

    def calls(self, nodes: _Nodes) -> dict[int, CallFact]:
        """The facts about calls, by the anchor of their callee."""
        facts: dict[int, CallFact] = {}
        for index, cursor in enumerate(nodes.cursors):
            known = nodes.declarations[index]
            if cursor.kind != Kind.CALL or known is None or not known.sound:
                continue
            callee = self.callee(nodes, index, known)
            if callee is None:
                continue
            anchor, receiver = callee
            if self.suspect and self.disturbed(nodes, index):
                continue
            if known.kind == Kind.FUNCTION and self.hidden(nodes, index, known, anchor):
                continue
            result, parameters = self.signature(known)
            facts.setdefault(anchor, CallFact(known.qualified, result, parameters, receiver))
        return facts

    def callee(self, nodes: _Nodes, index: int, known: _Declaration) -> tuple[int, str] | None:
        """The anchor of a call and the type of its receiver, if it is spelled as a call."""
        if known.kind == Kind.CONSTRUCTOR:
            anchor = self.construction(nodes, index)
            return None if anchor is None or not self.plain(anchor) else (anchor, "")
        if known.name.startswith("operator") and known.name != "operator()":
            return None
        first = index + 1
        cursors = nodes.cursors
        while first < len(cursors) and cursors[first].kind in (
            Kind.UNEXPOSED_EXPRESSION,
            Kind.PARENTHESES,
            Kind.UNARY,
        ):
            first += 1
        if first >= len(cursors) or cursors[first].kind not in (
            Kind.DECLARATION_REF_EXPRESSION,
            Kind.MEMBER_REF_EXPRESSION,
        ):
            return None
        target = nodes.declarations[first]
        anchor = nodes.offsets[first]
        if target is None or anchor < 0:
            return None
        if not self.spelled(anchor, target.name) and not self.renamed(nodes, index, anchor):
            return None
        if known.name == "operator()":
            return anchor, self.fact(target).type
        if known.kind not in _MEMBER_FUNCTIONS:
            return anchor, ""
        return anchor, self.receiver(nodes, first) or known.qualified.rpartition("::")[0]

    def renamed(self, nodes: _Nodes, index: int, anchor: int) -> bool:
        """Whether a macro without arguments stands for the callee of a call spelled in full."""
        end = self.expansions.get(anchor)
        if end is None or not self.plain(anchor):
            return False
        return self.extent(nodes.cursors[index])[1].end > end

    def plain(self, anchor: int) -> bool:
        """Whether no macro with arguments starts at an anchor."""
        end = self.expansions.get(anchor)
        return end is None or _IDENTIFIER.fullmatch(self.data, anchor, end) is not None

    def receiver(self, nodes: _Nodes, member: int) -> str:
        """The class of the object before the dot or arrow; '' if it is not spelled."""
        lib = self.lib
        inner = member + 1
        cursors = nodes.cursors
        if inner >= len(cursors) or nodes.parents[inner] != member:
            return ""
        while cursors[inner].kind == Kind.UNEXPOSED_EXPRESSION and (
            inner + 1 < len(cursors) and nodes.parents[inner + 1] == inner
        ):
            inner += 1
        if cursors[inner].kind in (Kind.TYPE_REF, Kind.NAMESPACE_REF, Kind.TEMPLATE_REF):
            return ""
        return self.class_name(lib.getCursorType(cursors[inner]))

    def class_name(self, kind: Any) -> str:
        """The qualified name of the class of a type, through pointers and references."""
        lib = self.lib
        kind = lib.getCanonicalType(kind)
        while kind.kind in (TypeKind.POINTER, TypeKind.L_REFERENCE, TypeKind.R_REFERENCE):
            kind = lib.getPointeeType(kind)
        declared = lib.getTypeDeclaration(kind)
        if not _valid(declared):
            return ""
        return self.declaration(declared).qualified

    def construction(self, nodes: _Nodes, index: int) -> int | None:
        """The anchor of a constructor's call if it is spelled: `T x(a)`, `T(a)`, `m(a)`."""
        cursors, parents, offsets = nodes.cursors, nodes.parents, nodes.offsets
        start = offsets[index]
        up = parents[index]
        while up >= 0 and cursors[up].kind == Kind.UNEXPOSED_EXPRESSION:
            up = parents[up]
        if start < 0 or up < 0:
            return None
        kind = cursors[up].kind
        if kind in (Kind.VARIABLE, Kind.FIELD):
            if start == offsets[up] and _IDENTIFIER.match(self.data, start):
                return start
        elif kind == Kind.CONSTRUCTOR:
            for sibling in range(index - 1, up, -1):
                if parents[sibling] == up and offsets[sibling] == start:
                    return start
            return self.constructed_type(nodes, up, start, index)
        if kind in (Kind.FUNCTIONAL_CAST, Kind.NEW):
            return self.constructed_type(nodes, up, start, index)
        return self.constructed_type(nodes, index, start, len(cursors))

    def constructed_type(self, nodes: _Nodes, owner: int, start: int, stop: int) -> int | None:
        """The offset of the type's own name among the references right under `owner`."""
        best: int | None = None
        for index in range(owner + 1, stop):
            kind = nodes.cursors[index].kind
            if nodes.parents[index] < owner or (
                nodes.parents[index] == owner
                and kind not in (Kind.TYPE_REF, Kind.TEMPLATE_REF, Kind.NAMESPACE_REF)
            ):
                break
            offset = nodes.offsets[index]
            if nodes.parents[index] != owner or kind == Kind.NAMESPACE_REF or offset < start:
                continue
            before = self.data[start:offset]
            if before.count(b"<") == before.count(b">") and not re.search(rb"[({]", before):
                best = offset
        return best

    def signature(self, known: _Declaration) -> tuple[str, tuple[ParameterFact, ...]]:
        """The result type and the parameters of a callee."""
        if known.call is None:
            lib = self.lib
            if known.kind in (Kind.VARIABLE, Kind.PARAMETER, Kind.FIELD):
                known.call = self.pointed_signature(known)
            else:
                if known.kind == Kind.CONSTRUCTOR:
                    result = known.qualified.rpartition("::")[0]
                else:
                    result = lib.text(lib.getTypeSpelling(lib.getCursorResultType(known.cursor)))
                known.call = result, self.parameters(known.cursor)
        return known.call

    def pointed_signature(self, known: _Declaration) -> tuple[str, tuple[ParameterFact, ...]]:
        """The result and parameter types of the function that a variable points to."""
        lib = self.lib
        kind = lib.getCanonicalType(lib.getCursorType(known.cursor))
        while kind.kind in (TypeKind.POINTER, TypeKind.L_REFERENCE, TypeKind.R_REFERENCE):
            kind = lib.getPointeeType(kind)
        count = lib.getNumArgTypes(kind)
        if count < 0:
            return "", ()
        return lib.text(lib.getTypeSpelling(lib.getResultType(kind))), tuple(
            ParameterFact("", lib.text(lib.getTypeSpelling(lib.getArgType(kind, index))))
            for index in range(count)
        )

    def parameters(self, cursor: Cursor) -> tuple[ParameterFact, ...]:
        """The parameters of a function, with the default arguments of its first declaration."""
        lib = self.lib
        first: Cursor | None = None
        facts = []
        for index in range(max(0, lib.Cursor_getNumArguments(cursor))):
            parameter = lib.Cursor_getArgument(cursor, index)
            name = lib.text(lib.getCursorSpelling(parameter))
            kind = lib.text(lib.getTypeSpelling(lib.getCursorType(parameter)))
            default = self.default(parameter)
            if default is None:
                first = first or lib.getCanonicalCursor(cursor)
                if first.d0 != cursor.d0:
                    default = self.default(lib.Cursor_getArgument(first, index))
            facts.append(ParameterFact(name, kind, default))
        return tuple(facts)

    def default(self, parameter: Cursor) -> str | None:
        """The default argument of a parameter as its declaration spells it."""
        file, span = self.extent(parameter)
        if not file:
            return None
        text = (self.data if file == self.main else self.content(file))[span.start : span.end]
        return _default(text.decode(errors="replace"))

    # Soundness of calls

    def disturbed(self, nodes: _Nodes, index: int) -> bool:
        """Whether an error stands in a call."""
        file, span = self.extent(nodes.cursors[index])
        return self.erroneous(file, span) or bool(nodes.poisoned[index])

    def hidden(self, nodes: _Nodes, index: int, known: _Declaration, anchor: int) -> bool:
        """Whether a method that we do not know may hide the function that a call resolves to.

        Nobody names methods in the manner of `LIB_function`, and a qualified name says which it is.
        """
        if _LIBRARY_STYLE.match(known.name) or self.data[:anchor].rstrip().endswith(b"::"):
            return False
        up = index
        while up >= 0:
            cursor = nodes.cursors[up]
            if cursor.kind in _CLASSES and self.unknown_base(cursor):
                return True
            if cursor.kind in _MEMBER_FUNCTIONS and self.unknown_base(
                self.lib.getCursorSemanticParent(cursor)
            ):
                return True
            up = nodes.parents[up]
        return False

    def unknown_base(self, cursor: Cursor) -> bool:
        """Whether a class may inherit a method that hides a function of that name."""
        known = self.bases.get(cursor.d0)
        if known is not None:
            return known
        self.bases[cursor.d0] = False
        lib = self.lib
        definition = lib.getCursorDefinition(cursor)
        if not _valid(definition):
            definition = cursor
        file, span = self.extent(definition)
        first_member = span.end
        bases: list[Cursor] = []

        def visitor(child: Cursor, _: Cursor, __: object) -> int:
            nonlocal first_member
            if child.kind == Kind.BASE:
                bases.append(lib.getTypeDeclaration(lib.getCanonicalType(lib.getCursorType(child))))
                return CONTINUE
            if child.kind in _REFERENCES:
                return CONTINUE
            first_member = min(first_member, self.extent(child)[1].start)
            return 0

        lib.visitChildren(definition, VISITOR(visitor), None)
        result = self.erroneous(file, Span(span.start, max(span.start, first_member - 1))) or any(
            not _valid(base) or self.stands_in(base) or self.unknown_base(base) for base in bases
        )
        self.bases[cursor.d0] = result
        return result

    def stands_in(self, cursor: Cursor) -> bool:
        """Whether a declaration comes from a header that stands in for a missing one."""
        file, _ = self.place(self.lib.getCursorLocation(cursor))
        return bool(self.stand_ins) and self.name_of_file(file).startswith(self.stand_ins)

    # Constants

    def constants(self, nodes: _Nodes) -> dict[Span, int]:
        """The values of expressions that are not plain names or numbers, outermost only."""
        facts: dict[Span, int] = {}
        cursors, parents = nodes.cursors, nodes.parents
        settled = bytearray(len(cursors))
        data, main = self.data, self.main
        for index, cursor in enumerate(cursors):
            kind = cursor.kind
            up = parents[index]
            if up >= 0 and settled[up]:
                settled[index] = 1
                continue
            if nodes.variable[index] or nodes.generic[index] or nodes.poisoned[index]:
                continue
            if kind not in _FOLDED and kind not in _LITERALS:
                if kind != Kind.DECLARATION_REF_EXPRESSION:
                    continue
                known = nodes.declarations[index]
                if known is None or self.spelled(nodes.offsets[index], known.name):
                    continue
            file, span = self.extent(cursor)
            if file != main or span.start == span.end:
                continue
            if kind in _LITERALS and span.start not in self.expansions:
                continue
            if self.ambiguous(nodes, index, span) or self.erroneous(file, span):
                continue
            if not data[span.start : span.end].strip():
                continue
            value = self.evaluate(cursor)
            if value is not None:
                facts.setdefault(span, value)
                settled[index] = 1
        return facts

    def ambiguous(self, nodes: _Nodes, index: int, span: Span) -> bool:
        """Whether a macro's body makes several expressions of the same span."""
        up = nodes.parents[index]
        while up >= 0:
            cursor = nodes.cursors[up]
            known = nodes.declarations[up]
            implicit = cursor.kind == Kind.UNEXPOSED_EXPRESSION or (
                cursor.kind == Kind.CALL and known is not None and known.kind == Kind.CONSTRUCTOR
            )
            if not implicit:
                return cursor.kind >= 100 and self.extent(cursor)[1] == span
            up = nodes.parents[up]
        return False

    def sized(self, nodes: _Nodes, index: int) -> bool:
        """Whether the size that a `sizeof` states is that of the real type."""
        lib = self.lib
        for child in range(index + 1, len(nodes.cursors)):
            up = nodes.parents[child]
            while up > index:
                up = nodes.parents[up]
            if up != index:
                break
            cursor = nodes.cursors[child]
            if nodes.poisoned[child]:
                return False
            if cursor.kind == Kind.TYPE_REF:
                known = nodes.declarations[child]
                if known is None or not known.sound or not self.whole(known.cursor):
                    return False
            elif nodes.parents[child] == index and cursor.kind >= 100:
                kind = lib.getCanonicalType(lib.getCursorType(cursor))
                while kind.kind in TypeKind.ARRAYS:
                    kind = lib.getCanonicalType(lib.getArrayElementType(kind))
                if kind.kind == TypeKind.RECORD and not self.whole(lib.getTypeDeclaration(kind)):
                    return False
        return True

    def whole(self, cursor: Cursor) -> bool:
        """Whether a type is declared with everything that is in it."""
        known = self.sizes.get(cursor.d0)
        if known is not None:
            return known
        self.sizes[cursor.d0] = True
        lib = self.lib
        definition = lib.getCursorDefinition(cursor)
        if not _valid(definition):
            definition = cursor
        result = not lib.isInvalidDeclaration(definition) and not (
            definition.kind in _CLASSES and self.stands_in(definition)
        )
        if result and definition.kind in (*_CLASSES, Kind.TYPEDEF, Kind.TYPE_ALIAS):
            parts: list[Cursor] = []

            def visitor(child: Cursor, _: Cursor, __: object) -> int:
                if child.kind == Kind.TYPE_REF:
                    parts.append(lib.getCursorReferenced(child))
                return RECURSE if child.kind in (Kind.FIELD, Kind.BASE) else CONTINUE

            lib.visitChildren(definition, VISITOR(visitor), None)
            result = all(self.whole(part) for part in parts)
        self.sizes[cursor.d0] = result
        return result

    # Bodies and text left out

    def judge(
        self,
        nodes: _Nodes,
        bodies: Sequence[tuple[int, Span]],
        wanted: Sequence[Span] | None,
    ) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        """Which bodies clang read without an error, and which it did not."""
        read: dict[Span, bool] = {}
        for index, body in bodies:
            good = not nodes.poisoned[index] and not self.erroneous(self.main or 0, body)
            if wanted is None:
                read[body] = good
                continue
            for span in wanted:
                if span.overlaps(body):
                    inside = body.contains(span) and body != span
                    same = span == body or (good and inside)
                    read[span] = read.get(span, True) and good and same
        return (
            tuple(span for span, good in read.items() if good),
            tuple(span for span, good in read.items() if not good),
        )

    def skipped(self) -> tuple[Span, ...]:
        """The text that `#if` left out, from the directive that says so to the one that ends it."""
        lib = self.lib
        ranges = lib.getSkippedRanges(self.unit, self.main)
        if not ranges:
            return ()
        spans = []
        for index in range(ranges.contents.count):
            item = ranges.contents.ranges[index]
            start = self.place(lib.getRangeStart(item))[1]
            end = self.place(lib.getRangeEnd(item))[1]
            if start < end:
                spans.append(Span(start, end))
        lib.disposeSourceRangeList(ranges)
        return tuple(sorted(spans))


def _valid(cursor: Cursor) -> bool:
    """Whether libclang had an answer at all."""
    kind: int = cursor.kind
    return not Kind.FIRST_INVALID <= kind <= Kind.LAST_INVALID


def _any_within(offsets: Sequence[int], span: Span) -> bool:
    position = bisect.bisect_left(offsets, span.start)
    return position < len(offsets) and offsets[position] <= span.end


_MACRO_PARAMETERS = re.compile(r"\(([^()]*)\)")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_CONTINUED = re.compile(r"\\\r?\n")


def _macro(text: str, name: str) -> MacroFact | None:
    if not text.startswith(name):
        return None
    rest = _COMMENT.sub(" ", _CONTINUED.sub(" ", text[len(name) :]))
    match = _MACRO_PARAMETERS.match(rest)
    if match is None:
        return MacroFact(None, rest.strip())
    names = tuple(part.strip() for part in match[1].split(","))
    return MacroFact(names if names != ("",) else (), rest[match.end() :].strip())


def _default(text: str) -> str | None:
    """The text after the first `=` that stands in no brackets."""
    depth = 0
    for index, char in enumerate(text):
        if char in "([{<":
            depth += 1
        elif char in ")]}>":
            depth -= 1
        elif char == "=" and depth == 0:
            return text[index + 1 :].strip() or None
    return None
