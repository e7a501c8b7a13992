"""Properties about what is done to an object, and when: the engine behind `kind = "typestate"`.

Absence is only claimed of an object that is made in this text and that no other code gets:
whatever is done to it, or to what it is made from, stands here then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tlsight.engine.excuses import excuse
from tlsight.engine.inserting import inserted
from tlsight.engine.leftovers import leftovers
from tlsight.engine.match import Match
from tlsight.engine.mending import by_page
from tlsight.engine.objects import Objects, Place, objects
from tlsight.engine.paths import decides
from tlsight.engine.reaches import reaching
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.retries import differing
from tlsight.engine.roles import Stage, played
from tlsight.engine.scopes import unbalanced
from tlsight.finding import Evidence, Finding, Fix, Related
from tlsight.rule import Check, Property
from tlsight.text import Span


def check_typestate(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of a `typestate` property, and what is right or open."""
    table = played(stage)
    matches = [match for role in check.roles for match in table.get(role, ())]
    if not any(stage.asks(match.function) for match in matches):
        return
    if not all(role in table for role in check.given):
        return
    if check.wrong == "left-over":
        yield from leftovers(stage, rule, check)
        return
    if check.wrong == "reaches":
        for match in matches:
            yield from reaching(stage, rule, check, match)
        return
    if check.wrong == "differs":
        for match in matches:
            yield from _repeated(stage, rule, check, match)
        return
    if check.wrong == "unbalanced":
        for match in matches:
            yield from unbalanced(stage, rule, check, match)
        return
    done: set[Place] = set()
    for match in matches:
        if check.decides and not decides(stage, match):
            continue
        settled = excuse(stage, check, match)
        if settled is not None:
            yield from excused(stage, rule, match, settled)
            continue
        if not check.argument:
            steps = [step for role in check.needs_one for step in table.get(role, ())]
            if not steps:
                yield from _reported(stage, rule, check, match, [])
                return
            yield from _done(stage, rule, match, steps)
            continue
        known = objects(stage)
        place = known.of(match, check.argument)
        if place is None:
            yield from undecided(stage, rule, match.function, match.span, _UNKNOWN)
            continue
        for item in known.handed(place):
            state = _state(known, check, item, match.function)
            if state.reason:
                yield from undecided(stage, rule, match.function, match.span, state.reason)
            elif not state.roles.isdisjoint(check.needs_one):
                if stage.evidence:
                    yield from _done(stage, rule, match, known.steps(check.needs_one, item))
            elif asked := _asked(stage, check, item):
                yield from _done(stage, rule, match, asked)
            elif state.roles >= set(check.given) and item not in done:
                done.add(item)
                yield from _reported(stage, rule, check, match, state.made)
                break


_UNKNOWN = "which object this is cannot be told here"


class _State(NamedTuple):
    """What is known of an object: where it is made, what is done to it, or why not all of that."""

    made: list[Span]
    roles: set[str]
    reason: str


def _state(known: Objects, check: Check, place: Place, function: int) -> _State:
    """What becomes of an object, and of all that counts as done to it.

    For `not-before`, that this function returns it says nothing: it does so afterwards.
    """
    reason = known.shared(place, function if check.wrong == "not-before" else None)
    parts = list(known.closure(place)) if not reason else []
    return _State(
        [span for part in parts for span in part.made],
        {role for part in parts for role in part.roles},
        reason,
    )


def _repeated(
    stage: Stage, rule: Property, check: Check, match: Match
) -> Iterator[Finding | Evidence]:
    """A step that is repeated as it must not be, on an object that does not allow it."""
    settled = excuse(stage, check, match)
    if settled is not None:
        yield from excused(stage, rule, match, settled)
        return
    known = objects(stage)
    place = known.of(match, check.argument)
    for item in known.handed(place) if place is not None else ():
        state = _state(known, check, item, match.function)
        if state.reason:
            yield from undecided(stage, rule, match.function, match.span, state.reason)
        elif not state.roles.isdisjoint(check.needs_one):
            if stage.evidence:
                yield from _done(stage, rule, match, known.steps(check.needs_one, item))
        else:
            found = list(differing(stage, rule, check, match))
            yield from found
            if not found:
                reason = f"nothing shows that {match.spelled} is repeated with anything else"
                yield from undecided(stage, rule, match.function, match.span, reason)
            return


def _asked(stage: Stage, check: Check, place: Place) -> list[Match]:
    """What is done to an object that counts if its result decides something."""
    return [step for step in objects(stage).steps(check.or_asked, place) if decides(stage, step)]


def _done(stage: Stage, rule: Property, match: Match, steps: list[Match]) -> Iterator[Evidence]:
    names = dict.fromkeys(step.spelled for step in steps)
    seen = f"what {match.spelled} needs is done by {', '.join(names)}"
    related = tuple(Related(step.span, "here") for step in steps)
    yield from held(stage, rule, match.function, match.span, seen, related)


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, made: list[Span]
) -> Iterator[Finding]:
    related = tuple(Related(span, "it is made here") for span in made[:3])
    words = {"argument": check.argument}
    fixes: tuple[Fix, ...] = ()
    if rule.safety is not None:
        mended = inserted(stage, rule, check, match) if check.insert else ()
        fixes = mended or by_page(stage, rule, match)
    found = finding(stage, rule, check, match, match.span, words, related=related, fixes=fixes)
    if found is not None:
        yield found
