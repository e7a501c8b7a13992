"""Properties about functions that are handed on to be called: behind `kind = "callback"`.

The function is looked for from where it is installed. What it returns is read off its ways
(`paths`), what it puts out off what takes part in it (`origin`). A function without a body in this
text, and content that comes from elsewhere, are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tlsight.engine.bounds import excesses, is_minded, room
from tlsight.engine.callees import denoted, reached
from tlsight.engine.excuses import excuse
from tlsight.engine.flow import give_up
from tlsight.engine.match import Match
from tlsight.engine.mending import by_page
from tlsight.engine.origin import (
    Origin,
    Source,
    may_write,
    of_object,
    of_value,
    root,
    written_size,
)
from tlsight.engine.outcomes import contract, outcome
from tlsight.engine.paths import Ending, endings
from tlsight.engine.relational import NEGATED
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.roles import Stage, played
from tlsight.engine.shapes import shaped
from tlsight.engine.unit import path, strip
from tlsight.engine.values import possible
from tlsight.finding import Evidence, Finding, Fix, Related, Safety
from tlsight.ir import Act, Assign, Binary, Call, Cast, Expr, Literal, Name, Unary, Variable, walk
from tlsight.rule import Callback, Check, Property
from tlsight.text import Edit, Span


@dataclass(frozen=True, slots=True)
class Mistake:
    """Where a callback goes wrong."""

    span: Span
    label: str = ""
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True)
class _Case:
    """One function in one place where it is installed, and what is asked of it."""

    stage: Stage
    rule: Property
    check: Check
    match: Match
    callback: Callback
    function: int

    def parameter(self, name: str) -> str:
        """How the function itself calls a parameter; '' if it has no name, or there is none."""
        parameters = self.stage.unit.module.functions[self.function].parameters
        if name not in self.callback.parameters:
            return ""
        position = self.callback.parameters.index(name)
        return parameters[position].name if position < len(parameters) else ""


def check_callback(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of a `callback` property, and what is right or open."""
    done: set[Span] = set()
    callbacks = list(_functions(stage, check))
    asked = {function for match, _, function in callbacks if _is_asked(stage, match, function)}
    for match, callback, function in callbacks:
        if function is None:
            reason = f"the function that {match.spelled} installs is not in this file"
            yield from undecided(stage, rule, match.function, match.span, reason)
            continue
        if function not in asked:
            continue
        settled = excuse(stage, check, match)
        if settled is not None:
            yield from excused(stage, rule, match, settled)
            continue
        case = _Case(stage, rule, check, match, callback, function)
        mistakes = list(_MISTAKES[check.wrong](case))
        if not mistakes and stage.evidence:
            yield from _right(case)
        for mistake in mistakes:
            if mistake.span in done:
                continue
            done.add(mistake.span)
            found = _reported(case, mistake)
            if found is not None:
                yield found


def _is_asked(stage: Stage, match: Match, function: int | None) -> bool:
    """Whether anything is to be said of where a callback is installed, of it or what it calls."""
    if stage.asks(match.function):
        return True
    return function is not None and any(map(stage.asks, reached(stage.unit, function)))


def _functions(stage: Stage, check: Check) -> Iterator[tuple[Match, Callback, int | None]]:
    """The callbacks in the roles of a check; None for one that is not in this file."""
    for role in check.roles:
        for match in played(stage).get(role, ()):
            callback = match.binding.callback
            if callback is None:
                continue
            expr = match.arguments.get(callback.argument)
            functions = denoted(stage.unit, match.function, match.node, expr)
            for function in sorted(functions) if functions is not None else (None,):
                yield match, callback, function
    for role in check.roles:
        for match, function in shaped(stage, role):
            if match.binding.callback is not None:
                yield match, match.binding.callback, function


def _right(case: _Case) -> Iterator[Evidence]:
    """What was seen of a function with which nothing is wrong; it is open if nothing was."""
    stage, rule = case.stage, case.rule
    function = stage.unit.module.functions[case.function]
    installed = _installed(case)
    seen = dict(_SEEN[case.check.wrong](case)) if case.check.wrong in _SEEN else {}
    for span, words in seen.items():
        yield from held(stage, rule, case.function, span, words, installed)
    if not seen and case.check.wrong not in _UNSEEN:
        reason = f"what decides it in {function.name} does not stand in this file"
        yield from undecided(stage, rule, case.function, function.name_span, reason)


