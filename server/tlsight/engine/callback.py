"""Properties about functions that are handed on to be called: behind `kind = "callback"`.

The function is looked for from where it is installed. What it returns is read off its ways
(`paths`), what it puts out off what takes part in it (`origin`). A function without a body in this
text, and content that comes from elsewhere, are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tlsight.engine.callees import denoted, reached
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
from tlsight.engine.report import finding
from tlsight.engine.roles import Stage, excused, played
from tlsight.engine.unit import path, strip
from tlsight.engine.values import possible
from tlsight.finding import Finding, Fix, Related, Safety
from tlsight.ir import Act, Assign, Binary, Call, Cast, Expr, Literal, Name, Unary, walk
from tlsight.rule import Callback, Check, Property
from tlsight.text import Edit, Span

_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")


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


def check_callback(stage: Stage, rule: Property, check: Check) -> Iterator[Finding]:
    """All findings of one check of a `callback` property."""
    table = played(stage)
    done: set[Span] = set()
    for match in (match for role in check.roles for match in table.get(role, ())):
        callback = match.binding.callback
        if callback is None or excused(stage, check, match):
            continue
        expr = match.arguments.get(callback.argument)
        functions = denoted(stage.unit, match.function, match.node, expr)
        for function in sorted(functions or ()):
            case = _Case(stage, rule, check, match, callback, function)
            for mistake in _MISTAKES[check.wrong](case):
                if mistake.span in done:
                    continue
                done.add(mistake.span)
                found = _reported(case, mistake)
                if found is not None:
                    yield found


def _reported(case: _Case, mistake: Mistake) -> Finding | None:
    name = case.stage.unit.module.functions[case.function].name
    words = {
        "value": mistake.label,
        "variable": "this function" if name.startswith("<") else name,
        "argument": case.check.argument,
    }
    installed = Related(case.match.span, f"{case.match.spelled} installs it here")
    found = finding(
        case.stage,
        case.rule,
        case.check,
        case.match,
        mistake.span,
        words,
        related=(*mistake.related, installed),
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
    yield Mistake(first, related=related)


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
        for at, node in enumerate(unit.module.functions[number].nodes):
            for expr in walk(node.evaluates) if node.evaluates is not None else ():
                if isinstance(expr, Call):
                    source = Source.of(case.stage, number, at, expr)
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
    if not name or _is_compared(case, name):
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


def _is_compared(case: _Case, name: str) -> bool:
    """Whether the function compares a parameter with anything but zero."""
    function = case.stage.unit.module.functions[case.function]
    for node in function.nodes:
        for expr in walk(node.evaluates) if node.evaluates is not None else ():
            if isinstance(expr, Binary) and expr.operator in _COMPARISONS:
                sides = (strip(expr.left), strip(expr.right))
                for side, other in (sides, sides[::-1]):
                    zero = isinstance(other, Literal) and not other.value
                    if path(side) == name and not zero:
                        return True
    return False


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
    unit = case.stage.unit
    for at, node in enumerate(unit.module.functions[case.function].nodes):
        for expr in walk(node.evaluates) if node.evaluates is not None else ():
            if isinstance(expr, Assign) and expr.operator == "=" and _is_content(expr.target, name):
                yield from _too_long(case, case.function, at, expr.value, limit)
    for source in _within(case):
        for _, expr in _sites(source, case.check.sinks):
            if _fills(case, source, expr):
                yield from _too_long(case, source.function, source.node, expr, limit)


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
    "ignores": _ignores,
}
"""The mistakes by the words of the pages."""
