"""How the text is mended where an object is not released, wrongly released, or by hand."""

from __future__ import annotations

from tlsight.engine.lives import Event, Life
from tlsight.engine.match import Match
from tlsight.engine.roles import Stage
from tlsight.finding import Fix
from tlsight.rule import Form, Property
from tlsight.text import Span


def released_before_leaving(
    stage: Stage, rule: Property, life: Life, match: Match
) -> tuple[Fix, ...]:
    return ()


def renamed(
    stage: Stage, rule: Property, function: int, span: Span, release: Form
) -> tuple[Fix, ...]:
    return ()


def without(stage: Stage, rule: Property, function: int, event: Event) -> tuple[Fix, ...]:
    return ()


def pointed(stage: Stage, rule: Property, life: Life, name: str) -> tuple[Fix, ...]:
    return ()
