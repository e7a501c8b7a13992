"""Tests of a function that are made more than once: they come out alike while nothing is changed.

`if (flag) make(); … if (flag) release();` makes and releases, or does neither. Comparisons of one
name with small numbers are kept as the set of what it may be, other tests by their text. The same
holds of preprocessor conditions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from tlsight.engine.deeds import named
from tlsight.engine.flow import components, definitions, predecessors
from tlsight.engine.looks import names_in, words
from tlsight.engine.outcomes import ALL, Outcomes
from tlsight.engine.relational import FLIPPED, NEGATED, compare
from tlsight.engine.unit import Unit, strip
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Conditional,
    Edge,
    Evaluated,
    Expr,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    parts,
)

Outcome = Union[bool, Outcomes]
Kept = frozenset[tuple[str, Outcome]]
Tags = frozenset[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class _Test:
    """A test: what it is kept under, and what is told if it holds and if it does not."""

    key: str
    holds: Outcome
    fails: Outcome
    names: frozenset[str]
    subject: str = ""
    """What is compared with a constant by its name: it is no other constant then."""


@dataclass(frozen=True)
class Tests:
    """The tests of a function that say something of each other."""

    of: Mapping[int, _Test]
    """By step."""
    cases: Mapping[int, Mapping[str, frozenset[int]]]
    """By step that switches, and the key of a case: its values, by identity."""
    conditions: Mapping[int, _Test]
    """Conditions inside expressions that were tested in earlier steps, by identity."""
    rivals: Mapping[str, frozenset[str]]
    """By key, those that do not hold where it holds: the same, compared with other constants."""
    looks: Mapping[str, frozenset[str]]
    """The names that the tests of a key look at."""
    changes: Mapping[int, frozenset[str]]
    """The names that a step gives another value."""
    names: frozenset[str]
    """The names that some test or condition looks at, or that are given to such a name."""
    repeated: frozenset[str]
    """The preprocessor conditions that stand in several places."""
    homes: Mapping[int, int]
    """For a call that was evaluated before its statement, by anchor: the step of the statement."""
    live: tuple[frozenset[str], ...]
    """For each step, what is still asked for from there on: names, keys and conditions."""

    def told(self, at: int, edge: Edge, kept: Kept) -> Kept | None:
        """What is known past a test or switch that came out one way; None if it cannot."""
        when = edge.when
        if not isinstance(when, bool):
            return self._switched(at, edge, kept) if at in self.cases else kept
        test = self.of.get(at)
        if test is None:
            return kept
        told = test.holds if when else test.fails
        known = dict(kept)
        if test.key in known:
            had = known[test.key]
            if isinstance(had, bool) or isinstance(told, bool):
                return kept if had == told else None
            told = had & told
            if not told:
                return None
        known[test.key] = told
        return frozenset(known.items()) if self._excludes(known, test.key) else None

    def _excludes(self, known: dict[str, Outcome], key: str) -> bool:
        """Effect: notes what does not hold since a key does; False if that cannot be."""
        rivals = self.rivals.get(key, ()) if known[key] is True else ()
        return all(known.setdefault(rival, False) is False for rival in rivals)

    def _switched(self, at: int, edge: Edge, kept: Kept) -> Kept | None:
        """The same of a switch; of cases that nobody asks for again nothing is noted."""
        cases = edge.when if isinstance(edge.when, tuple) else ()
        here = {id(case.value) for case in cases}
        known = dict(kept)
        values = self.cases[at]
        for key in values.keys() & (self.live[edge.target] | known.keys()):
            told = not values[key].isdisjoint(here)
            if told and len(cases) > 1:
                continue
            if known.setdefault(key, told) != told or not self._excludes(known, key):
                return None
        return frozenset(known.items())

    def came_out(self, condition: Expr, kept: Kept) -> bool | None:
        """How a condition came out that was tested before; None if that is not known."""
        test = self.conditions.get(id(condition))
        known = dict(kept).get(test.key) if test is not None else None
        if test is None or known is None:
            return None
        if isinstance(known, bool) or isinstance(test.holds, bool):
            return known == test.holds
        if not isinstance(test.fails, bool):
            if known <= test.holds:
                return True
            if known <= test.fails:
                return False
        return None

    def after(self, at: int, kept: Kept) -> Kept:
        """What is still known after a step."""
        changed = self.changes.get(at)
        if not changed or not kept:
            return kept
        return frozenset(item for item in kept if changed.isdisjoint(self.looks[item[0]]))

    def is_pending(self, anchor: int, at: int) -> bool:
        """Whether the value of a call is asked for in a later step than this one."""
        home = self.homes.get(anchor)
        return home is not None and home != at

    def along(self, tags: Tags, target: Node) -> Tags | None:
        """The preprocessor conditions known past an edge; None if they contradict each other."""
        if not self.repeated or not target.tags:
            return tags
        new = frozenset([tag for tag in target.tags if tag.condition in self.repeated])
        if new <= tags:
            return tags
        if any((condition, not holds) in tags for condition, holds in new):
            return None
        return tags | new


def tests_of(unit: Unit, function: int) -> Tests:
    """The tests of a function."""
    key = ("tests", function)
    known = unit.cache.get(key)
    if known is None:
        known = unit.cache[key] = _tests_of(unit, function)
    assert isinstance(known, Tests)
    return known


def _tests_of(unit: Unit, function: int) -> Tests:
    nodes = unit.module.functions[function].nodes
    found: dict[int, _Test] = {}
    inner: dict[int, _Test] = {}
    cases: dict[int, list[tuple[int, _Test]]] = {}
    names: set[str] = set()
    forks: Counter[str] = Counter()
    homes: dict[int, int] = {}
    named_in = words(unit, function)
    for at, node in enumerate(nodes):
        for condition in {tag.condition for tag in node.tags} if node.act is Act.JOIN else ():
            forks[condition] += 1
        if node.expanded or node.evaluates is None:
            continue
        if node.act in (Act.TEST, Act.SWITCH) and node.expr is not None:
            names |= named_in[at]
            if node.act is Act.SWITCH:
                cases[at] = _cases(unit, node, node.expr)
            elif not node.loop or _is_counted(unit, function, at, node.expr):
                found[at] = _test(unit, node.expr, named_in[at])
        for item in node.everything:
            if type(item) is Evaluated:
                homes.update({call.anchor: at for call in parts(item) if isinstance(call, Call)})
            elif type(item) is Conditional:
                inner[id(item.condition)] = _test(unit, item.condition)
                names |= names_in(parts(item.condition))
    counts = Counter(test.key for test in found.values())
    counts.update({test.key for test in inner.values()})
    switched = [test for values in cases.values() for _, test in values]
    counts.update(test.key for test in switched)
    changes: dict[int, set[str]] = {}
    for name, items in definitions(unit, function).items():
        for definition in items:
            if definition.kind != "touch":
                changes.setdefault(definition.node, set()).add(name)
    names |= _sources(unit, function, names)
    repeated = frozenset(condition for condition, count in forks.items() if count > 2)
    rivals = _rivals([*found.values(), *switched])
    counts.update(list(rivals))
    kept = {at: test for at, test in found.items() if counts[test.key] > 1}
    inside = {at: test for at, test in inner.items() if counts[test.key] > 1}
    chosen = {at: _by_key(values, counts) for at, values in cases.items()}
    several = (test for test in switched if counts[test.key] > 1)
    every = (*kept.values(), *several, *inside.values())
    looks = {test.key: test.names for test in reversed(every)}
    asked, ended = _asked(unit, function, kept, chosen, inside, every, names, repeated)
    return Tests(
        kept,
        chosen,
        inside,
        rivals,
        looks,
        {at: frozenset(items) for at, items in changes.items()},
        frozenset(names),
        repeated,
        homes,
        live(nodes, predecessors(unit, function), asked, ended),
    )


def _cases(unit: Unit, node: Node, subject: Expr) -> list[tuple[int, _Test]]:
    """What each case of a switch says, by the identity of its value, but for numbers.

    Those are known otherwise.
    """
    names, text = frozenset(names_in(parts(subject))), _text(unit, subject)
    return [
        (id(case.value), _Test(f"{text}=={_text(unit, case.value)}", True, False, names, compared))
        for edge in node.next
        if isinstance(edge.when, tuple)
        for case in edge.when
        if case.value is not None and not isinstance(strip(case.value), Literal)
        for compared in (text if _is_constant(case.value) else "",)
    ]


def _by_key(
    values: Sequence[tuple[int, _Test]], counts: Mapping[str, int]
) -> Mapping[str, frozenset[int]]:
    """The cases of which something else speaks, too; under an `#if` one key may stand twice."""
    found: dict[str, set[int]] = {}
    for value, test in values:
        if counts[test.key] > 1:
            found.setdefault(test.key, set()).add(value)
    return {key: frozenset(items) for key, items in found.items()}


def _rivals(tests: Sequence[_Test]) -> Mapping[str, frozenset[str]]:
    """The keys that exclude each other, each with the others."""
    by_subject: dict[str, set[str]] = {}
    for test in tests:
        if test.subject:
            by_subject.setdefault(test.subject, set()).add(test.key)
    return {
        key: frozenset(keys - {key})
        for keys in by_subject.values()
        if len(keys) > 1
        for key in keys
    }


def _is_constant(expr: Expr) -> bool:
    """Whether an expression is a constant by its name; of two, it is taken for two numbers."""
    inner = strip(expr)
    return isinstance(inner, Name) and inner.text.isupper()


def _is_counted(unit: Unit, function: int, at: int, test: Expr) -> bool:
    """Whether a loop changes by itself what its test looks at, which nobody else can change.

    Any other loop goes on until something happens that is not seen: its test says nothing.
    """
    names = names_in(parts(test))
    if any(isinstance(item, Call) for item in parts(test)):
        return False
    if not all(unit.is_local(function, name.partition(".")[0]) for name in names):
        return False
    here = components(unit, function)[at]
    changed = _changed_in(unit, function)
    return any(here in changed.get(name, ()) for name in names)


def _changed_in(unit: Unit, function: int) -> Mapping[str, set[int]]:
    """By name, the loops of a function in which it is given a value."""
    key = ("changed in", function)
    known = unit.cache.get(key)
    if known is None:
        loops = components(unit, function)
        known = unit.cache[key] = {
            name: {loops[item.node] for item in items if item.kind != "touch"}
            for name, items in definitions(unit, function).items()
        }
    assert isinstance(known, dict)
    return known


def _asked(
    unit: Unit,
    function: int,
    tests: Mapping[int, _Test],
    cases: Mapping[int, Mapping[str, frozenset[int]]],
    conditions: Mapping[int, _Test],
    every: Sequence[_Test],
    names: set[str],
    repeated: frozenset[str],
) -> tuple[Mapping[int, set[str]], Mapping[int, set[str]]]:
    """What each step asks for, and what it gives a new value before anybody asks again."""
    named_in = words(unit, function)
    asked: dict[int, set[str]] = {}
    ended: dict[int, set[str]] = {}
    by_name: dict[str, set[str]] = {}
    for test in every:
        for name in test.names:
            by_name.setdefault(name, set()).add(test.key)
    for at, node in enumerate(unit.module.functions[function].nodes):
        mine: set[str] = set()
        if repeated:
            mine.update(tag.condition for tag in node.tags if tag.condition in repeated)
        if at in tests:
            mine.add(tests[at].key)
        mine.update(cases.get(at, ()))
        mine |= named_in[at] & names
        if conditions:
            for item in node.everything:
                if isinstance(item, Conditional) and id(item.condition) in conditions:
                    mine.add(conditions[id(item.condition)].key)
        if mine:
            asked[at] = mine
    for name, items in definitions(unit, function).items():
        for definition in items:
            if definition.kind == "value":
                gone = ended.setdefault(definition.node, set())
                gone |= {name, *by_name.get(name, ())}
    for at, mine in asked.items():
        target = _target(unit.module.functions[function].nodes[at])
        if target is not None:
            mine.discard(target)
    return asked, ended


def _target(node: Node) -> str | None:
    """The name that a step only gives a value to."""
    expr = node.evaluates
    if node.act is not Act.EVALUATE or not isinstance(expr, Assign) or expr.operator != "=":
        return None
    name = named(expr.target)
    return None if name in names_in(parts(expr.value)) else name


def live(
    nodes: Sequence[Node],
    before: Sequence[Sequence[int]],
    asked: Mapping[int, set[str]],
    ended: Mapping[int, set[str]],
) -> tuple[frozenset[str], ...]:
    """For each step what it, or one that follows it, asks for: sets as bits, kept once each."""
    all_asked = sorted({word for items in asked.values() for word in items})
    bit = {word: 1 << number for number, word in enumerate(all_asked)}
    use = [sum(bit[word] for word in asked.get(at, ())) for at in range(len(nodes))]
    end = [sum(bit.get(word, 0) for word in ended.get(at, ())) for at in range(len(nodes))]
    found = list(use)
    waiting = [at for at in range(len(nodes)) if use[at]]
    while waiting:
        at = waiting.pop()
        for earlier in before[at]:
            whole = found[earlier] | use[earlier] | (found[at] & ~end[earlier])
            if whole != found[earlier]:
                found[earlier] = whole
                waiting.append(earlier)
    known: dict[int, frozenset[str]] = {}
    for mask in found:
        if mask not in known:
            known[mask] = frozenset(word for word in all_asked if bit[word] & mask)
    return tuple(known[mask] for mask in found)


def _sources(unit: Unit, function: int, names: set[str]) -> set[str]:
    """The names whose values are given to one of these."""
    found: set[str] = set()
    for name in names:
        for definition in definitions(unit, function).get(name, ()):
            value = strip(definition.value) if definition.value is not None else None
            if isinstance(value, (Name, Member)) and (other := named(value)) is not None:
                found.add(other)
            elif isinstance(value, Unary) or (
                isinstance(value, Binary) and value.operator in NEGATED
            ):
                found |= names_in(parts(value))
    return found


def _test(unit: Unit, expr: Expr, names: frozenset[str] | None = None) -> _Test:
    """What a test says; `names` are those in it, where they are known."""
    inner = strip(expr)
    negated = False
    while isinstance(inner, Unary) and inner.operator == "!":
        inner, negated = strip(inner.operand), not negated
    if names is None:
        names = frozenset(names_in(parts(inner)))
    told = _compared(inner)
    if told is not None:
        key, outcomes = told
        others = frozenset(ALL) - outcomes
        return _Test(key, *((others, outcomes) if negated else (outcomes, others)), names)
    turned, compared = False, ""
    text = _text(unit, inner)
    if isinstance(inner, Binary) and inner.operator in ("==", "!="):
        turned = inner.operator == "!="
        subject, value = _text(unit, inner.left), _text(unit, inner.right)
        text = f"{subject}=={value}"
        if _is_constant(inner.right) and not _is_constant(inner.left):
            compared = subject
    holds = negated == turned
    return _Test(text, holds, not holds, names, compared)


def _text(unit: Unit, expr: Expr) -> str:
    """The text of an expression, without blanks and brackets around it."""
    data = unit.data[expr.span.start : expr.span.end]
    return "".join(data.decode(errors="replace").split())


def _compared(expr: Expr) -> tuple[str, Outcomes] | None:
    """A name that is compared with a small number, or tested itself: what it is if that holds."""
    if isinstance(expr, Assign):
        expr = strip(expr.target)
    if isinstance(expr, (Name, Member)):
        name = named(expr)
        return (f"={name}", frozenset(ALL) - {0}) if name is not None else None
    if not isinstance(expr, Binary) or expr.operator not in FLIPPED:
        return None
    for side, other, operator in (
        (expr.left, expr.right, expr.operator),
        (expr.right, expr.left, FLIPPED[expr.operator]),
    ):
        side = strip(side)
        if isinstance(side, Assign):
            side = strip(side.target)
        name = named(side) if not isinstance(side, Call) else None
        number = _small(other)
        if name is not None and number is not None:
            return f"={name}", frozenset(item for item in ALL if compare(item, operator, number))
    return None


def _small(expr: Expr) -> int | None:
    inner = strip(expr)
    if isinstance(inner, Name) and inner.text in ("true", "false"):
        return int(inner.text == "true")
    sign = 1
    if isinstance(inner, Unary) and inner.operator == "-":
        inner, sign = strip(inner.operand), -1
    if not isinstance(inner, Literal):
        return None
    if inner.kind == "null":
        return 0
    number = inner.value if isinstance(inner.value, int) else None
    return sign * number if number is not None and abs(number) < ALL[-1] else None
