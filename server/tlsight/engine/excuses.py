"""What else a text does, or says, that settles what a check found."""

from __future__ import annotations

from typing import NamedTuple

from tlsight.engine.flow import definitions
from tlsight.engine.guards import past
from tlsight.engine.index import tail
from tlsight.engine.looks import words
from tlsight.engine.match import Match, is_compared, occasion, tags_at
from tlsight.engine.origin import of_value
from tlsight.engine.paths import decides
from tlsight.engine.releases import is_without
from tlsight.engine.roles import Stage, mentions, played
from tlsight.engine.unit import contradict, path, strip
from tlsight.ir import Act, Assign, Binary, Call, CallKind, Expr, Member, Name, walk
from tlsight.rule import Check
from tlsight.text import Span


class Excuse(NamedTuple):
    """What settles that something is right: how it is told, and the place, if it is one."""

    told: str
    place: Span | None = None


def excuse(stage: Stage, check: Check, match: Match) -> Excuse | None:
    """What else the unit does, or what the place is for, that settles what a check found."""
    if check.not_near and mentions(check.not_near, occasion(stage.unit, match)):
        return Excuse("the names around say what it is for")
    if _is_all_there_is(stage, match):
        return Excuse("what would be better is not there where this is compiled")
    if _hands_on(stage, match):
        return Excuse("it is only given another name")
    if _is_only_compared(stage, match):
        return Excuse("something is only compared with it")
    table = played(stage)
    if any(match.site is other.site for role in check.not_as for other in table.get(role, ())):
        return Excuse("")
    others = [other for role in check.unless for other in table.get(role, ())]
    if any(
        other.function == match.function for role in check.despite for other in table.get(role, ())
    ):
        others = [other for other in others if other.function == match.function]
    others += [other for role in check.anyway for other in table.get(role, ())]
    for other in others:
        if other.site is not match.site and _related(stage, match, other):
            return Excuse(f"{other.spelled} settles it", other.span)
    for role in check.unless_judged:
        for other in table.get(role, ()):
            if _is_of_one_object(stage, match, other) and _is_judged(stage, other):
                return Excuse(f"what {other.spelled} yields is judged", other.span)
    return _compared(stage, check, match) if check.unless_tested else None


def _is_judged(stage: Stage, match: Match) -> bool:
    """Whether what a call yields decides something, itself or by what is asked of it."""
    if decides(stage, match) or _is_kept(stage, match):
        return True
    nodes = stage.unit.module.functions[match.function].nodes
    names = words(stage.unit, match.function)
    held = {
        node.variable.name
        for node in nodes
        if node.variable is not None and any(item is match.site for item in node.expressions)
    }
    return any(
        node.act in (Act.TEST, Act.RETURN)
        and not node.loop
        and (any(item is match.site for item in node.everything) or held & names[at])
        for at, node in enumerate(nodes)
    )


def _is_of_one_object(stage: Stage, match: Match, other: Match) -> bool:
    """Whether two calls are surely on one object: in one function, or on a member of its class."""
    if match.function == other.function:
        return _related(stage, match, other)
    mine, theirs = _objects(match).get("this", ""), _objects(other).get("this", "")
    return mine == theirs != "" and not stage.unit.is_local(match.function, mine.partition(".")[0])


def _is_kept(stage: Stage, match: Match) -> bool:
    """Whether what a call yields is given to a member, where other functions see it."""
    return any(
        strip(item.value) is match.site
        and (
            isinstance(item.target, Member)
            or (
                isinstance(item.target, Name)
                and not stage.unit.is_local(match.function, item.target.text)
            )
        )
        for _, item in stage.unit.module.functions[match.function].each(Assign)
    )


def _compared(stage: Stage, check: Check, match: Match) -> Excuse | None:
    """A test past which alone the call is made, of what one of these roles yields."""
    for at, test in past(stage, match.function, match.node):
        calls = [expr for expr in walk(test) if isinstance(expr, Call)]
        for expr in (test, *_sides(test), *(item for call in calls for item in call.arguments)):
            found = of_value(stage, match.function, match.function, at, expr)
            if any(source.roles() & set(check.unless_tested) for source in found.sources):
                return Excuse("it depends on what is compared", test.span)
    return None


def _sides(test: Expr) -> tuple[Expr, ...]:
    return (test.left, test.right) if isinstance(test, Binary) else ()


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
    if not isinstance(site, Call) or site.arguments:
        return False
    if isinstance(site.callee, Member):
        alone = len(around.each(Call)) == 1 and not around.parameters
        return alone and name == match.spelled and around.kind == "method"
    if not isinstance(site.callee, Name):
        return False
    if around.kind != "function" or around.result in ("", "void") or name == match.spelled:
        return False
    return name.endswith(match.spelled) and name not in stage.unit.calls


def _is_only_compared(stage: Stage, match: Match) -> bool:
    """Whether a call without arguments only stands for something that another value may be."""
    site = match.site
    if not isinstance(site, Call) or site.arguments or isinstance(site.callee, Member):
        return False
    return is_compared(stage.unit, match)


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
    declared = stage.unit.variables[match.function].get(root, ())
    if not declared or any("[" in item.type for item in declared):
        return False  # an array is data, and no object
    given = definitions(stage.unit, match.function).get(root, ())
    if any(item.value is not None and isinstance(strip(item.value), Member) for item in given):
        return False
    if any(
        isinstance(item.target, Member) and path(item.value) == root
        for _, item in function.each(Assign)
    ):
        return False
    return not any(
        node.act is Act.RETURN and node.expr is not None and path(node.expr) == root
        for node in function.nodes
    )
