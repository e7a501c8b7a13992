"""Properties about who owns an object, and when it is released: behind `kind = "ownership"`.

Every object that a function makes, borrows, hands over or releases is followed through that
function once (`lives`); each check then reads from its life what it asks for. Where an object gets
out of sight nothing is claimed of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlsight.engine.custody import Custody, custody
from tlsight.engine.deeds import Deed, addressed, all_deeds, named, resource_of
from tlsight.engine.flow import definitions, leading
from tlsight.engine.index import tail
from tlsight.engine.life import Event, Life, Status
from tlsight.engine.match import Match
from tlsight.engine.report import finding, held, undecided
from tlsight.engine.roles import Stage
from tlsight.engine.smart import pointed
from tlsight.engine.unit import last_name, strip
from tlsight.engine.unmaking import released_before_leaving, renamed, spelled_like, without
from tlsight.finding import Evidence, Finding, Fix, Related
from tlsight.ir import Act, Call, Expr, Unary
from tlsight.rule import Check, Property, Resource
from tlsight.text import Span

_TESTS = 4
"""Tests of the way that a finding shows."""
_MAIN = "main"


def check_ownership(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of an `ownership` property, and what is right or open."""
    if not all_deeds(stage) and not (check.wrong == "mismatched" and b"delete" in stage.unit.data):
        return
    known = custody(stage)
    if check.wrong == "leaked":
        yield from _leaked(stage, rule, check, known)
    elif check.wrong == "by-hand":
        yield from _by_hand(stage, rule, check, known)
    elif check.wrong == "mismatched":
        yield from _mismatched(stage, rule, check, known)
    else:
        yield from _misused(stage, rule, check, known)


def _is_asked(check: Check, deed: Deed | None, resource: Resource | None) -> bool:
    """Whether a check speaks of such an object: by the role of what makes or releases it."""
    if deed is not None:
        return any(role in check.roles for role in deed.match.binding.roles)
    return resource is not None and f"make-{resource.kind}" in check.roles


def _way(event: Event) -> tuple[Related, ...]:
    """The last tests on the way of an event."""
    return tuple(
        Related(span, "where this holds" if holds else "where this does not hold")
        for span, holds in event.way[-_TESTS:]
    )


# Leaks.


def _leaked(
    stage: Stage, rule: Property, check: Check, known: Custody
) -> Iterator[Finding | Evidence]:
    told_of: set[tuple[int, int, str]] = set()
    for life in known.lives:
        subject = life.subject
        if subject.status is not Status.OWNED or subject.call is None:
            continue
        if not _is_asked(check, subject.deed, subject.resource):
            continue
        match = known.match(life)
        if match is None:
            continue
        if life.exhausted:
            reason = f"too many ways lead from {subject.spelled} to follow its object on each"
            yield from undecided(stage, rule, subject.function, match.span, reason)
            continue
        ends = life.of("left", "lost")
        name = stage.unit.module.functions[subject.function].name
        if ends and tail(name) == _MAIN:
            reason = "the process ends here, and what it has not released is gone with it"
            yield from undecided(stage, rule, subject.function, match.span, reason)
            continue
        if not ends:
            yield from _right(stage, rule, life, match)
            continue
        event = ends[0]
        if _is_compiled_away(stage, life, event):
            reason = "which branch is compiled decides whether it is released"
            yield from undecided(stage, rule, subject.function, match.span, reason)
            continue
        if event.kind == "left" and _is_fetched(known, life):
            reason = "another function here asks for such an object, and releases it"
            yield from undecided(stage, rule, subject.function, match.span, reason)
            continue
        variable = _name_of(life, event)
        if event.kind == "left" and (subject.function, event.node, variable) in told_of:
            continue  # the same variable, filled by another call
        told_of.add((subject.function, event.node, variable))
        words = {
            "variable": variable,
            "call": subject.spelled,
            "value": _ending(stage, life, event, variable),
        }
        at = Related(event.span, _LOST if event.kind == "lost" else _LEFT)
        fixes: tuple[Fix, ...] = ()
        if rule.safety is not None and event.kind == "left":
            fixes = released_before_leaving(stage, rule, life)
        found = finding(
            *(stage, rule, check, match, match.span, words),
            related=(*_way(event), at),
            fixes=fixes,
        )
        if found is not None:
            yield found


