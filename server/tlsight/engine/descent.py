"""What a value was made from, step by step: the calls of pages that it has come through.

The question goes backward from an expression, along the definitions that reach it, through calls
that pages say to *give* one thing from another, into the functions of this text that return or fill
it, and out to those that hand it over. Of a field, all that this text sets it to counts.
Unlike `origin`, which asks what may take part in a content, this follows only what is that content
or a part of it; where nobody says what a call yields, the way ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tlsight.engine.callees import called
from tlsight.engine.flow import Definition, definitions, give_up, left, reaching, take
from tlsight.engine.index import tail
from tlsight.engine.match import Match, call_matches
from tlsight.engine.objects import RESULT, THIS, objects
from tlsight.engine.origin import may_write, root
from tlsight.engine.roles import Stage, plays
from tlsight.engine.unit import path, strip
from tlsight.engine.values import CONTENT, CONVERSION
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
    Node,
    Opaque,
    Unary,
)

BUDGET = 1_000
"""Expressions, names and steps that change them, of one question."""
TOGETHER = 100_000
"""The same of all questions of a unit."""
_STEPS = 100
"""Steps back from one expression to the next, one in the other."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The call through which a function of this text was entered."""

    call: Call
    function: int
    node: int
    outer: _Frame | None


def descent(stage: Stage, function: int, node: int, expr: Expr) -> tuple[Match, ...]:
    """The calls that a value has come through, nearest first; empty if none is known."""
    key = ("descent", function, node, id(expr))
    known = stage.unit.cache.get(key)
    if known is None:
        search = _Search(stage, min(BUDGET, left(stage.unit, "descents", TOGETHER)))
        search.follow(function, node, expr, None)
        take(stage.unit, "descents", TOGETHER, search.taken)
        if search.taken >= search.most:
            give_up(stage.unit, function)
        known = stage.unit.cache[key] = tuple(search.found.values())
    assert isinstance(known, tuple)
    return known


