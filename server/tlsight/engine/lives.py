"""The life of one object in one function, on every way: made, lent, handed over, released, used.

A walk begins at the entry of the function, so that it knows what was tested before the object was
there. It carries the names that hold the object, the numbers of other locals, and how tests came
out that are made more than once. An object that gets out of sight is followed no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from tlsight.engine.callees import called
from tlsight.engine.correlation import Tests, tests_of
from tlsight.engine.deeds import (
    BY,
    DELETE,
    INTO,
    IT,
    OUT,
    Deed,
    addressed,
    declared_type,
    deeds_of,
    exposed,
    is_declared,
    is_plain_pointer,
    may_leave,
    named,
    only_uses,
)
from tlsight.engine.flow import is_in_loop, leading, left, take
from tlsight.engine.life import Event, Life, State, Status, Subject
from tlsight.engine.looks import looks, names_in, stores
from tlsight.engine.paths import BEHIND, Numbers, Ways
from tlsight.engine.roles import Stage
from tlsight.engine.unit import Unit, bare, last_name, strip
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Braces,
    Call,
    CallKind,
    Conditional,
    Edge,
    Expr,
    Index,
    LambdaExpr,
    Member,
    Name,
    Node,
    Opaque,
    Unary,
    walk,
)
from tlsight.rule import Resource
from tlsight.text import Span

MOST = 4_000
"""States of one walk."""
_TOGETHER = 20_000
"""States that all walks through one function may take together."""
_ADDRESS = 1 << 48
"""The number of a pointer to the object: not null, and no other number."""
_EXIT = 1
_NOWHERE = -1
"""The step of an object that is never there."""


_Key = tuple[int, State]
_T = TypeVar("_T")


class _Named(Ways):
    """Numbers by plain names: what is behind a pointer is another thing than the pointer."""

    def named(self, expr: Expr) -> str | None:
        inner = strip(expr)
        if isinstance(inner, Unary) and inner.operator == "*":
            pointer = named(inner.operand)
            return None if pointer is None else BEHIND + pointer
        return named(inner)

    def value(self, at: int, expr: Expr, numbers: Numbers) -> int | None:
        if isinstance(expr, Unary) and expr.operator == "*":
            return numbers.get(self.named(expr) or "")
        return super().value(at, expr, numbers)


@dataclass
class _Found:
    events: dict[tuple[str, Span, int], Event] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class Walk:
    """One walk; `run` tells what was seen, and nothing else is changed.

    `begins` are the steps at which objects of the function begin that are followed, too.
    """

    def __init__(
        self, stage: Stage, subject: Subject, depth: int, begins: frozenset[int] = frozenset()
    ) -> None:
        self.stage = stage
        self.unit = stage.unit
        self.subject = subject
        self.function = subject.function
        self.begins = begins or frozenset((subject.node,))
        self.depth = depth
        self.around = self.unit.module.functions[subject.function]
        self.nodes = self.around.nodes
        self.numbers = _Named(stage, subject.function, 1)
        self.tests: Tests = tests_of(stage.unit, subject.function)
        self.stores = stores(stage.unit, subject.function)
        self.exposed = exposed(stage, subject.function)
        self.looks = looks(stage.unit, subject.function)
        self.loud: frozenset[int] = frozenset((subject.node,))
        """The steps that are never passed over."""
        self.parents: dict[_Key, tuple[_Key, Edge] | None] = {}
        self.found = _Found()
        self.at: _Key = (0, State(Status.BEFORE))

    def run(self) -> Life:
        """The whole life; what was seen is not kept if there were too many ways."""
        account = ("lives", self.function)
        most = max(0, min(MOST, left(self.unit, account, _TOGETHER)))
        for _ in self._explored(*self._start(), most):
            pass
        take(self.unit, account, _TOGETHER, len(self.parents))
        if len(self.parents) > most:
            self.unit.cache["lost sight", self.function] = True
            return Life(self.subject, exhausted=True)
        events = sorted(self.found.events.values(), key=lambda item: item.span)
        names = frozenset(self.found.names)
        return Life(self.subject, tuple(events), names)

    def _start(self) -> tuple[list[_Key], frozenset[int]]:
        """Where the walk begins, and the steps on which the object is waited for.

        It begins at its call, if the way there is the same for all objects.
        """
        subject, here = self.subject, frozenset((self.subject.node,))
        if subject.call is None:
            return [(0, self.begun(State(Status.BEFORE), subject.name))], here
        if self.loud == here and not is_in_loop(self.unit, self.function, subject.node):
            arrivals = _arrivals(self.stage, self.function, self.begins)
            if arrivals is not None:
                return [(subject.node, state) for state in arrivals.get(subject.node, ())], here
        before = here | leading(self.unit, self.function, here, frozenset())
        return [(0, State(Status.BEFORE))], before

    def arrivals(self) -> Mapping[int, tuple[State, ...]] | None:
        """With what objects may begin, by step; None if there is too much."""
        found: dict[int, list[State]] = {}
        before = self.begins | leading(self.unit, self.function, self.begins, frozenset())
        for at, state in self._explored([(0, State(Status.BEFORE))], before, MOST):
            found.setdefault(at, []).append(state)
        if len(self.parents) > MOST:
            return None
        return {at: tuple(states) for at, states in found.items()}

    def _explored(self, waiting: list[_Key], before: frozenset[int], most: int) -> Iterator[_Key]:
        """Each step with each state that it is reached with, until there are too many.

        While the object is not there, only the steps of `before` are taken.
        """
        self.parents.update(dict.fromkeys(waiting))
        while waiting and len(self.parents) <= most:
            self.at = key = waiting.pop()
            at, state = key
            if state.status is Status.BEFORE and at not in before:
                continue
            yield key
            for result in self._step(at, self.nodes[at], state):
                waiting += self._on(key, self.nodes[at], result)

    # From step to step.

    def _on(self, key: _Key, node: Node, state: State) -> Iterator[_Key]:
        at, came = key
        splits = node.act in (Act.TEST, Act.SWITCH)
        numbers: dict[str, int] = {}
        if splits:
            numbers.update(state.numbers)
            self.numbers.assumed = dict(state.assumed)
        if state.valued or state.assumed:
            rest = self._rest(at, state)
            if rest is None:
                return
            state = rest
        for edge in node.next:
            told = state
            if self.tests.repeated:
                tags = self.tests.along(state.tags, self.nodes[edge.target])
                if tags is None:
                    continue
                told = told._replace(tags=tags) if tags is not told.tags else told
            if splits:
                reached = self.numbers.along(at, node, edge, numbers)
                if reached is None:
                    continue
                tests = self.tests.told(at, edge, state.tests)
                if tests is None:
                    continue
                if reached is not numbers or tests is not state.tests:
                    told = told._replace(numbers=frozenset(reached.items()), tests=tests)
            if edge.target == _EXIT:
                self._ended(key, node, state)
                continue
            step = (edge.target, self._asked_for(at, edge.target, told, told is came))
            if step not in self.parents:
                self.parents[step] = (key, edge)
                yield step

    def _asked_for(self, at: int, target: int, state: State, whole: bool) -> State:
        """What is known, without what nobody asks for from a step on."""
        live = self.tests.live
        asked = live[target]
        if whole and asked is live[at]:
            return state
        return State(
            state.status,
            state.holders,
            _among(state.numbers, asked),
            _among(state.tests, asked),
            _among(state.tags, asked),
            state.assumed,
            state.valued,
            state.by,
            state.place,
        )

    def _rest(self, at: int, state: State) -> State | None:
        """What is left of a step when its statement is over; None if that loses the object."""
        valued = frozenset(item for item in state.valued if self.tests.is_pending(item, at))
        assumed = frozenset(item for item in state.assumed if self.tests.is_pending(item[0], at))
        if state.status is Status.OWNED and not valued and not state.holders:
            self.note("lost", self.nodes[at].span, at, state)
            return None
        return state._replace(valued=valued, assumed=assumed)

    def _ended(self, key: _Key, node: Node, state: State) -> None:
        """Effect: notes how the object leaves the function."""
        if state.status is Status.BEFORE:
            return
        span = node.span if node.act is Act.RETURN else self._end()
        if state.status is Status.OWNED:
            self.note("left", span, key[0], state, holder=min(state.holders, default=""))
        elif state.status is Status.RELEASED:
            self.note("released", state.place or span, key[0], state)
        elif state.status is Status.TAKEN:
            self.note("taken", state.place or span, key[0], state)

    def _end(self) -> Span:
        end = self.around.body.end
        return Span(max(self.around.body.start, end - 1), end)

    def note(
        self,
        kind: str,
        span: Span,
        node: int,
        state: State,
        told: str = "",
        deed: Deed | None = None,
        holder: str = "",
    ) -> None:
        """Effect: keeps the first event of its kind at a place."""
        known = self.found.events.get((kind, span, node))
        if known is None:
            event = Event(
                *(kind, span, node, told, self._way(), state.place, deed, state.status, holder)
            )
            self.found.events[kind, span, node] = event

    def _way(self) -> tuple[tuple[Span, bool], ...]:
        """The tests that lead here, since the object is there."""
        found: list[tuple[Span, bool]] = []
        key: _Key | None = self.at
        while key is not None and key[1].status is not Status.BEFORE:
            step = self.parents.get(key)
            if step is None:
                break
            key, edge = step
            node = self.nodes[key[0]]
            if node.act is Act.TEST and isinstance(edge.when, bool) and node.expr is not None:
                found.append((node.expr.span, edge.when))
        return tuple(reversed(found))

    # What a step does.

    def _step(self, at: int, node: Node, state: State) -> list[State]:
        states = [state]
        changes = at in self.tests.changes or at in self.stores
        if self._is_quiet(at, state):
            if not changes and node.act not in (Act.DECLARE, Act.RETURN):
                return states
        else:
            for item in self.looks[at].items:
                states = [after for one in states for after in self._do(at, item, one)]
                if not states:
                    return []
        result = []
        for one in states:
            after: State | None = one
            numbers = dict(one.numbers)
            if changes:
                self.numbers.assumed = dict(one.assumed)
                self.numbers.act(at, node, numbers)
                after = one._replace(tests=self.tests.after(at, one.tests)) if one.tests else one
            assert after is not None
            if node.act is Act.DECLARE and node.variable is not None:
                initial = node.variable.initial
                after = self._given(after, at, node.variable.name, initial, node.span)
            elif node.act is Act.RETURN and node.expr is not None:
                after = self._returned(after, at, node, node.expr)
            if after is not None and (changes or after.holders):
                for name in after.holders:
                    numbers[name] = _ADDRESS
                known = frozenset(numbers.items())
                after = after._replace(numbers=known) if known != after.numbers else after
            if after is not None:
                result.append(after)
        return result

    def _is_quiet(self, at: int, state: State) -> bool:
        """Whether a step can do nothing to the object: it is not there yet, or is not named."""
        if at in self.loud:
            return False
        if state.status is Status.BEFORE:
            return True
        look = self.looks[at]
        return not (
            state.valued
            or state.by
            or not look.names.isdisjoint(state.holders)
            or look.leaves
            or (look.calls and any(self._is_shaken(name) for name in state.holders))
            or (look.names and any("." in name for name in state.holders))
        )

    def _is_shaken(self, name: str) -> bool:
        """Whether code that is not known may set what has a name."""
        return "." in name or not self.unit.is_local(self.function, name)

    def _do(self, at: int, item: Expr, state: State) -> list[State]:
        if item is self.subject.call:
            assert isinstance(item, Call)
            return self.met(at, item, state)
        if state.status is Status.BEFORE:
            return [state]
        if isinstance(item, Call):
            return self.called(at, item, state)
        if isinstance(item, Assign) and item.operator == "=":
            name = named(item.target)
            after = self._given(state, at, name, item.value, item.span)
            return [after] if after is not None else []
        if isinstance(item, Unary) and item.operator == DELETE:
            if self._is(state, item.operand):
                return self._released(at, item, state, None)
            return [state]
        if isinstance(item, Unary) and item.operator in _STEPS:
            left = state.holders - _under(state.holders, named(item.operand))
            return [state._replace(holders=left)] if left or state.valued else []
        base = _behind(item)
        if base is not None and self._is(state, base) and state.status is Status.RELEASED:
            self.note("used", item.span, at, state, holder=self._spelled(base))
            return []
        if isinstance(item, (Braces, LambdaExpr)):
            parts = item.items if isinstance(item, Braces) else ()
            if any(self._is(state, part) for part in parts):
                return self._escapes(at, item.span, state, "it is put into something else")
        return [state]

    def met(self, at: int, item: Call, state: State) -> list[State]:
        """The call that the subject is known by."""
        if state.status is not Status.BEFORE:
            # Another one, of the next round.
            return self.called(at, item, state)
        subject = self.subject
        if subject.deed is None or subject.status in (Status.RELEASED, Status.TAKEN):
            after = self.begun(state, subject.name)
            after = after._replace(place=item.span)
            if subject.deed is not None:
                by = subject.deed.at(BY)
                after = after._replace(by=(named(by) or "") if by is not None else "")
                if subject.deed.on_success:
                    after = self.assume(after, item, 1)
            if subject.status is Status.OWNED:
                after = self.assume(
                    after._replace(valued=frozenset((item.anchor,))), item, _ADDRESS
                )
            return [after]
        out, into = addressed(subject.deed.at(OUT)), subject.deed.at(INTO)
        if subject.deed.at(OUT) is not None:
            if out is None or not self._may_hold(out):
                return []
            return [self.assume(self.begun(state, out), item, 1)]
        after = state._replace(status=subject.status, valued=frozenset((item.anchor,)))
        after = self.assume(after, item, _ADDRESS)
        name = addressed(into) if into is not None else None
        if name is not None:
            if dict(state.numbers).get(name) != 0 or not self._may_hold(name):
                return []
            after = after._replace(holders=frozenset((name,)))
            self.found.names.add(name)
        elif into is not None and self.numbers.value(at, into, dict(state.numbers)) != 0:
            return []
        return [after]

    def begun(self, state: State, name: str) -> State:
        """The object is there, and a name holds it."""
        self.found.names.add(name)
        holders = frozenset((name,)) if name else frozenset()
        numbers = frozenset({*state.numbers, (name, _ADDRESS)}) if name else state.numbers
        return state._replace(status=self.subject.status, holders=holders, numbers=numbers)

    def assume(self, state: State, call: Call, number: int) -> State:
        """A call has yielded a number on this way."""
        others = frozenset(item for item in state.assumed if item[0] != call.anchor)
        return state._replace(assumed=others | {(call.anchor, number)})

    def _may_hold(self, name: str) -> bool:
        return is_plain_pointer(self.unit, self.function, name) and name not in self.exposed

    # Names.

    def _is(self, state: State, expr: Expr) -> bool:
        """Whether an expression surely is the object."""
        inner = strip(expr)
        if isinstance(inner, Call):
            return inner.anchor in state.valued
        if isinstance(inner, Assign):
            return inner.operator == "=" and self._is(state, inner.value)
        if isinstance(inner, Conditional):
            return any(self._is(state, arm) for arm in self._arms(state, inner))
        name = named(inner)
        return name is not None and name in state.holders

    def _arms(self, state: State, expr: Conditional) -> tuple[Expr, ...]:
        """What a conditional may yield on this way; an arm that was not taken has no value."""
        came_out = self.tests.came_out(expr.condition, state.tests)
        if came_out is None:
            number = self.numbers.value(self.at[0], expr.condition, dict(state.numbers))
            came_out = None if number is None else bool(number)
        if came_out is None:
            return (expr.then, expr.otherwise)
        return (expr.then,) if came_out else (expr.otherwise,)

    def _given(
        self, state: State, at: int, name: str | None, value: Expr | None, span: Span
    ) -> State | None:
        """A name gets a value. None if the way ends here."""
        if state.status is Status.BEFORE:
            return state
        inner = strip(value) if value is not None else None
        if inner is not None and self._is(state, inner):
            if name is None or not self._may_hold(name):
                told = "it is stored where other code may find it"
                self._escapes(at, span, state, told)
                return None
            self.found.names.add(name)
            return state._replace(holders=state.holders | {name})
        if name is None:
            return state
        gone = _under(state.holders, name)
        if not gone:
            return state
        holders = state.holders - gone
        if holders or self._is_pending(state):
            return state._replace(holders=holders)
        if state.status is Status.OWNED:
            self.note("lost", span, at, state, holder=name)
        elif state.status is Status.RELEASED:
            self.note("released", state.place or span, at, state)
        elif state.status is Status.TAKEN:
            self.note("taken", state.place or span, at, state)
        return None

    def _is_pending(self, state: State) -> bool:
        return bool(state.valued)

    def _returned(self, state: State, at: int, node: Node, expr: Expr) -> State | None:
        if state.status is Status.BEFORE:
            return state
        if self._is(state, expr):
            if state.status is Status.OWNED:
                self.note("returned", node.span, at, state)
            return None
        inner = strip(expr)
        if isinstance(inner, (Name, Member, Call, Unary)) or not self._mentions(state, inner):
            return state
        return None if isinstance(inner, Braces) else state

    def _mentions(self, state: State, expr: Expr) -> bool:
        return not state.holders.isdisjoint(names_in(walk(expr)))

    def _escapes(self, at: int, span: Span, state: State, told: str) -> list[State]:
        """The object goes where this file does not show what becomes of it."""
        if state.status is Status.OWNED:
            self.note("escaped", span, at, state, told)
        return []

    # Calls.

    def called(self, at: int, call: Call, state: State) -> list[State]:
        """What a call does to the object; nothing is left where that is not known."""
        states = [state]
        seen: set[int] = set()
        taken = False
        for deed in deeds_of(self.stage, self.function, at, call):
            argument = deed.at(IT)
            if argument is None:
                continue
            following = []
            for one in states:
                if not self._is(one, argument):
                    following.append(self._past(one, deed, argument))
                    continue
                seen.add(id(argument))
                if deed.deed == "take" and taken:
                    following.append(one)  # one reference for both
                else:
                    following += self._deed(at, call, deed, argument, one)
                    taken = taken or deed.deed == "take"
            states = following
            if not states:
                return []
        for number, argument in enumerate(call.arguments):
            if id(argument) in seen:
                continue
            states = [
                after for one in states for after in self._handed(at, call, number, argument, one)
            ]
        base = call.callee.base if isinstance(call.callee, Member) else None
        if base is not None:
            states = [
                one
                for one in states
                if not (self._is(one, base) and one.status is Status.RELEASED)
                or self._misused(at, call.span, one, base)
            ]
        if not is_declared(self.stage, call):
            if may_leave(self.unit, call):
                return []
            states = [self._shaken(one) for one in states]
            states = [one for one in states if one.holders or one.valued]
        return states

    def _past(self, state: State, deed: Deed, argument: Expr) -> State:
        """What is done to another object may concern this one: that which has taken it."""
        if deed.deed == "release" and state.by and named(argument) == state.by:
            return state._replace(status=Status.RELEASED, place=deed.match.span, by="")
        return state

    def _deed(self, at: int, call: Call, deed: Deed, argument: Expr, state: State) -> list[State]:
        kind = deed.deed
        if kind == "release":
            return self._released(at, call, state, deed)
        if state.status is Status.RELEASED:
            self.note("used", argument.span, at, state, deed=deed, holder=self._spelled(argument))
            return []
        if kind == "take":
            if state.status is not Status.OWNED:
                return []
            by = deed.at(BY)
            gone = state._replace(
                status=Status.TAKEN,
                place=call.span,
                by=(named(by) or "") if by is not None else "",
            )
            if not deed.on_success or self._is_dropped(at, call):
                return [gone]
            if not state.holders:
                return [self.assume(gone, call, 1)]  # a failure is one of memory, and long past
            return [self.assume(gone, call, 1), self.assume(state, call, 0)]
        if kind == "share":
            return self._escapes(at, call.span, state, "it is given another owner")
        if kind == "keep":
            return self._escapes(at, call.span, state, f"{last_name(call)} may release it later")
        if kind == "pass":
            return [state._replace(valued=state.valued | {call.anchor})]
        return [state]

    def _is_dropped(self, at: int, call: Call) -> bool:
        """Whether nobody asks what a call yields: that it may fail is another matter then."""
        node = self.nodes[at]
        return node.act is Act.EVALUATE and node.expr is not None and strip(node.expr) is call

    def _released(self, at: int, item: Expr, state: State, deed: Deed | None) -> list[State]:
        name = ""
        if isinstance(item, Call) and deed is not None:
            argument = deed.at(IT)
            name = self._spelled(argument) if argument is not None else ""
        elif isinstance(item, Unary):
            name = self._spelled(item.operand)
        if state.status in (Status.RELEASED, Status.TAKEN):
            self.note("twice", item.span, at, state, deed=deed, holder=name)
            return []
        if state.status is Status.LENT:
            self.note("borrowed", item.span, at, state, deed=deed, holder=name)
            return []
        wanted = self.subject.resource
        if wanted is not None and (deed is None or deed.resource.id != wanted.id):
            self.note("mismatched", item.span, at, state, deed=deed, holder=name)
        return [state._replace(status=Status.RELEASED, place=item.span, by="")]

    def _spelled(self, expr: Expr) -> str:
        """A name as the text has it; '' for what is none."""
        inner = strip(expr)
        if named(inner) is None:
            return ""
        return self.unit.data[inner.span.start : inner.span.end].decode(errors="replace")

    def _misused(self, at: int, span: Span, state: State, base: Expr) -> bool:
        self.note("used", span, at, state, holder=self._spelled(base))
        return False

    def _handed(
        self, at: int, call: Call, number: int, argument: Expr, state: State
    ) -> list[State]:
        """One argument about which no page says what is done to it."""
        inner = strip(argument)
        name = addressed(inner)
        gone = _under(state.holders, name)
        if gone:
            left = state.holders - gone
            if state.status is Status.OWNED:
                return self._escapes(at, argument.span, state, "its variable is set elsewhere")
            return [state._replace(holders=left)] if left else []
        if not self._is(state, argument):
            parts = _put_together(inner)
            if any(self._is(state, part) for part in parts):
                return self._escapes(at, argument.span, state, "it is put into something else")
            return [state]
        if state.status is Status.LENT:
            return [state]
        bodies = called(self.unit, call)
        done = {self._done(body, number) for body in bodies}
        if state.status is Status.RELEASED and done == {"releases"}:
            return self._released_by(at, call, state)
        if state.status is Status.RELEASED:
            if call.kind is CallKind.CALL and self._is_taken_for_one(call, number):
                self.note("used", argument.span, at, state, holder=self._spelled(argument))
            return []
        kind = self._kind()
        if bodies:
            if done == {"uses"}:
                return [state]
            if done == {"releases"}:
                return self._released_by(at, call, state)
        elif is_declared(self.stage, call) and only_uses(
            *(self.stage, self.function, call, number, kind)
        ):
            return [state]
        if state.status is Status.TAKEN:
            return [state]
        return self._escapes(at, argument.span, state, self._reason(call, bool(bodies)))

    def _is_taken_for_one(self, call: Call, number: int) -> bool:
        """Whether a parameter is for such an object, and not for any address."""
        declared = declared_type(self.stage, self.function, call, number)
        return declared is not None and "*" in declared and bare(declared) == self._kind()

    def _released_by(self, at: int, call: Call, state: State) -> list[State]:
        if state.status in (Status.TAKEN, Status.RELEASED):
            self.note("twice", call.span, at, state)
            return []
        return [state._replace(status=Status.RELEASED, place=call.span, by="")]

    def _reason(self, call: Call, here: bool) -> str:
        name = last_name(call) or "code"
        if call.kind in (CallKind.CONSTRUCT, CallKind.NEW):
            text = call.callee.text if isinstance(call.callee, Name) else name
            return f"it is held by {text}"
        where = "keeps it, or hands it on" if here else "is not in this file"
        return f"it is handed to {name}, which {where}"

    def _kind(self) -> str:
        """The type of the object."""
        resource = self.subject.resource
        if resource is None and self.subject.deed is not None:
            resource = self.subject.deed.resource
        if resource is not None and resource.types:
            return resource.types[0]
        for name in self.found.names:
            variable = self.unit.variable(self.function, name, self.around.body.end)
            if variable is not None:
                return bare(variable.type)
        return ""

    def _done(self, body: int, number: int) -> str:
        """What a function of the unit does to what it is handed: `uses`, `releases` or ''."""
        return done_to_parameter(self.stage, body, number, self.subject.resource, self.depth)

    def _shaken(self, state: State) -> State:
        """Code that is not known may set what is no local."""
        kept = frozenset(name for name in state.holders if not self._is_shaken(name))
        return state if kept == state.holders else state._replace(holders=kept)


def _put_together(expr: Expr) -> tuple[Expr, ...]:
    """What something is made of: in braces, or not understood (`T *, x` as a product of two)."""
    if isinstance(expr, Braces):
        return expr.items
    if isinstance(expr, Opaque):
        return expr.parts
    product = isinstance(expr, Binary) and expr.operator == "*"
    return (expr.left, expr.right) if isinstance(expr, Binary) and product else ()


def _among(known: frozenset[tuple[str, _T]], live: frozenset[str]) -> frozenset[tuple[str, _T]]:
    """What is known of those that somebody still asks for."""
    return frozenset([item for item in known if item[0].lstrip(BEHIND) in live]) if known else known


def _arrivals(
    stage: Stage, function: int, begins: frozenset[int]
) -> Mapping[int, tuple[State, ...]] | None:
    """The same of a function, found once for all its objects."""
    key = ("arrivals", function, begins)
    if key not in stage.unit.cache:
        nowhere = Subject(function, _NOWHERE, None, Status.OWNED)
        stage.unit.cache[key] = Walk(stage, nowhere, 0, begins).arrivals()
    known = stage.unit.cache[key]
    assert known is None or isinstance(known, dict)
    return known


def has_lost_sight(unit: Unit, function: int) -> bool:
    """Whether an object of a function was not followed on all ways, for there are too many."""
    return ("lost sight", function) in unit.cache


def _under(holders: frozenset[str], name: str | None) -> frozenset[str]:
    """The holders that are a variable, or a part of what it is or points to."""
    if name is None:
        return frozenset()
    return frozenset(item for item in holders if item == name or item.startswith(f"{name}."))


_STEPS = ("++", "--", "p++", "p--")


def _behind(item: Expr) -> Expr | None:
    """The pointer whose object an expression looks into."""
    if isinstance(item, Member) and item.arrow:
        return item.base
    if isinstance(item, Unary) and item.operator == "*":
        return item.operand
    return item.base if isinstance(item, Index) else None


_DEPTH = 3


def done_to_parameter(
    stage: Stage, function: int, number: int, resource: Resource | None, depth: int = _DEPTH
) -> str:
    """What a function of the unit does to what it is handed on all of its ways."""
    key = ("done to", function, number, resource.id if resource is not None else "")
    known = stage.unit.cache.get(key)
    if known is None:
        stage.unit.cache[key] = ""  # for a function that calls itself
        known = stage.unit.cache[key] = _done(stage, function, number, resource, depth)
    assert isinstance(known, str)
    return known


def _done(stage: Stage, function: int, number: int, resource: Resource | None, depth: int) -> str:
    around = stage.unit.module.functions[function]
    if depth == 0 or number >= len(around.parameters):
        return ""
    name = around.parameters[number].name
    if not name:
        return "uses"
    if not is_plain_pointer(stage.unit, function, name) or name in exposed(stage, function):
        return ""
    subject = Subject(function, 0, None, Status.OWNED, name, None, resource)
    life = Walk(stage, subject, depth - 1).run()
    if life.exhausted or life.of("mismatched", "twice", "used"):
        return ""
    ends: Mapping[str, tuple[Event, ...]] = {
        kind: life.of(kind) for kind in ("left", "lost", "released", "taken", "escaped", "returned")
    }
    kinds = {kind for kind, events in ends.items() if events}
    if kinds <= {"left", "lost"} and kinds:
        return "uses"
    return "releases" if kinds == {"released"} else ""
