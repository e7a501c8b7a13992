"""The flow core: who defines what in a function, and which definitions reach a place.

State is sparse: nothing is stored per node, a question walks backward from its place until each
path has met a definition. A budget bounds the walk; when it runs out the answer is None, which
means unknown.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tlsight.engine.unit import Unit, contradict, path, strip
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Expr,
    Function,
    Index,
    Member,
    Name,
    Node,
    Unary,
    walk,
)
from tlsight.text import Span

BUDGET = 20_000
"""Steps of one walk: a function of 10,000 branches is walked whole, once."""


_LEAST = 30_000
"""Steps that all walks through one function may take together, however small it is."""
_LONG = 500
"""Steps of a walk backward after which all nodes are asked at once."""
_AT_ONCE = 10
"""Nodes of that which cost what a step of a walk does."""
_MOST = 100
"""Definitions that may reach a place."""
_FIRST = 24
"""Of more of them, so many are looked at."""
_EXIT = 1
"""The exit of every graph."""
_FOR_EACH = 5
"""And so many more for each node."""


def left(unit: Unit, account: object, most: int) -> int:
    """The steps that may still be taken on an account, which begins with so many."""
    known = unit.cache.get(account, most)
    assert isinstance(known, int)
    return known


def take(unit: Unit, account: object, most: int, steps: int) -> None:
    """Effect: so many steps of an account have been taken."""
    unit.cache[account] = left(unit, account, most) - steps


def budget(unit: Unit, function: int) -> int:
    """The steps that walks through a function may still take."""
    return left(unit, ("budget", function), _most(unit, function))


def spend(unit: Unit, function: int, steps: int) -> None:
    """Effect: a walk through a function has taken so many steps."""
    take(unit, ("budget", function), _most(unit, function), steps)


def _most(unit: Unit, function: int) -> int:
    return _LEAST + _FOR_EACH * len(unit.module.functions[function].nodes)


def give_up(unit: Unit, function: int) -> None:
    """Effect: something about a function could not be told, for it has too many ways."""
    unit.cache["given up", function] = True


def has_given_up(unit: Unit, function: int) -> bool:
    """Whether something about a function could not be told."""
    return ("given up", function) in unit.cache


def leading(
    unit: Unit, function: int, goals: frozenset[int], stops: frozenset[int]
) -> frozenset[int]:
    """The nodes from which a goal is reached in some steps, none of which between is a stop."""
    before = predecessors(unit, function)
    found: set[int] = set()
    waiting = list(goals)
    while waiting:
        for at in before[waiting.pop()]:
            if at not in found:
                found.add(at)
                if at not in stops:
                    waiting.append(at)
    return frozenset(found)


def following(
    unit: Unit, function: int, start: int, stops: frozenset[int] = frozenset()
) -> frozenset[int]:
    """A node, and those that are reached from it; what stops the way is the last on it."""
    nodes = unit.module.functions[function].nodes
    found = {start}
    waiting = [start]
    while waiting:
        at = waiting.pop()
        if at in stops and at != start:
            continue
        for edge in nodes[at].next:
            if edge.target not in found:
                found.add(edge.target)
                waiting.append(edge.target)
    return frozenset(found)


def is_reached(unit: Unit, function: int, node: int) -> bool:
    """Whether some way leads from the entry of a function to a node."""
    key = ("entered", function)
    known = unit.kept.get(key)
    if known is None:
        known = unit.kept[key] = following(unit, function, 0)
    assert isinstance(known, frozenset)
    return node in known


def leaving(unit: Unit, function: int) -> frozenset[int]:
    """The nodes from which a function may be left, and its exit."""
    key = ("leaving", function)
    known = unit.kept.get(key)
    if known is None:
        exits = frozenset((_EXIT,))
        known = unit.kept[key] = exits | leading(unit, function, exits, frozenset())
    assert isinstance(known, frozenset)
    return known


def is_in_loop(unit: Unit, function: int, node: int) -> bool:
    """Whether a node is reached from itself."""
    key = ("loops", function)
    known = unit.kept.get(key)
    if known is None:
        sizes = Counter(components(unit, function))
        known = unit.kept[key] = frozenset(
            at
            for at, item in enumerate(unit.module.functions[function].nodes)
            if sizes[components(unit, function)[at]] > 1 or any(e.target == at for e in item.next)
        )
    assert isinstance(known, frozenset)
    return node in known


def components(unit: Unit, function: int) -> tuple[int, ...]:
    """A number for each node; two have the same if each is reached from the other."""
    key = ("components", function)
    known = unit.kept.get(key)
    if known is None:
        known = unit.kept[key] = _components(unit.module.functions[function])
    assert isinstance(known, tuple)
    return known


def _components(function: Function) -> tuple[int, ...]:
    """Tarjan's algorithm, without recursion: a function may be as long as it likes."""
    nodes = function.nodes
    order = [-1] * len(nodes)
    lowest = [0] * len(nodes)
    found = [-1] * len(nodes)
    open_: list[int] = []
    count = 0
    for root in range(len(nodes)):
        if order[root] >= 0:
            continue
        work = [(root, 0)]
        while work:
            at, edge = work.pop()
            if edge == 0:
                order[at] = lowest[at] = count
                count += 1
                open_.append(at)
            following = nodes[at].next
            if edge < len(following):
                work.append((at, edge + 1))
                target = following[edge].target
                if order[target] < 0:
                    work.append((target, 0))
                elif found[target] < 0:
                    lowest[at] = min(lowest[at], order[target])
                continue
            if lowest[at] == order[at]:
                while True:
                    member = open_.pop()
                    found[member] = at
                    if member == at:
                        break
            if work:
                above = work[-1][0]
                lowest[above] = min(lowest[above], lowest[at])
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Definition:
    """A step that gives the object at a path a value, or may change it.

    `kind`: `value` (it becomes `value`; None: uninitialised), `update` (`|=` and its like, with the
    operator), `unknown` (its address was given away), `touch` (what it points to, or the array
    that it is, was given to a call that may write there).
    """

    node: int
    kind: str
    span: Span
    value: Expr | None = None
    operator: str = "="