class _Search:
    """One question. `found` is its answer, `taken` are its steps, at most `most`."""

    def __init__(self, stage: Stage, most: int) -> None:
        self.stage = stage
        self.unit = stage.unit
        self.found: dict[tuple[int, str], Match] = {}
        self._seen: set[tuple[object, ...]] = set()
        self._inside = 0
        self.most = most
        self.taken = 0

    def _is_new(self, *key: object) -> bool:
        """Effect: notes what was asked, so that it is asked once, and not without end."""
        if key in self._seen or self.taken >= self.most:
            return False
        self.taken += 1
        self._seen.add(key)
        return True

    def follow(self, function: int, node: int, expr: Expr, frame: _Frame | None) -> None:
        """Effect: notes what an expression has come through."""
        expr = strip(expr)
        if self._inside > _STEPS or not self._is_new(function, node, id(expr), frame):
            return
        self._inside += 1
        self._follow(function, node, expr, frame)
        self._inside -= 1

    def _follow(self, function: int, node: int, expr: Expr, frame: _Frame | None) -> None:
        if isinstance(expr, Call):
            self._call(function, node, expr, frame)
        elif isinstance(expr, Conditional):
            self.follow(function, node, expr.then, frame)
            self.follow(function, node, expr.otherwise, frame)
        elif isinstance(expr, Assign):
            self.follow(function, node, expr.value, frame)
        elif isinstance(expr, Unary) and expr.operator in ("&", "*", "++", "p++"):
            self.follow(function, node, expr.operand, frame)
        elif isinstance(expr, Index):
            self.follow(function, node, expr.base, frame)
        elif isinstance(expr, Binary) and expr.operator in ("+", "-"):
            if not isinstance(strip(expr.right), Literal) or _is_number(expr.right):
                self.follow(function, node, expr.left, frame)
        elif isinstance(expr, (Name, Member)):
            self._denoted(function, node, expr, frame)

    # Calls.

    def _call(self, function: int, node: int, call: Call, frame: _Frame | None) -> None:
        for match in self._matches(function, node, call):
            if self._given(match, RESULT, frame):
                return
            if CONVERSION in match.binding.roles:
                inner = match.arguments.get(CONTENT) or match.arguments.get(THIS)
                if inner is not None:
                    self.follow(function, node, inner, frame)
                return
        if self._carries(function, node, call, frame):
            return
        inside = _Frame(call, function, node, frame)
        if _depth(inside) <= _DEPTH:
            for body in called(self.unit, call):
                for at, item in enumerate(self.unit.module.functions[body].nodes):
                    if item.act is Act.RETURN and item.expr is not None:
                        self.follow(body, at, item.expr, inside)

    def _carries(self, function: int, node: int, call: Call, frame: _Frame | None) -> bool:
        """Effect: follows what a smart pointer is made of or points to. Whether this is one."""
        known = objects(self.stage)
        kind = self.unit.type_of(function, call) or ""
        if isinstance(call.callee, Member) and "*" in kind and known.unwraps(function, call):
            self.follow(function, node, call.callee.base, frame)
        elif known.wraps(call):
            self.follow(function, node, call.arguments[0], frame)
        else:
            return False
        return True

    def _matches(self, function: int, node: int, call: Call) -> list[Match]:
        found = call_matches(self.stage.index, self.unit, function, node, call)
        return [match for match in found if plays(self.stage, match)]

    def _given(self, match: Match, slot: str, frame: _Frame | None) -> bool:
        """Effect: a call yields, in a slot, what it makes of another one. Whether it does."""
        source = match.binding.gives.get(slot)
        if source is None:
            return False
        self.found.setdefault((id(match.site), match.binding.id), match)
        expr = match.arguments.get(source)
        if expr is not None:
            self.follow(match.function, match.node, expr, frame)
        return True

    # Names.

    def _denoted(self, function: int, node: int, expr: Name | Member, frame: _Frame | None) -> None:
        name = path(expr)
        if name is not None:
            first = name.partition(".")[0]
            home = self.unit.home(function, first)
            if home is None:
                self._field(function, expr)
            else:
                self._local(function, node, name, home, frame)
        if isinstance(expr, Member) and self._is_part(function, expr):
            self.follow(function, node, expr.base, frame)

    def _is_part(self, function: int, expr: Member) -> bool:
        """Whether a member is a part of what a library keeps, in a union without name perhaps.

        Of any other class the fields stand for themselves.
        """
        owner = self.unit.receiver_type(function, expr)
        if owner and self.stage.index.declares(owner):
            return True
        base = strip(expr.base)
        named = owner is not None and self.unit.declares(owner)
        return not named and isinstance(base, Member) and self._is_part(function, base)

    def _local(self, function: int, node: int, name: str, home: int, frame: _Frame | None) -> None:
        """Effect: follows what reaches a local; of one that a lambda holds, all that is set."""
        if home != function:
            for item in definitions(self.unit, home).get(name, ()):
                self._defined(home, name, item, None)
            return
        if not self._is_new(function, node, name, frame):
            return
        reached = reaching(self.unit, function, node, name, touches=True)
        if reached is None or self._inside > _STEPS:
            return
        self._inside += 1
        found, entry = reached
        for item in found:
            self._defined(function, name, item, frame)
        if entry:
            self._handed(function, name, frame)
        self._inside -= 1

    def _handed(self, function: int, name: str, frame: _Frame | None) -> None:
        """Effect: a parameter is what the call handed over, or any call of this text."""
        handing = self.unit.handed(function, name.partition(".")[0])
        for caller, node, argument in handing or ():
            if frame is None:
                self.follow(caller, node, argument, None)
            elif (caller, node) == (frame.function, frame.node):
                self.follow(caller, node, argument, frame.outer)

    def _defined(self, function: int, name: str, item: Definition, frame: _Frame | None) -> None:
        """Effect: follows one step that gives a name its value, or may change it."""
        self.taken += 1
        if self.taken >= self.most:
            return
        if item.kind == "value":
            if item.value is not None:
                self.follow(function, item.node, item.value, frame)
            else:
                self._looped(function, item.node, frame)
        elif item.kind == "update" or not self._written(function, name, item.node, frame):
            self._local(function, item.node, name, function, frame)

    def _looped(self, function: int, node: int, frame: _Frame | None) -> None:
        """Effect: the variable of a loop over a container is what is in it."""
        nodes = self.unit.module.functions[function].nodes
        for at, test in enumerate(nodes):
            if test.loop and isinstance(test.expr, Opaque) and at and _leads(test, node):
                before = nodes[at - 1]
                if before.expr is not None and before.expr.span == test.expr.span:
                    self.follow(function, at - 1, before.expr, frame)

    def _written(self, function: int, name: str, node: int, frame: _Frame | None) -> bool:
        """Effect: follows what the calls of a step put into an object. Whether they may have."""
        step = self.unit.module.functions[function].nodes[node]
        first = name.partition(".")[0]
        written = False
        for call in step.expressions:
            if not isinstance(call, Call):
                continue
            slots = [at for at, item in enumerate(call.arguments) if root(item) == first]
            if slots and self._put(function, node, call, slots, frame):
                written = True
        return written

    def _put(
        self, function: int, node: int, call: Call, places: list[int], frame: _Frame | None
    ) -> bool:
        """Effect: follows what a call puts into arguments. Whether it may put something there."""
        known = False
        for match in self._matches(function, node, call):
            for slot in match.binding.gives:
                if match.position(slot) in places and self._given(match, slot, frame):
                    known = True
        if known:
            return True
        inside = _Frame(call, function, node, frame)
        if _depth(inside) <= _DEPTH:
            for body in called(self.unit, call):
                parameters = self.unit.module.functions[body].parameters
                for place in places:
                    if place < len(parameters) and (name := parameters[place].name):
                        items = definitions(self.unit, body).get(name, ())
                        for item in items:
                            self._defined(body, name, item, inside)
                        known = known or bool(items)
        if known:
            return True
        return self._is_declared(function, call) and any(
            may_write(self.stage, function, call, place, call.arguments[place]) for place in places
        )

    def _is_declared(self, function: int, call: Call) -> bool:
        return self.unit.call_fact(call) is not None or bool(self.unit.signatures(function, call))

    # Fields and globals.

    def _field(self, function: int, expr: Name | Member) -> None:
        """Effect: follows all that this text puts into a field or a global."""
        wanted = self._key(function, expr)
        if wanted is None or not self._is_new(wanted):
            return
        for number, at, value in self._settings().get(wanted, ()):
            self.follow(number, at, value, None)
        for number, at, call, place in self._fillings().get(wanted, ()):
            self._put(number, at, call, [place], None)

    def _key(self, function: int, expr: Expr) -> tuple[str, str] | None:
        """What tells a field by its class, or a global, from others of its name."""
        expr = strip(expr)
        if isinstance(expr, Unary) and expr.operator in ("&", "*"):
            return self._key(function, expr.operand)
        if isinstance(expr, Member):
            owner = self.unit.receiver_type(function, expr)
            return (owner, expr.name) if owner else None
        if not isinstance(expr, Name) or self.unit.is_local(function, expr.text):
            return None
        owner = self.unit.owner_of(function)
        if owner and self.unit.field(owner, tail(expr.text)) is not None:
            return (owner, tail(expr.text))
        return ("", tail(expr.text))

    def _settings(self) -> Mapping[tuple[str, str], Sequence[tuple[int, int, Expr]]]:
        """Every assignment to what is no local, by its key."""
        known = self.unit.cache.get("settings")
        if known is None:
            found: dict[tuple[str, str], list[tuple[int, int, Expr]]] = {}
            for number, at, expr in self._events():
                key = self._key(number, expr.target) if isinstance(expr, Assign) else None
                if isinstance(expr, Assign) and key is not None:
                    found.setdefault(key, []).append((number, at, expr.value))
            known = self.unit.cache["settings"] = found
        assert isinstance(known, dict)
        return known

    def _fillings(self) -> Mapping[tuple[str, str], Sequence[tuple[int, int, Call, int]]]:
        """Every call that is handed what is no local, by its key."""
        known = self.unit.cache.get("fillings")
        if known is None:
            found: dict[tuple[str, str], list[tuple[int, int, Call, int]]] = {}
            for number, at, expr in self._events():
                for place, argument in enumerate(expr.arguments if isinstance(expr, Call) else ()):
                    key = self._key(number, argument)
                    if isinstance(expr, Call) and key is not None:
                        found.setdefault(key, []).append((number, at, expr, place))
            known = self.unit.cache["fillings"] = found
        assert isinstance(known, dict)
        return known

    def _events(self) -> Iterator[tuple[int, int, Expr]]:
        for number, function in enumerate(self.unit.module.functions):
            for at, node in enumerate(function.nodes):
                for expr in node.expressions:
                    yield number, at, expr


_DEPTH = 4
"""Functions of the text that are looked into, one in the other."""


def _depth(frame: _Frame | None) -> int:
    depth = 0
    while frame is not None:
        depth, frame = depth + 1, frame.outer
    return depth


def _leads(test: Node, node: int) -> bool:
    """Whether the test of a loop leads straight into a step."""
    return any(edge.target == node and edge.when is True for edge in test.next)


def _is_number(expr: Expr) -> bool:
    value = strip(expr)
    return isinstance(value, Literal) and value.kind == "int"
