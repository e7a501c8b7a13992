"""A whole text: its parts read one by one, and put together.

Reading has two steps: first what all parts declare, for it settles what names mean; then the
bodies. A body's reading depends on its text and on the environment alone, so it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tlsight.facts import MacroFact
from tlsight.ir import Declarations, Function, Macro, Module, Signature
from tlsight.syntax.declare import Found, declare, with_overload
from tlsight.syntax.functions import read_functions
from tlsight.syntax.leaving import never_returning
from tlsight.syntax.macros import active
from tlsight.syntax.shift import shifted
from tlsight.syntax.tree import Key, Part, Tree
from tlsight.syntax.unit import Environment, Source, Syntax, Unit
from tlsight.text import Span

if TYPE_CHECKING:
    from tlsight.syntax import Hints


@dataclass(frozen=True)
class _Reading:
    """What one part says, and where it stood when it was read."""

    start: int
    first: int
    functions: tuple[Function, ...]
    errors: tuple[Span, ...]
    deep: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Kept(Module):
    """A module that remembers the readings of its parts."""

    environment: Environment | None = None
    readings: Mapping[Key, _Reading] | None = None


def unchanged(before: Module, after: Module) -> frozenset[int] | None:
    """The functions of a text, by index, that stood in another one to the letter.

    None if anything differs outside of functions, where a change may be one for all of them.
    """
    if not isinstance(before, Kept) or not isinstance(after, Kept):
        return None
    if before.environment != after.environment:
        return None
    old, new = before.readings or {}, after.readings or {}
    if not all(key.function for key in old.keys() ^ new.keys()):
        return None
    return frozenset(
        number
        for key, reading in new.items()
        if key in old
        for number in range(reading.first, reading.first + len(reading.functions))
    )


def declared(tree: Tree, hints: Hints) -> Declarations:
    """What a text declares."""
    return _declarations(tree, _found(tree, _environment(tree, hints, Found())))


def lower(tree: Tree, hints: Hints, previous: Module | None) -> Module:
    """Everything that a text says."""
    found = _found(tree, _environment(tree, hints, Found()), bodies=False)
    environment = _environment(tree, hints, found)
    known: Mapping[Key, _Reading] = {}
    if isinstance(previous, Kept) and previous.environment == environment:
        environment = previous.environment  # what is equal is one object, and compared at once
        known = previous.readings or {}
    readings: dict[Key, _Reading] = {}
    functions: list[Function] = []
    errors: list[Span] = []
    deep: list[Span] = []
    for part in tree.parts:
        reading = _reading(part, environment, known, len(functions))
        if part.chunk.function:
            for function in reading.functions:
                _define(found, function)
        readings[part.key] = reading
        functions += reading.functions
        errors += reading.errors
        deep += reading.deep
    return Kept(
        tuple(functions),
        _declarations(tree, found),
        tree.scan.strings,
        tree.scan.comments,
        tree.scan.includes,
        tuple(sorted(set(errors))),
        tuple(deep),
        environment,
        readings,
    )


def _reading(
    part: Part,
    environment: Environment,
    known: Mapping[Key, _Reading],
    first: int,
) -> _Reading:
    """The reading of a part whose first function has the index `first` in the module."""
    start = part.chunk.span.start
    before = known.get(part.key)
    if before is None:
        return _read(part, environment, first)
    if before.start == start and before.first == first:
        return before
    by, index = start - before.start, first - before.first
    if by == 0 and all(function.enclosing is None for function in before.functions):
        return _Reading(start, first, before.functions, before.errors, before.deep)
    return _Reading(
        start,
        first,
        tuple(shifted(function, by, index) for function in before.functions),
        _moved(before.errors, by),
        _moved(before.deep, by),
    )


def _moved(spans: tuple[Span, ...], by: int) -> tuple[Span, ...]:
    return tuple(Span(span.start + by, span.end + by) for span in spans)


def _read(part: Part, environment: Environment, first: int) -> _Reading:
    unit = _unit(part, environment)
    unit.first = first
    deep: tuple[Span, ...] = ()
    try:
        read_functions(unit, part.parsed.root, part.chunk.function)
    except RecursionError:
        unit.functions.clear()
        unit.errors.append(part.chunk.span)
        deep = (part.chunk.span,)
    functions = tuple(function for function in unit.functions if function is not None)
    return _Reading(part.chunk.span.start, first, functions, tuple(_errors(unit, part)), deep)


def _unit(part: Part, environment: Environment) -> Unit:
    start, end = part.chunk.span
    source = Source(part.parsed.text, start, end)
    damage = [
        Span(min(first + start, end), min(last + start, end)) for first, last in part.parsed.hidden
    ]
    damage += [Span(offset, offset + 1) for offset in part.chunk.excess]
    if part.chunk.open:
        damage.append(Span(end, end))
    return Unit(environment, source, part.regions, start, part.chunk.scope, damage)


def _errors(unit: Unit, part: Part) -> list[Span]:
    found = [*unit.errors, *unit.damage]
    stack: list[Syntax] = [part.parsed.root] if part.parsed.root.has_error else []
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            found.append(unit.span(node))
        elif node.has_error:
            stack.extend(node.children)
    return found


def _define(found: Found, function: Function) -> None:
    """Effect: declare a function by its definition."""
    if function.enclosing is None and function.kind != "initialiser" and function.name:
        signature = Signature(
            function.name, function.parameters, function.result, function.owner, function.static
        )
        known = found.functions.get(function.name, ())
        found.functions[function.name] = with_overload(known, signature)


def _found(tree: Tree, environment: Environment, bodies: bool = True) -> Found:
    """What the parts declare; without `bodies`, all but the functions that they define."""
    found = Found(no_return=never_returning(tree.scan.plain))
    for part in tree.parts:
        found.namespaces.update(
            "::".join(part.chunk.scope[: depth + 1]) for depth in range(len(part.chunk.scope))
        )
        if part.chunk.function and not bodies:
            continue
        with suppress(RecursionError):
            declare(_unit(part, environment), part.parsed.root, found)
    return found


def _declarations(tree: Tree, found: Found) -> Declarations:
    macros: dict[str, Macro] = dict(tree.scan.macros)
    return Declarations(
        found.functions,
        found.records,
        found.variables,
        found.enumerators,
        found.aliases,
        macros,
        found.no_return,
    )


def _environment(tree: Tree, hints: Hints, found: Found) -> Environment:
    types, values, macros, working = _elsewhere(hints)
    own = {
        name: MacroFact(macro.parameters, macro.body)
        for name, macro in tree.scan.macros
        if not any(span.contains(macro.span) for span in hints.skipped)
    }
    if own:
        macros = {**macros, **own}
        working = {name: macro for name, macro in working.items() if name not in own}
        working.update(active(own, hints.roles, macros))
    enumerations = values | found.enumerations
    return Environment(
        tree.language,
        hints.roles,
        macros,
        working,
        types | found.types,
        enumerations | _plain(found.aliases, enumerations),
        hints.no_return | hints.declarations.no_return | found.no_return,
        hints.asserts,
        frozenset(found.namespaces),
        frozenset((*hints.declarations.functions, *found.functions, *found.variables)),
    )


@lru_cache(maxsize=16)
def _elsewhere(
    hints: Hints,
) -> tuple[frozenset[str], frozenset[str], Mapping[str, MacroFact], Mapping[str, MacroFact]]:
    """Of other texts: types, types without a constructor, macros, and those of them that act."""
    others = hints.declarations
    types = {
        "::".join(name.split("::")[-parts:])
        for names in (others.records, others.aliases)
        for name in names
        for parts in (1, 2)
    }
    scopes = {name.rpartition("::")[0].rpartition("::")[2] for name in others.enumerators}
    records = {name.rpartition("::")[2] for name in others.records}
    enumerations = frozenset(scopes - records - {""})
    macros = {
        name: MacroFact(macro.parameters, macro.body) for name, macro in others.macros.items()
    }
    macros.update(hints.macros)
    values = enumerations | _plain(others.aliases, enumerations)
    return hints.types | types | enumerations, values, macros, active(macros, hints.roles)


def _plain(aliases: Mapping[str, str], known: frozenset[str]) -> frozenset[str]:
    """The aliases of numbers, enumerations and pointers."""
    plain = set()
    for name, target in aliases.items():
        seen = {name}
        while (following := aliases.get(target)) is not None and target not in seen:
            seen.add(target)
            target = following
        if target.endswith(("*", "&", ")", "]")) or _NUMBER.match(target) or target in known:
            plain.add(name.rpartition("::")[2])
    return frozenset(plain)


_NUMBER = re.compile(
    r"(?:const |volatile |unsigned |signed |long |short |enum )*"
    r"(?:unsigned|signed|long|short|int|char|bool|_Bool|float|double|void|wchar_t|\w+_t)\b\Z"
    r"|enum "
)