Definitions = Mapping[str, tuple[Definition, ...]]


def definitions(unit: Unit, function: int) -> Definitions:
    """All definitions of a function by the path that they define."""
    key = ("definitions", function)
    known = unit.kept.get(key)
    if known is None:
        found: dict[str, list[Definition]] = {}
        around = unit.module.functions[function]
        for at, expr in around.each(Assign, Unary, Call):
            for name, definition in _defined_by(unit, at, expr):
                found.setdefault(name, []).append(definition)
        for at, node in enumerate(around.nodes):
            if node.act is Act.DECLARE and node.variable is not None:
                variable = node.variable
                declared = Definition(at, "value", variable.span, variable.initial)
                found.setdefault(variable.name, []).append(declared)
        known = {name: tuple(items) for name, items in found.items()}
        unit.kept[key] = known
    assert isinstance(known, dict)
    return known


def copies(unit: Unit, function: int, name: str) -> frozenset[str]:
    """The locals that are anywhere given the value of a variable, cast perhaps, or of a copy."""
    key = ("copies", function)
    known = unit.kept.get(key)
    if known is None:
        known = unit.kept[key] = _given_on(unit, function)
    assert isinstance(known, dict)
    found = {name}
    waiting = [name]
    while waiting:
        new = known.get(waiting.pop(), frozenset()) - found
        found |= new
        waiting += new
    return frozenset(found - {name})


def _given_on(unit: Unit, function: int) -> Mapping[str, set[str]]:
    """For each path, the locals that are given its value."""
    found: dict[str, set[str]] = {}
    for name, items in definitions(unit, function).items():
        if "." in name or not unit.is_local(function, name):
            continue
        for item in items:
            value = strip(item.value) if item.value is not None else None
            if item.kind != "value" or not isinstance(value, (Name, Member)):
                continue
            source = path(value)
            if source is not None:
                found.setdefault(source, set()).add(name)
    return found


def set_anew(unit: Unit, function: int, name: str) -> frozenset[int]:
    """The steps that give a variable, or what it is a part of, another value."""
    key = ("set anew", function, name)
    known = unit.cache.get(key)
    if known is None:
        table = definitions(unit, function)
        known = unit.cache[key] = frozenset(
            item.node
            for prefix in _prefixes(name)
            for item in table.get(prefix, ())
            if item.kind == "value"
        )
    assert isinstance(known, frozenset)
    return known


def rebound(unit: Unit, function: int, expr: Expr | None, but: int) -> frozenset[int]:
    """The steps, but one, after which an expression denotes another object than before."""
    if expr is None:
        return frozenset()
    steps = {
        name
        for part in walk(expr)
        if isinstance(part, Index)
        for item in walk(part.index)
        if isinstance(item, (Name, Member)) and (name := path(item)) is not None
    }
    names = {
        prefix
        for item in walk(expr)
        if isinstance(item, (Name, Member)) and (name := path(item)) is not None
        for prefix in _prefixes(name)
    }
    return _rebinding(unit, function, frozenset(names), frozenset(steps)) - {but}


