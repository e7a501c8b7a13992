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
    if not matches or (check.only_with and not any(role in table for role in check.only_with)):
        return
    known = objects(stage)
    done: set[Place | None] = set()
    for match in matches:
        place = known.of(match, check.argument) if check.argument else None
        if place in done or excused(stage, check, match):
            continue
        made = (
            _lacking(known, check, place, match.function)
            if check.argument
            else _lacking_anywhere(stage, check)
        )
        if made is None:
            continue
        done.add(place)
        found = _reported(stage, rule, check, match, made)
        if found is not None:
            yield found


def _lacking(known: Objects, check: Check, place: Place | None, function: int) -> list[Span] | None:
    """Where an object is made on which nothing that is needed is ever done; None otherwise.

    That a function returns it says nothing of what was done before, in that function.
    """
    if place is None:
        return None
    made: list[Span] = []
    roles: set[str] = set()
    for index, part in enumerate(known.closure(place)):
        if part.open or part.returned - {function} or not (part.made or (index and part.told)):
            return None
        made += part.made
        roles |= part.events.keys()
        if deeds(part.events, check.needs_one):
            return None
    if not roles >= set(check.given):
        return None
    return made


def _lacking_anywhere(stage: Stage, check: Check) -> list[Span] | None:
    table = played(stage)
    if any(role in table for role in check.needs_one):
        return None
    if not all(role in table for role in check.given):
        return None
    return []


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, made: list[Span]
) -> Finding | None:
    related = tuple(Related(span, "it is made here") for span in made[:3])
    words = {"argument": check.argument}
    return finding(stage, rule, check, match, match.span, words, related=related)
