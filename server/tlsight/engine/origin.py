"""Where the content of an object comes from, over all functions of the unit.

From an object the question goes to whatever writes it: assignments, calls that are handed it, and
functions of the unit that fill or return it; from there to all that these were given. The order of
steps is left out, so this says what may be in it. Whatever has no answer in this text is counted:
a call that nobody knows, a global or a field that others may write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tlsight.engine.callees import called, reached
from tlsight.engine.flow import definitions
from tlsight.engine.match import Match, call_matches
from tlsight.engine.roles import Stage, plays
from tlsight.engine.unit import last_name, path, strip
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Braces,
    Call,
    CallKind,
    Conditional,
    Expr,
    Function,
    Index,
    LambdaExpr,
    Literal,
    Member,
    Name,
    Opaque,
    Unary,
)
from tlsight.text import Span

BUDGET = 2_000
"""Objects and expressions of one question."""


@dataclass(frozen=True, slots=True)
class Source:
    """A call that takes part, in which function, with the forms whose roles it plays."""

    function: int
    node: int
    call: Call
    matches: tuple[Match, ...]

    @classmethod
    def of(cls, stage: Stage, function: int, node: int, call: Call) -> Source:
        """A call that stands at a step of a function."""
        matches = call_matches(stage.index, stage.unit, function, node, call)
        return cls(function, node, call, tuple(item for item in matches if plays(stage, item)))

    def roles(self) -> frozenset[str]:
        """All roles that the call plays."""
        return frozenset(role for match in self.matches for role in match.binding.roles)


@dataclass
class Origin:
    """What takes part in the content of an object."""

    sources: list[Source] = field(default_factory=list)
    literals: list[Literal] = field(default_factory=list)
    handed: set[str] = field(default_factory=set)
    """Parameters of the function where the question began."""
    places: list[Span] = field(default_factory=list)
    """Where the function in which the question began writes to the object itself."""
    open: bool = False
    """Something takes part of which this text does not tell where it comes from."""


_ANYTHING = re.compile(r"(?:const\s+)?void\s*\*")


def of_value(
    stage: Stage, start: int, function: int, node: int, expr: Expr, ends: tuple[str, ...] = ()
) -> Origin:
    """Where the value of an expression comes from; the parameters of `start` end the search.

    What a call in a role of `ends` is given is not asked: its result says all.
    """
    search = _Search(stage, start, ends)
    search.want(function, node, expr)
    search.run()
    return search.found


def of_object(stage: Stage, start: int, name: str) -> Origin:
    """Where what is written to an object of a function comes from."""
    search = _Search(stage, start)
    search.want_object(start, name)
    search.run()
    return search.found


def written_size(stage: Stage, function: int, buffer: Expr) -> Iterator[str]:
    """The local into which a call that fills a buffer puts how much it wrote, by its name."""
    name = root(buffer)
    for write in _writes(stage, function).get(name or "", ()):
        for argument in write.call.arguments if write.call else ():
            if isinstance(argument, Unary) and argument.operator == "&":
                size = path(argument.operand)
                if size and size != name and stage.unit.is_local(function, size):
                    yield size


@dataclass(frozen=True, slots=True)
class _Write:
    """A step that may put something into an object: the expressions that it puts together."""

    node: int
    parts: tuple[Expr, ...]
    call: Call | None = None


class _Search:
    def __init__(self, stage: Stage, start: int, ends: tuple[str, ...] = ()) -> None:
        self.stage = stage
        self.ends = frozenset(ends)
        self.unit = stage.unit
        self.start = start
        self.found = Origin()
        self._objects: set[tuple[int | None, str]] = set()
        self._first: tuple[int | None, str] | None = None
        self._calls: set[tuple[int, int]] = set()
        self._waiting: list[tuple[int, int, Expr]] = []
        self._reached = reached(stage.unit, start)
        self._open_objects: list[tuple[int | None, str]] = []

    def want(self, function: int, node: int, expr: Expr) -> None:
        """Effect: asks where the value of an expression comes from."""
        self._waiting.append((function, node, expr))

    def want_object(self, function: int, name: str) -> None:
        """Effect: asks what is written to an object, by its name in a function."""
        name = name.partition(".")[0]
        key = (self.unit.home(function, name), name)
        if key not in self._objects:
            self._first = self._first or key
            self._objects.add(key)
            self._open_objects.append(key)

    def run(self) -> None:
        """Effect: follows everything, until nothing is left or the budget is."""
        steps = 0
        while self._waiting or self._open_objects:
            steps += 1
            if steps > BUDGET:
                self.found.open = True
                return
            if self._waiting:
                self._expression(*self._waiting.pop())
            else:
                self._object(*self._open_objects.pop())

    def _expression(self, function: int, node: int, expr: Expr) -> None:
        if isinstance(expr, Literal):
            self.found.literals.append(expr)
        elif isinstance(expr, Call):
            self._call(function, node, expr)
        elif isinstance(expr, (Name, Member)):
            self._denoted(function, expr)
        elif isinstance(expr, LambdaExpr):
            self.found.open = True
        else:
            inner = strip(expr)
            parts = (inner,) if inner is not expr else _parts(expr)
            self._waiting += [(function, node, part) for part in parts]

    def _denoted(self, function: int, expr: Name | Member) -> None:
        name = path(expr)
        if name is None:
            self.found.open = True
            return
        if isinstance(expr, Name) and self._is_constant(function, expr):
            return
        self.want_object(function, name)

    def _is_constant(self, function: int, expr: Name) -> bool:
        """Whether a name is a constant, an enumerator or a function: nothing is in it."""
        if self.unit.is_local(function, expr.text):
            return False
        fact = self.unit.name_fact(expr.anchor)
        if fact is not None and fact.kind in ("enumerator", "function", "method", "type"):
            return True
        return self.stage.index.names_constant(expr.text)

    def _call(self, function: int, node: int, call: Call) -> None:
        """Effect: a call takes part; so does all that it is given."""
        key = (function, id(call))
        if key in self._calls:
            return
        self._calls.add(key)
        source = Source.of(self.stage, function, node, call)
        self.found.sources.append(source)
        if source.roles() & self.ends:
            return
        bodies = called(self.unit, call)
        for body in bodies:
            for at, item in enumerate(self.unit.module.functions[body].nodes):
                if item.act is Act.RETURN and item.expr is not None:
                    self.want(body, at, item.expr)
        if not bodies and not source.matches and not self._is_plain(function, call):
            self.found.open = True  # whatever it does, it does it elsewhere
        for argument in call.arguments:
            self.want(function, node, argument)
        if isinstance(call.callee, Member):
            self.want(function, node, call.callee.base)
        elif self._is_object(function, call):
            self.want(function, node, call.callee)

    def _is_object(self, function: int, call: Call) -> bool:
        """Whether what is called is an object of a class that pages declare, and no function."""
        if isinstance(call.callee, Member) or call.kind is not CallKind.CALL:
            return False
        kind = self.unit.type_of(function, call.callee)
        return kind is not None and self.stage.index.declares(self.unit.record_name(kind))

    def _is_plain(self, function: int, call: Call) -> bool:
        """Whether what a call yields is made of what it is given: pages declare it, or a class.

        What comes as `void *` is whatever somebody has put there.
        """
        if call.kind is CallKind.CONSTRUCT or self._is_object(function, call):
            return True
        index = self.stage.index
        if isinstance(call.callee, Member):
            return index.declares(self.unit.receiver_type(function, call.callee))
        name = index.plain(last_name(call))
        declared = [item for found in index.declarations for item in found.functions.get(name, ())]
        return bool(declared) and not any(_ANYTHING.match(item.result) for item in declared)

    def _object(self, home: int | None, name: str) -> None:
        if home is None:
            self._outer(name)
            return
        function = self.unit.module.functions[home]
        for write in _writes(self.stage, home).get(name, ()):
            if home == self.start and (home, name) == self._first:
                node = function.nodes[write.node]
                self.found.places.append(write.call.span if write.call else node.span)
            self._write(home, write, name)
        for pointer in _pointers(self.stage, home).get(name, ()):
            self.want_object(home, pointer)
        if any(item.name == name for item in function.parameters):
            self._parameter(home, name)

    def _parameter(self, function: int, name: str) -> None:
        """Effect: what the callers hand over takes part."""
        if function == self.start:
            self.found.handed.add(name)
            return
        handing = [
            item for item in self.unit.handed(function, name) or () if item[0] in self._reached
        ]
        self._waiting += handing
        if not handing:
            self.found.open = True

    def _outer(self, name: str) -> None:
        """Effect: what this unit puts into a global or a field takes part."""
        written = False
        for number, function in enumerate(self.unit.module.functions):
            if not function.mentions(name.rpartition("::")[2]):
                continue
            for write in _writes(self.stage, number).get(name, ()):
                if name not in self.unit.variables[number]:
                    written = True
                    self._write(number, write, name)
        variable = self.unit.global_variable(name)
        if variable is None:
            self.found.open = self.found.open or not written
        elif variable.initial is not None:
            self.want(0, 0, variable.initial)
        elif not written:
            self.found.open = True

    def _write(self, function: int, write: _Write, name: str) -> None:
        if write.call is None:
            self._waiting += [(function, write.node, part) for part in write.parts]
            return
        for body in called(self.unit, write.call):
            parameters = self.unit.module.functions[body].parameters
            for parameter, argument in zip(parameters, write.call.arguments, strict=False):
                if root(argument) == name:
                    self.want_object(body, parameter.name)
        self._call(function, write.node, write.call)


def _parts(expr: Expr) -> tuple[Expr, ...]:
    """What the value of an expression is made of."""
    if isinstance(expr, Conditional):
        return (expr.then, expr.otherwise)
    if isinstance(expr, Binary):
        return (expr.left, expr.right)
    if isinstance(expr, Unary):
        return (expr.operand,)
    if isinstance(expr, Assign):
        return (expr.value, expr.target)
    if isinstance(expr, Index):
        return (expr.base,)
    if isinstance(expr, Braces):
        return expr.items
    return ()


def looped(function: Function, node: int) -> Expr | None:
    """The container over which a loop goes, if a step declares the loop's variable."""
    for at, test in enumerate(function.nodes):
        if not (test.loop and isinstance(test.expr, Opaque) and at):
            continue
        if any(edge.target == node and edge.when is True for edge in test.next):
            before = function.nodes[at - 1]
            return before.expr if before.expr and before.expr.span == test.expr.span else None
    return None