def _installed(case: _Case) -> tuple[Related, ...]:
    """Where it is installed, if this text shows that."""
    if isinstance(case.match.site, Variable):
        return ()
    return (Related(case.match.span, f"{case.match.spelled} installs it here"),)


def _reported(case: _Case, mistake: Mistake) -> Finding | None:
    name = case.stage.unit.module.functions[case.function].name
    words = {
        "value": mistake.label,
        "variable": "this function" if name.startswith("<") else name,
        "argument": case.check.argument,
    }
    found = finding(
        case.stage,
        case.rule,
        case.check,
        case.match,
        mistake.span,
        words,
        related=(*mistake.related, *_installed(case)),
        fixes=mistake.fixes if case.rule.safety is not None else (),
    )
    return None if found is None else replace(found, function=name)


def _accepts_all(case: _Case) -> Iterator[Mistake]:
    """It accepts on every way, also where what was checked before was refused."""
    means = contract(case.callback.accepts, "")
    if means is None:
        return
    refused = {
        case.parameter(name): number
        for name, number in case.callback.refused.items()
        if case.parameter(name)
    }
    ends = _endings(case, refused)
    if not ends or any(end.value is None or outcome(end.value) not in means.ok for end in ends):
        return
    first, *others = (end.expr.span if end.expr else end.span for end in ends)
    related = tuple(Related(span, "it accepts here too") for span in dict.fromkeys(others))
    yield Mistake(first, related=related, fixes=_as_handed(case, ends))


def _as_handed(case: _Case, ends: Sequence[Ending]) -> tuple[Fix, ...]:
    """Answer with what was handed over, which says whether what was checked before was refused."""
    names = [name for slot in case.callback.refused if (name := case.parameter(slot))]
    spans = [end.expr.span for end in ends if isinstance(end.expr, (Literal, Name))]
    if not names or len(spans) != len(ends) or case.rule.safety is None:
        return ()
    if any(isinstance(end.expr, Name) and end.expr.text == names[0] for end in ends):
        return ()
    edits = tuple(Edit(span, names[0]) for span in dict.fromkeys(spans))
    return (Fix(f"Return {names[0]}", edits, case.rule.safety),)


def _endings(case: _Case, handed: Mapping[str, int]) -> tuple[Ending, ...]:
    """All ways in which the callback ends; none, and the report says so, if they are too many."""
    found = endings(case.stage, case.function, handed)
    if found is None:
        give_up(case.stage.unit, case.function)
    return found or ()


def _origins(case: _Case) -> Iterator[tuple[Span, Origin]]:
    """What is asked about: the output itself, or what reaches an argument of its makers."""
    name = case.parameter(case.check.argument)
    if not name:
        return
    whole = of_object(case.stage, case.function, name)
    if not case.check.through:
        if whole.places:
            yield whole.places[0], whole
        return
    for source in whole.sources:
        for _, expr in _sites(source, case.check.through):
            found = of_value(case.stage, case.function, source.function, source.node, expr)
            yield expr.span, found


def _of(origin: Origin, roles: tuple[str, ...]) -> list[Source]:
    return [source for source in origin.sources if source.roles() & set(roles)]


def _not_from(case: _Case) -> Iterator[Mistake]:
    """Nothing of a role in `sources` takes part, and all that takes part is known."""
    asked = list(_origins(case))
    if not asked or any(found.open or _of(found, case.check.sources) for _, found in asked):
        return
    yield Mistake(asked[0][0])


def _from(case: _Case) -> Iterator[Mistake]:
    """Something of a role in `sources` takes part."""
    for span, found in _origins(case):
        for source in _of(found, case.check.sources)[:1]:
            step = Related(source.call.span, "it comes from here")
            yield Mistake(span, _spelled(case, source.call), (step,))