def _is_compiled_away(stage: Stage, life: Life, event: Event) -> bool:
    """Whether it is released in a preprocessor branch that the way did not take."""
    nodes = stage.unit.module.functions[life.subject.function].nodes
    mine = {*nodes[life.subject.node].tags, *nodes[event.node].tags}
    return any(
        deed.deed in ("release", "take")
        and not mine.issuperset(nodes[node].tags)
        and (target := deed.at("it")) is not None
        and named(target) in life.names
        for node, _, deed in all_deeds(stage).get(life.subject.function, ())
    )


def _is_fetched(known: Custody, life: Life) -> bool:
    """Whether another function releases such an object, which it has only asked for.

    A function that makes two objects may keep one by the other: `release(of(other))` is right then.
    """
    resource = life.subject.resource
    return resource is not None and any(
        event.deed is not None and event.deed.resource.id == resource.id
        for other in known.lives
        if other.subject.function != life.subject.function
        for event in other.of("borrowed")
    )


def _is_left_for(known: Custody, life: Life, event: Event) -> bool:
    """Whether another function leaves such an object to be released so."""
    return event.deed is not None and any(
        other.subject.resource is not None
        and other.subject.resource.id == event.deed.resource.id
        and other.of("left")
        for other in known.lives
        if other.subject.function != life.subject.function
    )


_LOST = "here it is lost"
_LEFT = "here the function is left, and it is not released"


def _ending(stage: Stage, life: Life, event: Event, name: str) -> str:
    """How an object gets lost, as a clause."""
    if event.kind == "lost":
        if not event.holder:
            return "is lost: nothing keeps it"
        return f"is lost: {name} gets another value before it is released"
    node = stage.unit.module.functions[life.subject.function].nodes[event.node]
    left = "returns" if node.act is Act.RETURN else "ends"
    return f"is not released: {name} still holds it where the function {left}"


def _name_of(life: Life, event: Event) -> str:
    if event.holder:
        return event.holder
    names = sorted(name for name in life.names if name)
    return names[0] if names else f"the result of {life.subject.spelled}"


def _right(stage: Stage, rule: Property, life: Life, match: Match) -> Iterator[Evidence]:
    """What was seen of an object that is not leaked."""
    if not stage.evidence:
        return
    function = life.subject.function
    name = next(iter(sorted(item for item in life.names if item)), life.subject.spelled)
    escaped = life.of("escaped")
    if escaped and escaped[0].told.startswith(_HELD):
        yield from _held_by_pointer(stage, rule, life, match)
        return
    if escaped:
        reason = f"{name}: {escaped[0].told}"
        yield from undecided(stage, rule, function, match.span, reason)
        return
    parts = []
    for kind, told in (
        ("released", "released"),
        ("taken", "handed over"),
        ("returned", "returned"),
    ):
        if life.of(kind):
            parts.append(told)
    if parts:
        ends = life.of("released", "taken", "returned")
        places = tuple(Related(event.span, "here") for event in ends)
        told = f"{name} is {' or '.join(parts)} on every way"
        yield from held(stage, rule, function, match.span, told, places)


_HELD = "it is held by"


def _held_by_pointer(stage: Stage, rule: Property, life: Life, match: Match) -> Iterator[Evidence]:
    """That something releases the object by itself, if it does."""
    for event in life.of("escaped")[:1] if stage.evidence else ():
        if event.told.startswith(_HELD):
            name = next(iter(sorted(item for item in life.names if item)), life.subject.spelled)
            related = (Related(event.span, "here"),)
            told = f"{name}: {event.told}"
            yield from held(stage, rule, life.subject.function, match.span, told, related)


# What is done to it too late, or by whom it does not belong to.

_EVENTS = {"freed-twice": "twice", "used-after-free": "used", "borrowed-freed": "borrowed"}


