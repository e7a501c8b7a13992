"""What an expression may be: its constants, followed through the unit as far as that is certain.

Followed: locals, conditional expressions, constants of any scope, object-like macros, parameters
to the callers in this unit, functions of this unit that return a constant, and the calls that a
page names as `conversion` (their `content` is what they yield). Everything else is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from tlsight.engine.excluding import is_ruled_out
from tlsight.engine.flow import Definition, definitions, first_reaching, reaching
from tlsight.engine.index import Index, integer, spelled, tail
from tlsight.engine.match import call_matches
from tlsight.engine.releases import is_cut_down
from tlsight.engine.tables import chosen
from tlsight.engine.unit import Unit, contradict, last_name, path
from tlsight.finding import Related
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Braces,
    Call,
    CallKind,
    Cast,
    Conditional,
    Evaluated,
    Expr,
    Function,
    Literal,
    Member,
    Name,
    SizeOf,
    Unary,
    Variable,
)
from tlsight.text import Span

CONVERSION = "conversion"
CONTENT = "content"
_DEPTH = 7
_ALTERNATIVES = 100
_BYTE_ARRAY = re.compile(
    r"^(?:const )?(?:(?:unsigned|signed) char|char|u?int8_t|std::byte|uchar|quint8)"
    r"\s*\[([^\]]*)\]$"
)
"""An array of bytes as a type spells it, and its bound."""
_MANY = re.compile(r"\[\s*(?!1?\s*\])")
"""The bound of an array of more than one element, as a type spells it."""


@dataclass(frozen=True, slots=True)
class Value:
    """One thing that an expression may be.

    `names` are the constants that it was spelled as, the outermost first. `flags` are the names
    or-ed together; `whole` is False if a part of them is unknown. `content` is True if what the
    value holds is a constant of the source, and not empty.
    """

    span: Span
    function: int
    kind: str
    """constant, text, null, bytes, parameter, object, unknown."""
    names: tuple[str, ...] = ()
    number: int | None = None
    text: str | None = None
    flags: frozenset[str] = frozenset()
    whole: bool = True
    content: bool = False
    steps: tuple[Related, ...] = ()
    expr: Expr | None = None
    """What stands at `span`, if an edit there changes only this value."""
    decided: bool = False
    """It is only taken where the code has no choice: see the function `decided`."""

    @property
    def label(self) -> str:
        """How a message names it."""
        if self.names:
            return self.names[0]
        if self.flags:
            return " | ".join(sorted(self.flags))
        if self.text is not None:
            shown = self.text if len(self.text) <= 40 else self.text[:37] + "..."
            return f'"{shown}"'
        if self.number is not None:
            return str(self.number)
        return "null" if self.kind == "null" else self.kind


def bytes_bound(unit: Unit, type_name: str) -> str | None:
    """The bound of an array of bytes, as its type spells it; None for any other type."""
    match = _BYTE_ARRAY.match(unit.resolved_type(type_name).replace("static ", ""))
    return None if match is None else match[1]


def decided(index: Index, unit: Unit, function: int, node: int) -> bool:
    """Whether what a node does was decided elsewhere: by a word, or by what a library lacks."""
    found = unit.module.functions[function]
    return chosen(unit, function, node) or is_cut_down(
        (*found.tags, *found.nodes[node].tags), index.releases
    )


def _filled(variable: Variable, value: Expr | None, values: list[Value]) -> list[Value]:
    """The values of what a variable is set to: all of its content, where braces fill an array."""
    if not isinstance(value, Braces) or not _MANY.search(variable.type):
        return values
    known = ("constant", "text", "bytes")
    return [
        replace(item, span=value.span, content=True) if item.kind in known else item
        for item in values
    ]


def possible(
    index: Index, unit: Unit, function: int, node: int, expr: Expr | None
) -> tuple[Value, ...]:
    """All that an expression may be where a node evaluates it; duplicates are merged."""
    if expr is None:
        return ()
    return _merged(_Reader(index, unit).read(function, node, expr, 0))


def name_value(index: Index, unit: Unit, text: str, span: Span) -> tuple[Value, ...]:
    """The values of a name given as text, such as a default argument that clang reports."""
    return _merged(_Reader(index, unit).by_text(0, text, span, 0))


def _merged(values: Iterable[Value]) -> tuple[Value, ...]:
    found: dict[tuple[object, ...], Value] = {}
    for value in values:
        key = (value.span, value.kind, value.names, value.number, value.text, value.flags)
        found.setdefault(key, value)
        if len(found) >= _ALTERNATIVES:
            break
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Reader:
    index: Index
    unit: Unit

    def read(self, function: int, node: int, expr: Expr, depth: int) -> list[Value]:
        """All values of an expression, duplicates included."""
        if depth > _DEPTH:
            return [_unknown(expr, function)]
        if isinstance(expr, (Cast, Evaluated)):
            inner = expr.operand if isinstance(expr, Cast) else expr.expr
            return self.read(function, node, inner, depth)
        if isinstance(expr, Literal):
            return [_literal(expr, function)]
        if isinstance(expr, Name):
            return self._name(function, node, expr, depth)
        if isinstance(expr, Conditional):
            return [
                *self.read(function, node, expr.then, depth + 1),
                *self.read(function, node, expr.otherwise, depth + 1),
            ]
        if isinstance(expr, Binary):
            return self._binary(function, node, expr, depth)
        if isinstance(expr, Unary):
            return self._unary(function, node, expr, depth)
        if isinstance(expr, Assign) and expr.operator == "=":
            return self.read(function, node, expr.value, depth)
        if isinstance(expr, Call):
            return self._call(function, node, expr, depth)
        if isinstance(expr, Member):
            return self._member(function, node, expr, depth)
        if isinstance(expr, Braces):
            return self._braces(function, node, expr, depth)
        if isinstance(expr, SizeOf):
            return self._size(function, expr, depth)
        return [_unknown(expr, function)]

    def _size(self, function: int, expr: SizeOf, depth: int) -> list[Value]:
        """The size of an array of bytes."""
        kind = expr.type or (self.unit.type_of(function, expr.operand) if expr.operand else None)
        text = bytes_bound(self.unit, kind) if kind else None
        bound = [] if text is None else self.by_text(function, text, expr.span, depth + 1)
        if len(bound) != 1 or bound[0].number is None:
            return [_unknown(expr, function)]
        return [Value(expr.span, function, "constant", number=bound[0].number, expr=expr)]

    def _name(self, function: int, node: int, expr: Name, depth: int) -> list[Value]:
        fact = self.unit.name_fact(expr.anchor)
        qualified = fact.qualified if fact is not None else ""
        names = _distinct((expr.text, qualified))
        if any(self.index.names_constant(name) for name in names):
            number = fact.value if fact is not None else None
            if number is None:
                number = self._number(names)
            return [_constant(expr, function, names, number)]
        if "::" not in expr.text and self.unit.is_local(function, expr.text):
            return self._local(function, node, expr, expr.text, depth)
        if fact is not None and fact.kind == "enumerator":
            return [_constant(expr, function, names, fact.value)]
        variable = self.unit.variable(function, expr.text, expr.span.start)
        if variable is not None:
            return self._outer(function, node, expr, variable, names, depth)
        found = self.by_text(function, expr.text, expr.span, depth)
        if fact is not None and fact.value is not None:
            found = [
                replace(value, kind="constant", number=fact.value)
                if value.kind == "unknown"
                else value
                for value in found
            ]
        return [replace(value, expr=expr) for value in found]

    def _number(self, names: Iterable[str]) -> int | None:
        for name in names:
            for known in self.index.constants.get(tail(name), ()):
                if spelled(name, known) and known in self.index.numbers:
                    return self.index.numbers[known]
        return None

    def by_text(self, function: int, text: str, span: Span, depth: int) -> list[Value]:
        """The values of text that stands in no tree: a macro's body, a default argument."""
        text = text.strip()
        while text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]):
            text = text[1:-1].strip()
        if "|" in text and "||" not in text and '"' not in text and "'" not in text:
            parts = [self.by_text(function, part, span, depth + 1) for part in text.split("|")]
            return [_or(span, function, parts)]
        if strings := _STRINGS.fullmatch(text):
            joined = "".join(_STRING.findall(strings[0]))
            return [Value(span, function, "text", text=joined, content=bool(joined))]
        if (number := integer(text)) is not None:
            return [Value(span, function, "constant", number=number)]
        if call := re.fullmatch(r"([A-Za-z_][\w:]*)\s*\(\s*\)", text):
            text = call[1]
        if not re.fullmatch(r"[A-Za-z_][\w:]*", text) or depth > _DEPTH:
            return [Value(span, function, "unknown")]
        if text in ("nullptr", "NULL"):
            return [Value(span, function, "null", number=0)]
        if text in ("true", "false"):
            return [Value(span, function, "constant", number=int(text == "true"))]
        if self.index.names_constant(text):
            return [Value(span, function, "constant", names=(text,), number=self._number((text,)))]
        for declarations in self.unit.environment:
            macro = declarations.macros.get(text)
            if macro is not None and macro.parameters is None:
                inner = self.by_text(function, macro.body, span, depth + 1)
                return [replace(value, names=_distinct((text, *value.names))) for value in inner]
            if text in declarations.enumerators:
                number = declarations.enumerators[text]
                return [Value(span, function, "constant", names=(text,), number=number)]
        fact = self.unit.facts.macros.get(text)
        if fact is not None and fact.parameters is None and fact.body.strip() != text:
            inner = self.by_text(function, fact.body, span, depth + 1)
            return [replace(value, names=_distinct((text, *value.names))) for value in inner]
        variable = self.unit.global_variable(text)
        if variable is not None and variable.constant and variable.initial is not None:
            return self.read(function, 0, variable.initial, depth + 1)
        return [Value(span, function, "unknown", names=(text,))]

    def _local(self, function: int, node: int, expr: Expr, name: str, depth: int) -> list[Value]:
        """A local or a parameter: what reaches this place."""
        home = self.unit.home(function, name.partition(".")[0])
        if home is None:
            return [_unknown(expr, function)]
        if home != function:
            return self._captured(home, expr, name, depth)
        variable = self.unit.variable(function, name.partition(".")[0], expr.span.start)
        array = variable is not None and "[" in variable.type and not variable.constant
        reached, entry, whole = first_reaching(self.unit, function, node, name, touches=array)
        values: list[Value] = [] if whole else [_unknown(expr, function)]
        for item in reached:
            if item.kind == "value" and item.value is not None:
                values += [
                    value
                    for value in self._set(function, item, item.value, name, depth)
                    if value.number is None
                    or not is_ruled_out(self.unit, function, item.node, name, value.number, node)
                ]
            elif item.kind == "update" and item.operator == "|=" and item.value is not None:
                values += self._updated(function, item.node, name, item.value, depth)
            else:
                values.append(_unknown(expr, function))
        if entry:
            values += self._parameter(function, expr, name, depth)
        elif len(reached) == 1 and variable is not None:
            values = _filled(variable, reached[0].value, values)
        return values

    def _updated(self, function: int, node: int, name: str, added: Expr, depth: int) -> list[Value]:
        """What `|=` makes of a variable at a node."""
        if depth > _DEPTH - 2:
            return [_unknown(added, function)]
        key = ("updated", function, node, name, depth)
        known = self.unit.cache.get(key)
        if known is None:
            before = self._local(function, node, added, name, depth + 2)
            more = self.read(function, node, added, depth + 1)
            known = [_or(more[0].span if more else added.span, function, [before, more])]
            self.unit.cache[key] = known
        assert isinstance(known, list)
        return known

    def _captured(self, home: int, expr: Expr, name: str, depth: int) -> list[Value]:
        """A variable of the function around a lambda, if it has one definition only."""
        known = [
            item for item in definitions(self.unit, home).get(name, ()) if item.kind != "touch"
        ]
        if len(known) == 1 and known[0].kind == "value" and known[0].value is not None:
            return self.read(home, known[0].node, known[0].value, depth + 1)
        return [_unknown(expr, home)]

    def _parameter(self, function: int, expr: Expr, name: str, depth: int) -> list[Value]:
        """A parameter: what this unit's callers hand over, else just that it is a parameter."""
        around = self.unit.module.functions[function]
        positions = [number for number, item in enumerate(around.parameters) if item.name == name]
        if not positions:
            return [_unknown(expr, function)]
        own = Value(expr.span, function, "parameter", names=(name,), expr=expr)
        if depth > 2 or around.kind == "lambda":
            return [own]
        values = [own]
        for caller, node, call in self.unit.calls.get(tail(around.name), ()):
            if caller == function or not _may_call(self.unit, call, around):
                continue
            if positions[0] < len(call.arguments):
                argument = call.arguments[positions[0]]
                step = Related(expr.span, f"{name} is used here")
                inner = self.read(caller, node, argument, depth + 3)
                values += [replace(value, steps=(*value.steps, step)) for value in inner]
        default = around.parameters[positions[0]].initial
        if default is not None:
            values += self.read(function, 0, default, depth + 3)
        return values

    def _outer(
        self,
        function: int,
        node: int,
        expr: Expr,
        variable: Variable,
        names: tuple[str, ...],
        depth: int,
    ) -> list[Value]:
        """A field or global: its initial value if nothing in the unit can change it."""
        name = path(expr) or variable.name
        found = reaching(self.unit, function, node, name, touches=False)
        if found is not None and found[0]:
            if found[1]:
                return [_unknown(expr, function), *self._local_definitions(function, name, depth)]
            return self._local_definitions(function, name, depth, found[0])
        if variable.initial is None:
            return [_unknown(expr, function)]
        inner = self.read(function, 0, variable.initial, depth + 1)
        if not (variable.constant or self._unwritten(variable, function, node)):
            default = self._default(variable, inner)
            if not default:
                return [_unknown(expr, function)]
            inner = [*default, _unknown(expr, function)]
        if variable.constant:
            inner = _filled(variable, variable.initial, inner)
        step = Related(variable.span, f"{variable.name} is defined here")
        return [
            replace(
                value,
                names=_distinct((*value.names, *names))
                if value.kind == "constant"
                else value.names,
                steps=(step, *value.steps),
            )
            for value in inner
        ]

    def _local_definitions(
        self, function: int, name: str, depth: int, reached: Iterable[Definition] | None = None
    ) -> list[Value]:
        items = definitions(self.unit, function).get(name, ()) if reached is None else reached
        values: list[Value] = []
        for item in items:
            if item.kind == "value" and item.value is not None:
                values += self._set(function, item, item.value, name, depth)
        return values

    def _set(
        self, function: int, item: Definition, value: Expr, name: str, depth: int
    ) -> list[Value]:
        """The values that a definition gives, with the step it is on their way."""
        step = Related(item.span, f"{name} is set here")
        settled = decided(self.index, self.unit, function, item.node)
        return [
            replace(found, steps=(step, *found.steps), decided=found.decided or settled)
            for found in self.read(function, item.node, value, depth + 1)
        ]

    def _unwritten(self, variable: Variable, reader: int, node: int) -> bool:
        """Whether a static variable is never assigned or handed to a writer in this unit.

        What reads it at `node` of the function `reader` is no writer.
        """
        return variable.static and not any(
            item.kind != "touch" or ("[" in variable.type and (number, item.node) != (reader, node))
            for number, item in self._written(variable.name)
        )

    def _default(self, variable: Variable, values: Sequence[Value]) -> list[Value]:
        """What a field starts with, if that is a named constant that nothing here replaces."""
        owner = next(
            (
                function.owner
                for function in self.unit.module.functions
                if function.kind == "initialiser" and function.name_span == variable.name_span
            ),
            "",
        )
        if not owner or any(item.kind != "touch" for _, item in self._written(variable.name)):
            return []
        return [value for value in values if value.kind == "constant" and value.names]

    def _written(self, name: str) -> Iterator[tuple[int, Definition]]:
        """What the functions of the unit do to the variable of a name, by function."""
        for number, function in enumerate(self.unit.module.functions):
            if function.kind != "initialiser":
                for item in definitions(self.unit, number).get(name, ()):
                    yield number, item

    def _member(self, function: int, node: int, expr: Member, depth: int) -> list[Value]:
        fact = self.unit.name_fact(expr.anchor)
        if fact is not None and fact.kind == "enumerator":
            names = _distinct((expr.name, fact.qualified))
            return [_constant(expr, function, names, fact.value)]
        name = path(expr)
        if name is None:
            return [_unknown(expr, function)]
        root = name.partition(".")[0]
        if self.unit.is_local(function, root):
            found = reaching(self.unit, function, node, name, touches=False)
            if found is not None and found[0]:
                exact = [
                    item
                    for item in found[0]
                    if item.kind == "value" and self._defines(function, item.span, name)
                ]
                values = self._local_definitions(function, name, depth, exact)
                if len(exact) < len(found[0]) or found[1]:
                    values.append(_unknown(expr, function))
                return values
            return [_unknown(expr, function)]
        owner = self.unit.receiver_type(function, expr)
        variable = self.unit.field(owner, expr.name) if owner else None
        if variable is None:
            return [_unknown(expr, function)]
        return self._outer(function, node, expr, variable, (expr.name,), depth)

    def _defines(self, function: int, span: Span, name: str) -> bool:
        return any(item.span == span for item in definitions(self.unit, function).get(name, ()))

    def _binary(self, function: int, node: int, expr: Binary, depth: int) -> list[Value]:
        folded = self.unit.facts.constants.get(expr.span)
        if expr.operator == "|":
            left = self.read(function, node, expr.left, depth + 1)
            right = self.read(function, node, expr.right, depth + 1)
            value = _or(expr.span, function, [left, right])
            return [replace(value, expr=expr)]
        if expr.operator == ",":
            return self.read(function, node, expr.right, depth)
        left = self.read(function, node, expr.left, depth + 1)
        right = self.read(function, node, expr.right, depth + 1)
        number = folded
        if number is None and len(left) == len(right) == 1:
            number = _arithmetic(expr.operator, left[0].number, right[0].number)
        if number is None:
            return [_unknown(expr, function)]
        return [Value(expr.span, function, "constant", number=number, expr=expr)]

    def _unary(self, function: int, node: int, expr: Unary, depth: int) -> list[Value]:
        if expr.operator in ("&", "*"):
            inner = self.read(function, node, expr.operand, depth + 1)
            member = isinstance(expr.operand, Name) and "::" in expr.operand.text
            kept = [
                value for value in inner if value.content or (member and value.kind == "constant")
            ]
            return kept or [_unknown(expr, function)]
        inner = self.read(function, node, expr.operand, depth + 1)
        found = []
        for value in inner:
            number = value.number
            if number is None:
                return [_unknown(expr, function)]
            results = {"-": -number, "+": number, "~": ~number, "!": int(not number)}
            if expr.operator not in results:
                return [_unknown(expr, function)]
            found.append(
                Value(
                    expr.span,
                    function,
                    "constant",
                    number=results[expr.operator],
                    names=tuple(expr.operator + name for name in value.names[:1]),
                    expr=expr,
                )
            )
        return found

    def _call(self, function: int, node: int, expr: Call, depth: int) -> list[Value]:
        for match in call_matches(self.index, self.unit, function, node, expr):
            if CONVERSION not in match.binding.roles:
                continue
            inner_expr = match.arguments.get(CONTENT)
            if inner_expr is None:
                return [Value(expr.span, function, "object", expr=expr)]
            inner = self.read(function, node, inner_expr, depth + 1)
            return [
                replace(value, kind="object") if value.kind == "null" else value for value in inner
            ]
        name = last_name(expr)
        if not expr.arguments and isinstance(expr.callee, Name):
            plain = self.index.plain(name)
            text = expr.callee.text if plain == name else plain
            if self.index.names_constant(text):
                return [_constant(expr, function, (text,), None)]
        if not expr.arguments and isinstance(expr.callee, Member):
            fact = self.unit.call_fact(expr)
            owner = self.unit.receiver_type(function, expr.callee)
            text = fact.qualified if fact is not None else f"{owner}::{name}" if owner else name
            if self.index.names_constant(text):
                return [_constant(expr, function, (text,), None)]
        if expr.kind is CallKind.CONSTRUCT and len(expr.arguments) == 1:
            inner = self.read(function, node, expr.arguments[0], depth + 1)
            if all(value.kind == "constant" for value in inner):
                return inner
        callees = [
            (number, item)
            for number, item in enumerate(self.unit.module.functions)
            if name and tail(item.name) == name and _may_call(self.unit, expr, item)
        ]
        if callees and depth < 4 and _are_alternatives([item for _, item in callees]):
            return [
                value
                for number, item in callees
                for value in self._returned(expr, function, number, item, depth)
            ]
        return [Value(expr.span, function, "object", expr=expr)]

    def _returned(
        self, expr: Call, function: int, number: int, callee: Function, depth: int
    ) -> list[Value]:
        values: list[Value] = []
        for at, node in enumerate(callee.nodes):
            if node.act is Act.RETURN and node.expr is not None:
                settled = decided(self.index, self.unit, number, at)
                found = self.read(number, at, node.expr, depth + 3)
                values += [replace(value, decided=value.decided or settled) for value in found]
        if not values or any(value.kind not in ("constant", "text", "null") for value in values):
            return [Value(expr.span, function, "object", expr=expr)]
        step = Related(expr.span, f"{callee.name} is called here")
        return [replace(value, steps=(step, *value.steps)) for value in values]

    def _braces(self, function: int, node: int, expr: Braces, depth: int) -> list[Value]:
        if len(expr.items) == 1:
            inner = self.read(function, node, expr.items[0], depth + 1)
            if all(value.kind in ("constant", "text") for value in inner):
                return [replace(value, content=value.number != 0) for value in inner]
        numbers: list[int] = []
        constant = bool(expr.items)
        for item in expr.items[:512]:
            inner = self.read(function, node, item, depth + 1)
            constant = constant and all(
                value.kind in ("constant", "text") or value.content for value in inner
            )
            numbers += [value.number for value in inner if value.number is not None]
        if not constant:
            return [_unknown(expr, function)]
        return [Value(expr.span, function, "bytes", content=True, number=None, expr=expr)]


