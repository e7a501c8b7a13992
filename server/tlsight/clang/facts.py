"""What clang knows, asked of a parsed text through bare structs, for the bodies that changed.

A fact is only taken where the text at its place is the very name it is about, which keeps out what
the inside of a macro puts there; and only from declarations that are valid and have no error in
their extent, since with errors about clang answers wrongly in silence.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tlsight.clang.lib import (
    CONTINUE,
    RECURSE,
    VISITOR,
    Cursor,
    Kind,
    Libclang,
    Location,
    Range,
    Type,
    TypeKind,
)
from tlsight.facts import CallFact, ErrorFact, Facts, MacroFact, NameFact, ParameterFact
from tlsight.text import Span

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
_SCOPES = frozenset((Kind.TRANSLATION_UNIT, Kind.LINKAGE))
_NAMES = {
    Kind.VARIABLE: "variable",
    Kind.PARAMETER: "parameter",
    Kind.FIELD: "field",
    Kind.ENUMERATOR: "enumerator",
    Kind.FUNCTION: "function",
    Kind.FUNCTION_TEMPLATE: "function",
    Kind.METHOD: "method",
    Kind.CONSTRUCTOR: "method",
    Kind.DESTRUCTOR: "method",
    Kind.CONVERSION: "method",
}
_DECLARED = frozenset((Kind.VARIABLE, Kind.PARAMETER, Kind.FIELD))
_REFERENCES = frozenset(
    (Kind.DECLARATION_REF_EXPRESSION, Kind.MEMBER_REF_EXPRESSION, Kind.MEMBER_REF)
)
_EVALUATED = frozenset((Kind.BINARY, Kind.SIZEOF))
_ERROR = 3
_EVAL_INT = 1
_QUALIFIED = re.compile(rb"(?:::)?\s*(?:[A-Za-z_]\w*\s*::\s*)*([A-Za-z_]\w*)")
_MACRO_LIKE = re.compile(rb"\b[A-Za-z_]*[A-Z_][A-Z0-9_]+\b")
_MISSING = re.compile(r"'([^']+)' file not found")
_MACRO_BODY_LIMIT = 4_000


@dataclass
class Reader:
    """Reads one translation unit as it stands; made anew after every parse."""

    library: Libclang
    unit: ctypes.c_void_p
    path: str
    data: bytes
    _types: dict[tuple[int, int], str] = field(default_factory=dict)
    _qualified: dict[int, str] = field(default_factory=dict)
    _calls: dict[int, CallFact | None] = field(default_factory=dict)
    _values: dict[int, int | None] = field(default_factory=dict)
    _contents: dict[int, bytes] = field(default_factory=dict)
    _errors_by_file: dict[int, list[int]] = field(default_factory=dict)

    def missing(self) -> tuple[str, ...]:
        """The names of includes that were not found."""
        return tuple(
            dict.fromkeys(
                match[1]
                for _, _, message in self._diagnostics()
                if (match := _MISSING.search(message)) is not None
            )
        )

    def facts(self, wanted: Sequence[Span] | None, missing: tuple[str, ...]) -> Facts:
        """The facts of the wanted bodies; with None, of all and of everything outside them too."""
        main = self.library.getFile(self.unit, self.path.encode())
        errors = []
        for file, offset, message in self._diagnostics():
            self._errors_by_file.setdefault(file, []).append(offset)
            if file == main and not _MISSING.search(message):
                errors.append(ErrorFact(offset, message))
        walk = _Walk(self)
        if wanted is None:
            walk.run()
        else:
            walk.run_bodies(wanted, main)
        broken = tuple(
            body
            for body in walk.bodies
            if any(body.start <= error.offset <= body.end for error in errors)
        )
        gone = set(broken)
        return Facts(
            names=walk.names,
            calls=walk.calls,
            constants=walk.constants,
            macros=walk.macros,
            skipped=self._skipped(main),
            errors=tuple(errors),
            read=tuple(body for body in walk.bodies if body not in gone),
            broken=broken,
            missing_headers=missing,
        )

    def _diagnostics(self) -> list[tuple[int, int, str]]:
        found = []
        for number in range(self.library.getNumDiagnostics(self.unit)):
            item = self.library.getDiagnostic(self.unit, number)
            if self.library.getDiagnosticSeverity(item) >= _ERROR:
                file, offset = self.place(self.library.getDiagnosticLocation(item))
                message = self.library.text(self.library.getDiagnosticSpelling(item))
                found.append((file, offset, message))
            self.library.disposeDiagnostic(item)
        return found

    def _skipped(self, main: int) -> tuple[Span, ...]:
        listed = self.library.getSkippedRanges(self.unit, main)
        if not listed:
            return ()
        found = []
        for number in range(listed.contents.count):
            span = self.span(listed.contents.ranges[number])
            if span is not None:
                found.append(span)
        self.library.disposeSourceRangeList(listed)
        return tuple(found)

    def place(self, location: Location) -> tuple[int, int]:
        """The file (0: none) and the byte offset of a location."""
        file = ctypes.c_void_p()
        offset = ctypes.c_uint()
        self.library.getFileLocation(location, ctypes.byref(file), None, None, ctypes.byref(offset))
        return file.value or 0, offset.value

    def span(self, extent: Range) -> Span | None:
        """A range as offsets; None if it does not lie in one file."""
        file, start = self.place(self.library.getRangeStart(extent))
        other, end = self.place(self.library.getRangeEnd(extent))
        return Span(start, end) if file == other and start <= end else None

    def type_text(self, kind: Type) -> str:
        """A type as clang spells it."""
        key = (kind.p0 or 0, kind.p1 or 0)
        known = self._types.get(key)
        if known is None:
            known = self.library.text(self.library.getTypeSpelling(kind))
            self._types[key] = known
        return known

    def qualified(self, cursor: Cursor) -> str:
        """A declaration's name with its scopes, anonymous and inline ones left out."""
        key = cursor.d0 or 0
        known = self._qualified.get(key)
        if known is not None:
            return known
        parts = []
        here = cursor
        for _ in range(32):
            if (
                here.kind in _SCOPES
                or here.kind == 0
                or Kind.FIRST_INVALID <= here.kind <= (Kind.LAST_INVALID)
            ):
                break
            inline = here.kind == Kind.NAMESPACE and self.library.Cursor_isInlineNamespace(here)
            unnamed = self.library.Cursor_isAnonymous(here)
            scope_of_values = here.kind == Kind.ENUM and not self.library.EnumDecl_isScoped(here)
            if (not (inline or unnamed or scope_of_values) and here.kind not in _FUNCTIONS) or (
                here is cursor
            ):
                name = self.library.text(self.library.getCursorSpelling(here))
                parts.append(name.partition("<")[0] if here.kind != Kind.METHOD else name)
            here = self.library.getCursorSemanticParent(here)
            if here.kind in _FUNCTIONS:
                break
        known = "::".join(reversed([part for part in parts if part]))
        self._qualified[key] = known
        return known

    def sound(self, cursor: Cursor) -> bool:
        """Whether a declaration is valid and has no error in its extent."""
        if self.library.isInvalidDeclaration(cursor):
            return False
        if not self._errors_by_file:
            return True
        extent = self.library.getCursorExtent(cursor)
        file, start = self.place(self.library.getRangeStart(extent))
        _, end = self.place(self.library.getRangeEnd(extent))
        return not any(start <= at <= end for at in self._errors_by_file.get(file, ()))

    def value(self, cursor: Cursor) -> int | None:
        """The value of an enumerator, or of a constant that clang can fold soundly."""
        key = cursor.d0 or 0
        if key in self._values:
            return self._values[key]
        found: int | None = None
        if cursor.kind == Kind.ENUMERATOR:
            parent = self.library.getCursorSemanticParent(cursor)
            if self.sound(parent):
                found = self.library.getEnumConstantDeclValue(cursor)
        elif cursor.kind == Kind.VARIABLE:
            kind = self.library.getCursorType(cursor)
            canonical = self.library.getCanonicalType(kind)
            if (
                self.library.isConstQualifiedType(kind)
                and canonical.kind in TypeKind.INTEGERS
                and self.sound(cursor)
            ):
                found = self.evaluated(cursor)
        self._values[key] = found
        return found

    def evaluated(self, cursor: Cursor) -> int | None:
        """What clang folds an expression or an initialiser to, if that is an integer."""
        outcome = self.library.Cursor_Evaluate(cursor)
        if not outcome:
            return None
        found: int | None = None
        if self.library.EvalResult_getKind(outcome) == _EVAL_INT:
            if self.library.EvalResult_isUnsignedInt(outcome):
                found = self.library.EvalResult_getAsUnsigned(outcome)
            else:
                found = self.library.EvalResult_getAsLongLong(outcome)
        self.library.EvalResult_dispose(outcome)
        return found

    def call(self, callee: Cursor) -> CallFact | None:
        """What a call of this function or method means, without its receiver."""
        key = callee.d0 or 0
        if key not in self._calls:
            self._calls[key] = self._call(callee) if self.sound(callee) else None
        return self._calls[key]

    def _call(self, callee: Cursor) -> CallFact:
        parameters = []
        for number in range(max(0, self.library.Cursor_getNumArguments(callee))):
            parameter = self.library.Cursor_getArgument(callee, number)
            parameters.append(
                ParameterFact(
                    self.library.text(self.library.getCursorSpelling(parameter)),
                    self.type_text(self.library.getCursorType(parameter)),
                    self._default(parameter),
                )
            )
        result = ""
        if callee.kind != Kind.CONSTRUCTOR:
            result = self.type_text(self.library.getCursorResultType(callee))
        return CallFact(self.qualified(callee), result, tuple(parameters))

    def _default(self, parameter: Cursor) -> str | None:
        text = self.source(parameter)
        depth = 0
        for at, char in enumerate(text):
            if char in b"<([{":
                depth += 1
            elif char in b">)]}":
                depth -= 1
            elif char == 0x3D and depth <= 0:
                return text[at + 1 :].decode(errors="replace").strip()
        return None

    def source(self, cursor: Cursor) -> bytes:
        """The text of a declaration, from whichever file it stands in."""
        extent = self.library.getCursorExtent(cursor)
        file, start = self.place(self.library.getRangeStart(extent))
        _, end = self.place(self.library.getRangeEnd(extent))
        if not file:
            return b""
        content = self._contents.get(file)
        if content is None:
            size = ctypes.c_size_t()
            pointer = self.library.getFileContents(self.unit, file, ctypes.byref(size))
            content = ctypes.string_at(pointer, size.value) if pointer else b""
            self._contents[file] = content
        return content[start:end]


