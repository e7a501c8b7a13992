"""Which names of a unit stand for the same object, and what is done to it anywhere.

Names that are set to each other, handed to each other as argument and parameter, or returned to
each other are one object, without regard to order. So are the fields of one class, whatever the
instance. What is done to an object is the roles that calls play on it; an object may be *given*
what is done to another (a session that is made from a context). It is *made* here where a call that
makes one, or a definition, stands in this text; it is *open* where code that is not here gets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tlsight.engine.callees import called
from tlsight.engine.index import tail
from tlsight.engine.match import Match
from tlsight.engine.origin import may_write
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import bare, last_name, strip
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
    Index,
    LambdaExpr,
    Literal,
    Member,
    Name,
    Opaque,
    SizeOf,
    Unary,
    Variable,
)
from tlsight.text import Span

RESULT = "result"
THIS = "this"

_NO_OBJECTS = (Literal, Binary, SizeOf)
"""Expressions that are numbers, whatever is in them."""

Place = tuple[object, str]
"""Where an object is kept: function and name, class and field, or None and a global's name."""


@dataclass
class _Class:
    """All names of one object."""

    roles: set[str] = field(default_factory=set)
    """What is done to it."""
    made: list[Span] = field(default_factory=list)
    open: bool = False
    returned: set[int] = field(default_factory=set)
    """The functions that return it to code that is not here."""
    told: bool = False
    """It is the result of a call that pages know."""
    gives: set[Place] = field(default_factory=set)
    """What is done to these is done to it."""
    passed: set[Place] = field(default_factory=set)
    """The parameters for which it is handed over."""
    handed: set[Place] = field(default_factory=set)
    """For a parameter: the objects that callers hand over."""


