"""Conditions that somebody must have opted into: what only stands under one is their choice.

A flag that is called insecure, a switch of the command line, a build for debugging: whoever turns
it on knows. A condition is none where it holds by default, or where no one can have chosen it.
What a name means here is plain English, of flags and not of any library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from tlsight.engine.deeds import named
from tlsight.engine.flow import definitions
from tlsight.engine.index import tail
from tlsight.engine.relational import NEGATED
from tlsight.engine.roles import Stage, is_known
from tlsight.engine.unit import last_name, path, strip
from tlsight.engine.values import possible
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    Case,
    Conditional,
    Edge,
    Expr,
    Function,
    Literal,
    Member,
    Name,
    Node,
    Tag,
    Unary,
    Variable,
    parts,
)
from tlsight.text import Span

_EXIT = 1
"""The exit of every graph."""
_DEPTH = 3
"""Callers of callers that are looked at."""

_WEAKER = re.compile(
    r"insecure|unsafe|dangerous|unverified|untrusted|debug|self_?sign|legacy|(?:^|_)weak|key_?log"
    r"|(?:^|_)(?:accepted|approved|confirmed)$"
    r"|(?:^|_)(?!no_?errors?$)(?:no|skip|ignore|disable|bypass|without|dont)_?(?:\w+_)??"
    r"(?:verif|check|validat|cert|ssl|tls|auth|host_?name|peer|error)"
    r"|(?:accept|allow|trust|permit)\w*(?:any|all|invalid|bad|expired|every|self|cert|ssl|tls)"
    r"|(?:^|_)tests?(?:$|_|ing)|(?:^|_)is_(?:loop_?back|local_?host)$"
)
"""Names of what makes something weaker where it is turned on."""
_SAFER = re.compile(r"verif|check|validat|secur|strict|safe|authenticat")
"""Names of what makes something weaker where it is turned off."""
_OFF = re.compile(r"(?:^|_)(?:none|off|never|no|disabled?)$|^(?:local_?host|127_0_0_1)(?:_ipv6)?$")
"""Last words of a choice to do without something; nobody stands between a machine and itself."""
_QUESTION = re.compile(r"(?:box|dialog)$")
"""Classes that ask somebody: what they yield was answered."""


class Guard(NamedTuple):
    """A condition that somebody opted into: where it is tested, and what a message says of it."""

    span: Span | None
    told: str


def guard(stage: Stage, function: int, node: int, depth: int = _DEPTH) -> Guard | None:
    """The condition under which alone a step is taken, if somebody must have opted into it."""
    around = stage.unit.module.functions[function]
    found = _branch(stage, (*around.tags, *around.nodes[node].tags))
    found = found or _test(stage, function, node)
    if found is not None or depth == 0:
        return found
    places = list(_entries(stage, function, around))
    guards = [guard(stage, caller, at, depth - 1) for caller, at in places]
    return guards[0] if guards and None not in guards else None


def guard_at(stage: Stage, span: Span) -> Guard | None:
    """The same of a place in the text, which may be one arm of a `?:`."""
    found = _innermost(stage, span)
    return None if found is None else _arm(stage, *found, span) or guard(stage, *found)


def _arm(stage: Stage, function: int, node: int, span: Span) -> Guard | None:
    whole = stage.unit.module.functions[function].nodes[node].evaluates
    for expr in parts(whole) if whole is not None else ():
        if isinstance(expr, Conditional):
            for arm, holds in ((expr.then, True), (expr.otherwise, False)):
                if arm.span.contains(span) and _opted(stage, function, node, expr.condition, holds):
                    return Guard(expr.condition.span, _told(stage, expr.condition, holds))
    return None


def _innermost(stage: Stage, span: Span) -> tuple[int, int] | None:
    """The innermost step in which a place stands: function and node."""
    best: list[tuple[int, int, int]] = []
    for number, function in enumerate(stage.unit.module.functions):
        if function.span.contains(span):
            best += [
                (end - start, number, at)
                for start, end, at in _places(stage, number)
                if start <= span.start and span.end <= end
            ]
    return min(best)[1:] if best else None


def _places(stage: Stage, function: int) -> tuple[tuple[int, int, int], ...]:
    """Where the steps of a function stand that stand anywhere: start, end, node."""
    key = ("places", function)
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = tuple(
            (*node.span, at)
            for at, node in enumerate(stage.unit.module.functions[function].nodes)
            if node.act not in (Act.ENTRY, Act.EXIT, Act.JOIN)
        )
    assert isinstance(known, tuple)
    return known


def _entries(stage: Stage, number: int, function: Function) -> Iterator[tuple[int, int]]:
    """The steps from which alone a function can be run, if this text has them all."""
    if function.enclosing is not None:
        yield from (
            (function.enclosing, at)
            for at, node in enumerate(stage.unit.module.functions[function.enclosing].nodes)
            if node.evaluates is not None and node.span.contains(function.span)
        )
    elif function.static:
        name = tail(function.name)
        calls = stage.unit.calls.get(name, ())
        mentioned = [
            (caller, at)
            for caller, other in enumerate(stage.unit.module.functions)
            if caller != number and other.mentions(name)
            for at, expr in other.each(Name)
            if tail(expr.text) == name
        ]
        yield from dict.fromkeys([*mentioned, *((caller, at) for caller, at, _ in calls)])


def _branch(stage: Stage, tags: tuple[Tag, ...]) -> Guard | None:
    """A branch of the preprocessor that is compiled only if a macro asks for it."""
    own = stage.unit.module.declarations.macros
    for tag in tags:
        names = re.findall(r"[A-Za-z_]\w*", tag.condition.replace("defined", " "))
        if len(names) != 1 or names[0] in own:
            continue
        negated = "!" in tag.condition
        if names[0] == "NDEBUG" and tag.holds == negated:
            return Guard(None, "unless NDEBUG is defined")
        if names[0] != "NDEBUG" and tag.holds != negated and _WEAKER.search(_plain(names[0])):
            return Guard(None, f"only if {names[0]} is defined")
    return None


def _test(stage: Stage, function: int, node: int) -> Guard | None:
    """A test past which alone a step is reached, where it went the way that was opted into."""
    nodes = stage.unit.module.functions[function].nodes
    chosen = _choices(stage, function)
    if not chosen or node in _reached(nodes, frozenset(chosen)):
        return None
    for (at, edge), way in chosen.items():
        if node not in _reached(nodes, frozenset(((at, edge),))):
            return way
    return next(iter(chosen.values()))


def past(stage: Stage, function: int, node: int) -> Iterator[tuple[int, Expr]]:
    """The tests past which alone a step is reached, and on whose outcome that depends.

    So it does where one outcome never leads there, or may still lead out of the function before.
    """
    nodes = stage.unit.module.functions[function].nodes
    for at, test in enumerate(nodes):
        if test.act is not Act.TEST or test.expr is None or test.loop or at == node:
            continue
        ways = [(at, edge) for edge in test.next]
        if node in _reached(nodes, frozenset(ways)):
            continue
        before = frozenset((number, edge) for number in (at, node) for edge in nodes[number].next)
        if any(
            node not in _reached(nodes, frozenset((way,)))
            or _EXIT in _reached(nodes, before, way[1].target)
            for way in ways
        ):
            yield at, test.expr


def _choices(stage: Stage, function: int) -> dict[tuple[int, Edge], Guard]:
    """The edges of a function that are only taken where somebody opted into something."""
    key = ("choices", function)
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = {
            (at, edge): Guard(node.span, _told(stage, node.expr, edge.when))
            for at, node in enumerate(stage.unit.module.functions[function].nodes)
            if node.act in (Act.TEST, Act.SWITCH) and node.expr is not None and not node.loop
            if node.act is Act.SWITCH or _is_spoken(node)
            for edge in node.next
            if _is_choice(stage, function, at, node, edge)
        }
        known |= dict(_by_flags(stage, function)) if known else {}
    assert isinstance(known, dict)
    return known


def _by_flags(stage: Stage, function: int) -> Iterator[tuple[tuple[int, Edge], Guard]]:
    """The same of tests of a local that only gets the value where somebody opted in before."""
    for at, node in enumerate(stage.unit.module.functions[function].nodes):
        test = strip(node.expr) if node.act is Act.TEST and node.expr is not None else None
        turned = isinstance(test, Unary) and test.operator == "!"
        flag = strip(test.operand) if isinstance(test, Unary) and turned else test
        if not isinstance(flag, Name) or not stage.unit.is_local(function, flag.text):
            continue
        items = [
            (item.node, _number(item.value) if item.value is not None else None)
            for item in definitions(stage.unit, function).get(flag.text, ())
        ]
        if len(items) < 2 or any(number is None for _, number in items):
            continue
        for edge in node.next:
            given = [place for place, number in items if bool(number) == (edge.when is not turned)]
            ways = [_test(stage, function, place) for place in given]
            if ways and (first := ways[0]) is not None and None not in ways:
                yield (at, edge), first


def _reached(
    nodes: tuple[Node, ...], without: frozenset[tuple[int, Edge]], start: int = 0
) -> set[int]:
    """The nodes that are reached from one, the entry if not said, without some edges."""
    seen = {start}
    waiting = [start]
    while waiting:
        at = waiting.pop()
        for edge in nodes[at].next:
            if edge.target not in seen and (at, edge) not in without:
                seen.add(edge.target)
                waiting.append(edge.target)
    return seen


def _told(stage: Stage, test: Expr, way: bool | tuple[Case, ...] | None) -> str:
    if isinstance(way, tuple):
        cases = " or ".join(_text(stage, case.value) for case in way if case.value is not None)
        return f"only if {_text(stage, test)} is {cases}"
    return f"{'unless' if way is False else 'only if'} {_text(stage, test)}"


def _text(stage: Stage, expr: Expr) -> str:
    data = stage.unit.data[expr.span.start : expr.span.end]
    return " ".join(data.decode(errors="replace").split())


def _is_choice(stage: Stage, function: int, at: int, node: Node, edge: Edge) -> bool:
    if node.act is Act.TEST and node.expr is not None:
        return isinstance(edge.when, bool) and _opted(stage, function, at, node.expr, edge.when)
    cases = edge.when if isinstance(edge.when, tuple) else ()
    return bool(cases) and all(
        case.value is not None and _is_off(_words(strip(case.value))) for case in cases
    )


def _opted(stage: Stage, function: int, at: int, test: Expr, holds: bool) -> bool:
    """Whether somebody must have opted into a test going this way."""
    test = strip(test)
    if isinstance(test, Unary) and test.operator == "!":
        return _opted(stage, function, at, test.operand, not holds)
    if isinstance(test, Assign):
        return _opted(stage, function, at, test.value, holds)
    if isinstance(test, Binary):
        return _compared(stage, function, at, test, holds)
    words = _words(test)
    if isinstance(test, Call) and "cmp" in last_name(test):
        return not holds and _is_off(words)
    if holds and any(_WEAKER.search(word) for word in words):
        return not _is_default(stage, function, at, test, holds)
    if not holds and any(_SAFER.search(word) for word in words):
        return _initial(stage, function, test) is True or _is_setting(stage, function, test)
    return False


def _is_setting(stage: Stage, function: int, flag: Expr) -> bool:
    """Whether a flag is a member of something declared elsewhere: its default is unknown."""
    return (
        isinstance(flag, Member)
        and named(flag.base) != "this"
        and _declared(stage, function, flag) is None
        and not stage.unit.declares(stage.unit.receiver_type(function, flag) or "")
    )


def _compared(stage: Stage, function: int, at: int, test: Binary, holds: bool) -> bool:
    """The same of two at once, or of a comparison: with a number, or a word for a choice."""
    if test.operator in ("&&", "||"):
        sides = [_opted(stage, function, at, side, holds) for side in (test.left, test.right)]
        return any(sides) if (test.operator == "&&") == holds else all(sides)
    operator = test.operator if holds else NEGATED.get(test.operator, "")
    for side, other in ((test.left, test.right), (test.right, test.left)):
        number = _number(other)
        if number == 0 and operator in ("==", "!="):
            return _opted(stage, function, at, side, operator == "!=")
        if number is not None and operator in ("==", ">", ">=") and other is test.right:
            return number > 0 and _opted(stage, function, at, side, True)
    if operator == "==" and not any(
        isinstance(strip(side), Binary) for side in (test.left, test.right)
    ):
        return any(
            _is_off(_words(strip(side))) or _is_answer(strip(side))
            for side in (test.left, test.right)
            if not isinstance(strip(side), Call)
        )
    flags = (*_words(strip(test.left)), *_words(strip(test.right)))
    return test.operator == "&" and holds and any(_WEAKER.search(word) for word in flags)


def _is_spoken(test: Node) -> bool:
    """Whether a test speaks of anything that could be opted into, or asks for it by a call."""
    return any(
        type(item) is Call
        or (type(item) is Literal and item.kind == "string")
        or (type(item) is Name and (_is_telling(tail(item.text)) or _is_answer(item)))
        or (type(item) is Member and _is_telling(item.name))
        for item in test.everything
    )


def _is_answer(expr: Expr) -> bool:
    """Whether a constant is one of those that a class which asks somebody yields."""
    around = expr.text.rpartition("::")[0] if isinstance(expr, Name) else ""
    return _QUESTION.search(_plain(tail(around))) is not None


@lru_cache(maxsize=4096)
def _is_telling(name: str) -> bool:
    word = _plain(name)
    return any(kind.search(word) is not None for kind in (_WEAKER, _SAFER, _OFF))


@lru_cache(maxsize=4096)
def _is_off(words: tuple[str, ...]) -> bool:
    """Whether a word stands for the choice of something weaker."""
    return any(_WEAKER.search(word) or _OFF.search(word) for word in words)


def _number(expr: Expr) -> int | None:
    value = strip(expr)
    if isinstance(value, Literal):
        if value.kind == "null":
            return 0
        return int(value.value) if isinstance(value.value, int) else None
    return 0 if isinstance(value, Name) and value.text == "NULL" else None


def _words(expr: Expr) -> tuple[str, ...]:
    """What an expression is called, and the strings that it is asked by, in small letters."""
    if isinstance(expr, Call):
        asked = [strip(item) for item in expr.arguments]
        texts = [str(item.value) for item in asked if isinstance(item, Literal)]
        inner = strip(expr.callee.base) if isinstance(expr.callee, Member) else None
        around = _words(inner) if isinstance(inner, Call) else ()
        return (_plain(last_name(expr)), *(_plain(text) for text in texts), *around)
    if isinstance(expr, Literal):
        return (_plain(str(expr.value)),) if expr.kind == "string" else ()
    if isinstance(expr, Unary):
        return _words(strip(expr.operand))
    if isinstance(expr, Member):
        return (_plain(expr.name),)
    return (_plain(tail(expr.text)),) if isinstance(expr, Name) else ()


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """`allowSelfSigned`, `--allow-self-signed` and `ALLOW_SELF_SIGNED` alike."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def _is_default(stage: Stage, function: int, at: int, flag: Expr, holds: bool) -> bool:
    """Whether a flag has this truth unless somebody changes it, or can have no other."""
    initial = _initial(stage, function, flag)
    if initial is not None:
        return initial == holds
    values = possible(stage.index, stage.unit, function, at, flag)
    if stage.unit.module.functions[function].static:  # what callers hand over is all there is
        values = tuple(value for value in values if value.kind != "parameter")
    return bool(values) and all(
        is_known(value) and value.number is not None and bool(value.number) == holds
        for value in values
    )


def _initial(stage: Stage, function: int, flag: Expr) -> bool | None:
    """The truth that a flag begins with, where its declaration states it."""
    variable = _declared(stage, function, flag)
    number = _number(variable.initial) if variable and variable.initial is not None else None
    return None if number is None else bool(number)


def _declared(stage: Stage, function: int, flag: Expr) -> Variable | None:
    if isinstance(flag, Member):
        owner = stage.unit.receiver_type(function, flag)
        return stage.unit.field(owner, flag.name) if owner else None
    name = path(flag) if isinstance(flag, Name) else None
    return stage.unit.variable(function, name, flag.span.start) if name else None