def _rebinding(
    unit: Unit, function: int, names: frozenset[str], steps: frozenset[str]
) -> frozenset[int]:
    """The steps that give one of these another value; those of `steps` may be changed anyhow."""
    key = ("rebinding", function, names, steps)
    known = unit.cache.get(key)
    if known is None:
        nodes = unit.module.functions[function].nodes
        known = unit.cache[key] = frozenset(
            item.node
            for name in names | steps
            for item in definitions(unit, function).get(name, ())
            if item.kind == "value" or name in steps or _is_step(nodes[item.node], item.span)
        )
    assert isinstance(known, frozenset)
    return known


def _is_step(node: Node, span: Span) -> bool:
    """Whether what stands at a place of a step is a `++` or its like."""
    return any(
        isinstance(expr, Unary) and expr.span == span and expr.operator != "&"
        for expr in node.expressions
    )


def predecessors(unit: Unit, function: int) -> tuple[tuple[int, ...], ...]:
    """The nodes from which each node of a function is reached in one step."""
    key = ("predecessors", function)
    known = unit.kept.get(key)
    if known is None:
        known = _predecessors(unit.module.functions[function])
        unit.kept[key] = known
    assert isinstance(known, tuple)
    return known


def reaching(
    unit: Unit, function: int, node: int, name: str, touches: bool
) -> tuple[tuple[Definition, ...], bool] | None:
    """The definitions of a path that reach the start of a node, and whether entry does too.

    With `touches`, a call that may write through the object counts as a definition.
    None if they are too many to tell. Definitions on a preprocessor branch that contradicts that
    of the node are left out.
    """
    found, entry, whole = first_reaching(unit, function, node, name, touches)
    return (found, entry) if whole else None


def first_reaching(
    unit: Unit, function: int, node: int, name: str, touches: bool
) -> tuple[tuple[Definition, ...], bool, bool]:
    """The same, the first of them if they are too many; and whether these are all."""
    key = ("reaching", function, node, name, touches)
    known = unit.cache.get(key)
    if known is None:
        known = unit.cache[key] = _reaching(unit, function, node, name, touches)
    assert isinstance(known, tuple)
    return known


def _reaching(
    unit: Unit, function: int, node: int, name: str, touches: bool
) -> tuple[tuple[Definition, ...], bool, bool]:
    stops = _stops(unit, function, name, touches)
    if not stops:
        return (), True, True
    found = None
    if ("incoming", function, name, touches) not in unit.cache:
        found = _near(unit, function, node, stops)
    if found is None:
        found = _incoming(unit, function, node, name, touches)
    whole = found is not None and len(found[0]) <= _MOST
    if not whole:
        give_up(unit, function)
    definitions_here, entry = found or ([], False)
    first = sorted(definitions_here, key=lambda item: item.span)
    return tuple(first if whole else first[:_FIRST]), entry, whole


def _stops(unit: Unit, function: int, name: str, touches: bool) -> Mapping[int, Definition]:
    """What defines a path, or what it is a part of, by node and in order of nodes."""
    key = ("stops", function, name, touches)
    known = unit.cache.get(key)
    if known is None:
        all_of_them = definitions(unit, function)
        found: dict[int, Definition] = {}
        for part in _prefixes(name):
            for definition in all_of_them.get(part, ()):
                if touches or definition.kind != "touch":
                    found[definition.node] = definition
        known = unit.cache[key] = dict(sorted(found.items()))
    assert isinstance(known, dict)
    return known


def _near(
    unit: Unit, function: int, node: int, stops: Mapping[int, Definition]
) -> tuple[list[Definition], bool] | None:
    """What reaches a node, walked backward; None if that is too long."""
    before = predecessors(unit, function)
    nodes = unit.module.functions[function].nodes
    tags = nodes[node].tags
    most = BUDGET if _is_divided(unit, function) else _LONG
    found: list[Definition] = []
    entry = False
    seen: set[int] = set()
    queue = list(before[node])
    while queue:
        at = queue.pop()
        if at in seen:
            continue
        seen.add(at)
        if len(seen) > most or (most == BUDGET and len(seen) > budget(unit, function)):
            spend(unit, function, len(seen))
            return None
        if contradict(tags, nodes[at].tags):
            continue
        definition_here = stops.get(at)
        if definition_here is not None:
            found.append(definition_here)
            continue
        if nodes[at].act is Act.ENTRY:
            entry = True
        queue += before[at]
    if len(seen) > _LONG:
        spend(unit, function, len(seen))
    return found, entry


