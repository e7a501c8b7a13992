"""Which roles a unit plays, and where: matches whose arguments satisfy the page's conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tlsight.engine.callees import denoted
from tlsight.engine.index import Index, integer, spelled, tail
from tlsight.engine.match import Match, around, matches, tags_at
from tlsight.engine.releases import is_before, is_from
from tlsight.engine.unit import Unit
from tlsight.engine.values import Value, name_value, possible
from tlsight.ir import Act, Call, Function, Name


@dataclass(frozen=True)
class Stage:
    """An index and a unit: what every judgement needs, and what is asked of it."""

    index: Index
    unit: Unit
    evidence: bool = False
    """Whether what is right, and what cannot be decided, is told as well."""
    focus: frozenset[int] | None = None
    """The functions that are asked about, by index, where not all of them are."""

    def asks(self, function: int) -> bool:
        """Whether anything is to be said of a function."""
        return self.focus is None or function in self.focus

    def asked(self) -> Iterator[tuple[int, Function]]:
        """The functions of which anything is to be said, each with its index."""
        for number, function in enumerate(self.unit.module.functions):
            if self.asks(number):
                yield number, function

    def values(self, match: Match, slot: str) -> tuple[Value, ...]:
        """All that an argument of a match may be, its default where it is left out."""
        key = ("values", id(match), slot)
        known = self.unit.cache.get(key)
        if known is None:
            known = self._values(match, slot)
            self.unit.cache[key] = known
        assert isinstance(known, tuple)
        return known

    def _values(self, match: Match, slot: str) -> tuple[Value, ...]:
        expr = match.arguments.get(slot)
        if expr is not None:
            return possible(self.index, self.unit, match.function, match.node, expr)
        position = match.position(slot)
        if position is None or not isinstance(match.site, Call):
            return ()
        text, default = self.unit.default_argument(match.function, match.site, position)
        span = match.site.span
        if text is not None:
            return name_value(self.index, self.unit, text, span)
        if default is None:
            return ()
        found = possible(self.index, self.unit, match.function, match.node, default)
        return tuple(
            Value(span, match.function, item.kind, item.names, item.number, item.text, item.flags)
            for item in found
        )


def played(stage: Stage) -> Mapping[str, tuple[Match, ...]]:
    """All matches of the unit by the roles that they play."""
    known = stage.unit.cache.get("played")
    if known is None:
        found: dict[str, list[Match]] = {}
        for match in matches(stage.index, stage.unit):
            if plays(stage, match):
                for role in match.binding.roles:
                    found.setdefault(role, []).append(match)
        known = {role: tuple(items) for role, items in found.items()}
        stage.unit.cache["played"] = known
    assert isinstance(known, dict)
    return known


def playing(stage: Stage, roles: Iterable[str]) -> Iterator[Match]:
    """What plays one of some roles in the functions that are asked about."""
    table = played(stage)
    return (match for role in roles for match in table.get(role, ()) if stage.asks(match.function))


def plays(stage: Stage, match: Match) -> bool:
    """Whether the arguments of a match, and what is around it, satisfy its binding."""
    binding = match.binding
    return (
        is_spelled(stage, match)
        and all(meets(stage, match, slot) for slot in binding.where)
        and (not binding.near or mentions(binding.near, around(stage.unit, match)))
    )


def is_spelled(stage: Stage, match: Match) -> bool:
    """Whether a match has the constants of its form, and stands where its page speaks of it."""
    if _is_too_old(stage, match) or _is_too_new(stage, match):
        return False
    return all(
        any(_is_constant(stage, value, slot.constant) for value in stage.values(match, slot.name))
        for slot in match.form.slots
        if slot.constant is not None
    )


def meets(stage: Stage, match: Match, slot: str) -> bool:
    """Whether an argument satisfies what its binding asks of it."""
    conditions = match.binding.where.get(slot, ())
    return not conditions or any(holds(stage, match, slot, item) for item in conditions)


def mentions(pattern: str, names: Iterable[str]) -> bool:
    """Whether one of some names matches a pattern, case ignored."""
    wanted = re.compile(pattern, re.IGNORECASE)
    return any(wanted.search(name) for name in names)


def _is_too_old(stage: Stage, match: Match) -> bool:
    """Whether a match stands where only releases are compiled that its page does not speak of."""
    releases = stage.index.rulebook.libraries[match.binding.library].releases
    if releases is None:
        return False
    tags = tags_at(stage.unit, match)
    return any(
        is_before(tags, releases, release) for release in (match.binding.since, releases.oldest)
    )


def _is_too_new(stage: Stage, match: Match) -> bool:
    """Whether a match is only compiled for releases in which the role is played no longer."""
    until = match.binding.until
    releases = stage.index.rulebook.libraries[match.binding.library].releases
    if not until or releases is None:
        return False
    fact = stage.unit.facts.macros.get(releases.macro)
    number = fact.value if fact is not None else None
    if number is not None and number >= releases.numbers[until]:
        return True
    return is_from(tags_at(stage.unit, match), releases, until)


def abandoned(stage: Stage) -> Iterator[tuple[Match, str]]:
    """Matches in branches for releases older than any that their page describes, and which."""
    for match in matches(stage.index, stage.unit):
        library = stage.index.rulebook.libraries[match.binding.library]
        releases = library.releases
        if releases is not None and is_before(
            tags_at(stage.unit, match), releases, releases.oldest
        ):
            yield match, f"{library.title} before {releases.oldest}"


def holds(stage: Stage, match: Match, slot: str, condition: str) -> bool:
    """Whether one condition of a `where` may hold of an argument."""
    if condition == "absent":
        return match.arguments.get(slot) is None
    if condition == "parameter":
        return _is_parameter(stage, match, slot)
    if condition == "elsewhere":
        expr = match.arguments.get(slot)
        return denoted(stage.unit, match.function, match.node, expr) is None
    if condition == "unknown":
        values = stage.values(match, slot)
        return not values or not all(is_known(value) and value.whole for value in values)
    if condition.startswith("except "):
        return not _is_surely(stage, match, slot, condition.removeprefix("except "))
    values = stage.values(match, slot)
    if condition == "not-null":
        return match.arguments.get(slot) is not None and not any(
            _is_null(value) for value in values
        )
    denies = condition.startswith(("lacks ", "not "))
    return any(
        _satisfies(stage, value, condition) and not (denies and not is_known(value))
        for value in values
    )


def _is_surely(stage: Stage, match: Match, slot: str, name: str) -> bool:
    """Whether an argument is a constant, whatever way the code takes."""
    values = stage.values(match, slot)
    if name == "literal":
        return bool(values) and all(value.content for value in values)
    return bool(values) and all(_is_constant(stage, value, name) for value in values)


def relevant(stage: Stage, match: Match, slot: str, value: Value) -> bool:
    """Whether one value of an argument is among those for which the role is played."""
    conditions = match.binding.where.get(slot, ())
    return not conditions or any(
        condition in _OF_THE_ARGUMENT or _satisfies(stage, value, condition)
        for condition in conditions
    )


_OF_THE_ARGUMENT = ("absent", "elsewhere", "not-null", "parameter", "unknown")
"""Conditions that hold of an argument as a whole, not of one of its values."""


def _satisfies(stage: Stage, value: Value, condition: str) -> bool:
    """Whether a condition holds of one value; what denies something holds of the unknown too."""
    if condition == "null":
        return _is_null(value)
    if condition == "literal":
        return value.content
    if condition in ("true", "false"):
        return value.number is not None and bool(value.number) == (condition == "true")
    word, _, rest = condition.partition(" ")
    if word == "has":
        return has_flag(stage, value, rest)
    if word == "lacks":
        return value.whole and not has_flag(stage, value, rest)
    if word in ("not", "except"):
        return not _is_constant(stage, value, rest)
    return _is_constant(stage, value, condition)


def has_flag(stage: Stage, value: Value, name: str) -> bool:
    """Whether a value, an or of flags perhaps, holds a flag."""
    if any(spelled(item, name) for item in (*value.flags, *value.names)):
        return True
    bit = stage.index.numbers.get(name)
    if not bit or value.number is None:
        return False
    return value.number & bit == bit


def is_known(value: Value) -> bool:
    """Whether a value is one that the text states."""
    return value.kind in ("constant", "text", "null", "bytes")


def _is_null(value: Value) -> bool:
    return value.kind == "null" or (value.number == 0 and not value.flags)


def _is_constant(stage: Stage, value: Value, name: str) -> bool:
    if any(spelled(item, name) for item in value.names):
        return True
    negative = name.startswith("-")
    number = integer(name.removeprefix("-"))
    if number is not None:
        return value.number == (-number if negative else number)
    known = stage.index.numbers.get(name)
    return (
        known is not None
        and value.number == known
        and not any(stage.index.names_constant(item) for item in value.names)
    )


def _is_parameter(stage: Stage, match: Match, slot: str) -> bool:
    """Whether an argument is just what the function around was handed.

    A function of the same name hands itself on, and decides nothing.
    """
    expr = match.arguments.get(slot)
    function = stage.unit.module.functions[match.function]
    if not isinstance(expr, Name) or tail(function.name) == match.spelled:
        return False
    return any(item.name == expr.text for item in function.parameters) and not any(
        node.act is Act.DECLARE and node.variable is not None and node.variable.name == expr.text
        for node in function.nodes
    )
