"""From a judgement to a finding (severity, message, way, fixes), or to evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tlsight.engine.excuses import Excuse
from tlsight.engine.flow import is_reached
from tlsight.engine.guards import Guard, guard, guard_at
from tlsight.engine.match import Match
from tlsight.engine.roles import Stage
from tlsight.finding import Evidence, Finding, Fix, Related, Severity
from tlsight.rule import Check, Property
from tlsight.text import Span


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def finding(
    stage: Stage,
    rule: Property,
    check: Check,
    match: Match,
    span: Span,
    words: Mapping[str, str],
    *,
    level: str = "forbidden",
    sometimes: bool = False,
    cause: Span | None = None,
    related: tuple[Related, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> Finding | None:
    """The finding of a property at a place; None if the level is fine, or no result comes of it.

    `sometimes`: the value is one of several, so some path only; `level`: what the policy says;
    `cause`: where that value stands, if that is not the place itself.
    """
    severity = match.binding.severity.get(rule.id) or check.severity or rule.severity
    if level == "discouraged":
        if rule.discouraged is None:
            return None
        severity = rule.discouraged
    function = stage.unit.module.functions[match.function]
    node = function.nodes[match.node]
    judged = rule.kind != "result" or function.broken
    if not judged and not is_reached(stage.unit, match.function, match.node):
        return None  # no result comes of it; a wrong constant is one, and may just be being typed
    live = stage.unit.live(node.span) and stage.unit.live(span)
    if not live or (sometimes and severity is Severity.ERROR):
        severity = severity.lowered()
    chosen = _chosen(stage, rule, match, cause or span)
    if chosen is not None:
        severity = Severity.INFORMATION
        steps = (Related(chosen.span, "this is tested here"),) if chosen.span is not None else ()
        related = (*steps, *related)
    table = _Words(words)
    table.setdefault("call", match.spelled)
    table.setdefault("note", match.binding.note)
    table.setdefault("policy", stage.index.rulebook.policy.title)
    message = (check.message or rule.message).format_map(table)
    message = " ".join(message.split()).replace(" ()", "").strip()
    return Finding(
        rule.id,
        message if chosen is None else f"{message}, {chosen.told}",
        span,
        severity,
        function.name,
        tuple(item for item in dict.fromkeys(related) if item.span != span)[:8],
        fixes,
        "deprecated" in rule.tags,
        live,
    )


_CHOSEN = ("practice", "cookie", "integrity")
"""The aspects in which somebody can opt into something weaker; nobody opts into a mistake."""


def _chosen(stage: Stage, rule: Property, match: Match, span: Span) -> Guard | None:
    """The condition that somebody opted into, of the call or of what stands at the place."""
    if rule.aspect not in _CHOSEN:
        return None
    return guard(stage, match.function, match.node) or guard_at(stage, span)


def held(
    stage: Stage,
    rule: Property,
    function: int,
    span: Span,
    seen: str,
    related: tuple[Related, ...] = (),
) -> Iterator[Evidence]:
    """That a subject of a property is right, and what shows it; nothing unless asked for."""
    if stage.evidence:
        name = _home(stage, function, span)
        steps = tuple(item for item in dict.fromkeys(related) if item.span != span)[:8]
        yield Evidence(rule.id, seen, span, name, steps)


def undecided(
    stage: Stage, rule: Property, function: int, span: Span, reason: str
) -> Iterator[Evidence]:
    """That a subject of a property could not be judged, and why; nothing unless asked for."""
    if stage.evidence:
        name = _home(stage, function, span)
        yield Evidence(rule.id, reason, span, name, holds=False)


def excused(stage: Stage, rule: Property, match: Match, settled: Excuse) -> Iterator[Evidence]:
    """That something else settles what a property found; nothing unless asked for."""
    related = (Related(settled.place, "here"),) if settled.place is not None else ()
    if settled.told:
        yield from held(stage, rule, match.function, match.span, settled.told, related)


def _home(stage: Stage, function: int, span: Span) -> str:
    """The name of the function in which a place stands; '' outside of all.

    What is judged for one function may stand in another, which it calls.
    """
    functions = stage.unit.module.functions
    if functions[function].span.contains(span):
        return functions[function].name
    around = [item for item in functions if item.span.contains(span)]
    return min(around, key=lambda item: item.span.end - item.span.start).name if around else ""