class Objects:
    """The objects of a unit. Built once; asked by place or by expression."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.unit = stage.unit
        self._parent: dict[Place, Place] = {}
        self._classes: dict[Place, _Class] = {}
        self._results: dict[int, Place] = {}
        """By identity of a call: where its result is kept."""
        for number, function in enumerate(self.unit.module.functions):
            self._parameters(number, function)
            self._events(number, function)
            self._range_loops(number, function)
        self._note_roles()

    def of(self, match: Match, slot: str) -> Place | None:
        """The object in a slot of a match, `this` or `result`."""
        if slot == RESULT or (slot == THIS and THIS not in match.arguments):
            if not isinstance(match.site, Call):
                return None
            made = match.site.kind is CallKind.CONSTRUCT and match.site.target
            if made and not self.unit.is_local(match.function, made):
                return self._find(self._declaring(match.function, made))
            return self._find(self._result(match.function, match.site))
        expr = match.arguments.get(slot)
        place = self._place(match.function, expr) if expr is not None else None
        return self._find(place) if place is not None else None

    def at(self, function: int, expr: Expr) -> Place | None:
        """The object that an expression denotes."""
        place = self._place(function, expr)
        return self._find(place) if place is not None else None

    def is_done(self, match: Match, place: Place, alone: bool = False) -> bool:
        """Whether what a match does is done to an object, or (not `alone`) to what it is given."""
        mine = {place} if alone else set(self._reached(place))
        return any(self.of(match, slot) in mine for slot in _slots(match) if slot != "_")

    def steps(self, roles: tuple[str, ...], place: Place) -> list[Match]:
        """What plays one of these roles on an object, or on what it is given."""
        table = played(self.stage)
        matches = (match for role in roles for match in table.get(role, ()))
        return [match for match in matches if self.is_done(match, place)]

    def shared(self, place: Place, but: int | None = None) -> str:
        """Why not all that is done to an object stands here; '' if it does.

        That one function returns it can be left out of account.
        """
        for index, part in enumerate(self.closure(place)):
            if part.open:
                return "code that is not in this file has the object, too"
            if part.returned - {but}:
                return "the object is returned to code that is not in this file"
            if not (part.made or part.handed or (index and part.told)):
                return "the object is made by code that is not in this file"
        return ""

    def handed(self, place: Place) -> Iterator[Place]:
        """What a parameter may be, up to where it is made; of anything else, itself."""
        seen: set[Place] = set()
        waiting = [self._find(place)]
        while waiting:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            found = self._class(here)
            if found.made or not found.handed:
                yield here
            waiting += [self._find(other) for other in found.handed]

    def closure(self, place: Place) -> Iterator[_Class]:
        """An object, the parameters for which it is handed over, and all whose deeds it is given.

        Where that is a parameter, what callers hand over for it counts as well.
        """
        return (self._class(here) for here in self._reached(place))

    def _reached(self, place: Place) -> Iterator[Place]:
        seen: set[Place] = set()
        waiting = [(self._find(place), False)]
        while waiting:
            here, upward = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            found = self._class(here)
            yield here
            waiting += [(self._find(other), False) for other in found.passed]
            waiting += [(self._find(other), True) for other in found.gives]
            if upward:
                waiting += [(self._find(other), True) for other in found.handed]

    # Names that are one object.

    def _find(self, place: Place) -> Place:
        """The place that stands for all names of an object."""
        top = place
        while (parent := self._parent.get(top, top)) != top:
            top = parent
        while (parent := self._parent.get(place, top)) != top:
            self._parent[place], place = top, parent
        return top

    def _class(self, place: Place) -> _Class:
        place = self._find(place)
        found = self._classes.get(place)
        if found is None:
            found = self._classes[place] = _Class()
        return found

    def _join(self, left: Place, right: Place) -> None:
        left, right = self._find(left), self._find(right)
        if left == right:
            return
        one, other = self._class(left), self._class(right)
        self._parent[right] = left
        one.roles |= other.roles
        one.made += other.made
        one.open = one.open or other.open
        one.told = one.told or other.told
        one.returned |= other.returned
        one.gives |= other.gives
        one.passed |= other.passed
        one.handed |= other.handed
        del self._classes[right]

    # What a text says of them.

    def _parameters(self, number: int, function: Function) -> None:
        """Effect: what a function is handed by value is its own."""
        for parameter in function.parameters:
            if parameter.name and _is_value(parameter.type):
                self._declared((number, parameter.name), parameter)

    def _events(self, number: int, function: Function) -> None:
        for _, assign in function.each(Assign):
            if assign.operator == "=" and not isinstance(strip(assign.value), _NO_OBJECTS):
                target = self._place(number, assign.target)
                if target is not None:
                    self._set(number, target, assign.value)
        for _, call in function.each(Call):
            self._call(number, call)
            self._initialised(number, call)
        for node in function.nodes:
            if node.act is Act.DECLARE and node.variable is not None:
                place = self._declaring(number, node.variable.name)
                self._declared(place, node.variable)
                if node.variable.initial is not None:
                    self._set(number, place, node.variable.initial)
            elif node.act is Act.RETURN and node.expr is not None:
                self._set(number, (number, "<return>"), node.expr)
                if not self._is_called(number):
                    self._class((number, "<return>")).returned.add(number)

    def _range_loops(self, number: int, function: Function) -> None:
        """Effect: what a loop over a container names is what is in it."""
        nodes = function.nodes
        for before, node in pairwise(nodes):
            if not node.loop or not isinstance(node.expr, Opaque) or before.expr is None:
                continue
            for edge in node.next:
                inside = nodes[edge.target]
                if edge.when is True and inside.variable and before.expr.span == node.expr.span:
                    self._set(number, self._home(number, inside.variable.name), before.expr)

    def _initialised(self, number: int, call: Call) -> None:
        """Effect: `m(a)` before the body of a constructor sets a field."""
        function = self.unit.module.functions[number]
        if not call.target or function.kind != "constructor" or not function.owner:
            return
        if self.unit.is_local(number, call.target):
            return
        place = self._field(function.owner, call.target)
        known = self._result(number, call)
        if self.stage.index.declares(
            bare(call.callee.text if isinstance(call.callee, Name) else "")
        ):
            self._join(place, known)
        elif len(call.arguments) == 1:
            self._set(number, place, call.arguments[0])

    def _declaring(self, number: int, name: str) -> Place:
        """The place of a variable that a function declares, or whose initialiser it is."""
        function = self.unit.module.functions[number]
        if function.kind != "initialiser":
            return self._home(number, name)
        return self._field(function.owner, name) if function.owner else (None, tail(name))

    def _declared(self, place: Place, variable: Variable) -> None:
        """Effect: a variable that is an object, and no pointer to one, is made where it stands."""
        if _is_value(variable.type) and self.stage.index.declares(bare(variable.type)):
            self._class(place).made.append(variable.span)

    def _set(self, number: int, target: Place, value: Expr) -> None:
        """Effect: a name is set to a value."""
        value = strip(value)
        if isinstance(value, Conditional):
            self._set(number, target, value.then)
            self._set(number, target, value.otherwise)
        elif isinstance(value, Call):
            self._join(target, self._result(number, value))
        elif isinstance(value, Assign):
            self._set(number, target, value.value)
        elif isinstance(value, Braces):
            for item in value.items:
                self._leave(number, item)
        else:
            place = self._place(number, value)
            if place is not None:
                self._join(target, place)

    def _result(self, number: int, call: Call) -> Place:
        """The object that a call yields."""
        known = self._results.get(id(call))
        if known is not None:
            return known
        if self.unwraps(number, call):
            assert isinstance(call.callee, Member)
            inner = self._place(number, call.callee.base)
            if inner is not None:
                return inner
        place: Place = (number, f"<call {len(self._results)}>")
        self._results[id(call)] = place
        bodies = called(self.unit, call)
        for body in bodies:
            self._join(place, (body, "<return>"))
        if call.kind is CallKind.NEW:
            self._class(place).made.append(call.span)
        elif bodies:
            return place
        elif self.wraps(call):
            self._hand(number, call.arguments[0], place)
        elif self._is_library(number, call) or self._is_aggregate(call):
            self._class(place).told = True
        else:
            self._class(place).open = True  # made, and perhaps prepared, elsewhere
        return place

    def wraps(self, call: Call) -> bool:
        """Whether a call only moves, or wraps, the one object that it is handed.

        A smart pointer may be handed what releases it as well.
        """
        if not call.arguments or not isinstance(call.callee, Name):
            return False
        kind = call.callee.text
        if call.kind is CallKind.CONSTRUCT and len(call.arguments) <= 2 and self._is_smart(kind):
            return True
        if len(call.arguments) != 1:
            return False
        if call.kind not in (CallKind.CONSTRUCT, CallKind.NEW):
            return kind.startswith("std::")
        return "<" in kind or not self.stage.index.declares(bare(kind))

    def _is_smart(self, kind: str) -> bool:
        """Whether a class is one of smart pointers: it shows what it holds, and lets it go."""
        record = self.unit.record_name(kind)
        return all(self.unit.methods(record, name) for name in _SMART)

    def _call(self, number: int, call: Call) -> None:
        """Effect: what is handed to functions of the unit is theirs; other code opens it."""
        bodies = called(self.unit, call)
        for body in bodies:
            parameters = self.unit.module.functions[body].parameters
            for parameter, argument in zip(parameters, call.arguments, strict=False):
                if parameter.name:
                    self._pass(number, argument, (body, parameter.name))
        if bodies or self.wraps(call):
            return
        if self._keeps(number, call):
            kept = (
                self._place(number, call.callee.base) if isinstance(call.callee, Member) else None
            )
            for argument in call.arguments:
                if kept is not None:
                    self._hand(number, argument, kept)
            return
        if self._is_library(number, call):
            return
        for argument in call.arguments:
            self._leave(number, argument)
        if isinstance(call.callee, Member) and call.arguments and not self._is_own(number, call):
            self._leave(number, call.callee.base)

    def _kept(self, number: int, expr: Expr) -> Place | None:
        """The object that an expression yields or denotes."""
        value = strip(expr)
        return (
            self._result(number, value) if isinstance(value, Call) else self._place(number, value)
        )

    def _hand(self, number: int, argument: Expr, place: Place) -> None:
        """Effect: what is handed over is this very object."""
        kept = self._kept(number, argument)
        if kept is not None:
            self._join(place, kept)

    def _pass(self, number: int, argument: Expr, parameter: Place) -> None:
        """Effect: what a function does to its parameter, it does to what it is handed."""
        kept = self._kept(number, argument)
        if kept is not None and self._find(kept) != self._find(parameter):
            self._class(kept).passed.add(parameter)
            self._class(parameter).handed.add(kept)

    def _leave(self, number: int, argument: Expr) -> None:
        """Effect: code that is not here gets an object."""
        value = strip(argument)
        if isinstance(value, LambdaExpr):
            return
        if isinstance(value, Braces):
            for item in value.items:
                self._leave(number, item)
            return
        place = self._kept(number, value)
        if place is not None:
            self._class(place).open = True

    def _is_library(self, number: int, call: Call) -> bool:
        """Whether pages declare what is called: then they say what it does."""
        index = self.stage.index
        if call.kind in (CallKind.CONSTRUCT, CallKind.NEW):
            kind = call.callee.text if isinstance(call.callee, Name) else ""
            return self.stage.index.declares(bare(kind))
        if isinstance(call.callee, Member):
            return index.declares(self.unit.receiver_type(number, call.callee))
        name = index.plain(last_name(call))
        if name in index.calls or any(name in found.functions for found in index.declarations):
            return True
        text = call.callee.text if isinstance(call.callee, Name) else ""
        return index.declares(text.removeprefix("::").rpartition("::")[0])

    def _is_aggregate(self, call: Call) -> bool:
        """Whether a construction only makes room: of a class of this text, or one without name."""
        if call.kind is not CallKind.CONSTRUCT or not isinstance(call.callee, Name):
            return False
        name = call.callee.text
        own = self.unit.module.declarations.records
        return name in ("struct", "union", "class") or self.unit.record_name(name) in own

    def unwraps(self, number: int, call: Call) -> bool:
        """Whether a call only gives what a smart pointer points to."""
        if call.arguments or not isinstance(call.callee, Member) or call.callee.arrow:
            return False
        kind = self.unit.type_of(number, call.callee.base)
        if kind is None or "<" in self.unit.resolved_type(kind):
            return True
        return not self.unit.declares(self.unit.record_name(kind))

    def _keeps(self, number: int, call: Call) -> bool:
        """Whether a call puts something into a container: what comes out of it is that again."""
        if not isinstance(call.callee, Member) or call.callee.arrow:
            return False
        kind = self.unit.type_of(number, call.callee.base) or ""
        return "<" in self.unit.resolved_type(kind)

    def _is_own(self, number: int, call: Call) -> bool:
        """Whether a method is called on the object itself, or on one whose class is here."""
        assert isinstance(call.callee, Member)
        owner = self.unit.receiver_type(number, call.callee)
        return owner is not None and owner in self.unit.module.declarations.records

    def _is_called(self, number: int) -> bool:
        """Whether what a function returns is taken here."""
        function = self.unit.module.functions[number]
        return bool(self.unit.calls.get(tail(function.name)))

    def _home(self, number: int, name: str) -> Place:
        """The place of a local, in whichever function around declares it."""
        home = self.unit.home(number, name)
        return (number if home is None else home, name)

    def _place(self, number: int, expr: Expr) -> Place | None:
        """Where the object that an expression denotes is kept; None where it is not known."""
        while True:
            if isinstance(expr, (Cast, Evaluated)):
                expr = expr.operand if isinstance(expr, Cast) else expr.expr
            elif isinstance(expr, Unary) and expr.operator in ("&", "*"):
                expr = expr.operand
            elif isinstance(expr, Index):
                expr = expr.base
            elif isinstance(expr, Call) and self.unwraps(number, expr):
                assert isinstance(expr.callee, Member)
                expr = expr.callee.base
            else:
                break
        if isinstance(expr, Call):
            return self._result(number, expr)
        if isinstance(expr, Assign):
            return self._place(number, expr.target)
        if isinstance(expr, Name):
            return self._named(number, expr)
        if isinstance(expr, Member):
            owner = self.unit.receiver_type(number, expr)
            if owner and self.unit.declares(owner):
                return self._field(owner, expr.name)
            base = self._place(number, expr.base)
            return self._part(base, expr.name) if base is not None else None
        return None

    def _part(self, base: Place, name: str) -> Place:
        """A field of an object whose class has no name here, or is not known."""
        place: Place = (base[0], f"{base[1]}.{name}")
        if self._class(base).open:
            self._class(place).open = True
        return place

    def _named(self, number: int, expr: Name) -> Place | None:
        name = expr.text
        if name == THIS:
            return (self.unit.owner_of(number), THIS)
        if self.unit.is_local(number, name):
            return self._home(number, name)
        owner = self.unit.owner_of(number)
        if owner and self.unit.field(owner, tail(name)) is not None:
            return self._field(owner, tail(name))
        variable = self.unit.global_variable(name)
        if variable is None:
            return None
        place: Place = (None, tail(name))
        found = self._class(place)
        if not (variable.static or variable.type.startswith("static ")) and not self._has_main():
            found.open = True
        if _is_value(variable.type):
            self._declared(place, variable)
        return place

    def _has_main(self) -> bool:
        return any(item.name == "main" for item in self.unit.module.functions)

    def _field(self, owner: str, name: str) -> Place:
        """A field, by the class that declares it; open where methods of that class are not here."""
        for record in self.unit.hierarchy(owner):
            for declarations in self.unit.environment:
                known = declarations.records.get(record)
                if known is None or name not in known.fields:
                    continue
                place: Place = (record, name)
                if place not in self._parent and place not in self._classes:
                    found = self._class(place)
                    found.open = not self._is_whole(record)
                    self._declared(place, known.fields[name])
                return place
        place = (owner, name)
        self._class(place).open = True
        return place

    def _is_whole(self, record: str) -> bool:
        """Whether a class stands in this text, or all of its methods do."""
        own = self.unit.module.declarations.records.get(record)
        if own is not None and not self.unit.header:
            return True
        here = {tail(item.name) for item in self.unit.module.functions if item.owner == record}
        for declarations in self.unit.environment:
            known = declarations.records.get(record)
            if known is not None and (own is not None or known.methods):
                return all(name in here for name in known.methods if name != tail(record))
        return False

    # What is done to them.

    def _note_roles(self) -> None:
        playing = {id(match): match for found in played(self.stage).values() for match in found}
        for match in playing.values():
            for slot in _slots(match):
                place = self.of(match, slot) if slot != "_" else None
                if place is not None:
                    self._class(place).roles.update(match.binding.roles)
            self._note_making(match)

    def _note_making(self, match: Match) -> None:
        if match.binding.makes and (made := self.of(match, RESULT)) is not None:
            self._class(made).made.append(match.span)
        for left, right in match.binding.gives.items():
            one, other = self.of(match, left), self.of(match, right)
            if one is not None and other is not None and one != other:
                self._class(one).gives.add(other)
                if self._is_put_out(match, right):
                    self._class(other).told = True

    def _is_put_out(self, match: Match, slot: str) -> bool:
        """Whether a call writes to what a slot is the address of: pages know what it puts there."""
        expr, position = match.arguments.get(slot), match.position(slot)
        if expr is None or position is None or not isinstance(match.site, Call):
            return False
        value = strip(expr)
        if not isinstance(value, Unary) or value.operator != "&":
            return False
        return may_write(self.stage, match.function, match.site, position, expr)


_SMART = ("get", "reset")
"""The methods by which a smart pointer is known."""


def objects(stage: Stage) -> Objects:
    """The objects of a unit."""
    known = stage.unit.cache.get("objects")
    if known is None:
        known = stage.unit.cache["objects"] = Objects(stage)
    assert isinstance(known, Objects)
    return known


def _slots(match: Match) -> tuple[str, ...]:
    """Where objects stand in a match."""
    own = (THIS,) if THIS not in match.arguments else ()
    return (*match.arguments, RESULT, *own)


def _is_value(type_name: str) -> bool:
    """Whether a type is that of an object itself, and of no pointer or reference to one."""
    head = type_name.partition("<")[0]
    return "*" not in head and "&" not in head and not type_name.rstrip().endswith(("*", "&"))
