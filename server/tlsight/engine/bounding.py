"""Whether a number is compared with a bound, the right way round, on every way to a step.

A *key* is what the number is called: a variable's path, or an expression as it is spelled. A walk
from where the number comes from carries what tests have told of its keys by then: that it is not
larger than something, that it is not smaller than something. Code that is asked about it and that
nobody here can see counts as both, so that what is unsure is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tlsight.engine.callees import called
from tlsight.engine.flow import definitions, give_up, reaching
from tlsight.engine.places import number, spelling
from tlsight.engine.relational import FLIPPED, NEGATED
from tlsight.engine.roles import Stage
from tlsight.engine.unit import last_name, path, strip
from tlsight.engine.widths import is_unsigned, of_type
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Case,
    Cast,
    Conditional,
    Evaluated,
    Expr,
    Index,
    Literal,
    Member,
    Name,
    Node,
    SizeOf,
    Unary,
    walk,
)

Keys = Mapping[str, int]
"""What a number is called, and whether what is so called grows with it (1) or shrinks (-1)."""

_CHECKS = re.compile(
    r"(?i)check|valid|assert|verif|ensure|require|limit|bound|clamp|expect|sanit|remain|avail"
)
"""Names of functions that may refuse a number: what they do is not known."""

UPPER, LOWER = 1, 2
_LEAST = 50_000
"""Steps that all walks through one function may take together, however small it is."""
_FOR_EACH = 5
"""And so many more for each step of it."""


class Told(NamedTuple):
    """What a test tells of a number on one of its ways."""

    upper: bool = False
    lower: bool = False

    @property
    def bits(self) -> int:
        """As bits of a state."""
        return (UPPER if self.upper else 0) | (LOWER if self.lower else 0)


NOTHING, BOTH = Told(), Told(True, True)


def is_reached(
    stage: Stage,
    function: int,
    start: int,
    node: int,
    keys: Keys,
    name: str,
    neutral: frozenset[int],
    signed: bool,
    strict: bool = False,
) -> bool:
    """Whether a step is reached with a number of which no test has told enough.

    `name` is the variable that holds it, if one does: where that is set anew the way ends.
    `neutral` are calls, by anchor, that ask nothing; `signed`: a lower bound is needed as well;
    `strict`: that must be stated, as zero is too small.
    """
    found = _states(stage, function, start, keys, name, neutral, strict)
    if found is None:
        return False
    states = found.get(node, 0)
    # Bit s is set if the step is reached in state s: which bounds are known by then.
    return any(
        states >> state & 1 and (not state & UPPER or (signed and not state & LOWER))
        for state in range(4)
    )


def _states(
    stage: Stage,
    function: int,
    start: int,
    keys: Keys,
    name: str,
    neutral: frozenset[int],
    strict: bool,
) -> Mapping[int, int] | None:
    unit = stage.unit
    key = ("bounded", function, start, tuple(sorted(keys.items())), name, neutral, strict)
    if key in unit.cache:
        known = unit.cache[key]
        assert known is None or isinstance(known, dict)
        return known
    unit.cache[key] = None
    nodes = unit.module.functions[function].nodes
    left = unit.cache.get(("bounding", function), _LEAST + _FOR_EACH * len(nodes))
    assert isinstance(left, int)
    if left < 0:
        give_up(unit, function)
        return None
    stops = (_stops(stage, function, name) if name else _set(stage, function, keys)) - {start}
    judge = _Judge(stage, function, whole_keys(stage, function, keys), neutral, strict)
    found: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    _spread(waiting, found, judge, nodes, start, 0)
    steps = 0
    while waiting:
        at, state = waiting.pop()
        steps += 1
        if at in stops:
            continue
        _spread(waiting, found, judge, nodes, at, state)
    unit.cache["bounding", function] = left - steps
    unit.cache[key] = found
    return found


def _spread(
    waiting: list[tuple[int, int]],
    found: dict[int, int],
    judge: _Judge,
    nodes: tuple[Node, ...],
    at: int,
    state: int,
) -> None:
    """Effect: goes on from a step in a state to all that follow it."""
    for edge in nodes[at].next:
        after = state | judge.told(at, nodes[at], edge.when).bits
        bit = 1 << after
        if not found.get(edge.target, 0) & bit:
            found[edge.target] = found.get(edge.target, 0) | bit
            waiting.append((edge.target, after))


def _set(stage: Stage, function: int, keys: Keys) -> frozenset[int]:
    """The steps that set just what is called so: a field of a structure over memory, say."""
    table = definitions(stage.unit, function)
    return frozenset(
        item.node for key in keys for item in table.get(key, ()) if item.kind != "touch"
    )


def _stops(stage: Stage, function: int, name: str) -> frozenset[int]:
    """The steps that give a variable, or what it is a part of, another value."""
    key = ("given anew", function, name)
    known = stage.unit.cache.get(key)
    if known is None:
        table = definitions(stage.unit, function)
        found: set[int] = set()
        part = name
        while part:
            found |= {item.node for item in table.get(part, ()) if item.kind != "touch"}
            part = part.rpartition(".")[0]
        known = stage.unit.cache[key] = frozenset(found)
    assert isinstance(known, frozenset)
    return known


def whole_keys(stage: Stage, function: int, keys: Keys) -> Keys:
    """The keys, and the variables that are made from them by sums and differences."""
    table = _derived(stage, function)
    found = dict(keys)
    waiting = list(keys)
    for _ in range(16):
        if not waiting:
            break
        key = waiting.pop()
        for name, sign in table.get(key, ()):
            if name not in found:
                found[name] = sign * found[key]
                waiting.append(name)
    return found


def _derived(stage: Stage, function: int) -> Mapping[str, list[tuple[str, int]]]:
    """For each variable: what others are set to a sum or difference that it is in."""
    key = ("derived", function)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[str, list[tuple[str, int]]] = {}
        for name, items in definitions(stage.unit, function).items():
            for item in items:
                if item.value is None or item.kind != "value":
                    continue
                for part, sign in _terms(item.value, 1):
                    # A pointer that was made from another one says nothing of where that is now.
                    if part != name and not _is_pointer(stage, function, part):
                        found.setdefault(part, []).append((name, sign))
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    return known


def _is_pointer(stage: Stage, function: int, name: str) -> bool:
    declared = stage.unit.variables[function].get(name, ())
    return any("*" in item.type or "[" in item.type for item in declared)


def _terms(expr: Expr, sign: int) -> Iterator[tuple[str, int]]:
    """The variables of a sum, and whether it grows or shrinks with them."""
    expr = strip(expr)
    if isinstance(expr, (Name, Member)):
        name = path(expr)
        if name is not None:
            yield name, sign
    elif isinstance(expr, Binary) and expr.operator in ("+", "-", "*", "<<"):
        yield from _terms(expr.left, sign)
        yield from _terms(expr.right, -sign if expr.operator == "-" else sign)
    elif isinstance(expr, Conditional):
        yield from _terms(expr.then, sign)
        yield from _terms(expr.otherwise, sign)


_WORD = re.compile(r"[A-Za-z_]\w*")


def _asking(stage: Stage, function: int, keys: Keys) -> frozenset[int]:
    """The steps that mention a key, or hold a truth that a test may be about."""
    table = _mentioned(stage, function)
    words = {word for key in keys for word in _WORD.findall(key)}
    found: set[int] = set()
    for word in words:
        found |= table.get(word, frozenset())
    return frozenset(found)


def _mentioned(stage: Stage, function: int) -> Mapping[str, set[int]]:
    """By name: the steps that mention it, and the tests of what was set at one of these."""
    key = ("words of numbers", function)
    known = stage.unit.cache.get(key)
    if known is None:
        found: dict[str, set[int]] = {}
        nodes = stage.unit.module.functions[function].nodes
        tests: dict[str, list[int]] = {}
        for at, node in enumerate(nodes):
            for name in _named(node):
                found.setdefault(name, set()).add(at)
                if node.act is Act.TEST:
                    tests.setdefault(name, []).append(at)
        for name, items in definitions(stage.unit, function).items():
            for item in items if name in tests and len(items) <= _FEW else ():
                inner = strip(item.value) if item.value is not None else None
                if isinstance(inner, Binary) and inner.operator in (*NEGATED, "&&", "||"):
                    for other in _named(nodes[item.node]):
                        found[other].update(tests[name])
        known = stage.unit.cache[key] = found
    assert isinstance(known, dict)
    return known


_FEW = 8
"""Steps at which a truth may be set."""


def _named(node: Node) -> set[str]:
    found: set[str] = set()
    for part in node.everything:
        if isinstance(part, Name):
            found.add(part.text)
        elif isinstance(part, Member):
            found.add(part.name)
    return found


class _Judge:
    """What the tests of one function tell of a number."""

    def __init__(
        self,
        stage: Stage,
        function: int,
        keys: Keys,
        neutral: frozenset[int],
        strict: bool = False,
    ) -> None:
        self.stage = stage
        self.function = function
        self.keys = keys
        self.neutral = neutral
        self.strict = strict
        self.asking = _asking(stage, function, keys)
        """The steps at which anything is told."""
        self.spelled = any(not key.replace(".", "_").isidentifier() for key in keys)

    def told(self, at: int, node: Node, when: bool | tuple[Case, ...] | None) -> Told:
        """What the way out of a step tells."""
        expr = node.evaluates
        if expr is None or at not in self.asking:
            return NOTHING
        if node.act is Act.TEST and isinstance(when, bool):
            return self.of_test(at, expr, when, node.loop)
        if node.act is Act.SWITCH and isinstance(when, tuple):
            told = any(case.value is not None for case in when)
            return BOTH if told and self.sign(expr) is not None else NOTHING
        for part in walk(expr):
            if (
                isinstance(part, Call)
                and part.anchor not in self.neutral
                and self._is_asked(part)
                and self._may_refuse(node, part)
            ):
                return BOTH
        return NOTHING

    def _may_refuse(self, node: Node, call: Call) -> bool:
        """Whether a call may end the way if a number is too large."""
        if _CHECKS.search(last_name(call)):
            return True
        for body in called(self.stage.unit, call):
            parameters = self.stage.unit.module.functions[body].parameters
            for parameter, argument in zip(parameters, call.arguments, strict=False):
                if self.sign(argument) is not None and _bounds(self.stage, body, parameter.name):
                    return True
        if node.act is not Act.EVALUATE or strip(node.expr or call) is not call:
            return False
        # It is told the number and nothing else, and nobody looks at what it says.
        return not called(self.stage.unit, call) and all(map(self._is_number, call.arguments))

    def _is_number(self, expr: Expr) -> bool:
        inner = strip(expr)
        if isinstance(inner, Literal):
            return inner.kind != "string"
        kind = self.stage.unit.type_of(self.function, expr)
        return of_type(self.stage.unit, kind) is not None

    def of_test(self, at: int, expr: Expr, when: bool, loop: bool = False) -> Told:
        """What a test tells on one of its ways."""
        inner = strip(expr)
        if isinstance(inner, Unary) and inner.operator == "!":
            return self.of_test(at, inner.operand, not when, loop)
        if isinstance(inner, Binary) and inner.operator in ("&&", "||"):
            if (inner.operator == "&&") == when:
                left = self.of_test(at, inner.left, when, loop)
                right = self.of_test(at, inner.right, when, loop)
                return Told(left.upper or right.upper, left.lower or right.lower)
            return NOTHING
        if isinstance(inner, Binary) and inner.operator in NEGATED:
            return self._of_comparison(at, inner, when, loop)
        if self.sign(inner) is not None:
            if isinstance(inner, Call):
                return BOTH if inner.anchor not in self.neutral else NOTHING
            return NOTHING if when else BOTH
        told = self._of_truth(at, inner, when)
        return self._of_calls(inner) if told is None else told

    def _of_truth(self, at: int, expr: Expr, when: bool) -> Told | None:
        """What a variable tells that holds whether a comparison was true."""
        if not isinstance(expr, Name) or not self.stage.unit.is_local(self.function, expr.text):
            return None
        found = reaching(self.stage.unit, self.function, at, expr.text, touches=False)
        if found is None or found[1] or len(found[0]) != 1 or found[0][0].kind != "value":
            return None
        value = found[0][0].value
        inner = strip(value) if value is not None else None
        if isinstance(inner, Binary) and inner.operator in (*NEGATED, "&&", "||"):
            return self.of_test(at, inner, when)
        return None

    def _of_comparison(self, at: int, expr: Binary, when: bool, loop: bool) -> Told:
        left, right = self.sign(expr.left), self.sign(expr.right)
        if left is not None and right is not None:
            return NOTHING if left == right else BOTH
        if left is None and right is None:
            return self._of_calls(expr)
        side, other = (expr.left, expr.right) if left is not None else (expr.right, expr.left)
        operator = expr.operator if left is not None else FLIPPED[expr.operator]
        sign = left if left is not None else right
        if not when:
            operator = NEGATED[operator]
        if sign == -1:
            operator = FLIPPED[operator]
        if operator == "==":
            return BOTH
        if operator in ("<", "<="):
            if loop and not when:
                return NOTHING  # a loop that counts up to the number has ended
            return Told(True, not self.strict and self._is_unsigned(at, side, other))
        if operator in (">", ">="):
            return Told(False, True)
        return NOTHING

    def _is_unsigned(self, at: int, side: Expr, other: Expr) -> bool:
        """Whether a comparison with an upper bound refuses negative numbers too, as they are huge.

        So it does where nobody knows the types.
        """
        if (
            isinstance(strip(other), Literal)
            or number(self.stage, self.function, at, other) is not None
        ):
            if any(isinstance(item, SizeOf) for item in _all(other)):
                return True
            return self._unsigned(side) is True
        return any(self._unsigned(item) is not False for item in (side, other))

    def _unsigned(self, expr: Expr) -> bool | None:
        inner = expr.expr if isinstance(expr, Evaluated) else expr
        if isinstance(inner, Cast):
            return is_unsigned(self.stage.unit, inner.type)
        if isinstance(inner, SizeOf):
            return True
        if isinstance(inner, Literal):
            return False
        if isinstance(inner, Binary):
            sides = (self._unsigned(inner.left), self._unsigned(inner.right))
            return True if True in sides else None if None in sides else False
        kind = self.stage.unit.type_of(self.function, inner)
        return is_unsigned(self.stage.unit, kind)

    def _of_calls(self, expr: Expr) -> Told:
        """A test that asks code about the number: what that says is not known."""
        for part in walk(expr):
            if isinstance(part, Call) and part.anchor not in self.neutral and self._is_asked(part):
                return BOTH
        return NOTHING

    def _is_asked(self, call: Call) -> bool:
        return any(self.sign(argument) is not None for argument in call.arguments)

    def sign(self, expr: Expr) -> int | None:
        """Whether an expression grows (1) or shrinks (-1) with the number; None: without it."""
        expr = strip(expr)
        if isinstance(expr, (Name, Member)):
            name = path(expr)
            return self.keys.get(name) if name is not None else None
        if isinstance(expr, Assign):
            name = path(expr.target)
            if name is not None and name in self.keys:
                return self.keys[name]
            return self.sign(expr.value)
        if self.spelled and isinstance(expr, (Index, Unary, Call)):
            found = self.keys.get(spelling(self.stage, expr))
            if found is not None:
                return found
        if isinstance(expr, Unary) and expr.operator in ("+", "++", "--", "p++", "p--", "-"):
            found = self.sign(expr.operand)
            return -found if found is not None and expr.operator == "-" else found
        if isinstance(expr, Binary) and expr.operator in ("+", "-", "*", "/", "<<", ">>", "|"):
            left, right = self.sign(expr.left), self.sign(expr.right)
            if left is not None:
                return left
            return -right if right is not None and expr.operator in ("-", "/") else right
        if isinstance(expr, Call) and expr.anchor not in self.neutral:
            return next(
                (found for item in expr.arguments if (found := self.sign(item)) is not None), None
            )
        if isinstance(expr, Conditional):
            found = self.sign(expr.then)
            return found if found is not None else self.sign(expr.otherwise)
        return None


def _all(expr: Expr) -> Iterator[Expr]:
    for part in walk(expr):
        yield part.expr if isinstance(part, Evaluated) else part


def _bounds(stage: Stage, function: int, name: str) -> bool:
    """Whether a function compares a parameter with a bound."""
    key = ("bounds", function, name)
    known = stage.unit.cache.get(key)
    if known is None:
        stage.unit.cache[key] = False  # for a function that calls itself
        steps = frozenset(range(len(stage.unit.module.functions[function].nodes)))
        known = bounded_by_others(stage, function, steps, -1, {name: 1})
        stage.unit.cache[key] = known
    return bool(known)


def tells(stage: Stage, function: int, node: int, condition: Expr, when: bool, keys: Keys) -> Told:
    """What a condition of `?:` tells of a number on one of its ways."""
    judge = _Judge(stage, function, whole_keys(stage, function, keys), frozenset())
    return judge.of_test(node, condition, when)


def bounded_by_others(
    stage: Stage, function: int, nodes: frozenset[int], but: int, keys: Keys
) -> bool:
    """Whether some test of these steps, but for one, bounds a number from above."""
    judge = _Judge(stage, function, whole_keys(stage, function, keys), frozenset())
    steps = stage.unit.module.functions[function].nodes
    return any(
        judge.told(at, steps[at], edge.when).upper
        for at in nodes
        if at != but and steps[at].act is Act.TEST
        for edge in steps[at].next
    )