def _misused(
    stage: Stage, rule: Property, check: Check, known: Custody
) -> Iterator[Finding | Evidence]:
    done: set[Span] = set()
    for life in known.lives:
        subject = life.subject
        if not _is_asked(check, subject.deed, subject.resource):
            continue
        match = known.match(life)
        if match is None:
            continue
        events = life.of(_EVENTS[check.wrong])
        for event in events:
            if event.span in done:
                continue
            done.add(event.span)
            if check.wrong == "borrowed-freed" and _is_left_for(known, life, event):
                reason = "another function here makes such an object, and leaves it"
                yield from undecided(stage, rule, subject.function, event.span, reason)
                continue
            words = {
                "variable": event.holder or _name_of(life, event),
                "call": _spelled(event, subject.spelled),
                "value": "handed over" if event.after is Status.TAKEN else "released",
                "meaning": subject.spelled,
            }
            place = event.place or match.span
            what = "it is handed over here" if event.after is Status.TAKEN else "released here"
            if check.wrong == "borrowed-freed":
                what = "it is borrowed here"
            fixes: tuple[Fix, ...] = ()
            if rule.safety is not None and check.wrong == "borrowed-freed":
                fixes = without(stage, rule, subject.function, event)
            found = finding(
                *(stage, rule, check, match, event.span, words),
                related=(Related(place, what), *_way(event)),
                fixes=fixes,
            )
            if found is not None:
                yield found
        if not events and not life.exhausted:
            yield from _in_order(stage, rule, check, life, match)


def _in_order(
    stage: Stage, rule: Property, check: Check, life: Life, match: Match
) -> Iterator[Evidence]:
    if not stage.evidence:
        return
    name = _name_of(life, Event("", match.span, 0))
    function = life.subject.function
    if check.wrong == "borrowed-freed":
        if life.subject.status is Status.LENT:
            told = f"{name} is borrowed, and not released"
            yield from held(stage, rule, function, match.span, told)
    elif released := life.of("released"):
        told = f"nothing is done to {name} after it is released"
        places = tuple(Related(event.span, "it is released here") for event in released)
        yield from held(stage, rule, function, match.span, told, places)


def _spelled(event: Event, otherwise: str) -> str:
    return event.deed.match.spelled if event.deed is not None else otherwise


# The wrong function.


_CLEANING = re.compile(r"(?i)(?:^|_)(?:cleanup|clean_up|fini|deinit)$")
"""Names of what empties an object, and does not give its memory back."""


def _is_cleaned(stage: Stage, function: int, node: int, target: Expr) -> bool:
    """Whether a call before has emptied the object, so that it is memory of the program's own.

    So it was done where a program could have such an object in its own memory.
    """
    name = named(target)
    cleaned = {
        at
        for at, call in stage.unit.module.functions[function].each(Call)
        if _CLEANING.search(last_name(call)) is not None
        and any(name in (named(item), addressed(item)) for item in call.arguments)
    }
    if name is None or not cleaned:
        return False
    return not cleaned.isdisjoint(leading(stage.unit, function, frozenset((node,)), frozenset()))


def _mismatched(
    stage: Stage, rule: Property, check: Check, known: Custody
) -> Iterator[Finding | Evidence]:
    done: set[Span] = set()
    for life in known.lives:
        subject, wanted = life.subject, life.subject.resource
        match = known.match(life)
        if wanted is None or match is None:
            continue
        for event in life.of("mismatched"):
            done.add(event.span)
            related = (Related(match.span, "it is made here"),)
            yield from _mismatch(
                *(stage, rule, check, match, subject.function, event.span),
                *(event.holder, _released_by(event.deed), wanted, related),
            )
    for function, node, expr, deed, target in _releases(stage):
        if expr.span in done:
            continue
        wanted = resource_of(stage, function, target)
        if wanted is None or wanted.release is None or not wanted.types:
            continue
        if deed is not None and deed.resource.id == wanted.id:
            if stage.evidence and f"make-{wanted.kind}" in check.roles:
                told = f"{deed.match.spelled} releases what it is for"
                yield from held(stage, rule, function, expr.span, told)
            continue
        if deed is not None and deed.resource.types and not _is_plain(deed):
            continue
        if tail(stage.unit.module.functions[function].name) == wanted.release.name:
            continue  # this is what releases it
        if _is_own_memory(stage, function, target, wanted):
            continue
        if _is_cleaned(stage, function, node, target):
            continue
        match = known.stand_in(function, node, expr, wanted)
        yield from _mismatch(
            *(stage, rule, check, match, function, expr.span),
            *(named(target) or "", _released_by(deed), wanted, ()),
        )


