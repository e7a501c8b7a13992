"""What is known of an object's life: what it is, what was done to it, and the state of one way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tlsight.engine.correlation import Outcome
from tlsight.engine.deeds import Deed
from tlsight.ir import Call
from tlsight.rule import Resource
from tlsight.text import Span


class Status(str, Enum):
    """What has become of the object."""

    BEFORE = "before"
    """It is not there yet."""
    OWNED = "owned"
    LENT = "lent"
    RELEASED = "released"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Subject:
    """An object, by the call that makes, lends, takes or releases it; or a parameter."""

    function: int
    node: int
    call: Call | None
    status: Status
    """What it is after the call."""
    name: str = ""
    """What holds it, if that is not what the result is given to."""
    deed: Deed | None = None
    resource: Resource | None = None
    spelled: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is done to the object and must not be, or what became of it.

    `kind`: `twice`, `used`, `borrowed`, `mismatched`, `lost`, `left` (owned at an exit), `escaped`
    (with the reason), `returned`, `released`, `taken`.
    """

    kind: str
    span: Span
    node: int
    told: str = ""
    way: tuple[tuple[Span, bool], ...] = ()
    """The tests on the way, and how they came out."""
    place: Span | None = None
    """Where it was released or handed over before."""
    deed: Deed | None = None
    after: Status = Status.OWNED
    holder: str = ""


@dataclass(frozen=True)
class Life:
    """All that was seen of one object."""

    subject: Subject
    events: tuple[Event, ...] = ()
    names: frozenset[str] = frozenset()
    """All names that held it."""
    exhausted: bool = False

    def of(self, *kinds: str) -> tuple[Event, ...]:
        """The events of some kinds."""
        return tuple(event for event in self.events if event.kind in kinds)


class State(NamedTuple):
    """What is known at one step of one way."""

    status: Status
    holders: frozenset[str] = frozenset()
    numbers: frozenset[tuple[str, int]] = frozenset()
    tests: frozenset[tuple[str, Outcome]] = frozenset()
    tags: frozenset[tuple[str, bool]] = frozenset()
    assumed: frozenset[tuple[int, int]] = frozenset()
    valued: frozenset[int] = frozenset()
    """The calls, by their anchors, whose result is the object."""
    by: str = ""
    """What has taken it and releases it."""
    place: Span | None = None
    """Where it was released or handed over."""