def _is_divided(unit: Unit, function: int) -> bool:
    """Whether parts of a function stand in preprocessor branches that others contradict."""
    key = ("divided", function)
    known = unit.kept.get(key)
    if known is None:
        known = len({node.tags for node in unit.module.functions[function].nodes}) > 1
        unit.kept[key] = known
    return bool(known)


def _incoming(
    unit: Unit, function: int, node: int, name: str, touches: bool
) -> tuple[list[Definition], bool] | None:
    """The same for all nodes at once, and kept: sets of definitions, as bits of a number."""
    if _is_divided(unit, function):
        return None
    key = ("incoming", function, name, touches)
    stops = _stops(unit, function, name, touches)
    known = unit.cache.get(key)
    if known is None:
        nodes = unit.module.functions[function].nodes
        spend(unit, function, len(nodes) // _AT_ONCE)
        if budget(unit, function) < 0:
            return None
        known = unit.cache[key] = _spread(nodes, tuple(stops))
    assert isinstance(known, list)
    bits: int = known[node]
    items = tuple(stops.values()) if bits >> 1 else ()
    found: list[Definition] = []
    rest = bits >> 1
    while rest:
        lowest = rest & -rest
        found.append(items[lowest.bit_length() - 1])
        if len(found) > _MOST:
            break
        rest ^= lowest
    return found, bool(bits & 1)


def _spread(nodes: Sequence[Node], places: Sequence[int]) -> list[int]:
    """For each node the places from which it is reached with none in between; bit 0 is entry."""
    own = {place: 2 << number for number, place in enumerate(places)}
    arriving = [0] * len(nodes)
    waiting = deque((0,))
    leaving_ = {0: own.get(0, 1)}
    while waiting:
        at = waiting.popleft()
        value = leaving_[at]
        for edge in nodes[at].next:
            target = edge.target
            whole = arriving[target] | value
            if whole == arriving[target] and target in leaving_:
                continue
            arriving[target] = whole
            leaves = own.get(target, whole)
            if leaving_.get(target) != leaves:
                leaving_[target] = leaves
                waiting.append(target)
    return arriving


def _prefixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _predecessors(function: Function) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = [[] for _ in function.nodes]
    for at, node in enumerate(function.nodes):
        for edge in node.next:
            found[edge.target].append(at)
    return tuple(tuple(items) for items in found)


def _defined_by(unit: Unit, at: int, expr: Expr) -> Iterator[tuple[str, Definition]]:
    if isinstance(expr, Assign):
        name = path(expr.target)
        if name is None:
            yield from _element(at, expr.target)
            return
        kind = "value" if expr.operator == "=" else "update"
        yield name, Definition(at, kind, expr.span, expr.value, expr.operator)
    elif isinstance(expr, Unary) and expr.operator in ("++", "--", "p++", "p--"):
        name = path(expr.operand)
        if name is not None:
            yield name, Definition(at, "unknown", expr.span)
        else:
            yield from _element(at, expr.operand)
    elif isinstance(expr, Call):
        fact = unit.call_fact(expr)
        for number, argument in enumerate(expr.arguments):
            declared = ""
            if fact is not None and number < len(fact.parameters):
                declared = fact.parameters[number].type
            yield from _given(at, argument, declared)


def _element(at: int, target: Expr) -> Iterator[tuple[str, Definition]]:
    """The array of which an expression is a part: `a` of `a[i]`, `a + i`, `*(a + i)`, `&a[i]`."""
    part = strip(target)
    while isinstance(part, (Index, Unary, Binary)):
        if isinstance(part, Index):
            part = strip(part.base)
        elif isinstance(part, Unary) and part.operator in ("&", "*"):
            part = strip(part.operand)
        elif isinstance(part, Binary) and part.operator in ("+", "-"):
            part = strip(part.left)
        else:
            return
    name = path(part)
    if name is not None:
        yield name, Definition(at, "touch", target.span)


def _given(at: int, argument: Expr, declared: str) -> Iterator[tuple[str, Definition]]:
    """What a call may do to an object that it is handed; `declared` is the parameter's type."""
    argument = strip(argument)
    if "const" in declared.partition("*")[0].split():
        return
    if isinstance(argument, Unary) and argument.operator == "&":
        name = path(argument.operand)
        if name is not None:
            yield name, Definition(at, "unknown", argument.span)
        else:
            yield from _element(at, argument)
        return
    if not isinstance(argument, (Name, Member)):
        yield from _element(at, argument)
        return
    name = path(argument)
    if name is None:
        return
    kind = "unknown" if declared.endswith("&") and "const" not in declared else "touch"
    yield name, Definition(at, kind, argument.span)
