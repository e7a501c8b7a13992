"""Which roles a unit plays, and where: matches whose arguments satisfy the page's conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tlsight.engine.callees import denoted
from tlsight.engine.index import Index, integer, spelled, tail
from tlsight.engine.match import Match, around, matches, occasion, tags_at
from tlsight.engine.releases import is_before, is_without
from tlsight.engine.unit import Unit, contradict, path
from tlsight.engine.values import Value, name_value, possible
from tlsight.ir import Act, Call, CallKind, Name
from tlsight.rule import Check


@dataclass(frozen=True)
class Stage:
    """An index and a unit: what every judgement needs, and nothing else."""

    index: Index
    unit: Unit

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


def plays(stage: Stage, match: Match) -> bool:
    """Whether the arguments of a match, and what is around it, satisfy its binding."""
    binding = match.binding
    if _is_too_old(stage, match):
        return False
    for slot in match.form.slots:
        if slot.constant is not None and not any(
            _is_constant(stage, value, slot.constant) for value in stage.values(match, slot.name)
        ):
            return False
    for slot_name, conditions in binding.where.items():
        if not any(holds(stage, match, slot_name, condition) for condition in conditions):
            return False
    return not binding.near or _mentions(binding.near, around(stage.unit, match))


def _mentions(pattern: str, names: Iterable[str]) -> bool:
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
    if condition.startswith("except "):
        return not _is_surely(stage, match, slot, condition.removeprefix("except "))
    values = stage.values(match, slot)
    if condition == "not-null":
        return match.arguments.get(slot) is not None and not any(
            _is_null(value) for value in values
        )
    denies = condition.startswith(("lacks ", "not "))
    return any(
        _satisfies(stage, value, condition) and not (denies and not _is_known(value))
        for value in values
    )


def _is_surely(stage: Stage, match: Match, slot: str, name: str) -> bool:
    """Whether an argument is a constant, whatever way the code takes."""
    values = stage.values(match, slot)
    return bool(values) and all(_is_constant(stage, value, name) for value in values)


def relevant(stage: Stage, match: Match, slot: str, value: Value) -> bool:
    """Whether one value of an argument is among those for which the role is played."""
    conditions = match.binding.where.get(slot, ())
    return not conditions or any(
        condition in _OF_THE_ARGUMENT or _satisfies(stage, value, condition)
        for condition in conditions
    )


_OF_THE_ARGUMENT = ("absent", "elsewhere", "not-null", "parameter")
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


def _is_known(value: Value) -> bool:
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


def excused(stage: Stage, check: Check, match: Match) -> bool:
    """Whether what else the unit does, or what the place is for, settles what a check found."""
    if check.not_near and _mentions(check.not_near, occasion(stage.unit, match)):
        return True
    if _is_all_there_is(stage, match) or _hands_on(stage, match):
        return True
    table = played(stage)
    if any(match.site is other.site for role in check.not_as for other in table.get(role, ())):
        return True
    others = [other for role in check.unless for other in table.get(role, ())]
    if any(
        other.function == match.function for role in check.despite for other in table.get(role, ())
    ):
        others = [other for other in others if other.function == match.function]
    return any(other.site is not match.site and _related(stage, match, other) for other in others)


def _is_all_there_is(stage: Stage, match: Match) -> bool:
    """Whether what the page puts in the place of a call is not there where it is compiled."""
    better = match.binding.mend.rename.get(match.spelled) if match.binding.mend else None
    return better is not None and is_without(tags_at(stage.unit, match), better)


def _hands_on(stage: Stage, match: Match) -> bool:
    """Whether a function only gives a call without arguments a name like its own.

    Whoever calls it decides; if that is done in this text, it is found here and only here.
    """
    around = stage.unit.module.functions[match.function]
    name, site = tail(around.name), match.site
    if not isinstance(site, Call) or site.arguments or not isinstance(site.callee, Name):
        return False
    if around.kind != "function" or around.result in ("", "void") or name == match.spelled:
        return False
    return name.endswith(match.spelled) and name not in stage.unit.calls


def _related(stage: Stage, match: Match, other: Match) -> bool:
    nodes = stage.unit.module.functions
    here = nodes[match.function].nodes[match.node].tags
    there = nodes[other.function].nodes[other.node].tags
    if contradict(here, there):
        return False
    mine = _objects(match)
    theirs = _objects(other)
    if match.function == other.function:
        shared = mine.keys() & theirs.keys()
        return not shared or any(mine[slot] == theirs[slot] for slot in shared)
    if any(name in theirs.values() and not _own(stage, match, name) for name in mine.values()):
        return True
    made_here = any(_own(stage, match, name) for name in mine.values())
    made_there = not theirs or any(_own(stage, other, name) for name in theirs.values())
    return not (made_here and made_there)


def _objects(match: Match) -> dict[str, str]:
    """The objects of a match by slot, where an argument plainly denotes one."""
    found: dict[str, str] = {}
    for slot, expr in match.arguments.items():
        name = path(expr) if expr is not None else None
        if name is not None and slot != "_":
            found[slot] = name
    if isinstance(match.site, Call) and match.site.kind is CallKind.CONSTRUCT and match.site.target:
        found["this"] = match.site.target
    return found


def _own(stage: Stage, match: Match, name: str) -> bool:
    """Whether the object of this name is made in the function of a match, and stays there."""
    root = name.partition(".")[0]
    function = stage.unit.module.functions[match.function]
    if any(item.name == root for item in function.parameters):
        return False
    if root not in stage.unit.variables[match.function]:
        return False
    return not any(
        node.act is Act.RETURN and node.expr is not None and path(node.expr) == root
        for node in function.nodes
    )