class _Walk:
    """One visit of the main file's cursors. Its answers are its fields."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.library = reader.library
        self.data = reader.data
        self.names: dict[int, NameFact] = {}
        self.calls: dict[int, CallFact] = {}
        self.constants: dict[Span, int] = {}
        self.macros: dict[str, MacroFact] = {}
        self.bodies: list[Span] = []
        self._member = -1
        """The anchor of the member whose initialiser comes next in a constructor."""

    def run(self) -> None:
        """Effect: visits the unit once. Tens of thousands of macros of its headers are passed."""
        inner = VISITOR(self._visit)
        found: list[Cursor] = []
        from_main = self.library.Location_isFromMainFile
        location = self.library.getCursorLocation

        def top(cursor: Cursor, _parent: Cursor, _data: object) -> int:
            kind = cursor.kind
            if kind != Kind.MACRO_DEFINITION and from_main(location(cursor)):
                found.append(Cursor.from_buffer_copy(cursor))
            return CONTINUE

        whole = self.library.getTranslationUnitCursor(self.reader.unit)
        self.library.visitChildren(whole, VISITOR(top), None)
        for cursor in found:
            if cursor.kind == Kind.MACRO_EXPANSION:
                self._macro(self.library.getCursorReferenced(cursor))
            elif cursor.kind < Kind.MACRO_DEFINITION:
                self._visit(cursor, whole, None)
                self.library.visitChildren(cursor, inner, None)

    def run_bodies(self, bodies: Sequence[Span], main: int) -> None:
        """Effect: visits the functions with these bodies, found by where the bodies begin."""
        callback = VISITOR(self._visit)
        for body in bodies:
            function = self._function_at(main, body.start)
            if function is not None:
                self.library.visitChildren(function, callback, None)
            for match in _MACRO_LIKE.finditer(self.data, body.start, body.end):
                if match.start() not in self.names:
                    here = self._at(main, match.start())
                    if here.kind == Kind.MACRO_EXPANSION:
                        self._macro(self.library.getCursorReferenced(here))
        wanted = set(bodies)
        self.bodies = [body for body in self.bodies if body in wanted]

    def _function_at(self, main: int, offset: int) -> Cursor | None:
        here = self._at(main, offset)
        for _ in range(8):
            if here.kind in _FUNCTIONS:
                return here
            parent = self.library.getCursorSemanticParent(here)
            if parent.kind in _SCOPES or parent.kind == 0:
                return None
            here = parent
        return None

    def _at(self, main: int, offset: int) -> Cursor:
        location = self.library.getLocationForOffset(self.reader.unit, main, offset)
        found: Cursor = self.library.getCursor(self.reader.unit, location)
        return found

    def _visit(self, cursor: Cursor, parent: Cursor, _: object) -> int:
        kind = cursor.kind
        if kind in (Kind.COMPOUND, Kind.TRY) and parent.kind in (*_FUNCTIONS, Kind.LAMBDA):
            span = self.reader.span(self.library.getCursorExtent(cursor))
            if span is None:
                return CONTINUE
            if parent.kind != Kind.LAMBDA:
                self.bodies.append(span)
            return RECURSE
        if kind in _REFERENCES:
            self._reference(cursor, parent)
        elif kind == Kind.CALL:
            self._construction(cursor, parent)
        elif kind in _DECLARED:
            self._declared(cursor)
        elif kind in _EVALUATED:
            self._constant(cursor)
        return RECURSE

    def _anchor(self, cursor: Cursor, name: str) -> int | None:
        """Where a name stands, if the text there is that name."""
        _, offset = self.reader.place(self.library.getCursorLocation(cursor))
        encoded = name.encode()
        if encoded and self.data.startswith(encoded, offset):
            return offset
        return None

    def _reference(self, cursor: Cursor, parent: Cursor) -> None:
        referenced = self.library.getCursorReferenced(cursor)
        kind = _NAMES.get(referenced.kind)
        if kind is None:
            return
        name = self.library.text(self.library.getCursorSpelling(referenced)).partition("<")[0]
        anchor = self._anchor(cursor, name)
        if anchor is None:
            return
        if cursor.kind == Kind.MEMBER_REF:
            self._member = anchor if parent.kind == Kind.CONSTRUCTOR else -1
        if not self.reader.sound(referenced) and referenced.kind not in (
            Kind.PARAMETER,
            Kind.VARIABLE,
        ):
            return
        if self.library.isInvalidDeclaration(referenced):
            return
        self.names[anchor] = NameFact(
            self.reader.qualified(referenced),
            kind,
            self.reader.type_text(self.library.getCursorType(referenced)),
            self.reader.value(referenced),
        )
        if kind in ("function", "method"):
            fact = self.reader.call(referenced)
            if fact is not None:
                receiver = ""
                if cursor.kind == Kind.MEMBER_REF_EXPRESSION:
                    receiver = self._receiver(cursor) or fact.qualified.rpartition("::")[0]
                self.calls[anchor] = fact._replace(receiver=receiver)

    def _receiver(self, cursor: Cursor) -> str:
        found: list[str] = []

        def first(child: Cursor, _parent: Cursor, _data: object) -> int:
            if child.kind in (Kind.NAMESPACE_REF, Kind.TYPE_REF, Kind.TEMPLATE_REF):
                return CONTINUE
            kind = self.library.getCanonicalType(self.library.getCursorType(child))
            if kind.kind in (TypeKind.POINTER, TypeKind.L_REFERENCE, TypeKind.R_REFERENCE):
                kind = self.library.getPointeeType(kind)
            found.append(self.reader.type_text(kind))
            return 0

        self.library.visitChildren(cursor, VISITOR(first), None)
        return found[0].removeprefix("const ") if found else ""

    def _construction(self, cursor: Cursor, parent: Cursor) -> None:
        referenced = self.library.getCursorReferenced(cursor)
        if referenced.kind != Kind.CONSTRUCTOR:
            return
        fact = self.reader.call(referenced)
        if fact is None:
            return
        anchor: int | None = None
        if parent.kind in (Kind.VARIABLE, Kind.FIELD):
            name = self.library.text(self.library.getCursorSpelling(parent))
            anchor = self._anchor(parent, name)
            if anchor is not None and re.match(rb"\s*=", self.data[anchor + len(name.encode()) :]):
                anchor = None
        elif parent.kind == Kind.CONSTRUCTOR and self._member >= 0:
            anchor = self._member
        if anchor is None:
            _, offset = self.reader.place(self.library.getCursorLocation(cursor))
            match = _QUALIFIED.match(self.data, offset)
            if match is None:
                return
            name = fact.qualified.rpartition("::")[2]
            if match[1] != name.encode():
                return
            anchor = match.start(1)
        self.calls.setdefault(anchor, fact)

    def _declared(self, cursor: Cursor) -> None:
        name = self.library.text(self.library.getCursorSpelling(cursor))
        anchor = self._anchor(cursor, name)
        if anchor is None or self.library.isInvalidDeclaration(cursor):
            return
        self.names[anchor] = NameFact(
            self.reader.qualified(cursor),
            _NAMES[cursor.kind],
            self.reader.type_text(self.library.getCursorType(cursor)),
            self.reader.value(cursor),
        )

    def _constant(self, cursor: Cursor) -> None:
        kind = self.library.getCanonicalType(self.library.getCursorType(cursor))
        if kind.kind not in TypeKind.INTEGERS:
            return
        span = self.reader.span(self.library.getCursorExtent(cursor))
        if span is None or not self.reader.sound(cursor):
            return
        value = self.reader.evaluated(cursor)
        if value is not None:
            self.constants[span] = value

    def _macro(self, definition: Cursor) -> None:
        if definition.kind != Kind.MACRO_DEFINITION:
            return
        name = self.library.text(self.library.getCursorSpelling(definition))
        if name in self.macros:
            return
        text = self.reader.source(definition)
        if 0 < len(text) <= _MACRO_BODY_LIMIT:
            self.macros[name] = _macro_fact(name, text.decode(errors="replace"))


_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def _macro_fact(name: str, text: str) -> MacroFact:
    rest = text[len(name) :]
    body = _COMMENT.sub(" ", rest.replace("\\\r\n", " ").replace("\\\n", " "))
    if not body.startswith("("):
        return MacroFact(None, body.strip())
    parameters, _, body = body[1:].partition(")")
    names = tuple(item.strip() for item in parameters.split(",") if item.strip())
    return MacroFact(names, body.strip())
