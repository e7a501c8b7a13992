"""What one parse says about its main file: the facts of the bodies asked for, and of all around.

One visit through a bare callback lists the cursors of the main file; everything else works on that
list, so a body that nobody asked about costs one cursor. A fact is kept only if it is sound: with
errors about, clang answers wrongly in silence (`enum { A = UNKNOWN }` is 0, a `typedef` of an
unknown type is `int`). So nothing comes from an invalid declaration, from one with an error in its
extent, or from an expression with an error in it; and nothing is folded that depends on such.

Structure is not read here: what is a call, an argument or a branch, syntax says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tlsight.clang.declared import Declaration, Declarations
from tlsight.clang.kinds import (
    CLASSES,
    CONSTANT_PARTS,
    FOLDED,
    FUNCTIONS,
    LITERALS,
    MEMBER_FUNCTIONS,
    NAMED_DECLARATIONS,
    REFERENCES,
    TEMPLATES,
)
from tlsight.clang.lib import CONTINUE, RECURSE, VISITOR, Cursor, Kind, TypeKind
from tlsight.clang.unit import Parse, valid
from tlsight.facts import CallFact, Facts, MacroFact, NameFact
from tlsight.text import Span

_LARGEST_MACRO = 4096
_MOST_MACROS = 2000
_IDENTIFIER = re.compile(rb"[A-Za-z_]\w*")
_LIBRARY_STYLE = re.compile(r"[A-Za-z0-9]*_\w*[A-Z]|[A-Z]\w*_")
_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def gather(parse: Parse, wanted: Sequence[Span] | None) -> Facts:
    """The facts of a parse; `wanted` are the bodies to look into (None: all)."""
    return _Reader(parse).facts(wanted)


@dataclass
class _Nodes:
    """The main file's cursors in the order of the visit, with what was found out about each."""

    cursors: list[Cursor] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Where the name of each stands in the main file; -1 where it does not."""
    declarations: list[Declaration | None] = field(default_factory=list)
    variable: bytearray = field(default_factory=bytearray)
    """1 where the value of an expression cannot be a sound constant."""
    poisoned: bytearray = field(default_factory=bytearray)
    """1 where clang recovered from something that it could not understand."""
    generic: bytearray = field(default_factory=bytearray)
    """1 inside templates, where dependent types are no sign of an error."""


class _Reader(Declarations):
    """Reads the main file of one parse once."""

    def __init__(self, parse: Parse) -> None:
        super().__init__(parse)
        self.expansions: dict[int, int] = {}
        """Start of each use of a macro in the main file to its end."""
        self.macros: dict[str, MacroFact] = {}

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
            macros=self.valued(constants),
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
                if kind in (Kind.COMPOUND, Kind.TRY) and parent_kind in FUNCTIONS:
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
        if not file or span.end - span.start > _LARGEST_MACRO:
            return
        text = self.data[slice(*span)] if file == self.main else self.written(file, span)
        if text:
            fact = _macro(text.decode(errors="replace"), name)
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
            if kind in REFERENCES:
                file, offset = self.place(lib.getCursorLocation(cursor))
                if file == main:
                    offsets[index] = offset
                referenced = lib.getCursorReferenced(cursor)
                if valid(referenced):
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
                if valid(referenced):
                    declarations[index] = self.declaration(referenced)
                elif not generic[index] and self.dependent(cursor):
                    poisoned[index] = 1
            elif kind == Kind.UNEXPOSED_EXPRESSION:
                if not generic[index] and self.dependent(cursor):
                    poisoned[index] = 1
            elif kind in NAMED_DECLARATIONS:
                file, offset = self.place(lib.getCursorLocation(cursor))
                if file == main:
                    offsets[index] = offset
                known = declarations[index] = self.declaration(cursor)
                if kind in TEMPLATES or (kind in MEMBER_FUNCTIONS and self.in_template(cursor)):
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
            elif kind not in CONSTANT_PARTS:
                variable[index] = 1
        for index in range(count - 1, -1, -1):
            up = parents[index]
            if nodes.cursors[index].kind == Kind.SIZEOF:
                variable[index] = not self.sized(nodes, index)
            if up >= 0:
                poisoned[up] |= poisoned[index]
                if nodes.cursors[up].kind != Kind.SIZEOF:
                    variable[up] |= variable[index]

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

    def callee(self, nodes: _Nodes, index: int, known: Declaration) -> tuple[int, str] | None:
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
        if known.kind not in MEMBER_FUNCTIONS:
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

    def disturbed(self, nodes: _Nodes, index: int) -> bool:
        """Whether an error stands in a call."""
        file, span = self.extent(nodes.cursors[index])
        return self.erroneous(file, span) or bool(nodes.poisoned[index])

    def hidden(self, nodes: _Nodes, index: int, known: Declaration, anchor: int) -> bool:
        """Whether a method that we do not know may hide the function that a call resolves to.

        Nobody names methods in the manner of `LIB_function`, and a qualified name says which it is.
        """
        if _LIBRARY_STYLE.match(known.name) or self.data[:anchor].rstrip().endswith(b"::"):
            return False
        up = index
        while up >= 0:
            cursor = nodes.cursors[up]
            if cursor.kind in CLASSES and self.unknown_base(cursor):
                return True
            if cursor.kind in MEMBER_FUNCTIONS and self.unknown_base(
                self.lib.getCursorSemanticParent(cursor)
            ):
                return True
            up = nodes.parents[up]
        return False

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
            if kind not in FOLDED and kind not in LITERALS:
                if kind != Kind.DECLARATION_REF_EXPRESSION:
                    continue
                known = nodes.declarations[index]
                if known is None or self.spelled(nodes.offsets[index], known.name):
                    continue
            file, span = self.extent(cursor)
            if file != main or span.start == span.end:
                continue
            if kind in LITERALS and span.start not in self.expansions:
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

    def valued(self, constants: Mapping[Span, int]) -> dict[str, MacroFact]:
        """The macros, with the values of those whose uses are constants."""
        macros = self.macros
        for span, value in constants.items():
            name = self.data[span.start : span.end].decode(errors="replace")
            macro = macros.get(name)
            if macro is not None and macro.parameters is None:
                macros[name] = macro._replace(value=value)
        return macros

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
        """The text that `#if` left out, from the directive that says so to the one that ends it.

        Where nothing ends it, the directive is still to be typed, and the rest is not left out.
        """
        lib = self.lib
        ranges = lib.getSkippedRanges(self.unit, self.main)
        if not ranges:
            return ()
        spans = []
        for index in range(ranges.contents.count):
            item = ranges.contents.ranges[index]
            start = self.place(lib.getRangeStart(item))[1]
            end = self.place(lib.getRangeEnd(item))[1]
            if start < end < len(self.data):
                spans.append(Span(start, end))
        lib.disposeSourceRangeList(ranges)
        return tuple(sorted(spans))


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