def _made_inside(case: _Case) -> Iterator[Mistake]:
    """It is made by a role in `sources` each time anew: in a local of the callback that goes."""
    for _, found in _origins(case):
        for maker in _of(found, case.check.sources)[:1]:
            if _fills_local(case, maker):
                yield Mistake(maker.call.span, _spelled(case, maker.call))


def _fills_local(case: _Case, source: Source) -> bool:
    """Whether a call writes to a local that lives no longer than its function runs."""
    return any(
        may_write(case.stage, source.function, source.call, number, argument)
        and _goes(case, source.function, argument)
        for number, argument in enumerate(source.call.arguments)
    )


def _goes(case: _Case, function: int, expr: Expr) -> bool:
    variables = case.stage.unit.variables[function].get(root(expr) or "", ())
    parameters = case.stage.unit.module.functions[function].parameters
    return bool(variables) and not any(
        item.static or item.type.startswith("static ") or item in parameters for item in variables
    )


def _spelled(case: _Case, call: Call) -> str:
    span = call.callee.span
    return case.stage.unit.data[span.start : span.end].decode(errors="replace")


def _within(case: _Case) -> Iterator[Source]:
    """The calls that play a role, of the callback and of what it calls in this text."""
    unit = case.stage.unit
    for number in sorted(reached(unit, case.function)):
        for at, call in unit.module.functions[number].each(Call):
            source = Source.of(case.stage, number, at, call)
            if source.matches:
                yield source


def _plays(case: _Case) -> Iterator[Mistake]:
    """It plays a role in `sinks`; with `argument`, on what it was handed there."""
    for source in _within(case):
        for match, expr in _sites(source, case.check.sinks):
            if case.check.argument and not _is_handed(case, source, expr):
                continue
            label = _spelled(case, source.call)
            yield Mistake(source.call.span, label, fixes=by_page(case.stage, case.rule, match))
            break


def _sites(source: Source, sinks: tuple[str, ...]) -> Iterator[tuple[Match, Expr]]:
    """The matches of a call that play one of the roles, and the argument that is named with it."""
    for sink in sinks:
        role, _, slot = sink.partition(".")
        for match in source.matches:
            expr = match.arguments.get(slot) if slot else source.call
            if role in match.binding.roles and expr is not None:
                yield match, expr


def _is_handed(case: _Case, source: Source, expr: Expr) -> bool:
    name = case.parameter(case.check.argument)
    found = of_value(case.stage, case.function, source.function, source.node, expr)
    return bool(name) and name in found.handed


def _length_trusted(case: _Case) -> Iterator[Mistake]:
    """A length that was handed over decides how much is compared, and is itself never compared."""
    name = case.parameter(case.check.argument)
    if not name or any(_comparisons(case, name)):
        return
    for source in _within(case):
        for match, expr in _sites(source, case.check.sinks):
            found = of_value(case.stage, case.function, source.function, source.node, expr)
            if found.handed == {name} and not (found.sources or found.literals or found.open):
                yield Mistake(
                    expr.span,
                    _spelled(case, source.call),
                    fixes=_lengths_first(case, source, match, name),
                )
                break


def _comparisons(case: _Case, name: str) -> Iterator[Span]:
    """Where the function compares a parameter with anything but zero."""
    function = case.stage.unit.module.functions[case.function]
    for node in function.nodes:
        for expr in node.expressions:
            if isinstance(expr, Binary) and expr.operator in NEGATED:
                sides = (strip(expr.left), strip(expr.right))
                for side, other in (sides, sides[::-1]):
                    zero = isinstance(other, Literal) and not other.value
                    if path(side) == name and not zero:
                        yield expr.span


