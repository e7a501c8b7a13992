"""From a judgement to a finding (severity, message, way, fixes), or to evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tlsight.engine.match import Match
from tlsight.engine.roles import Excuse, Stage
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
    related: tuple[Related, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> Finding | None:
    """The finding of a property at a place, or None where the rule does not report this level.

    `sometimes`: the value is one of several, so some path only; `level`: what the policy says.
    """
    severity = match.binding.severity.get(rule.id) or check.severity or rule.severity
    if level == "discouraged":
        if rule.discouraged is None:
            return None
        severity = rule.discouraged
    function = stage.unit.module.functions[match.function]
    node = function.nodes[match.node]
    live = stage.unit.live(node.span) and stage.unit.live(span)
    if not live or (sometimes and severity is Severity.ERROR):
        severity = severity.lowered()
    table = _Words(words)
    table.setdefault("call", match.spelled)
    table.setdefault("note", match.binding.note)
    table.setdefault("policy", stage.index.rulebook.policy.title)
    message = (check.message or rule.message).format_map(table)
    return Finding(
        rule.id,
        " ".join(message.split()).replace(" ()", "").strip(),
        span,
        severity,
        function.name,
        tuple(item for item in dict.fromkeys(related) if item.span != span)[:8],
        fixes,
        "deprecated" in rule.tags,
        live,
    )


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
        name = stage.unit.module.functions[function].name
        steps = tuple(item for item in dict.fromkeys(related) if item.span != span)[:8]
        yield Evidence(rule.id, seen, span, name, steps)


def undecided(
    stage: Stage, rule: Property, function: int, span: Span, reason: str
) -> Iterator[Evidence]:
    """That a subject of a property could not be judged, and why; nothing unless asked for."""
    if stage.evidence:
        name = stage.unit.module.functions[function].name
        yield Evidence(rule.id, reason, span, name, holds=False)


def excused(stage: Stage, rule: Property, match: Match, settled: Excuse) -> Iterator[Evidence]:
    """That something else settles what a property found; nothing unless asked for."""
    related = (Related(settled.place, "here"),) if settled.place is not None else ()
    if settled.told:
        yield from held(stage, rule, match.function, match.span, settled.told, related)
