"""Properties about what is made of a result: the engine behind `kind = "result"`.

A result is followed as a set of *outcomes*, small integers that stand for all its values. A test
splits the set between its edges; a mistake is a place where a set still holds what it must not.
The walk goes forward from the call, one state per node and set, and gives up at a budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tlsight.engine.deeds import may_end
from tlsight.engine.excuses import Excuse, excuse
from tlsight.engine.flow import (
    BUDGET,
    budget,
    components,
    copies,
    give_up,
    leading,
    leaving,
    rebound,
    spend,
)
from tlsight.engine.index import Index
from tlsight.engine.match import Match, call_matches, tags_at
from tlsight.engine.mentioning import chosen, home, mentioned, mentions
from tlsight.engine.outcomes import ALL, Contract, Outcomes, contract
from tlsight.engine.places import spelling
from tlsight.engine.relational import FLIPPED, compare
from tlsight.engine.remarks import remark
from tlsight.engine.repairing import checked, guarded, tested
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.roles import Stage, played, playing
from tlsight.engine.steps import of_function
from tlsight.engine.unit import Unit, path, strip
from tlsight.engine.values import CONTENT, CONVERSION, possible
from tlsight.finding import Evidence, Finding, Fix, Related
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Cast,
    Conditional,
    Expr,
    Function,
    LambdaExpr,
    Member,
    Name,
    Node,
    Unary,
    parts,
    walk,
)
from tlsight.ir import Index as Subscript
from tlsight.rule import Check, Property
from tlsight.text import Span

_FEW = 8
"""Places of which it is asked at once whether they may still be reached."""
_LONG = 250
"""Steps of a walk after which it is asked whether going on can tell anything."""
_STRAIGHT = 12
"""Steps that a failing branch may take, without another one, until it returns."""
_ERROR = re.compile(r"(?:^|_)(?:ERR|ERROR|FAIL|FAILED|FAILURE)(?:$|_)")
_NO_ERROR = re.compile(r"(?:^|_)(?:NO|NONE|OK|SUCCESS|SUCCEEDED)(?:$|_)")


def check_result(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of a `result` property, and what is right or open."""
    done: set[Span] = set()
    for match in playing(stage, check.roles):
        means = contract(match.binding.ok, match.binding.fail)
        if means is None or not isinstance(match.site, Call) or match.span in done:
            continue
        if check.wrong == "misread" and not match.binding.fail:
            continue  # which of the other outcomes are failures was not said
        function = stage.unit.module.functions[match.function]
        if function.nodes[match.node].expanded:
            continue
        walk_ = _Walk(stage, check, match, function, means)
        mistake = walk_.run()
        if mistake is None:
            yield from _right(stage, rule, match, walk_)
            continue
        if mistake.span in done:
            continue
        settled = excuse(stage, check, match)
        if settled is None and check.wrong == "unchecked" and _says_so(stage.unit, match):
            settled = Excuse(f"a comment says that the result of {match.spelled} is dropped")
        if settled is not None:
            yield from excused(stage, rule, match, settled)
            continue
        done |= {match.span, mistake.span}
        found = _reported(stage, rule, check, match, mistake, walk_)
        if found is not None:
            yield found


_ON_PURPOSE = re.compile(
    r"\b(?:ignor|discard|deliberate|intentional|on purpose|best.effort|don'?t care"
    r"|not (?:critical|fatal|important))",
    re.IGNORECASE,
)
_NONE = re.compile(r"(?:^|_)(?:VOID|void)(?:_|\b)")
"""What a condition says of a function that yields nothing in some release."""
_OF_RESULTS = re.compile(r"\b(?:result|return|error|fail|status|value)", re.IGNORECASE)


def _says_so(unit: Unit, match: Match) -> bool:
    """Whether a comment beside a call says that its result is dropped on purpose.

    So says a condition for releases in which the function had none.
    """
    if any(_NONE.search(tag.condition) for tag in tags_at(unit, match)):
        return True
    function = unit.module.functions[match.function]
    text = remark(unit, function, function.nodes[match.node].span)
    return bool(_ON_PURPOSE.search(text) and _OF_RESULTS.search(text))


def _right(stage: Stage, rule: Property, match: Match, walk_: _Walk) -> Iterator[Evidence]:
    """What was seen of a result with which nothing is wrong."""
    subject = f"the result of {match.spelled}"
    if walk_.exhausted:
        reason = f"too many ways lead from {match.spelled} to follow its result on each"
        yield from undecided(stage, rule, match.function, match.span, reason)
    elif walk_.context == "stated":
        yield from held(stage, rule, match.function, match.span, f"{subject} is dropped on purpose")
    elif walk_.tests:
        tests = tuple(Related(span, "here") for span in sorted(walk_.tests))
        seen = f"{subject} is tested"
        yield from held(stage, rule, match.function, match.span, seen, tests)
    elif walk_.context == "passed" or walk_.handed_on:
        reason = f"{subject} is handed on, and judged elsewhere"
        yield from undecided(stage, rule, match.function, match.span, reason)