def _are_alternatives(functions: Sequence[Function]) -> bool:
    """Whether only one of some functions can be compiled: they stand in branches of an `#if`."""
    return all(contradict(one.tags, two.tags) for one, two in combinations(functions, 2))


_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_STRINGS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')


def _balanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return False
    return depth == 0


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _unknown(expr: Expr, function: int) -> Value:
    return Value(expr.span, function, "unknown", whole=False, expr=expr)


def _constant(expr: Expr, function: int, names: tuple[str, ...], number: int | None) -> Value:
    return Value(expr.span, function, "constant", names=names, number=number, expr=expr)


def _literal(expr: Literal, function: int) -> Value:
    if expr.kind == "string":
        text = str(expr.value)
        return Value(
            expr.span, function, "text", text=text, content=bool(text.strip("\0")), expr=expr
        )
    if expr.kind == "null":
        return Value(expr.span, function, "null", number=0, expr=expr)
    if expr.kind in ("int", "char", "bool") and isinstance(expr.value, (int, bool)):
        return Value(expr.span, function, "constant", number=int(expr.value), expr=expr)
    return _unknown(expr, function)


def _or(span: Span, function: int, parts: list[list[Value]]) -> Value:
    """The or of several values, each perhaps one of a few: every flag that may be set."""
    flags: set[str] = set()
    number: int | None = 0
    whole = True
    for alternatives in parts:
        whole = whole and len(alternatives) == 1
        for value in alternatives:
            flags |= value.flags or frozenset(value.names[:1])
            whole = whole and value.whole and value.kind in ("constant", "null")
            if number is not None:
                number = None if value.number is None else number | value.number
    return Value(span, function, "constant", flags=frozenset(flags), number=number, whole=whole)


def _arithmetic(operator: str, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    if operator in ("<<", ">>"):
        if not 0 <= right < 64:
            return None
        return left << right if operator == "<<" else left >> right
    if operator in ("/", "%"):
        if right == 0:
            return None
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    results = {"+": left + right, "-": left - right, "*": left * right}
    results |= {"&": left & right, "^": left ^ right}
    return results.get(operator)


def _may_call(unit: Unit, call: Call, callee: Function) -> bool:
    """Whether a call by this name, with these arguments, may mean a function of the unit."""
    fact = unit.call_fact(call)
    if (
        fact is not None
        and "::" in fact.qualified + callee.name
        and fact.qualified != callee.name
        and not fact.qualified.endswith("::" + callee.name)
    ):
        return False
    if len(call.arguments) > len(callee.parameters):
        return False
    missing = callee.parameters[len(call.arguments) :]
    return all(item.initial is not None for item in missing)
