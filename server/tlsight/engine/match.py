"""Which calls, constructions and assignments of a unit are spelled as a page's forms are.

This is binding by name, receiver and number of arguments. Whether a role is played, which also
depends on what the arguments may be, is for `roles`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from tlsight.engine.index import Index, tail
from tlsight.engine.unit import Unit, bare, last_name, strip
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Braces,
    Call,
    CallKind,
    Expr,
    Function,
    Member,
    Name,
    Tag,
    Variable,
    parts,
)
from tlsight.rule import Binding, Form
from tlsight.text import Span

Site = Union[Call, Assign, Variable]
"""What can be spelled as a form: a call, an assignment to a field, an initialised variable."""


@dataclass(frozen=True, slots=True)
class Match:
    """A place that is spelled as one form says.

    `arguments` maps slots to what stands there; a slot that is left out maps to None.
    """

    binding: Binding
    form: Form
    function: int
    node: int
    site: Site
    span: Span
    spelled: str
    """The callee's, or the field's, name as spelled."""
    arguments: Mapping[str, Expr | None]

    def position(self, slot: str) -> int | None:
        """The number of the argument in which a slot stands."""
        for number, item in enumerate(self.form.slots):
            if item.name == slot:
                return number
        return None


def matches(index: Index, unit: Unit) -> tuple[Match, ...]:
    """All matches of the unit, in order of functions and steps."""
    found = unit.cache.get("matches")
    if found is None:
        numbers = range(len(unit.module.functions))
        found = tuple(match for number in numbers for match in _in_function(index, unit, number))
        unit.cache["matches"] = found
    assert isinstance(found, tuple)
    return found


def call_matches(index: Index, unit: Unit, function: int, node: int, call: Call) -> list[Match]:
    """The forms that one call is spelled as."""
    found: list[Match] = []
    forms = index.calls
    for name in _names(index, unit, call):
        for binding, form in forms.get(tail(name), ()) if name else ():
            match = _call_match(index, unit, function, node, call, name, binding, form)
            if match is not None and not any(_is_again(match, item) for item in found):
                found.append(match)
    return found


def _is_again(match: Match, other: Match) -> bool:
    """Whether two matches are of one binding, and no constant tells their forms apart."""
    return match.binding is other.binding and (
        [slot.constant for slot in match.form.slots] == [slot.constant for slot in other.form.slots]
    )


def _in_function(index: Index, unit: Unit, number: int) -> tuple[Match, ...]:
    key = ("matches", number)
    found = unit.kept.get(key)
    if found is None:
        found = unit.kept[key] = tuple(_found(index, unit, number))
    assert isinstance(found, tuple)
    return found


def _found(index: Index, unit: Unit, number: int) -> Iterator[Match]:
    function = unit.module.functions[number]
    for at, node in enumerate(function.nodes):
        if node.variable is not None and node.variable.initial is not None:
            yield from _variable_matches(index, unit, number, at, node.variable)
        for expr in node.expressions:
            if isinstance(expr, Call):
                yield from call_matches(index, unit, number, at, expr)
                for made in _braced(index, unit, number, expr):
                    yield from call_matches(index, unit, number, at, made)
                if expr.target and function.kind == "constructor":
                    yield from _initialised(index, unit, number, at, expr)
            elif isinstance(expr, Assign) and expr.operator == "=":
                yield from _assigned(index, unit, number, at, expr)


def _braced(index: Index, unit: Unit, function: int, call: Call) -> Iterator[Call]:
    """The objects that `{…}` makes where a call takes an argument of a class."""
    for number, argument in enumerate(call.arguments):
        if isinstance(argument, Braces):
            start, end = argument.span
            name = bare(unit.parameter_type(function, call, number) or "")
            if tail(name) in index.calls:
                callee = Name(argument.span, name, start)
                inside = Span(start + 1, end - 1)
                yield Call(argument.span, callee, argument.items, CallKind.CONSTRUCT, start, inside)


def _names(index: Index, unit: Unit, call: Call) -> tuple[str, ...]:
    """The names under which a call may be bound: as spelled and, for a macro, as resolved."""
    if call.kind in (CallKind.CONSTRUCT, CallKind.NEW):
        fact = unit.call_fact(call)
        if fact is not None and "::" in fact.qualified:
            return (tail(fact.qualified),)
        name = bare(call.callee.text) if isinstance(call.callee, Name) else ""
        return (tail(unit.record_name(name)),) if name else ()
    name = index.plain(last_name(call))
    fact = unit.call_fact(call)
    resolved = index.plain(tail(fact.qualified)) if fact is not None else ""
    return (name, resolved) if resolved and resolved != name and name else (name or resolved,)


def _call_match(
    index: Index,
    unit: Unit,
    function: int,
    node: int,
    call: Call,
    name: str,
    binding: Binding,
    form: Form,
) -> Match | None:
    if not _callee_agrees(index, unit, function, call, name, binding, form):
        return None
    arguments = _slots(form, call.arguments)
    if arguments is None:
        return None
    if isinstance(call.callee, Member):
        arguments["this"] = call.callee.base
    spelled = last_name(call) or name
    return Match(binding, form, function, node, call, call.span, spelled, arguments)


def _slots(form: Form, given: tuple[Expr, ...]) -> dict[str, Expr | None] | None:
    required = sum(1 for slot in form.slots if not slot.optional)
    if len(given) < required or (len(given) > len(form.slots) and not form.rest):
        return None
    arguments: dict[str, Expr | None] = {}
    for number, slot in enumerate(form.slots):
        arguments[slot.name] = given[number] if number < len(given) else None
    return arguments


def _callee_agrees(
    index: Index,
    unit: Unit,
    function: int,
    call: Call,
    name: str,
    binding: Binding,
    form: Form,
) -> bool:
    fact = unit.call_fact(call)
    if call.kind in (CallKind.CONSTRUCT, CallKind.NEW):
        return bool(form.owner) and tail(form.owner) == form.name and _is_type(unit, call, form)
    if tail(form.owner) == form.name and form.owner:
        # `T(a)` where syntax could not tell a construction from a call.
        return isinstance(call.callee, Name) and unit.record_name(call.callee.text) == form.owner
    if not form.owner:
        if isinstance(call.callee, Member):
            return False
        if fact is not None:
            resolved = fact.qualified
            is_object = "::" not in resolved or tail(resolved) == "operator()"
            return index.plain(resolved) == form.callee or (is_object and name == form.callee)
        return _free_function(unit, function, call, form)
    if fact is not None:
        owner = fact.qualified.rpartition("::")[0]
        return _derives(unit, fact.receiver or owner, owner, form.owner)
    if isinstance(call.callee, Member):
        receiver = unit.receiver_type(function, call.callee)
        if receiver is None:
            return binding.name_tells
        return _derives(unit, receiver, receiver, form.owner) or (
            binding.name_tells and not unit.declares(receiver)
        )
    if not isinstance(call.callee, Name):
        return False
    owner, _, _ = call.callee.text.removeprefix("::").rpartition("::")
    if owner:
        return _derives(unit, owner, owner, form.owner)
    around = unit.owner_of(function)
    return bool(around) and _derives(unit, around, around, form.owner)


def _free_function(unit: Unit, function: int, call: Call, form: Form) -> bool:
    """Whether an unresolved call by name means the library's free function.

    An unqualified name inside a class may be a method that nobody here declares. Where the name is
    a plain word, only a class without unknown bases settles it.
    """
    if not isinstance(call.callee, Name):
        return False
    text = call.callee.text
    if "::" in text.removeprefix("::"):
        return text.removeprefix("std::") == form.callee
    if text.startswith("::"):
        return True
    if text in unit.bodies:
        return False
    around = unit.owner_of(function)
    if not around:
        return True
    if re.search(r"[_A-Z0-9]", text):
        return True
    return not unit.methods(around, text) and all(
        unit.declares(record) for record in unit.hierarchy(around)
    )


def _derives(unit: Unit, receiver: str, owner: str, wanted: str) -> bool:
    """Whether a method of `owner`, called on a `receiver`, is the one that a form names."""
    if _same_type(owner, wanted):
        return True
    return any(_same_type(base, wanted) for base in unit.hierarchy(receiver))


def _same_type(left: str, right: str) -> bool:
    if left == right:
        return True
    return left.endswith("::" + right) or right.endswith("::" + left)


def _is_type(unit: Unit, call: Call, form: Form) -> bool:
    fact = unit.call_fact(call)
    if fact is not None and "::" in fact.qualified:
        return _same_type(fact.qualified.rpartition("::")[0], form.owner)
    if not isinstance(call.callee, Name):
        return False
    return _same_type(unit.record_name(call.callee.text), form.owner)


def _variable_matches(
    index: Index, unit: Unit, number: int, at: int, variable: Variable
) -> Iterator[Match]:
    function = unit.module.functions[number]
    owner = function.owner if function.kind == "initialiser" else ""
    if owner:
        for binding, form in index.fields.get(variable.name, ()):
            if _same_type(owner, form.owner):
                yield _value_match(
                    binding, form, number, at, variable, variable.name, variable.initial
                )
    kind = bare(variable.type)
    for binding, form in index.typed.get(tail(kind), ()):
        if _same_type(kind, form.callee):
            yield _value_match(binding, form, number, at, variable, variable.name, variable.initial)


def _value_match(
    binding: Binding,
    form: Form,
    number: int,
    at: int,
    site: Site,
    name: str,
    value: Expr | None,
    receiver: Expr | None = None,
) -> Match:
    """The match of a field or variable `name` that is given a value."""
    arguments = {form.slots[0].name if form.slots else "value": value}
    if receiver is not None:
        arguments["this"] = receiver
    return Match(binding, form, number, at, site, site.span, name, arguments)


def _initialised(index: Index, unit: Unit, number: int, at: int, call: Call) -> Iterator[Match]:
    owner = unit.module.functions[number].owner
    if len(call.arguments) != 1:
        return
    for binding, form in index.fields.get(call.target, ()):
        if any(_same_type(base, form.owner) for base in unit.hierarchy(owner)):
            yield _value_match(binding, form, number, at, call, call.target, call.arguments[0])


def _assigned(index: Index, unit: Unit, number: int, at: int, expr: Assign) -> Iterator[Match]:
    target = expr.target
    if isinstance(target, Member):
        name = target.name
    elif isinstance(target, Name):
        name = target.text
    else:
        return
    forms = index.fields.get(name)
    if not forms:
        return
    if isinstance(target, Member):
        owner = unit.receiver_type(number, target)
    elif unit.is_local(number, name):
        return
    else:
        owner = unit.owner_of(number)
    for binding, form in forms:
        if owner is None:
            agrees = binding.name_tells
        else:
            agrees = any(_same_type(base, form.owner) for base in unit.hierarchy(owner))
        if agrees:
            receiver = target.base if isinstance(target, Member) else None
            yield _value_match(binding, form, number, at, expr, name, expr.value, receiver)


def tags_at(unit: Unit, match: Match) -> tuple[Tag, ...]:
    """The preprocessor conditions that a match stands under."""
    function = unit.module.functions[match.function]
    return (*function.tags, *function.nodes[match.node].tags)


def is_compared(unit: Unit, match: Match) -> bool:
    """Whether what a match yields only stands in a comparison: it is looked for, not used."""
    node = unit.module.functions[match.function].nodes[match.node]
    return any(
        isinstance(item, Binary)
        and item.operator in ("==", "!=")
        and any(strip(side) is match.site for side in (item.left, item.right))
        for item in node.expressions
    )


def around(unit: Unit, match: Match) -> Iterator[str]:
    """Names that tell what a place is about: of the function, its class, what stands beside it."""
    if match.binding.near_in:
        expr = match.arguments.get(match.binding.near_in)
        yield from _words_of(expr) if expr is not None else ()
        return
    for function in _enclosing(unit, match):
        yield function.name
        yield from _record_words(unit, function.owner)
        if match.binding.near_callers:
            yield from _callers(unit, function)
    yield from _given(unit, match)


def occasion(unit: Unit, match: Match) -> Iterator[str]:
    """Names that tell what a place is for: of the function, its class and callers, the variable.

    Fewer than `around` gives: what else a class does says nothing of this.
    """
    for function in _enclosing(unit, match):
        yield function.name
        yield function.owner
        yield from _callers(unit, function)
    yield from _given(unit, match)


def _words_of(expr: Expr) -> Iterator[str]:
    for item in parts(expr):
        if isinstance(item, Member):
            yield item.name
        elif isinstance(item, Name):
            yield item.text


def _callers(unit: Unit, function: Function) -> Iterator[str]:
    for caller, _, _ in unit.calls.get(tail(function.name), ()):
        yield unit.module.functions[caller].name


def _enclosing(unit: Unit, match: Match) -> Iterator[Function]:
    number: int | None = match.function
    while number is not None:
        function: Function = unit.module.functions[number]
        yield function
        number = function.enclosing


def _given(unit: Unit, match: Match) -> Iterator[str]:
    """The variable or field that a place gives a value to."""
    node = unit.module.functions[match.function].nodes[match.node]
    if node.act is Act.DECLARE and node.variable is not None:
        yield node.variable.name
    if isinstance(match.site, Assign) and isinstance(match.site.target, (Name, Member)):
        target = match.site.target
        yield target.text if isinstance(target, Name) else target.name


def _record_words(unit: Unit, owner: str) -> Iterator[str]:
    if not owner:
        return
    yield owner
    record = unit.module.declarations.records.get(unit.record_name(owner))
    if record is not None:
        yield from record.fields
        yield from record.methods