_NARROWED = {"<": "<=", ">=": ">"}
"""Comparisons with a number, and those with the number before it that mean the same."""


@dataclass(frozen=True)
class Mistake:
    """Where a result goes wrong, with the way of the message."""

    span: Span
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()


def _reported(
    stage: Stage, rule: Property, check: Check, match: Match, mistake: Mistake, walk_: _Walk
) -> Finding | None:
    words = {"argument": check.argument, "variable": walk_.variable or match.spelled}
    return finding(
        stage,
        rule,
        check,
        match,
        mistake.span,
        words,
        related=mistake.related,
        fixes=mistake.fixes if rule.safety is not None else (),
    )


_IF = re.compile(rb"\bif\s*\(\s*(?:[^;{}]*;\s*)?$")
"""What stands before the test of an `if`, an initialisation perhaps."""
_HEAD = 200
"""Bytes before a test that are looked at."""
_EMPTY = re.compile(rb"\s*\)\s*\{([^{}]*)\}")
_UNSAID = re.compile(rb"[;(){}=]|TODO|FIXME|XXX", re.IGNORECASE)
"""In a comment: it is code, or says that something is still missing."""


def _is_explained(data: bytes, end: int) -> bool:
    """Whether words, rather than code that is commented out, stand in the branch of a test."""
    found = _EMPTY.match(data, end)
    said = found[1].strip(b"/* \t\r\n") if found is not None else b""
    return bool(said) and _UNSAID.search(said) is None


class _State(NamedTuple):
    """At a node: what is still possible, whether anything looked, and which test was last."""

    outcomes: Outcomes
    tested: bool
    last: int
    """The node of the last test that let success and failure through together; -1: none."""
    holders: frozenset[str]
    """The paths that hold the result."""


