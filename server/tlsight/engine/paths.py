"""How a function may end: every way through it, with what is known of its variables on the way.

A way carries the numbers that its locals hold for certain. A test whose outcome they settle is
left on one side only; what a test tells is kept. A budget bounds the ways; when it runs out the
answer is None, which means unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tlsight.engine.callees import called
from tlsight.engine.flow import budget, give_up, spend
from tlsight.engine.match import Match
from tlsight.engine.relational import NEGATED
from tlsight.engine.roles import Stage
from tlsight.engine.unit import Unit, path, strip
from tlsight.engine.values import possible
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Cast,
    Conditional,
    Edge,
    Evaluated,
    Expr,
    Literal,
    Name,
    Node,
    Unary,
    parts,
    walk,
)
from tlsight.text import Span

BUDGET = 5_000
"""States of one walk; of a longer function, two for each of its steps."""
_DEPTH = 3
"""Calls of functions of the unit that are walked through in turn."""

BEHIND = "*"
"""Before the name of a pointer, in a walk that keeps them apart: the number that it leads to."""
_STEPS = ("++", "--", "p++", "p--", "&")

Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ending:
    """One way to end: the number that is returned, None if it is not known; and where."""

    value: int | None
    span: Span
    expr: Expr | None


def endings(
    stage: Stage, function: int, handed: Numbers, depth: int = _DEPTH
) -> tuple[Ending, ...] | None:
    """All ways in which a function returns, if its parameters hold these numbers."""
    key = ("endings", function, tuple(sorted(handed.items())))
    if key not in stage.unit.cache:
        stage.unit.cache[key] = None  # for a function that calls itself
        stage.unit.cache[key] = Ways(stage, function, depth).run(handed)
    known = stage.unit.cache[key]
    assert known is None or isinstance(known, tuple)
    return known


def only_ending(stage: Stage, function: int, handed: Numbers, depth: int) -> int | None:
    """The number that a function returns on all of its ways, if it is one."""
    key = ("only ending", function, tuple(sorted(handed.items())))
    if key not in stage.unit.cache:
        stage.unit.cache[key] = None  # for a function that calls itself
        found = Ways(stage, function, depth, sole=True).run(handed) or ()
        stage.unit.cache[key] = found[0].value if found else None
    known = stage.unit.cache[key]
    assert known is None or isinstance(known, int)
    return known


def visited(
    stage: Stage,
    function: int,
    start: int,
    handed: Numbers,
    assumed: Mapping[int, int],
    stops: Collection[int],
    within: frozenset[int] | None = None,
) -> frozenset[int]:
    """The nodes that are reached from one, up to those that stop.

    `handed` is what variables hold there, `assumed` what calls yield, by their anchors; `within`
    are the steps from which it is still possible to come to what is looked for.
    Empty if there are too many ways, which the report then says.
    """
    return walked(stage, function, start, handed, assumed, stops, within)[0]


def walked(
    stage: Stage,
    function: int,
    start: int,
    handed: Numbers,
    assumed: Mapping[int, int],
    stops: Collection[int],
    within: frozenset[int] | None = None,
) -> tuple[frozenset[int], frozenset[int | None]]:
    """The same nodes, and the numbers that are returned on the way (None: not known)."""
    walk_ = Ways(stage, function, _DEPTH, assumed, frozenset(stops) - {start}, within)
    found = walk_.run(handed, start)
    if found is None:
        give_up(stage.unit, function)
        return frozenset(), frozenset()
    return frozenset(walk_.seen), frozenset(item.value for item in found)


def decides(stage: Stage, match: Match) -> bool:
    """Whether the result of a call decides something: it is tested, compared or returned.

    What is only printed, or asked what it is called, decides nothing.
    """
    if not isinstance(match.site, Call):
        return False
    nodes = stage.unit.module.functions[match.function].nodes
    held = {name for node in nodes for name in _held(node, match.site)}
    return any(_is_asked(node, match.site, held) for node in nodes)


def is_measured(stage: Stage, match: Match) -> bool:
    """Whether the result of a call, a length perhaps, is compared with another that is known."""
    if not isinstance(match.site, Call):
        return False
    call = match.site
    nodes = stage.unit.module.functions[match.function].nodes
    held = {name for node in nodes for name in _held(node, call)}
    return any(
        isinstance(item, Binary)
        and item.operator in NEGATED
        and any(
            _is_of(side, call, held) and isinstance(strip(other), Call)
            for side, other in ((item.left, item.right), (item.right, item.left))
        )
        for node in nodes
        for item in node.expressions
    )


def _held(node: Node, call: Call) -> Iterator[str]:
    """The names to which a step gives the value of a call."""
    if node.act is Act.DECLARE and node.variable is not None:
        if node.variable.initial is not None and _is_of(node.variable.initial, call, set()):
            yield node.variable.name
    elif node.evaluates is not None:
        for expr in node.expressions:
            if isinstance(expr, Assign) and _is_of(expr.value, call, set()):
                name = path(expr.target)
                if name is not None:
                    yield name


def _is_asked(node: Node, call: Call, held: Collection[str]) -> bool:
    """Whether a step looks at the value of a call, itself or by a name that holds it."""
    expr = node.evaluates
    if expr is None:
        return False
    if node.act in (Act.TEST, Act.SWITCH, Act.RETURN) and _is_of(expr, call, held):
        return True
    return any(
        isinstance(item, Binary)
        and item.operator in NEGATED
        and (_is_of(item.left, call, held) or _is_of(item.right, call, held))
        for item in walk(expr)
    )


def _is_of(expr: Expr, call: Call, held: Collection[str]) -> bool:
    """Whether an expression has the value of a call, or the truth of it."""
    expr = strip(expr)
    if isinstance(expr, Unary) and expr.operator == "!":
        return _is_of(expr.operand, call, held)
    if isinstance(expr, Assign):
        return _is_of(expr.value, call, held)
    return expr is call or (not isinstance(expr, Call) and path(expr) in held)


def _acts(unit: Unit, function: int) -> tuple[tuple[Expr, ...], ...]:
    """What each step of a function does that may change a number."""
    key = ("acts", function)
    known = unit.cache.get(key)
    if known is None:
        known = unit.cache[key] = tuple(
            tuple(
                expr
                for expr in node.expressions
                if isinstance(expr, (Assign, Call))
                or (isinstance(expr, Unary) and expr.operator in _STEPS)
            )
            for node in unit.module.functions[function].nodes
        )
    assert isinstance(known, tuple)
    return known


class _Plain(NamedTuple):
    """A test where nothing is known: what it names, its value, and what each outcome tells."""

    names: frozenset[str]
    calls: frozenset[int]
    """The anchors of the calls in it."""
    value: int | None
    holds: Numbers
    fails: Numbers


def _plain_tests(unit: Unit, function: int, kind: type, depth: int) -> dict[int, _Plain]:
    """The tests of a function as they are found, by their steps, for all walks of a kind."""
    known = unit.cache.setdefault(("plain", function, kind, depth), {})
    assert isinstance(known, dict)
    return known


class Ways:
    """One walk through a function: what its steps and tests tell of the numbers of its locals."""

    def __init__(
        self,
        stage: Stage,
        function: int,
        depth: int,
        assumed: Mapping[int, int] | None = None,
        stops: frozenset[int] = frozenset(),
        within: frozenset[int] | None = None,
        sole: bool = False,
    ) -> None:
        self.stage = stage
        self.function = function
        self.depth = depth
        self.assumed = assumed or {}
        self.stops = stops
        self.within = within
        self.sole = sole
        """Whether the endings are only asked for if all yield one number."""
        self.seen: set[int] = set()
        self.nodes = stage.unit.module.functions[function].nodes
        self.acts = _acts(stage.unit, function)
        self.plain = _plain_tests(stage.unit, function, type(self), depth)

    def run(self, handed: Numbers, node_from: int = 0) -> tuple[Ending, ...] | None:
        """All endings, in the order of the text."""
        start = (node_from, frozenset(handed.items()))
        most = min(max(BUDGET, 2 * len(self.nodes)), budget(self.stage.unit, self.function))
        seen = {start}
        waiting = [start]
        found: dict[Ending, None] = {}
        while waiting:
            at, state = waiting.pop()
            node = self.nodes[at]
            self.seen.add(at)
            if at in self.stops or not (self.within is None or at in self.within):
                continue
            numbers = dict(state)
            if node.act is Act.RETURN:
                for expr in self._arms(at, node.expr, numbers):
                    value = self.value(at, expr, numbers) if expr is not None else None
                    found[Ending(value, node.span, expr)] = None
                if self.sole and (
                    None in (values := {end.value for end in found}) or len(values) > 1
                ):
                    return None
                continue
            if self.acts[at] or node.act is Act.DECLARE:
                self.act(at, node, numbers)
                state = frozenset(numbers.items())
            for edge in node.next:
                reached = self.along(at, node, edge, numbers)
                if reached is None:
                    continue
                known = state if reached is numbers else frozenset(reached.items())
                step = (edge.target, known)
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
            if len(seen) > most:
                spend(self.stage.unit, self.function, len(seen))
                return None
        spend(self.stage.unit, self.function, len(seen))
        return tuple(sorted(found, key=lambda item: item.span))

    def _arms(self, at: int, expr: Expr | None, numbers: Numbers) -> tuple[Expr | None, ...]:
        """What may be returned: one of two, where a condition leaves that open."""
        inner = expr.expr if isinstance(expr, Evaluated) else expr
        if not isinstance(inner, Conditional):
            return (expr,)
        if self.value(at, inner.condition, numbers) is not None:
            return (expr,)
        return (
            *self._arms(at, inner.then, numbers),
            *self._arms(at, inner.otherwise, numbers),
        )

    def named(self, expr: Expr) -> str | None:
        """The name under which the number of an expression is kept."""
        return path(expr)

    def act(self, at: int, node: Node, numbers: dict[str, int]) -> None:
        """Effect: notes what a node does to the locals."""
        for expr in self.acts[at]:
            self._evaluate(at, expr, numbers)
        if node.act is Act.DECLARE and node.variable is not None:
            self._set(at, node.variable.name, node.variable.initial, numbers)

    def _evaluate(self, at: int, expr: Expr, numbers: dict[str, int]) -> None:
        if isinstance(expr, Assign):
            name = self.named(expr.target)
            if name is not None:
                self._set(at, name, expr.value if expr.operator == "=" else None, numbers)
        elif isinstance(expr, Unary):
            numbers.pop(self.named(expr.operand) or "", None)
        elif isinstance(expr, Call):
            for number, argument in enumerate(expr.arguments):
                numbers.pop(f"{BEHIND}{self.named(argument)}", None)
                if (name := self.named(argument)) in numbers and self._is_written(expr, number):
                    numbers.pop(name or "", None)

    def _is_written(self, call: Call, argument: int) -> bool:
        """Whether a call takes an argument by a reference through which it may write."""
        kind = self.stage.unit.parameter_type(self.function, call, argument) or ""
        return kind.rstrip().endswith("&") and "const" not in kind

    def _set(self, at: int, name: str, value: Expr | None, numbers: dict[str, int]) -> None:
        number = self.value(at, value, numbers) if value is not None else None
        numbers.pop(BEHIND + name, None)
        if number is None:
            numbers.pop(name, None)
        else:
            numbers[name] = number

    def along(
        self, at: int, node: Node, edge: Edge, numbers: dict[str, int]
    ) -> dict[str, int] | None:
        """What is known past an edge, `numbers` itself if no more; None if it is not taken."""
        if node.act is Act.TEST and isinstance(edge.when, bool) and node.expr is not None:
            plain = self._plain(at, node.expr)
            if plain.names.isdisjoint(numbers) and plain.calls.isdisjoint(self.assumed):
                value, told = plain.value, plain.holds if edge.when else plain.fails
            else:
                value = self.value(at, node.expr, numbers)
                told = self._told(at, node.expr, edge.when, numbers)
            if value is not None and bool(value) != edge.when:
                return None
            return {**numbers, **told} if told else numbers
        if node.act is Act.SWITCH and isinstance(edge.when, tuple) and node.expr is not None:
            value = self.value(at, node.expr, numbers)
            cases = [self.value(at, case.value, {}) for case in edge.when if case.value]
            default = any(case.value is None for case in edge.when)
            elsewhere = not default or value in self._cases(at, node)
            if value is not None and None not in cases and value not in cases and elsewhere:
                return None
            name = self.named(node.expr)
            if name and len(cases) == 1 and not default and cases[0] is not None:
                return {**numbers, name: cases[0]}
        return numbers

    def _plain(self, at: int, test: Expr) -> _Plain:
        """What a test tells where nothing is known yet, found once for all walks of a kind."""
        known = self.plain.get(at)
        if known is None:
            names = frozenset(name for item in parts(test) if (name := self.named(item)))
            assumed, self.assumed = self.assumed, {}
            known = self.plain[at] = _Plain(
                names,
                frozenset(item.anchor for item in parts(test) if isinstance(item, Call)),
                self.value(at, test, {}),
                self._told(at, test, True, {}),
                self._told(at, test, False, {}),
            )
            self.assumed = assumed
        return known

    def _cases(self, at: int, node: Node) -> set[int | None]:
        """The numbers of all cases of a switch."""
        return {
            self.value(at, case.value, {})
            for edge in node.next
            if isinstance(edge.when, tuple)
            for case in edge.when
            if case.value is not None
        }

    def _told(self, at: int, test: Expr, holds: bool, numbers: dict[str, int]) -> dict[str, int]:
        """What the outcome of a test tells of a local."""
        test = test.expr if isinstance(test, Evaluated) else test
        if isinstance(test, Unary) and test.operator == "!":
            return self._told(at, test.operand, not holds, numbers)
        if isinstance(test, Binary) and test.operator in ("==", "!="):
            for side, other in ((test.left, test.right), (test.right, test.left)):
                name, value = self.named(side), self.value(at, other, numbers)
                if name and value is not None and holds == (test.operator == "=="):
                    return {name: value}
            return {}
        target = test.target if isinstance(test, Assign) else test
        name = self.named(target) if not holds and not isinstance(target, Call) else None
        return {name: 0} if name and self._is_local(name) else {}

    def _is_local(self, name: str) -> bool:
        return self.stage.unit.is_local(self.function, name.partition(".")[0])

    def value(self, at: int, expr: Expr, numbers: Numbers) -> int | None:
        """The number that an expression has for certain."""
        if type(expr) is Literal:
            if expr.kind == "null":
                return 0
            return int(expr.value) if isinstance(expr.value, int) else None
        if type(expr) is Evaluated:
            return self.value(at, expr.expr, numbers)
        if type(expr) is Cast:
            return self.value(at, expr.operand, numbers)
        if type(expr) is Binary:
            return self._binary(at, expr, numbers)
        if type(expr) is Call:
            return self._call(at, expr, numbers)
        if type(expr) is Assign:
            return self.value(at, expr.value, numbers) if expr.operator == "=" else None
        if type(expr) is Unary:
            return self._unary(at, expr, numbers)
        if type(expr) is Conditional:
            return self._conditional(at, expr, numbers)
        name = self.named(expr)
        if name is not None and name in numbers:
            return numbers[name]
        if type(expr) is Name and not self._is_local(expr.text):
            return self._constant(at, expr)
        return None

    def _constant(self, at: int, expr: Expr) -> int | None:
        key = ("constant", id(expr))
        if key not in self.stage.unit.cache:
            values = possible(self.stage.index, self.stage.unit, self.function, at, expr)
            numbers = {value.number for value in values}
            self.stage.unit.cache[key] = numbers.pop() if len(numbers) == 1 else None
        known = self.stage.unit.cache[key]
        assert known is None or isinstance(known, int)
        return known

    def _unary(self, at: int, expr: Unary, numbers: Numbers) -> int | None:
        value = self.value(at, expr.operand, numbers)
        if value is None:
            return None
        return {"!": int(not value), "-": -value, "+": value, "~": ~value}.get(expr.operator)

    def _binary(self, at: int, expr: Binary, numbers: Numbers) -> int | None:
        left = self.value(at, expr.left, numbers)
        right = self.value(at, expr.right, numbers)
        if expr.operator == ",":
            return right
        if expr.operator == "&&":
            if 0 in (left, right):
                return 0
            return None if left is None or right is None else 1
        if expr.operator == "||":
            if left or right:
                return 1
            return None if left is None or right is None else 0
        if left is None or right is None:
            return self._unlike(expr)
        results = {
            "==": int(left == right),
            "!=": int(left != right),
            "<": int(left < right),
            ">": int(left > right),
            "<=": int(left <= right),
            ">=": int(left >= right),
            "+": left + right,
            "-": left - right,
            "*": left * right,
            "&": left & right,
            "|": left | right,
        }
        return results.get(expr.operator)

    def _unlike(self, expr: Binary) -> int | None:
        """Two constants of different names are taken for different numbers, whatever they are."""
        names = [
            side.text
            for side in (strip(expr.left), strip(expr.right))
            if isinstance(side, Name) and side.text.isupper() and not self._is_local(side.text)
        ]
        if expr.operator not in ("==", "!=") or len(names) != 2:
            return None
        return int((names[0] == names[1]) == (expr.operator == "=="))

    def _conditional(self, at: int, expr: Conditional, numbers: Numbers) -> int | None:
        condition = self.value(at, expr.condition, numbers)
        then = self.value(at, expr.then, numbers)
        otherwise = self.value(at, expr.otherwise, numbers)
        if condition is not None:
            return then if condition else otherwise
        return then if then == otherwise else None

    def _call(self, at: int, call: Call, numbers: Numbers) -> int | None:
        """What is assumed of a call, or what a function of the unit returns on all of its ways."""
        known = self.assumed.get(call.anchor)
        if known is not None:
            return known
        targets = called(self.stage.unit, call)
        if not targets or self.depth == 0:
            return None
        values: set[int | None] = set()
        for target in targets:
            if None in values or len(values) > 1:
                return None
            parameters = self.stage.unit.module.functions[target].parameters
            given = {
                parameter.name: number
                for parameter, argument in zip(parameters, call.arguments, strict=False)
                if (number := self.value(at, argument, numbers)) is not None
            }
            values.add(only_ending(self.stage, target, given, self.depth - 1))
        return values.pop() if len(values) == 1 else None
