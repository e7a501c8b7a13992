"""What a declaration means, and whether that can be relied on.

With errors about, clang answers wrongly in silence: a `typedef` of an unknown type is `int`, a
constant behind an unknown name is 0, a class whose base is unknown has no methods of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tlsight.clang.kinds import CLASSES, CONSTANT_PARTS, KIND_WORDS, REFERENCES, TEMPLATES
from tlsight.clang.lib import (
    CONTINUE,
    RECURSE,
    VISITOR,
    Cursor,
    Kind,
    TypeKind,
)
from tlsight.clang.unit import Parse, Unit, valid
from tlsight.facts import NameFact, ParameterFact
from tlsight.text import Span

_DEDUCED = re.compile(rb"\b(?:auto|decltype)\b")
_INITIALISER = re.compile(rb"[=({]")


@dataclass
class Declaration:
    """What is known of a referenced declaration; the dear parts are filled in when asked for."""

    cursor: Cursor
    kind: int
    name: str
    qualified: str
    sound: bool
    fact: NameFact | None = None
    call: tuple[str, tuple[ParameterFact, ...]] | None = None


class Declarations(Unit):
    """The declarations of a parse, each looked up once."""

    def __init__(self, parse: Parse) -> None:
        super().__init__(parse)
        self._known: dict[int, Declaration] = {}
        self._scopes: dict[int, str] = {}
        self._bases: dict[int, bool] = {}
        self._sizes: dict[int, bool] = {}

    def declaration(self, cursor: Cursor) -> Declaration:
        """What is known of a declaration, looked up once."""
        known = self._known.get(cursor.d0)
        if known is None:
            name = self.lib.text(self.lib.getCursorSpelling(cursor)).partition("<")[0]
            if name.startswith("("):  # clang's words for what has no name
                name = ""
            scope = self.scope(cursor)
            known = Declaration(
                cursor,
                cursor.kind,
                name,
                f"{scope}::{name}" if scope else name,
                self.sound(cursor),
            )
            self._known[cursor.d0] = known
        return known

    def scope(self, cursor: Cursor) -> str:
        """The qualified name of what a declaration stands in, without what nobody spells."""
        lib = self.lib
        if cursor.kind == Kind.PARAMETER or cursor.kind == Kind.TYPE_PARAMETER:
            return ""
        parent = lib.getCursorSemanticParent(cursor)
        known = self._scopes.get(parent.d0)
        if known is not None:
            return known
        kind = parent.kind
        result = ""
        if kind in CLASSES or kind in (Kind.NAMESPACE, Kind.ENUM, Kind.LINKAGE):
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
            self._scopes[parent.d0] = result
        return result

    def sound(self, cursor: Cursor) -> bool:
        """Whether a declaration is as its author meant it, as far as clang can tell."""
        lib = self.lib
        if lib.isInvalidDeclaration(cursor):
            return cursor.kind in CLASSES
        if not self.suspect:
            return True
        kind = cursor.kind
        if kind == Kind.ENUMERATOR:
            return self.declaration(lib.getCursorSemanticParent(cursor)).sound
        if kind in CLASSES or kind == Kind.NAMESPACE:
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
        wanted = REFERENCES if cursor.kind == Kind.ENUM else (Kind.TYPE_REF,)

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
            if valid(item) and cursor.d0 not in (item.d0, lib.getCursorSemanticParent(item).d0)
        )
        return well, body

    def constant(self, known: Declaration) -> bool:
        """Whether a referenced declaration has a value that clang may fold."""
        if not known.sound:
            return False
        if known.kind == Kind.ENUMERATOR:
            return True
        return known.kind == Kind.VARIABLE and self.value(known) is not None

    def value(self, known: Declaration) -> int | None:
        """The value of an enumerator, or of a constant with an initialiser that can be folded."""
        return self.fact(known).value if known.sound else None

    def fact(self, known: Declaration) -> NameFact:
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
                known.qualified, KIND_WORDS.get(known.kind, "other"), spelled, value
            )
        return known.fact

    def initial_value(self, known: Declaration, kind: Any) -> int | None:
        """The value of a constant, if its initialiser consists of sound constants only."""
        lib = self.lib
        if lib.getCanonicalType(kind).kind not in TypeKind.INTEGERS:
            return None
        known.fact = NameFact(known.qualified, "variable", "", None)
        foldable = True

        def visitor(child: Cursor, _: Cursor, __: object) -> int:
            nonlocal foldable
            if child.kind not in CONSTANT_PARTS or child.kind == Kind.SIZEOF:
                foldable = False
            elif child.kind == Kind.DECLARATION_REF_EXPRESSION:
                referenced = lib.getCursorReferenced(child)
                if not valid(referenced) or not self.constant(self.declaration(referenced)):
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

    def dependent(self, cursor: Cursor) -> bool:
        """Whether an expression's type is unknown: outside a template, clang has recovered."""
        kind: int = self.lib.getCursorType(cursor).kind
        return kind == TypeKind.DEPENDENT

    def in_template(self, cursor: Cursor) -> bool:
        """Whether a member function belongs to a class template."""
        parent = self.lib.getCursorSemanticParent(cursor)
        while parent.kind in CLASSES:
            if parent.kind in TEMPLATES:
                return True
            parent = self.lib.getCursorSemanticParent(parent)
        return False

    def class_name(self, kind: Any) -> str:
        """The qualified name of the class of a type, through pointers and references."""
        lib = self.lib
        kind = lib.getCanonicalType(kind)
        while kind.kind in (TypeKind.POINTER, TypeKind.L_REFERENCE, TypeKind.R_REFERENCE):
            kind = lib.getPointeeType(kind)
        declared = lib.getTypeDeclaration(kind)
        if not valid(declared):
            return ""
        return self.declaration(declared).qualified

    def signature(self, known: Declaration) -> tuple[str, tuple[ParameterFact, ...]]:
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

    def pointed_signature(self, known: Declaration) -> tuple[str, tuple[ParameterFact, ...]]:
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
        text = self.data[slice(*span)] if file == self.main else self.written(file, span)
        return _default(text.decode(errors="replace"))

    def _definition(self, cursor: Cursor) -> Cursor:
        """The definition of a type, or the declaration at hand if there is none."""
        definition: Cursor = self.lib.getCursorDefinition(cursor)
        return definition if valid(definition) else cursor

    def unknown_base(self, cursor: Cursor) -> bool:
        """Whether a class may inherit a method that hides a function of that name."""
        known = self._bases.get(cursor.d0)
        if known is not None:
            return known
        self._bases[cursor.d0] = False
        lib = self.lib
        definition = self._definition(cursor)
        file, span = self.extent(definition)
        first_member = span.end
        bases: list[Cursor] = []

        def visitor(child: Cursor, _: Cursor, __: object) -> int:
            nonlocal first_member
            if child.kind == Kind.BASE:
                bases.append(lib.getTypeDeclaration(lib.getCanonicalType(lib.getCursorType(child))))
                return CONTINUE
            if child.kind in REFERENCES:
                return CONTINUE
            first_member = min(first_member, self.extent(child)[1].start)
            return 0

        lib.visitChildren(definition, VISITOR(visitor), None)
        result = self.erroneous(file, Span(span.start, max(span.start, first_member - 1))) or any(
            not valid(base) or self.stands_in(base) or self.unknown_base(base) for base in bases
        )
        self._bases[cursor.d0] = result
        return result

    def stands_in(self, cursor: Cursor) -> bool:
        """Whether a declaration comes from a header that stands in for a missing one."""
        file, _ = self.place(self.lib.getCursorLocation(cursor))
        return bool(self.stand_ins) and self.name_of_file(file).startswith(self.stand_ins)

    def whole(self, cursor: Cursor) -> bool:
        """Whether a type is declared with everything that is in it."""
        known = self._sizes.get(cursor.d0)
        if known is not None:
            return known
        self._sizes[cursor.d0] = True
        lib = self.lib
        definition = self._definition(cursor)
        result = not lib.isInvalidDeclaration(definition) and not (
            definition.kind in CLASSES and self.stands_in(definition)
        )
        if result and definition.kind in (*CLASSES, Kind.TYPEDEF, Kind.TYPE_ALIAS):
            parts: list[Cursor] = []

            def visitor(child: Cursor, _: Cursor, __: object) -> int:
                if child.kind == Kind.TYPE_REF:
                    parts.append(lib.getCursorReferenced(child))
                return RECURSE if child.kind in (Kind.FIELD, Kind.BASE) else CONTINUE

            lib.visitChildren(definition, VISITOR(visitor), None)
            result = all(self.whole(part) for part in parts)
        self._sizes[cursor.d0] = result
        return result


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
