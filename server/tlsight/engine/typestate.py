"""Properties about what is done to an object, and when: the engine behind `kind = "typestate"`.

Absence is only claimed of an object that is made in this text and that no other code gets:
whatever is done to it, or to what it is made from, stands here then.
"""

from __future__ import annotations

from collections.abc import Iterator

from tlsight.engine.match import Match
from tlsight.engine.objects import Objects, Place, deeds, objects
from tlsight.engine.report import finding
from tlsight.engine.roles import Stage, excused, played
from tlsight.finding import Finding, Related
from tlsight.rule import Check, Property
from tlsight.text import Span


def check_typestate(stage: Stage, rule: Property, check: Check) -> Iterator[Finding]:
    """All findings of one check of a `typestate` property."""
    table = played(stage)
    matches = [match for role in check.roles for match in table.get(role, ())]
    if not matches or not all(role in table for role in check.given):
        return
    if check.only_with and not any(role in table for role in check.only_with):
        return
    known = objects(stage)
    done: set[Place] = set()
    for match in matches:
        if excused(stage, check, match):
            continue
        if not check.argument:
            if _is_lacking_anywhere(stage, check):
                yield from _reported(stage, rule, check, match, [])
                return
            continue
        place = known.of(match, check.argument)
        if place is None:
            continue
        for item in known.handed(place):
            made = _lacking(known, check, item, match.function)
            if made is not None and item not in done:
                done.add(item)
                yield from _reported(stage, rule, check, match, made)
                break


def _lacking(known: Objects, check: Check, place: Place, function: int) -> list[Span] | None:
    """Where an object is made on which nothing that is needed is ever done; None otherwise.

    For `not-before`, that this function returns it says nothing: it does so afterwards.
    """
    mine = {function} if check.wrong == "not-before" else set()
    made: list[Span] = []
    roles: set[str] = set()
    for index, part in enumerate(known.closure(place)):
        if part.open or part.returned - mine:
            return None
        if not (part.made or part.handed or (index and part.told)):
            return None
        made += part.made
        roles |= part.events.keys()
        if deeds(part.events, check.needs_one):
            return None
    if not roles >= set(check.given):
        return None
    return made


def _is_lacking_anywhere(stage: Stage, check: Check) -> bool:
    table = played(stage)
    return not any(role in table for role in check.needs_one)


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, made: list[Span]
) -> Iterator[Finding]:
    related = tuple(Related(span, "it is made here") for span in made[:3])
    words = {"argument": check.argument}
    found = finding(stage, rule, check, match, match.span, words, related=related)
    if found is not None:
        yield found
