"""From a judgement to a finding: severity, message, way, fixes."""

from __future__ import annotations

from collections.abc import Mapping

from tlsight.engine.match import Match
from tlsight.engine.roles import Stage
from tlsight.finding import Finding, Fix, Related, Severity
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