def _is_plain(deed: Deed) -> bool:
    return len(deed.match.form.slots) == 1


def _released_by(deed: Deed | None) -> str:
    return deed.match.spelled if deed is not None else "delete"


def _mismatch(
    stage: Stage,
    rule: Property,
    check: Check,
    match: Match,
    function: int,
    span: Span,
    name: str,
    by: str,
    wanted: Resource,
    related: tuple[Related, ...],
) -> Iterator[Finding]:
    release = wanted.release
    words = {
        "variable": name or "what it is handed",
        "call": by,
        "value": release.name if release is not None else f"what releases a {wanted.id}",
    }
    fixes: tuple[Fix, ...] = ()
    if rule.safety is not None and release is not None:
        fixes = renamed(stage, rule, function, span, release)
    found = finding(stage, rule, check, match, span, words, related=related, fixes=fixes)
    if found is not None:
        yield found


def _releases(stage: Stage) -> Iterator[tuple[int, int, Expr, Deed | None, Expr]]:
    """Everything that releases something: function, step, call or `delete`, deed, and what."""
    for function, items in all_deeds(stage).items():
        for node, call, deed in items if stage.asks(function) else ():
            target = deed.at("it") if deed.deed == "release" else None
            if target is not None:
                yield function, node, call, deed, target
    if stage.unit.language == "c":
        return
    for function, around in stage.asked():
        for at, expr in around.each(Unary):
            if expr.operator == "delete":
                yield function, at, expr, None, expr.operand


def _is_own_memory(stage: Stage, function: int, target: Expr, wanted: Resource) -> bool:
    """Whether what is released may be memory that this file has allocated for such an object."""
    kinds = "|".join(re.escape(kind) for kind in wanted.types)
    sizes = re.compile(rf"\bsizeof\s*\(?\s*(?:struct\s+)?(?:{kinds})\s*\)".encode())
    if sizes.search(stage.unit.data) or re.search(
        rf"\bnew\s+(?:{kinds})\b".encode(), stage.unit.data
    ):
        return True
    name = named(target)
    if name is None:
        return True
    for definition in definitions(stage.unit, function).get(name, ()):
        value = strip(definition.value) if definition.value is not None else None
        if isinstance(value, Call) and not _makes(stage, function, value, wanted):
            return True
    return False


def _makes(stage: Stage, function: int, call: Call, wanted: Resource) -> bool:
    return any(
        other is call and deed.resource.id == wanted.id
        for _, other, deed in all_deeds(stage).get(function, ())
    )


# By hand.


def _by_hand(
    stage: Stage, rule: Property, check: Check, known: Custody
) -> Iterator[Finding | Evidence]:
    if stage.unit.language == "c" or stage.unit.header:
        return
    done: set[tuple[int, str]] = set()
    for life in known.lives:
        subject = life.subject
        if subject.status is not Status.OWNED or subject.call is None or life.exhausted:
            continue
        if not _is_asked(check, subject.deed, subject.resource):
            continue
        match = known.match(life)
        if match is None:
            continue
        if not life.of("released"):
            yield from _held_by_pointer(stage, rule, life, match)
            continue
        if life.of("twice", "used", "mismatched"):
            continue
        names = sorted(name for name in life.names if name)
        if len(names) != 1 or subject.resource is None or subject.resource.release is None:
            continue
        if (subject.function, names[0]) in done:
            continue
        done.add((subject.function, names[0]))
        release = spelled_like(stage, subject.resource.release.name, subject.spelled)
        words = {"variable": names[0], "call": release}
        related = tuple(Related(event.span, "released by hand") for event in life.of("released"))
        fixes = pointed(stage, rule, life, names[0]) if rule.safety is not None else ()
        found = finding(
            *(stage, rule, check, match, match.span, words), related=related, fixes=fixes
        )
        if found is not None:
            yield found
