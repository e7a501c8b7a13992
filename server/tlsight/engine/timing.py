"""Secrets that are compared in a time that depends on them: the engine behind `wrong = "leaking"`.

One side must be a secret that somebody else could guess byte by byte: what a call in a role of
`sources` has made, or what its name says to be one (`near`). Two texts of which one stands in the
source, a name that says that it is public, a length of nothing, and what a form asks for twice are
none of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlsight.engine.comparing import Comparison
from tlsight.engine.elsewhere import judged_elsewhere
from tlsight.engine.flow import definitions
from tlsight.engine.leaving import is_included
from tlsight.engine.makers import maker
from tlsight.engine.match import Match
from tlsight.engine.mending import by_page
from tlsight.engine.naming import called, pattern, spelled, surroundings, unbound
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, playing
from tlsight.engine.taint import operators
from tlsight.engine.unit import last_name, strip
from tlsight.engine.values import possible
from tlsight.finding import Evidence, Finding, Fix, Related
from tlsight.ir import Binary, Braces, Call, Expr, Literal, Member, Name, parts
from tlsight.rule import Check, Property

_TEXT = re.compile(r"string|byte|vector|array|view", re.IGNORECASE)
"""What the types of texts and bytes are called that `==` compares whole."""
SIDES = ("data", "source")
"""The slots of what is compared."""
LENGTH = "length"


def check_leaking(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """The comparisons of secrets that stop at the first byte that differs."""
    elsewhere = judged_elsewhere(stage, check)
    done: set[int] = set()
    for match in playing(stage, check.roles):
        sides = tuple(expr for slot in SIDES if (expr := match.arguments.get(slot)) is not None)
        if len(sides) != len(SIDES) or id(match.site) in done or match.function in elsewhere:
            continue
        if _orders(stage, match):
            continue
        done.add(id(match.site))
        found = _secret(stage, check, match, sides)
        if found is not None:
            fixes = by_page(stage, rule, match) if is_included(stage, match.binding.library) else ()
            yield from _told(stage, rule, check, match, *found, fixes)
    if check.sources:
        for item in operators(stage):
            if stage.asks(item.function) and item.function not in elsewhere:
                yield from _by_operator(stage, rule, check, item)
    for match in playing(stage, (role.partition(".")[0] for role in check.better)):
        seen = f"{match.spelled} takes the same time for all"
        yield from held(stage, rule, match.function, match.span, seen)


def _by_operator(stage: Stage, rule: Property, check: Check, item: Comparison) -> Iterator[Finding]:
    """A comparison by `==`, of texts that are objects: pointers compare nothing secret."""
    kinds = [stage.unit.type_of(item.function, side) or "" for side in item.sides]
    if any("*" in kind or "[" in kind for kind in kinds):
        return
    match = unbound(rule, check, item.function, item.node, item.whole.span, item.spelled)
    texts = all(not kind or _TEXT.search(kind) for kind in kinds) and any(kinds)
    found = _secret(stage, check, match, item.sides, by_name=texts)
    if found is not None:
        yield from _told(stage, rule, check, match, *found, ())


def _told(
    stage: Stage,
    rule: Property,
    check: Check,
    match: Match,
    name: str,
    made: Match | None,
    fixes: tuple[Fix, ...],
) -> Iterator[Finding]:
    related = (Related(made.span, f"{made.spelled} makes it here"),) if made is not None else ()
    words_ = {"value": name, "variable": name}
    found = finding(stage, rule, check, match, match.span, words_, related=related, fixes=fixes)
    if found is not None:
        yield found


def _orders(stage: Stage, match: Match) -> bool:
    """Whether a comparison puts two things in order: that has nothing to do with being right."""
    node = stage.unit.module.functions[match.function].nodes[match.node]
    whole = node.evaluates
    return whole is not None and any(
        isinstance(item, Binary)
        and item.operator in ("<", ">", "<=", ">=")
        and any(strip(side) is match.site for side in (item.left, item.right))
        for item in parts(whole)
    )


def _secret(
    stage: Stage, check: Check, match: Match, sides: tuple[Expr, ...], by_name: bool = True
) -> tuple[str, Match | None] | None:
    """What the secret of a comparison is called, and the call that made it, if one is known."""
    found = _compared(stage, check, match, sides, by_name)
    if found is None or any(_holds_constant(stage, match, side) for side in sides):
        return None
    return found


def _compared(
    stage: Stage, check: Check, match: Match, sides: tuple[Expr, ...], by_name: bool
) -> tuple[str, Match | None] | None:
    if any(_is_constant(stage, match, side) for side in sides) or _is_short(stage, match):
        return None
    names = [called(stage, match.function, match.node, side) for side in sides]
    around = list(surroundings(stage, match.function))
    public = pattern(check.not_near)
    if any(public.search(name) for name in (*names, *around)):
        return None
    if "" not in names and names[0] == names[1] and _is_setter(around):
        return None
    if _was_read_from(stage, match, sides):
        return None
    makers = [maker(stage, match.function, match.node, side, check.sources) for side in sides]
    if all(makers) and len({made.spelled for made in makers if made is not None}) == 1:
        return None  # asked for twice, of the same one
    for side, made in zip(sides, makers, strict=True):
        if made is not None:
            return _told_of(stage, side), made
    if not by_name or _is_again(names) or _is_setter(around):
        return None
    if _is_of_one_kind(stage, match.function, sides):
        return None
    near = pattern(check.near)
    for side, name in zip(sides, names, strict=True):
        if name and near.search(name):
            return spelled(stage, side), None
    return None


def _is_of_one_kind(stage: Stage, function: int, sides: tuple[Expr, ...]) -> bool:
    """Whether the same field of two objects of one class is compared: are the two alike."""
    fields = [_field(side) for side in sides]
    if None in fields or len({field.name for field in fields if field is not None}) > 1:
        return False
    owners = {stage.unit.receiver_type(function, field) for field in fields if field is not None}
    return len(owners) == 1 and None not in owners


def _field(expr: Expr) -> Member | None:
    """The field that an expression is, or that a getter yields."""
    inner = strip(expr)
    if isinstance(inner, Call) and not inner.arguments:
        inner = inner.callee
    return inner if isinstance(inner, Member) else None


def _was_read_from(stage: Stage, match: Match, sides: tuple[Expr, ...]) -> bool:
    """Whether one side began as the other: it is asked whether anything has changed."""
    for side, other in (sides, sides[::-1]):
        inner = strip(side)
        if isinstance(inner, Name) and any(
            item.value is not None and spelled(stage, item.value) == spelled(stage, other)
            for item in definitions(stage.unit, match.function).get(inner.text, ())
        ):
            return True
    return False


def _told_of(stage: Stage, side: Expr) -> str:
    inner = strip(side)
    return f"what {last_name(inner)} yields" if isinstance(inner, Call) else spelled(stage, side)


_AGAIN = re.compile(
    r"(^|_)(again|repeat(ed)?|confirm\w*|retyped?|verify|old|previous|prev|last|current|new|second"
    r"|2|default|empty|original|initial|stored_config)(_|$)|\D[2b]$"
)
_SETTER = re.compile(
    r"^(set|update|assign|change|load|save|apply|reset|restore|sync|edit|on|is_same|equals?)(_|$)"
    r"|operator|(^|_)(equals?|eq|changed|dirty|modified|differs?|same|duplicate|cmp|sort|less)(_|$)"
)


def _is_again(names: list[str]) -> bool:
    """Whether a name says that the user was asked twice, or that an old value is meant."""
    return any(_AGAIN.search(name) for name in names)


def _is_setter(around: list[str]) -> bool:
    """Whether the function around only looks whether something has changed, or is the same."""
    return any(_SETTER.search(name) for name in around[:1])


def _is_constant(stage: Stage, match: Match, side: Expr) -> bool:
    """Whether a side stands in the source, or is nothing."""
    inner = strip(side)
    if isinstance(inner, (Literal, Braces)):
        return True
    if isinstance(inner, Call) and not inner.arguments and not isinstance(inner.callee, Name):
        return False
    if isinstance(inner, Name):
        found = stage.unit.variable(match.function, inner.text, inner.span.start)
        if found is not None and found.initial is not None and (found.static or found.constant):
            return isinstance(strip(found.initial), (Literal, Braces))
        if found is None and stage.index.names_constant(inner.text):
            return True
        return found is None and inner.text.isupper()
    return isinstance(inner, Call) and not inner.arguments


def _holds_constant(stage: Stage, match: Match, side: Expr) -> bool:
    """Whether a side is a constant of the source by another name: a default, or a mark."""
    values = possible(stage.index, stage.unit, match.function, match.node, side)
    return bool(values) and all(value.kind == "text" or value.content for value in values)


_FEW = 6
"""Bytes that are the address of a network card, or a mark, and no secret."""


def _is_short(stage: Stage, match: Match) -> bool:
    """Whether too few bytes are compared for a secret."""
    if match.arguments.get(LENGTH) is None:
        return False
    numbers = [value.number for value in stage.values(match, LENGTH)]
    return any(number is not None and number <= _FEW for number in numbers)