def _lengths_first(case: _Case, source: Source, match: Match, name: str) -> tuple[Fix, ...]:
    """Compare the lengths before the bytes, where the other length is known."""
    unit = case.stage.unit
    node = unit.module.functions[source.function].nodes[source.node]
    whole = node.evaluates
    if source.function != case.function or node.expanded or whole is None:
        return ()
    test = next((expr for expr in walk(whole) if _is_test_of(expr, source.call)), None)
    if test is None and node.act is Act.TEST and strip(whole) is source.call:
        test = whole
    sizes = [
        size
        for slot, expr in match.arguments.items()
        if expr is not None and slot != "length"
        for size in written_size(case.stage, source.function, expr)
    ]
    if test is None or not sizes:
        return ()
    equal = isinstance(test, Unary) or (isinstance(test, Binary) and test.operator == "==")
    start, end = test.span
    before = f"{name} == {sizes[0]} && " if equal else f"{name} != {sizes[0]} || "
    data = unit.data
    alone = node.act is Act.RETURN and test is whole
    alone = alone or (data[:start].endswith(b"(") and data[end:].startswith(b")"))
    edits = [Edit(Span(start, start), before if alone else f"({before}")]
    edits += [] if alone else [Edit(Span(end, end), ")")]
    return (Fix("Compare the lengths first", tuple(edits), case.rule.safety or Safety.UNSAFE),)


def _is_test_of(expr: Expr, call: Call) -> bool:
    """Whether an expression is `call == 0`, `call != 0` or `!call`."""
    if isinstance(expr, Unary):
        return expr.operator == "!" and strip(expr.operand) is call
    if not isinstance(expr, Binary) or expr.operator not in ("==", "!="):
        return False
    right = strip(expr.right)
    return strip(expr.left) is call and isinstance(right, Literal) and right.value == 0


def _overflows(case: _Case) -> Iterator[Mistake]:
    """More is written to a parameter, or stated as its length, than there is room for."""
    limit = case.callback.limits.get(case.check.argument)
    name = case.parameter(case.check.argument)
    if limit is None or not name:
        return
    for function, at, expr in _amounts(case, name):
        yield from _too_long(case, function, at, expr, limit)


def _amounts(case: _Case, name: str) -> Iterator[tuple[int, int, Expr]]:
    """What says how much is put into a parameter: function, node and expression."""
    unit = case.stage.unit
    for at, node in enumerate(unit.module.functions[case.function].nodes):
        for expr in node.expressions:
            if isinstance(expr, Assign) and expr.operator == "=" and _is_content(expr.target, name):
                yield case.function, at, expr.value
    for source in _within(case):
        for _, expr in _sites(source, case.check.sinks):
            if _fills(case, source, expr):
                yield source.function, source.node, expr


def _fills(case: _Case, source: Source, length: Expr) -> bool:
    """Whether a call writes to what the callback was handed in `argument`."""
    return any(
        argument is not length
        and may_write(case.stage, source.function, source.call, number, argument)
        and _points_to(case, source.function, argument)
        for number, argument in enumerate(source.call.arguments)
    )


def _points_to(case: _Case, function: int, expr: Expr, depth: int = 3) -> bool:
    """Whether an expression points into what the callback was handed, here or in what it calls."""
    name = root(expr)
    if name is None or depth == 0:
        return False
    if function == case.function:
        return name == case.parameter(case.check.argument)
    return any(
        _points_to(case, caller, argument, depth - 1)
        for caller, _, argument in case.stage.unit.handed(function, name) or ()
    )


def _is_content(target: Expr, name: str) -> bool:
    return isinstance(target, Unary) and target.operator == "*" and path(target.operand) == name


def _too_long(case: _Case, function: int, node: int, expr: Expr, limit: int) -> Iterator[Mistake]:
    values = possible(case.stage.index, case.stage.unit, function, node, expr)
    numbers = [value.number for value in values if value.number is not None]
    if numbers and max(numbers) > limit:
        yield Mistake(expr.span, str(max(numbers)))


def _unbounded(case: _Case) -> Iterator[Mistake]:
    """More may be written to `argument`, or stated as its length, than another parameter allows."""
    here = room(case.stage, case.callback, case.function, case.check.argument, case.rule.safety)
    for item in excesses(case.stage, here, case.check.sinks) if here is not None else ():
        yield Mistake(item.span, item.label, fixes=item.fixes)


