"""Which memory holds bytes that some calls have brought in: from the network, as pages say.

The question goes backward from an expression: to the call that fills a buffer, or yields the bytes
as its result; along pointers that are set to each other, calls that *give* one thing from another,
functions of this text that fill or return it, parameters to the callers in this text, and fields
and globals to whatever this text puts into them. What nobody here fills holds no such bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tlsight.engine.callees import called
from tlsight.engine.flow import first_reaching, following, is_in_loop, set_anew
from tlsight.engine.match import Match, call_matches
from tlsight.engine.objects import RESULT, THIS
from tlsight.engine.places import denoted, place
from tlsight.engine.roles import Stage, played, plays
from tlsight.engine.steps import of_function
from tlsight.engine.unit import path, strip
from tlsight.engine.values import CONTENT, CONVERSION
from tlsight.engine.widths import of_type
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Conditional,
    Expr,
    Index,
    Literal,
    Member,
    Name,
    Unary,
    walk,
)
from tlsight.text import Span

BUDGET = 30_000
"""Expressions of one text that are asked about in all."""
_DEPTH = 24
"""Steps from one expression to the next."""
_CALLS = 4
"""Functions of this text that are entered in turn."""
BUFFER = "buffer"
"""The slot of a call that is filled; where a form has none, the result holds the bytes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The call through which a function of this text was entered."""

    call: Call
    caller: int
    node: int
    body: int
    outer: Frame | None
    depth: int


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes that a call has brought, and the step of the function from which on they are there."""

    source: Match
    start: int
    way: tuple[Span, ...] = ()

    def via(self, span: Span, start: int | None = None) -> Bytes:
        """The same, as they are seen further on."""
        return Bytes(self.source, self.start if start is None else start, (*self.way, span))


@dataclass(frozen=True, slots=True)
class _Store:
    """A step of a function that fills a buffer: a call that brings bytes, or what is put there."""

    function: int
    node: int
    target: Expr
    source: Match | None
    value: Expr | None = None


_FILE = "file"
_LOCAL = "local-data"


def is_local_data(stage: Stage, match: Match) -> bool:
    """Whether what a call reads from was opened in the same function, as a file say."""
    expr = match.arguments.get(_FILE)
    if expr is None:
        return False
    inner = strip(expr)
    if isinstance(inner, Literal):
        return True
    name = path(inner)
    local = {
        item.site.anchor
        for item in of_function(stage, _LOCAL, match.function)
        if isinstance(item.site, Call)
    }
    if name is None or not local:
        return False
    items, _, _ = first_reaching(stage.unit, match.function, match.node, name, False)
    return any(
        isinstance(part, Call) and part.anchor in local
        for item in items
        if item.value is not None
        for part in walk(item.value)
    )