def root(expr: Expr) -> str | None:
    """The object that an expression is, points into or is a part of."""
    part = strip(expr)
    while True:
        if isinstance(part, Index):
            part = strip(part.base)
        elif isinstance(part, Unary) and part.operator in ("&", "*", "++", "p++"):
            part = strip(part.operand)
        elif isinstance(part, Binary) and part.operator in ("+", "-"):
            part = strip(part.left)
        else:
            break
    name = path(part)
    return name.partition(".")[0] if name else None


def _writes(stage: Stage, function: int) -> dict[str, list[_Write]]:
    """What may put something into each object of a function, by its name."""
    key = ("writes", function)
    known = stage.unit.kept.get(key)
    if known is None:
        found: dict[str, list[_Write]] = {}
        around = stage.unit.module.functions[function]
        for at, event in around.each(Assign, Call):
            for name, write in _written(stage, function, at, event):
                found.setdefault(name, []).append(write)
        for at, node in enumerate(around.nodes):
            variable = node.variable
            if node.act is Act.DECLARE and variable is not None and variable.initial is not None:
                found.setdefault(variable.name, []).append(_Write(at, (variable.initial,)))
        known = stage.unit.kept[key] = found
    assert isinstance(known, dict)
    return known


def _pointers(stage: Stage, function: int) -> dict[str, list[str]]:
    """The locals that are made to point into each object of a function, by its name."""
    key = ("pointers", function)
    known = stage.unit.kept.get(key)
    if known is None:
        found: dict[str, list[str]] = {}
        for name, items in definitions(stage.unit, function).items():
            for variable in stage.unit.variables[function].get(name, ()):
                if not any(mark in variable.type for mark in ("*", "&", "auto")):
                    continue
                for item in items:
                    value = item.value
                    if value is None and "&" in variable.type:
                        value = looped(stage.unit.module.functions[function], item.node)
                    target = root(value) if value is not None else None
                    if target is not None and target != name:
                        found.setdefault(target, []).append(name)
        known = stage.unit.kept[key] = found
    assert isinstance(known, dict)
    return known


def _written(
    stage: Stage, function: int, at: int, event: Assign | Call
) -> Iterator[tuple[str, _Write]]:
    if isinstance(event, Assign):
        name = root(event.target)
        if name is not None:
            yield name, _Write(at, (event.value,))
        return
    for number, argument in enumerate(event.arguments):
        name = root(argument)
        if name is not None and may_write(stage, function, event, number, argument):
            yield name, _Write(at, event.arguments, event)
    if isinstance(event.callee, Member) and event.arguments:
        name = root(event.callee.base)
        if name is not None:
            yield name, _Write(at, event.arguments, event)


def may_write(stage: Stage, function: int, call: Call, number: int, argument: Expr) -> bool:
    """Whether a call may write through an argument, as far as its type tells."""
    kind = stage.unit.parameter_type(function, call, number)
    if kind is None:
        kind = stage.unit.type_of(function, strip(argument)) or ""
    if "*" not in kind and "&" not in kind and "[" not in kind:
        return False
    return "const" not in kind.partition("*")[0].split()