def _ignores(case: _Case) -> Iterator[Mistake]:
    """It never looks at what it is handed in `argument`, and accepts some and refuses others."""
    means = contract(case.callback.accepts, "")
    name = case.parameter(case.check.argument)
    function = case.stage.unit.module.functions[case.function]
    if means is None or any(_mentions(node.evaluates, name) for node in function.nodes):
        return
    ends = _endings(case, {})
    accepting = [end for end in ends if end.value is None or outcome(end.value) in means.ok]
    if accepting and any(end.value is None or end not in accepting for end in ends):
        last = accepting[-1]
        yield Mistake(last.expr.span if last.expr else last.span)


def _mentions(expr: Expr | None, name: str) -> bool:
    """Whether an expression does something with a name; a cast to `void` does nothing."""
    if expr is None or not name:
        return False
    if isinstance(expr, Cast) and expr.type == "void":
        return False
    return any(isinstance(item, Name) and item.text == name for item in walk(expr))


_MISTAKES = {
    "accepts-all": _accepts_all,
    "from": _from,
    "not-from": _not_from,
    "made-inside": _made_inside,
    "plays": _plays,
    "length-trusted": _length_trusted,
    "overflows": _overflows,
    "unlimited": _unbounded,
    "ignores": _ignores,
}
"""The mistakes by the words of the pages."""


Seen = Iterator[tuple[Span, str]]


def _refuses(case: _Case) -> Seen:
    means = contract(case.callback.accepts, "")
    for end in endings(case.stage, case.function, {}) or () if means is not None else ():
        if means is not None and end.value is not None and outcome(end.value) not in means.ok:
            yield (end.expr.span if end.expr else end.span), "it refuses here"


def _comes_from(case: _Case) -> Seen:
    for _, found in _origins(case):
        for source in _of(found, case.check.sources):
            yield (
                source.call.span,
                f"{case.check.argument} comes from {_spelled(case, source.call)}",
            )


def _comes_from_others(case: _Case) -> Seen:
    for _, found in _origins(case):
        for source in found.sources if not found.open else ():
            if source.matches:
                name = _spelled(case, source.call)
                yield source.call.span, f"{case.check.argument} comes from {name}"


def _plays_better(case: _Case) -> Seen:
    """What is played in the place of what must not be, with the numbers that it is handed."""
    for source in _within(case):
        for match, _ in _sites(source, case.check.better):
            numbers = [
                f"{slot} {value.label}"
                for slot in match.arguments
                for value in case.stage.values(match, slot)
                if value.kind == "constant"
            ]
            told = f" with {', '.join(numbers)}" if numbers else ""
            yield source.call.span, f"{_spelled(case, source.call)} is called{told}"


def _compares(case: _Case) -> Seen:
    name = case.parameter(case.check.argument)
    for span in _comparisons(case, name) if name else ():
        yield span, f"{name} is compared here"


def _looks_at(case: _Case) -> Seen:
    name = case.parameter(case.check.argument)
    for node in case.stage.unit.module.functions[case.function].nodes:
        if _mentions(node.evaluates, name):
            yield node.span, f"{name} is used here"
            return


def _fits(case: _Case) -> Seen:
    """The numbers that are stated in a parameter with a limit."""
    limit = case.callback.limits.get(case.check.argument)
    name = case.parameter(case.check.argument)
    if limit is None or not name:
        return
    for function, at, expr in _amounts(case, name):
        values = possible(case.stage.index, case.stage.unit, function, at, expr)
        numbers = [value.number for value in values if value.number is not None]
        if numbers and len(numbers) == len(values):
            yield expr.span, f"at most {max(numbers)} bytes are written where {limit} fit"


def _minds(case: _Case) -> Seen:
    here = room(case.stage, case.callback, case.function, case.check.argument, None)
    span = is_minded(case.stage, here) if here is not None else None
    if here is not None and span is not None:
        yield span, f"{here.limit} decides here"


_SEEN = {
    "accepts-all": _refuses,
    "from": _comes_from_others,
    "not-from": _comes_from,
    "plays": _plays_better,
    "length-trusted": _compares,
    "overflows": _fits,
    "unlimited": _minds,
    "ignores": _looks_at,
}
"""What shows that a mistake is not made, by the words of the pages."""

_UNSEEN = ("from", "made-inside", "plays")
"""Mistakes whose absence shows nothing by itself."""