class Received:
    """What is asked of one text about the bytes that calls in some roles bring."""

    def __init__(self, stage: Stage, roles: Sequence[str]) -> None:
        self.stage = stage
        self.unit = stage.unit
        self.roles = tuple(roles)
        self._left = BUDGET
        self._depth = 0
        self._known: dict[tuple[int, int, int], Bytes | None] = {}
        self._tables: dict[int, Mapping[str, list[_Store]]] = {}
        self._filling: dict[int, Mapping[int, Match]] = {}
        self._elsewhere: dict[tuple[str, str], list[_Store]] | None = None
        self._giving: dict[int, list[Match]] | None = None

    @classmethod
    def of(cls, stage: Stage, roles: Sequence[str]) -> Received:
        """The one answerer of a text for these roles."""
        key = ("received", tuple(roles))
        known = stage.unit.cache.get(key)
        if known is None:
            known = stage.unit.cache[key] = cls(stage, roles)
        assert isinstance(known, Received)
        return known

    def bytes_at(
        self, function: int, node: int, expr: Expr, frame: Frame | None = None
    ) -> Bytes | None:
        """The bytes that an expression is, or points to, at a step of a function."""
        if self._left <= 0 or self._depth >= _DEPTH:
            return None
        key = (function, node, id(expr))
        if frame is None:
            if key in self._known:
                return self._known[key]
            self._known[key] = None  # for what leads back to itself
        self._left -= 1
        self._depth += 1
        found = self._bytes(function, node, expr, frame)
        self._depth -= 1
        if frame is None:
            self._known[key] = found
        return found

    def brings(self, call: Call, function: int, node: int) -> Match | None:
        """The match of a call that brings bytes, as its result or into a buffer."""
        return next(
            (
                match
                for match in call_matches(self.stage.index, self.unit, function, node, call)
                if not set(self.roles).isdisjoint(match.binding.roles) and plays(self.stage, match)
            ),
            None,
        )

    def stores(self, function: int) -> Mapping[str, list[_Store]]:
        """What a function puts into buffers, by their places."""
        known = self._tables.get(function)
        if known is None:
            table: dict[str, list[_Store]] = {}
            self._tables[function] = table
            for item in self._stores(function):
                name = place(item.target)
                if name is not None:
                    table.setdefault(name, []).append(item)
            known = table
        return known

    def is_there(self, function: int, start: int, node: int, name: str) -> bool:
        """Whether a step is reached from another one while a place is the same object."""
        if start == node:
            return is_in_loop(self.unit, function, node)
        key = ("there", function, start, name)
        known = self.unit.cache.get(key)
        if known is None:
            stops = set_anew(self.unit, function, name)
            known = following(self.unit, function, start, stops - {start})
            self.unit.cache[key] = known
        assert isinstance(known, frozenset)
        return node in known

    # From an expression to where its bytes come from.

    def _bytes(self, function: int, node: int, expr: Expr, frame: Frame | None) -> Bytes | None:
        expr = strip(expr)
        if isinstance(expr, Call):
            return self._of_call(function, node, expr, frame)
        if isinstance(expr, (Name, Member)):
            if of_type(self.unit, self.unit.type_of(function, expr)) is not None:
                return None  # a number is no memory
            return self._of_place(function, node, expr, frame)
        if isinstance(expr, Unary):
            inner = strip(expr.operand)
            if expr.operator == "&" and isinstance(inner, (Name, Member)):
                return self._of_place(function, node, inner, frame)
            return self.bytes_at(function, node, expr.operand, frame)
        if isinstance(expr, Index):
            return self.bytes_at(function, node, expr.base, frame)
        if isinstance(expr, Assign):
            return self.bytes_at(function, node, expr.value, frame)
        if isinstance(expr, Conditional):
            arms: tuple[Expr, ...] = (expr.then, expr.otherwise)
        elif isinstance(expr, Binary) and expr.operator in ("+", "-", ","):
            arms = (expr.right,) if expr.operator == "," else (expr.left, expr.right)
        else:
            return None
        return next(
            (found for arm in arms if (found := self.bytes_at(function, node, arm, frame))), None
        )

    def _of_call(self, function: int, node: int, call: Call, frame: Frame | None) -> Bytes | None:
        for match in call_matches(self.stage.index, self.unit, function, node, call):
            if not plays(self.stage, match):
                continue
            if not set(self.roles).isdisjoint(match.binding.roles):
                if BUFFER not in match.arguments:
                    return Bytes(match, node)
                continue
            inner = self._given(match)
            if inner is not None:
                found = self.bytes_at(function, node, inner, frame)
                if found is not None:
                    return found
        if frame is not None and frame.depth >= _CALLS:
            return None
        for body in called(self.unit, call):
            inside = Frame(call, function, node, body, frame, 1 + (frame.depth if frame else 0))
            for at, step in enumerate(self.unit.module.functions[body].nodes):
                if step.act is Act.RETURN and step.expr is not None:
                    found = self.bytes_at(body, at, step.expr, inside)
                    if found is not None:
                        return found.via(call.span, node)
        return None

    def _given(self, match: Match) -> Expr | None:
        """What a call makes its result of."""
        slot = match.binding.gives.get(RESULT)
        if slot is None and CONVERSION in match.binding.roles:
            return match.arguments.get(CONTENT) or match.arguments.get(THIS)
        return match.arguments.get(slot) if slot else None

    def _of_place(
        self, function: int, node: int, expr: Name | Member, frame: Frame | None
    ) -> Bytes | None:
        name = path(expr)
        if name is None:
            return None
        whole = name
        while whole:
            for store in self.stores(function).get(whole, ()):
                if self.is_there(function, store.node, node, whole):
                    found = self._stored(store, frame)
                    if found is not None:
                        return found
            whole = whole.rpartition(".")[0]
        seen: set[int] = set()
        waiting = [node]
        entry = False
        while waiting:
            at = waiting.pop()
            items, enters, _ = first_reaching(self.unit, function, at, name, False)
            entry = entry or enters
            for item in items:
                if item.node in seen:
                    continue
                seen.add(item.node)
                if item.kind != "value":
                    waiting.append(item.node)
                elif item.value is not None:
                    found = self.bytes_at(function, item.node, item.value, frame)
                    if found is None and at != item.node and self._is_pointer(function, expr):
                        # What it points to may have been filled since.
                        found = self.bytes_at(function, node, item.value, frame)
                    if found is not None:
                        return found
        return self._from_outside(function, expr, name, frame) if entry else None

    def _is_pointer(self, function: int, expr: Expr) -> bool:
        return "*" in (self.unit.type_of(function, expr) or "")

    def _stored(self, item: _Store, frame: Frame | None) -> Bytes | None:
        if item.source is not None:
            return Bytes(item.source, item.node)
        assert item.value is not None
        found = self.bytes_at(item.function, item.node, item.value, frame)
        return None if found is None else found.via(item.value.span, item.node)

    def _from_outside(
        self, function: int, expr: Name | Member, name: str, frame: Frame | None
    ) -> Bytes | None:
        """What a function finds in a parameter, a field or a global when it is entered."""
        root = name.partition(".")[0]
        home = self.unit.home(function, root)
        if home is not None and home != function:
            return self._of_lambda(home, expr, name)
        if home is not None and (found := self._handed(function, root, name, frame)) is not None:
            return found
        if isinstance(expr, Name) and home is not None:
            return None
        identity = self._identity(function, expr)
        for item in self._fields().get(identity, ()) if identity is not None else ():
            if item.function != function:
                found = self._stored(item, None)
                if found is not None:
                    return found.via(item.target.span, 0)
        return None

    def _of_lambda(self, home: int, expr: Name | Member, name: str) -> Bytes | None:
        """What the function around a lambda has put into one of its locals."""
        for item in self.stores(home).get(name, ()):
            found = self._stored(item, None)
            if found is not None:
                return found.via(expr.span, 0)
        return None

    def _handed(self, function: int, root: str, name: str, frame: Frame | None) -> Bytes | None:
        """What the callers in this text hand over for a parameter, or a field of it."""
        for caller, node, argument, outer in self.arguments(function, root, frame):
            found = self.bytes_at(caller, node, argument, outer)
            if found is not None and name == root:
                return found.via(argument.span, 0)
            if found is not None and "*" in self._type_of_parameter(function, root):
                return found.via(argument.span, 0)
        return None

    def _type_of_parameter(self, function: int, root: str) -> str:
        parameters = self.unit.module.functions[function].parameters
        return next((item.type for item in parameters if item.name == root), "")

    def arguments(
        self, function: int, root: str, frame: Frame | None
    ) -> Iterator[tuple[int, int, Expr, Frame | None]]:
        """What is handed over for a parameter: by the call that was entered, or by all."""
        names = [item.name for item in self.unit.module.functions[function].parameters]
        if root not in names:
            return
        if frame is not None and frame.body == function:
            position = names.index(root)
            if position < len(frame.call.arguments):
                yield frame.caller, frame.node, frame.call.arguments[position], frame.outer
            return
        for caller, node, argument in self.unit.handed(function, root) or ():
            if caller != function:
                yield caller, node, argument, None

    # What fills buffers.

    def _stores(self, function: int) -> Iterator[_Store]:
        for role in self.roles:
            for match in of_function(self.stage, role, function):
                target = match.arguments.get(BUFFER)
                if target is not None and not is_local_data(self.stage, match):
                    yield _Store(function, match.node, target, match)
        for match in self._giving_matches().get(function, ()):
            for to, given in match.binding.gives.items():
                target, value = match.arguments.get(to), match.arguments.get(given)
                if to != RESULT and target is not None and value is not None:
                    yield _Store(function, match.node, target, None, value)
        for at, node in enumerate(self.unit.module.functions[function].nodes):
            for expr in node.expressions:
                if isinstance(expr, Assign) and expr.operator == "+=":
                    if self._is_object(function, expr.target):
                        yield _Store(function, at, expr.target, None, expr.value)
                elif isinstance(expr, Call):
                    yield from self._filled_by(function, at, expr)

    def _is_object(self, function: int, expr: Expr) -> bool:
        kind = self.unit.type_of(function, expr)
        return bool(kind) and "*" not in kind and of_type(self.unit, kind) is None  # type: ignore[operator]

    def _filled_by(self, function: int, node: int, call: Call) -> Iterator[_Store]:
        """The arguments that a function of this text fills with what it reads."""
        for body in called(self.unit, call):
            if body == function:
                continue
            for position, source in self._fills(body).items():
                if position < len(call.arguments):
                    yield _Store(function, node, call.arguments[position], source)

    def _fills(self, function: int) -> Mapping[int, Match]:
        """The parameters that a function fills, by position."""
        known = self._filling.get(function)
        if known is None:
            self._filling[function] = {}  # for a function that calls itself
            found: dict[int, Match] = {}
            for position, item in enumerate(self.unit.module.functions[function].parameters):
                if "*" not in item.type and "&" not in item.type and "[" not in item.type:
                    continue
                for store in self.stores(function).get(item.name, ()):
                    filled = self._stored(store, None)
                    if filled is not None:
                        found.setdefault(position, filled.source)
            known = self._filling[function] = found
        return known

    def _giving_matches(self) -> Mapping[int, list[Match]]:
        """All calls that give one of their arguments from another, by function."""
        if self._giving is None:
            found: dict[int, list[Match]] = {}
            seen: set[tuple[int, str]] = set()
            for items in played(self.stage).values():
                for match in items:
                    key = (id(match.site), match.binding.id)
                    if key not in seen and any(to != RESULT for to in match.binding.gives):
                        seen.add(key)
                        found.setdefault(match.function, []).append(match)
            self._giving = found
        return self._giving

    # Fields and globals.

    def _fields(self) -> dict[tuple[str, str], list[_Store]]:
        """What the text puts into fields and globals, whichever function does."""
        if self._elsewhere is None:
            self._elsewhere = {}
            for function in range(len(self.unit.module.functions)):
                for item in self._all_stores(function):
                    inner = denoted(item.target)
                    if isinstance(inner, (Name, Member)):
                        identity = self._identity(function, inner)
                        if identity is not None:
                            self._elsewhere.setdefault(identity, []).append(item)
        return self._elsewhere

    def _all_stores(self, function: int) -> Iterator[_Store]:
        for items in self.stores(function).values():
            yield from items
        for at, node in enumerate(self.unit.module.functions[function].nodes):
            for expr in node.expressions:
                if isinstance(expr, Assign) and expr.operator == "=":
                    target = strip(expr.target)
                    if isinstance(target, (Name, Member)):
                        yield _Store(function, at, target, None, expr.value)

    def _identity(self, function: int, expr: Name | Member) -> tuple[str, str] | None:
        """What tells a field or a global from others, over all functions; None for a local."""
        if isinstance(expr, Member):
            owner = self.unit.receiver_type(function, expr)
            return (owner, expr.name) if owner else None
        if self.unit.is_local(function, expr.text):
            return None
        around = self.unit.owner_of(function)
        if around and self.unit.field(around, expr.text) is not None:
            return (self.unit.record_name(around), expr.text)
        return ("", expr.text) if self.unit.global_variable(expr.text) is not None else None