class _Walk:
    """One walk from one call. Its answers are `run`'s and what it saw; it changes nothing else."""

    def __init__(
        self, stage: Stage, check: Check, match: Match, function: Function, means: Contract
    ) -> None:
        self.stage = stage
        self.unit: Unit = stage.unit
        self.index: Index = stage.index
        self.check = check
        self.match = match
        self.function = function
        self.means = means
        assert isinstance(match.site, Call)
        self.call: Call = match.site
        self.variable: str | None = None
        """What the call gives its result to."""
        self.behind = False
        """Whether that is what the variable points to."""
        self.shared = False
        """Whether other functions may see it, for a pointer leads to it."""
        self.copies: frozenset[str] = frozenset()
        """What may be a copy of that."""
        self.holders: frozenset[str] = frozenset()
        """What holds the result at the step that is looked at."""
        self.mapping: Mapping[int, int] | None = None
        """For a variable that holds a comparison of the result: outcome to its truth."""
        self.home = home(self.unit, match)
        """The node whose expression the call belongs to."""
        self.sinks = self._sink_sites()
        self.refilled = self._refilling()
        """The steps at which other calls fill what this one has filled."""
        self.handed_on = False
        """Whether some path hands the result to someone who may look at it."""
        self.context = ""
        """How the call stands in its own step; see `_context`."""
        self.tests: set[Span] = set()
        """Where the result is tested."""
        self.exhausted = False

    def _refilling(self) -> frozenset[int]:
        if self.check.wrong != "data-unguarded":
            return frozenset()
        target = self.match.arguments.get(self.check.argument)
        name = path(target) if target is not None else None
        return frozenset(
            other.node
            for role in self.check.roles
            for other in of_function(self.stage, role, self.match.function)
            if name is not None and other.site is not self.match.site
            if (filled := other.arguments.get(self.check.argument)) is not None
            and path(filled) == name
        )

    def run(self) -> Mistake | None:
        """The mistake that stands first in the text, None if there is none or it cannot be told."""
        node = self.function.nodes[self.home]
        context = self.context = self._context(node)
        start = _State(self.means.all, False, -1, self.holders)
        wrong = self.check.wrong
        if context == "dropped":
            if wrong == "unchecked":
                return Mistake(self.match.span, fixes=self._check_fix())
            if wrong == "data-unguarded":
                return self._forward(start, self.home)
            return None
        if context == "passed":
            if wrong == "used-unguarded":
                mistake = self._nested_use(node)
                return None if mistake is not None and self._was_asked() else mistake
            if wrong == "as-length":
                return self._nested_length(node)
            if wrong == "misread" and node.act is Act.RETURN:
                return self._returned_truth(node)
            return None
        if context == "stated":
            return None
        if context == "tested" and wrong == "unchecked" and self._decides_nothing(node):
            if node.expr is None or _is_explained(self.unit.data, node.expr.span.end):
                return None
            told = Related(node.expr.span, "nothing depends on this test")
            return Mistake(self.match.span, (told,))
        if wrong == "misread" and context == "stored" and self._truth_mixed():
            return Mistake(self.match.span, fixes=self._test_fix(self.home, self.call))
        return self._forward(start, self.home)

    # How the call stands in its own step.

    def _context(self, node: Node) -> str:
        """`dropped`, `stated` (void), `tested`, `stored` (in `variable`) or `passed` (on)."""
        if node.expr is None and node.variable is None:
            return "passed"
        if node.act is Act.DECLARE and node.variable is not None:
            initial = node.variable.initial
            if initial is not None and self._is_call(initial):
                self._store(node.variable.name, initial, node.variable.type, None)
                return "stored"
            return "passed"
        expr = node.expr
        assert expr is not None
        if node.act in (Act.TEST, Act.SWITCH):
            if self._split(expr) is not None or (node.act is Act.SWITCH and self._is_result(expr)):
                inner = _assignment(expr)
                if inner is not None:
                    self._store(path(inner.target), inner.value, None, inner.target)
                return "tested"
            return "passed"
        if node.act is Act.RETURN:
            return "passed"
        if isinstance(expr, Cast) and bare_void(expr.type) and self._is_call(expr):
            return "stated"
        plain = _transparent(self, expr)
        if plain is self.call:
            return "dropped"
        if isinstance(plain, Assign) and plain.operator == "=" and self._is_call(plain.value):
            name = path(plain.target)
            if name is None or not self._followed(name):
                return "passed"
            declared = self.unit.type_of(self.match.function, plain.target)
            self._store(name, plain.value, declared, plain.target)
            return "stored"
        return "passed"

    def _store(
        self, name: str | None, value: Expr, declared: str | None, target: Expr | None
    ) -> None:
        self.variable = name
        target = strip(target) if target is not None else None
        self.behind = isinstance(target, Unary) and target.operator == "*"
        self.shared = self.behind or any(
            isinstance(item, Member) and item.arrow for item in (walk(target) if target else ())
        )
        self.holders = frozenset((name,)) if name is not None else frozenset()
        if name is not None and self.check.wrong == "used-unguarded":
            self.copies = copies(self.unit, self.match.function, name)
        inner = _transparent(self, value)
        if isinstance(inner, Conditional):
            arm = inner.then if self._is_call(inner.then) else inner.otherwise
            inner = _transparent(self, arm)
        if inner is not self.call:
            split = self._split(value)
            if split is not None:
                self.mapping = {item: int(item in split) for item in self.means.all}
        elif declared is not None and re.search(r"\b_?[bB]ool\b", declared):
            self.mapping = {item: int(item != 0) for item in self.means.all}

    def _followed(self, name: str) -> bool:
        return self.unit.is_local(self.match.function, name.partition(".")[0])

    def _is_call(self, expr: Expr) -> bool:
        """Whether an expression is the call, an arm of a `?:` that is, or a comparison of it."""
        inner = _transparent(self, expr)
        if isinstance(inner, Conditional):
            return self._is_call(inner.then) or self._is_call(inner.otherwise)
        return inner is self.call or self._split(expr) is not None

    def _is_result(self, expr: Expr) -> bool:
        """Whether an expression has the value of the result."""
        inner = _transparent(self, expr)
        if inner is self.call:
            return True
        if isinstance(inner, Assign) and inner.operator == "=":
            return self._is_result(inner.value) or (
                self.variable is not None
                and path(inner.target) == self.variable
                and _contains(inner.value, self.call)
            )
        return self._names_result(inner)

    def _split(self, expr: Expr) -> Outcomes | None:
        """The outcomes for which an expression is true; None if it does not test the result."""
        expr = _transparent(self, expr)
        if isinstance(expr, Unary) and expr.operator == "!":
            inner = self._split(expr.operand)
            return None if inner is None else self.means.all - inner
        if self._is_result(expr):
            return frozenset(item for item in self.means.all if self._value(item) != 0)
        if not isinstance(expr, Binary) or expr.operator not in FLIPPED:
            return None
        operator = expr.operator
        if self._is_result(expr.left):
            other = expr.right
        elif self._is_result(expr.right):
            other, operator = expr.left, FLIPPED[operator]
        else:
            return None
        number = self._number(other)
        if number is not None and number > ALL[-2] and operator in _NARROWED:
            number, operator = number - 1, _NARROWED[operator]
        if (
            number is not None
            and operator in _NARROWED.values()
            and self.check.wrong == "as-length"
        ):
            number = min(number, ALL[-2])  # what is more than that is a length, however much it is
        if number is None or not ALL[1] <= number <= ALL[-2]:
            return None  # a number that no outcome stands for alone
        return frozenset(
            item for item in self.means.all if compare(self._value(item), operator, number)
        )

    def _value(self, item: int) -> int:
        if self.mapping is not None and self.variable is not None:
            return self.mapping.get(item, item)
        return item

    def _number(self, expr: Expr, at: int | None = None) -> int | None:
        """The number that an expression surely is, at the call if no other step is given."""
        place = self.match.node if at is None else at
        values = possible(self.index, self.unit, self.match.function, place, expr)
        if len(values) != 1:
            return None
        if values[0].kind == "null":
            return 0
        return values[0].number

    # The walk.

    def _forward(self, start: _State, node: int) -> Mistake | None:
        seen: dict[_State, set[int]] = {}
        mistake = self._followed_on(start, node, seen)
        spend(self.unit, self.match.function, sum(map(len, seen.values())))
        return mistake

    def _followed_on(
        self, start: _State, node: int, seen: dict[_State, set[int]]
    ) -> Mistake | None:
        found: list[Mistake] = []
        seen[start] = {node}
        step = self.function.nodes[node]
        if step.act in (Act.TEST, Act.SWITCH):
            outcome = self._visit(node, step, start, again=False)
            if isinstance(outcome, Mistake):
                return outcome
            if self._has_looked(outcome):
                return None
        else:
            outcome = [(edge.target, start) for edge in step.next]
        queue = list(outcome)
        names = self._names()
        keys = mentions(self.unit, self.match.function)
        throws = self.check.wrong == "misread" and self.unit.language != "c"
        alive = self._alive(_FEW)
        most = min(BUDGET, budget(self.unit, self.match.function))
        steps = 0
        while queue:
            first, state = queue.pop()
            here = seen.setdefault(state, set())
            waiting = [first]
            while waiting:
                at = waiting.pop()
                if at in here or (throws and self._throws(at)):
                    continue  # what says that it failed takes no failure for a success
                if alive is not None and at not in alive:
                    ended = self._left(state) if self._comes_to_an_end(at) else None
                    found += [] if ended is None else [ended]
                    continue
                here.add(at)
                steps += 1
                if steps == _LONG:
                    alive = self._alive()
                if steps > most:
                    give_up(self.unit, self.match.function)
                    self.exhausted = True
                    return None
                step = self.function.nodes[at]
                if (
                    names is not None
                    and at != node
                    and names.isdisjoint(keys[at])
                    and step.act is not Act.EXIT
                ):
                    if not (state.tested and self._leaves(step, state)):
                        waiting += [edge.target for edge in step.next]
                    continue
                outcome = self._visit(at, step, state, again=at == node)
                if isinstance(outcome, Mistake):
                    found.append(outcome)
                    continue
                if self._has_looked(outcome):
                    return None
                queue += outcome
        return min(found, key=lambda item: item.span, default=None)

    def _has_looked(self, outcome: Sequence[tuple[int, _State]]) -> bool:
        """Whether some path looks at what must be looked at; others may leave for their reasons."""
        looked = self.handed_on or any(following.tested for _, following in outcome)
        return looked and self.check.wrong == "unchecked"

    def _alive(self, most: int | None = None) -> frozenset[int] | None:
        """The nodes from which the result, or what came with it, may still be looked at.

        None where that does not tell when a walk may end, or there are more than `most` places.
        """
        names = self._names()
        if names is None:
            return None
        function = self.match.function
        where = mentioned(self.unit, function)
        places = [where.get(key, ()) for key in names]
        if most is not None and sum(map(len, places)) > most:
            return None
        goals = frozenset(at for part in places for at in part) - {self.home}
        return goals | leading(self.unit, function, goals, frozenset((self.home,)))

    def _names(self) -> frozenset[object] | None:
        """What a step must mention to matter to the result; None where other steps matter too."""
        if self.check.wrong in ("unclassified", "unreported"):
            return None
        target = self.match.arguments.get(self.check.argument)
        roots = {_root(self.variable), _root(path(target) if target is not None else None)}
        return frozenset({*roots, *self.copies, id(self.call), LambdaExpr})

    def _comes_to_an_end(self, at: int) -> bool:
        """Whether a way from a node leads out of the function, or to the call again."""
        loops = components(self.unit, self.match.function)
        return at in leaving(self.unit, self.match.function) or loops[at] == loops[self.home]

    def _visit(
        self, at: int, step: Node, state: _State, again: bool
    ) -> list[tuple[int, _State]] | Mistake:
        """What follows a node, or the mistake that is there."""
        self.holders = state.holders
        if again and self.check.wrong == "unclassified" and self._is_repeated():
            return []
        if again or step.act is Act.EXIT:
            ended = self._left(state)
            return ended if ended is not None else []
        used = self._used(at, step, state)
        if used is not None:
            return used
        if at in self.refilled:
            return []
        if self.check.wrong == "data-unguarded" and self._looks(step):
            self.tests.add(step.span)
            return []
        if step.act is Act.TEST and step.expr is not None and not self._decides_nothing(step):
            split = self._split(step.expr)
            if split is not None:
                self.tests.add(step.expr.span)
                if self.check.wrong == "misread" and self._is_swapped(step, split):
                    way = (Related(self.match.span, f"the result of {self.match.spelled}"),)
                    fixes = self._test_fix(at, step.expr, swapped=True)
                    return Mistake(step.expr.span, way, fixes)
                return self._tested(at, step, state, split)
        if step.act is Act.SWITCH and step.expr is not None and self._is_result(step.expr):
            self.tests.add(step.expr.span)
            return self._switched(at, step, state)
        if self._calls_sink(at, step, state) or self._leaves(step, state):
            return []
        if step.variable is not None and step.variable.name == self.variable:
            return []
        if self.variable is not None and step.evaluates is not None:
            passes = self._passes_on(step)
            if passes:
                self.handed_on = True
                if self.check.wrong in ("unchecked", "misread") or step.act is Act.RETURN:
                    return []
            holders = self._holding(step)
            if not holders and not passes:
                ended = self._ended(state)
                return ended if ended is not None else []
            if holders and holders != state.holders:
                state = state._replace(holders=holders)
        return [(edge.target, state) for edge in step.next]

    def _tested(
        self, at: int, step: Node, state: _State, split: Outcomes
    ) -> list[tuple[int, _State]]:
        following = []
        for edge in step.next:
            kept = state.outcomes & split if edge.when is True else state.outcomes - split
            if edge.when is None:
                kept = state.outcomes
            if not kept:
                continue
            mixed = bool(kept & self.means.ok) and bool(kept & self.means.fail)
            following.append((edge.target, _State(kept, True, at if mixed else -1, state.holders)))
        return following

    def _is_swapped(self, step: Node, split: Outcomes) -> bool:
        """Whether a test keeps success and failure apart, and fails on success."""
        if split == self.means.ok:
            good = True
        elif split == self.means.fail:
            good = False
        else:
            return False
        ways = {edge.when: edge.target for edge in step.next}
        return (
            ways.keys() == {True, False}
            and self._fails(ways[good])
            and not self._fails(ways[not good])
        )

    def _fails(self, at: int) -> bool:
        """Whether a way leads straight to a return of what can only be an error."""
        for step in self._straight(at):
            node = self.function.nodes[step]
            if node.act is Act.RETURN:
                return node.expr is not None and self._is_error(step, node.expr)
        return False

    def _throws(self, at: int) -> bool:
        """Whether a way leads straight to an exception."""
        exprs = (self.function.nodes[step].expr for step in self._straight(at))
        return any(isinstance(expr, Unary) and expr.operator == "throw" for expr in exprs)

    def _straight(self, at: int) -> Iterator[int]:
        """A step and the next ones, as long as there is one way on, and not for long."""
        for _ in range(_STRAIGHT):
            yield at
            following = self.function.nodes[at].next
            if len(following) != 1:
                return
            at = following[0].target

    def _decides_nothing(self, test: Node) -> bool:
        """Whether it goes on in one way, however a test comes out: the branch of an `if` is empty.

        A part of a condition is what it is a part of.
        """
        if test.act is not Act.TEST or test.loop or len({edge.target for edge in test.next}) != 1:
            return False
        start = test.span.start
        if _IF.search(self.unit.data[max(0, start - _HEAD) : start]) is None:
            return False
        following = (self.function.nodes[at] for at in self._straight(test.next[0].target))
        return not any(
            step.evaluates is not None and step.evaluates.span.contains(test.span)
            for step in following
        )

    def _is_error(self, at: int, expr: Expr) -> bool:
        if self._names_result(expr):
            return False
        number = self._number(expr, at)
        if number is not None:
            return number < 0
        expr = strip(expr)
        return isinstance(expr, Name) and _is_name_of_error(expr.text)

    def _switched(self, at: int, step: Node, state: _State) -> list[tuple[int, _State]]:
        named: set[int] = set()
        cases: list[tuple[int, Outcomes | None]] = []
        for edge in step.next:
            if not isinstance(edge.when, tuple):
                cases.append((edge.target, None))
                continue
            numbers: set[int] = set()
            default = False
            for case in edge.when:
                number = None if case.value is None else self._number(case.value)
                default = default or number is None
                if number is not None:
                    numbers.add(number)
            named |= numbers
            cases.append((edge.target, None if default else frozenset(numbers)))
        following = []
        for target, numbers_ in cases:
            kept = (
                state.outcomes - named
                if numbers_ is None
                else frozenset(item for item in state.outcomes if self._value(item) in numbers_)
            )
            mixed = bool(kept & self.means.ok) and bool(kept & self.means.fail)
            if kept:
                following.append((target, _State(kept, True, at if mixed else -1, state.holders)))
        return following

    def _ended(self, state: _State) -> Mistake | None:
        """What is wrong when the result is gone: at the exit, or overwritten."""
        wrong = self.check.wrong
        if wrong == "unchecked" and not state.tested:
            return Mistake(self.match.span, fixes=self._check_fix())
        if wrong == "misread" and state.last >= 0:
            test = self.function.nodes[state.last]
            assert test.expr is not None
            way = (Related(self.match.span, f"the result of {self.match.spelled}"),)
            return Mistake(test.expr.span, way, self._test_fix(state.last, test.expr))
        failed = state.tested and not self.means.ok <= state.outcomes
        failed = failed and bool(state.outcomes & self.means.fail)
        if wrong in ("unclassified", "unreported") and failed:
            return Mistake(self.match.span)
        return None

    def _left(self, state: _State) -> Mistake | None:
        """The same where the function is left, or the call made again: others may see it then."""
        return None if self.shared and self.check.wrong == "unchecked" else self._ended(state)

    def _used(self, at: int, step: Node, state: _State) -> Mistake | None:
        """A use that the state of the result does not allow."""
        if step.evaluates is None or not state.outcomes & self.means.fail:
            return None
        wrong = self.check.wrong
        expr = step.evaluates
        if wrong == "used-unguarded" and self.variable is not None:
            place = self._dereferenced(at, expr)
        elif wrong == "as-length" and self.variable is not None:
            place = self._length(at, expr)
        elif wrong == "data-unguarded":
            place = self._data(at, step, expr)
        else:
            return None
        if place is None:
            return None
        way = (Related(self.match.span, f"{self.match.spelled} is called here"),)
        return Mistake(place, way, self._null_fix() if wrong == "used-unguarded" else ())

    def _dereferenced(self, at: int, expr: Expr) -> Span | None:
        for item in walk(expr):
            base: Expr | None = None
            if isinstance(item, Member) and item.arrow:
                base = item.base
            elif isinstance(item, Unary) and item.operator == "*":
                base = item.operand
            elif isinstance(item, Subscript):
                base = item.base
            if base is not None and self._names_result(base):
                return item.span
            if isinstance(item, Call) and (found := self._sink_argument(at, item)) is not None:
                return found
        return None

    def _names_result(self, expr: Expr) -> bool:
        inner = strip(expr)
        if self.behind:
            if not isinstance(inner, Unary) or inner.operator != "*":
                return False
            inner = strip(inner.operand)
        return isinstance(inner, (Name, Member)) and path(inner) in self.holders

    def _sink_argument(self, at: int, call: Call) -> Span | None:
        for expr in self._at_sinks(at, call):
            if self._names_result(expr):
                return expr.span
        return None

    def _at_sinks(self, at: int, call: Call) -> Iterator[Expr]:
        """The arguments of a call that stand where a sink of the check says."""
        for match in call_matches(self.index, self.unit, self.match.function, at, call):
            for sink in self.check.sinks:
                role, _, slot = sink.partition(".")
                if role in match.binding.roles and slot:
                    found = match.arguments.get(slot)
                    if found is not None:
                        yield found

    def _length(self, at: int, expr: Expr) -> Span | None:
        for item in walk(expr):
            if isinstance(item, Subscript) and self._names_result(item.index):
                return item.index.span
            if isinstance(item, Call):
                for given in self._at_sinks(at, item):
                    if self._arithmetic_of_result(given):
                        return given.span
        return None

    def _arithmetic_of_result(self, expr: Expr) -> bool:
        inner = strip(expr)
        if isinstance(inner, Binary) and inner.operator in ("+", "-", "*"):
            return self._arithmetic_of_result(inner.left) or self._arithmetic_of_result(inner.right)
        return self._names_result(inner)

    def _data(self, at: int, step: Node, expr: Expr) -> Span | None:
        target = self.match.arguments.get(self.check.argument)
        name = path(target) if target is not None else None
        if name is None or at == self.home:
            return None
        named = _root(self.variable) in mentions(self.unit, self.match.function)[at]
        if step.act is Act.RETURN and self.variable is not None and named:
            return None  # whoever gets it may look at it
        for item in walk(expr):
            if isinstance(item, Subscript) and path(item.base) == name:
                return item.span
            if isinstance(item, Unary) and item.operator == "*" and path(item.operand) == name:
                return item.span
            if isinstance(item, Call) and item is not self.call:
                if any(self._names_result(argument) for argument in item.arguments):
                    continue  # whoever is told the length may look at it
                found = self._reads(at, item, name)
                if found is not None:
                    return found
        return None

    def _reads(self, at: int, call: Call, name: str) -> Span | None:
        for expr in self._at_sinks(at, call):
            if path(expr) == name:
                return expr.span
        return None

    def _nested_use(self, node: Node) -> Mistake | None:
        """The call stands where it is dereferenced at once."""
        assert node.evaluates is not None
        for item in node.expressions:
            if isinstance(item, Member) and item.arrow and strip(item.base) is self.call:
                return Mistake(self.match.span)
            if (
                isinstance(item, Unary)
                and item.operator == "*"
                and strip(item.operand) is self.call
            ):
                return Mistake(self.match.span)
            if isinstance(item, Call) and item is not self.call:
                given = self._at_sinks(self.match.node, item)
                if any(strip(expr) is self.call for expr in given):
                    return Mistake(self.match.span)
        return None

    def _was_asked(self) -> bool:
        """Whether a test before this one makes the same call, and looks at what it yields."""
        text = spelling(self.stage, self.call)
        same = {
            at
            for at, call in self.function.each(Call)
            if self.function.nodes[at].act is Act.TEST
            and call is not self.call
            and spelling(self.stage, call) == text
        }
        here = frozenset((self.match.node,))
        return bool(same) and not same.isdisjoint(
            here | leading(self.unit, self.match.function, here, frozenset())
        )

    def _nested_length(self, node: Node) -> Mistake | None:
        assert node.evaluates is not None
        for item in node.expressions:
            if isinstance(item, Subscript) and strip(item.index) is self.call:
                return Mistake(self.match.span)
            if isinstance(item, Call) and item is not self.call:
                given = self._at_sinks(self.match.node, item)
                if any(strip(expr) is self.call for expr in given):
                    return Mistake(self.match.span)
        return None

    def _returned_truth(self, node: Node) -> Mistake | None:
        """The truth of the result is returned, and holds a failure with the successes."""
        assert node.expr is not None
        inner = _transparent(self, node.expr)
        if inner is self.call:
            if not re.fullmatch(r"(?:static |inline |virtual )*_?[bB]ool", self.function.result):
                return None
            truth: Outcomes | None = frozenset(item for item in self.means.all if item != 0)
        else:
            truth = self._split(node.expr)
        if truth is None:
            return None
        for part in (truth, self.means.all - truth):
            if part & self.means.ok and part & self.means.fail:
                return Mistake(inner.span, fixes=self._test_fix(self.home, inner))
        return None

    def _truth_mixed(self) -> bool:
        """Whether a stored comparison lost what tells success from failure."""
        if self.mapping is None:
            return False
        for truth in (0, 1):
            part = {item for item, value in self.mapping.items() if value == truth}
            if part & self.means.ok and part & self.means.fail:
                return True
        return False

    def _passes_on(self, step: Node) -> bool:
        """Whether a step hands the result to someone who may look at it."""
        assert step.evaluates is not None
        target: Expr | None = None
        for item in step.expressions:
            if (
                isinstance(item, Assign)
                and item.operator == "="
                and self._names_result(item.target)
            ):
                target = item.target
            if isinstance(item, LambdaExpr):
                return True
        return any(
            item is not target and isinstance(item, (Name, Member)) and path(item) in self.holders
            for part in chosen(step.evaluates)
            for item in parts(part)
        )

    def _looks(self, step: Node) -> bool:
        """Whether a step tests the result or hands it on, in whatever way."""
        if step.evaluates is None:
            return False
        return any(
            item is self.call
            or (
                self.variable is not None
                and isinstance(item, (Name, Member))
                and path(item) in self.holders
            )
            for item in step.everything
        )

    def _holding(self, step: Node) -> frozenset[str]:
        """What holds the result after a step: what it is copied to, not what is set anew."""
        given = [
            (path(item.target), item.value)
            for item in step.expressions
            if isinstance(item, Assign) and item.operator == "="
        ]
        if step.variable is not None and step.variable.initial is not None:
            given.append((step.variable.name, step.variable.initial))
        holders = self.holders
        for name, value in given:
            if name is not None and self._names_result(value):
                holders |= self.copies & {name}
            else:
                holders -= {name}
        return holders

    def _sink_sites(self) -> frozenset[int]:
        """Nodes of this function with a call in a role of the check's sinks."""
        if self.check.wrong not in ("unclassified", "unreported"):
            return frozenset()
        table = played(self.stage)
        return frozenset(
            found.node
            for sink in self.check.sinks
            for found in table.get(sink.partition(".")[0], ())
            if found.function == self.match.function
        )

    def _calls_sink(self, at: int, step: Node, state: _State) -> bool:
        if self.check.wrong not in ("unclassified", "unreported"):
            return False
        if at in self.sinks:
            return True
        if self.check.wrong == "unreported":
            return step.act is Act.RETURN and step.expr is not None
        if self._is_told(step):
            return True
        if step.act is not Act.RETURN or step.expr is None or not state.tested:
            return False
        return any(isinstance(item, (Name, Call)) for item in walk(step.expr))

    def _is_told(self, step: Node) -> bool:
        """Whether a step hands the result to code of its own, together with what it is of."""
        subject = self.match.arguments.get(self.check.argument)
        root = _root(path(subject)) if subject is not None else ""
        return bool(root) and any(
            any(self._names_result(item) for item in call.arguments)
            and any(_root(path(item)) == root for item in call.arguments)
            for call in step.expressions
            if isinstance(call, Call) and call is not self.call
        )

    def _is_repeated(self) -> bool:
        """Whether the call, when it is made again, is made for the same object."""
        subject = self.match.arguments.get(self.check.argument)
        function = self.match.function
        loops = components(self.unit, function)
        anew = rebound(self.unit, function, subject, self.home)
        return subject is not None and all(loops[at] != loops[self.home] for at in anew)

    def _leaves(self, step: Node, state: _State) -> bool:
        """Whether a step after a failure is a call that may not come back."""
        if not state.tested or state.outcomes & self.means.ok or step.act is not Act.EVALUATE:
            return False
        call = strip(step.expr) if step.expr is not None else None
        return isinstance(call, Call) and may_end(self.stage, call)

    # Fixes.

    def _check_fix(self) -> tuple[Fix, ...]:
        return checked(self.stage, self.match, self.function)

    def _null_fix(self) -> tuple[Fix, ...]:
        if self.variable is None or self.mapping is not None or self.context != "stored":
            return ()
        return guarded(self.stage, self.match, self.function, self._spelled())

    def _spelled(self) -> str:
        """The variable that holds the result, as the step that sets it writes it."""
        node = self.function.nodes[self.home]
        for item in node.expressions:
            if isinstance(item, Assign) and path(item.target) == self.variable:
                start, end = item.target.span
                return self.unit.data[start:end].decode(errors="replace")
        return self.variable or ""

    def _test_fix(self, at: int, expr: Expr, swapped: bool = False) -> tuple[Fix, ...]:
        truth = self._split(expr)
        if truth is None and self._is_result(expr):
            truth = frozenset(item for item in self.means.all if item != 0)
        if truth is None:
            return ()
        subject = self._subject(expr)
        if subject is None or (self.mapping is not None and subject is not self.call):
            return ()
        positive = bool(truth & self.means.ok) is not swapped
        node = self.function.nodes[at]
        if node.act is Act.SWITCH:
            return ()
        return tested(self.stage, self.match, node, expr, subject, positive)

    def _subject(self, expr: Expr) -> Expr | None:
        """The part of a test that has the result's value."""
        expr = _transparent(self, expr)
        if self._is_result(expr):
            return expr
        if isinstance(expr, Binary):
            return expr.left if self._is_result(expr.left) else expr.right
        return None


def _root(name: str | None) -> str:
    return (name or "").partition(".")[0]


def _is_name_of_error(name: str) -> bool:
    return bool(_ERROR.search(name)) and not _NO_ERROR.search(name)


def bare_void(type_name: str) -> bool:
    """Whether a cast is one to void, which states that a result is dropped on purpose."""
    return type_name.strip() == "void"


def _transparent(walk_: _Walk, expr: Expr) -> Expr:
    """An expression without casts and without the calls that pages say are conversions."""
    while True:
        expr = strip(expr)
        if not isinstance(expr, Call) or expr is walk_.call:
            return expr
        inner = _content(walk_, expr)
        if inner is None:
            return expr
        expr = inner


def _content(walk_: _Walk, call: Call) -> Expr | None:
    for match in call_matches(
        walk_.index, walk_.unit, walk_.match.function, walk_.match.node, call
    ):
        if CONVERSION in match.binding.roles:
            return match.arguments.get(CONTENT)
    return None


def _assignment(expr: Expr) -> Assign | None:
    for item in walk(expr):
        if isinstance(item, Assign) and item.operator == "=":
            return item
    return None


def _contains(expr: Expr, wanted: Expr) -> bool:
    return any(item is wanted for item in walk(strip(expr)))
