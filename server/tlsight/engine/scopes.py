"""Pairs of calls that open and close something: the engine behind `wrong = "unbalanced"`.

What is opened is followed like an object that must be released (`lives`), but for one thing: no
code that gets what it was opened on closes it. Only a function that closes on some way is judged,
for another one may leave that to its caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tlsight.engine.deeds import named
from tlsight.engine.excuses import excuse
from tlsight.engine.flow import following
from tlsight.engine.life import Event, Life, State, Status, Subject
from tlsight.engine.lives import Walk
from tlsight.engine.match import Match
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.roles import Stage
from tlsight.engine.steps import of_function, steps_inside
from tlsight.engine.unit import strip
from tlsight.engine.unmaking import leave_with
from tlsight.finding import Evidence, Finding, Fix, Related, Safety
from tlsight.ir import Act, Call, Node, walk
from tlsight.rule import Check, Property
from tlsight.text import Span

_ALL = "<all>"
"""The name of what there is only one of."""


def unbalanced(
    stage: Stage, rule: Property, check: Check, match: Match
) -> Iterator[Finding | Evidence]:
    """What a call opens is closed on some ways and left open on others, or closed twice."""
    if not isinstance(match.site, Call):
        return
    function = match.function
    around = stage.unit.module.functions[function]
    name = _name(stage, check, match)
    closes = [
        other
        for role in check.needs_one
        for other in of_function(stage, role, function)
        if _name(stage, check, other) == name
    ]
    if name is None or not closes or around.nodes[match.node].expanded:
        return
    life = _Scope(stage, check, match, name, Status.OWNED).run()
    left = life.of("left")
    settled = excuse(stage, check, match)
    if settled is not None:
        yield from excused(stage, rule, match, settled)
    elif life.exhausted or steps_inside(stage, function, check.needs_one):
        reason = f"what {match.spelled} opens may be closed by a function that is called"
        yield from undecided(stage, rule, function, match.span, reason)
    elif left and life.of("released"):
        end = Related(left[0].span, "here it is still open")
        words = {"value": "is not closed on every way", "variable": name}
        found = finding(
            *(stage, rule, check, match, match.span, words),
            related=(*_way(left[0]), end),
            fixes=_closed(stage, rule, check, life, match, closes[0]),
        )
        if found is not None:
            yield found
    elif not left and life.of("released"):
        told = f"what {match.spelled} opens is closed on every way"
        # Of one that nothing closes, nothing would be said: only one of several is shown.
        related = (Related(closes[0].span, "here, among others"),) if len(closes) > 1 else ()
        yield from held(stage, rule, function, match.span, told, related)
    yield from _twice(stage, rule, check, match, name, closes)


def _twice(
    stage: Stage, rule: Property, check: Check, match: Match, name: str, closes: list[Match]
) -> Iterator[Finding]:
    """Whether something is closed that was closed before, and not opened again."""
    for close in closes:
        again = _Scope(stage, check, close, name, Status.RELEASED).run().of("twice")
        for event in again:
            words = {"value": "is closed twice", "variable": name}
            related = (Related(close.span, "it is closed here"), *_way(event))
            found = finding(*(stage, rule, check, match, event.span, words), related=related)
            if found is not None:
                yield found


def _name(stage: Stage, check: Check, match: Match) -> str | None:
    """What is opened or closed, as far as it has a name; an element by its text."""
    if not check.argument:
        return _ALL
    expr = match.arguments.get(check.argument)
    if expr is None or any(isinstance(item, Call) for item in walk(expr)):
        return None
    start, end = strip(expr).span
    text = "".join(stage.unit.data[start:end].decode(errors="replace").split())
    return named(expr) or text


def _where_it_is(
    stage: Stage, check: Check, match: Match, nodes: tuple[Node, ...]
) -> tuple[Node, ...]:
    """The steps without the ways that are taken only where what is opened is null."""
    expr = match.arguments.get(check.argument)
    if expr is None:
        return nodes
    data = stage.unit.data

    def text(span: Span) -> bytes:
        return b"".join(data[span.start : span.end].split())

    opened = text(strip(expr).span)
    missing = {opened + test for test in (b"==NULL", b"==nullptr", b"==0")}
    present = {opened, *(opened + test for test in (b"!=NULL", b"!=nullptr", b"!=0"))}
    found = list(nodes)
    for at, node in enumerate(nodes):
        test = text(node.expr.span) if node.act is Act.TEST and node.expr is not None else b""
        if test in present or test in missing:
            kept = tuple(edge for edge in node.next if edge.when is not (test in missing))
            found[at] = replace(node, next=kept)
    return tuple(found)


def _way(event: Event) -> tuple[Related, ...]:
    return tuple(
        Related(span, "where this holds" if holds else "where this does not hold")
        for span, holds in event.way[-4:]
    )


class _Scope(Walk):
    """The life of what one call opens."""

    def __init__(self, stage: Stage, check: Check, match: Match, name: str, status: Status) -> None:
        assert isinstance(match.site, Call)
        subject = Subject(match.function, match.node, match.site, status, name)
        super().__init__(stage, subject, 0)
        self.nodes = _where_it_is(stage, check, match, self.nodes)
        self.loud |= {
            other.node
            for role in (*check.roles, *check.needs_one)
            for other in of_function(stage, role, match.function)
        }
        self.succeeds = bool(match.binding.ok)
        self.opens = _sites(stage, check, check.roles, match.function, name)
        self.closes = _sites(stage, check, check.needs_one, match.function, name)

    def met(self, at: int, item: Call, state: State) -> list[State]:
        """The call that opens it, or closes it the first time."""
        if state.status is not Status.BEFORE:
            return self.called(at, item, state)
        after = self.begun(state, self.subject.name)
        return [self.assume(after, item, 1) if self.succeeds else after]

    def called(self, at: int, call: Call, state: State) -> list[State]:
        """Only what opens or closes the same thing counts."""
        if call.anchor in self.closes:
            if state.status is Status.RELEASED:
                self.note("twice", call.span, at, state)
            else:
                self.note("released", call.span, at, state)
            return []
        if call.anchor in self.opens:
            return []  # another one inside, or the next
        return [state]


def _sites(
    stage: Stage, check: Check, roles: tuple[str, ...], function: int, name: str
) -> frozenset[int]:
    return frozenset(
        match.site.anchor
        for role in roles
        for match in of_function(stage, role, function)
        if isinstance(match.site, Call) and _name(stage, check, match) == name
    )


def _closed(
    stage: Stage, rule: Property, check: Check, life: Life, match: Match, close: Match
) -> tuple[Fix, ...]:
    """Close it wherever the function is left with it open."""
    text = close.binding.insert
    expr = match.arguments.get(check.argument) if check.argument else None
    if rule.safety is None or not text:
        return ()
    if expr is not None:
        start, end = expr.span
        spelled = stage.unit.data[start:end].decode(errors="replace")
        text = text.replace(f"{{{check.argument}}}", spelled)
    title = f"Call {text.partition('(')[0]} before the function is left"
    before = following(stage.unit, match.function, 0, frozenset((match.node,)))
    if any(
        event.node in before or any(other.node == event.node for other in life.of("released"))
        for event in life.of("left")
    ):
        reason = "on some way nothing is open where the function is left"
        return (Fix(title, (), rule.safety or Safety.UNSAFE, reason),)
    return leave_with(stage, rule, life, title, f"{text};")
