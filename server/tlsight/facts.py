"""What clang knows about a text, by byte offset. A missing fact is unknown, never absence.

An *anchor* is the offset of the last identifier of a name as spelled: of `c` in `a::b->c`, of the
declared name in `T x(1);`, of the type name in `T(1)`. Both readers agree on anchors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from tlsight.text import Span


class NameFact(NamedTuple):
    """What the identifier at an anchor refers to.

    `qualified` has no template arguments (`QSsl::TlsV1_2`, `SSL_new`), `type` is as clang
    spells it, `value` is set for enumerators and for constants that clang could fold soundly.
    """

    qualified: str
    kind: str
    """variable, parameter, field, enumerator, function, method, type, or other."""
    type: str
    value: int | None = None


class ParameterFact(NamedTuple):
    """A parameter of a called function; `default` is its default argument as spelled, or None."""

    name: str
    type: str
    default: str | None = None


class CallFact(NamedTuple):
    """The resolved callee of the call at an anchor; `qualified` names it, the class included."""

    qualified: str
    result: str
    parameters: tuple[ParameterFact, ...] = ()
    receiver: str = ""
    """The type of the object that a method is called on, without pointer or reference; else ''."""


class MacroFact(NamedTuple):
    """A macro's definition: parameter names (None for an object-like macro) and body text.

    `value` is what clang folded a use of it to: then it is a number, whatever its body looks like.
    """

    parameters: tuple[str, ...] | None
    body: str
    value: int | None = None


class ErrorFact(NamedTuple):
    """An error of clang's in this file, at a byte offset."""

    offset: int
    message: str


@dataclass(frozen=True)
class Facts:
    """Everything clang said about one text. All spans are of that text.

    `read` holds the bodies that clang read without an error in them or in what they use;
    `broken` those that it did not. A body in neither has not been read at all.
    """

    names: Mapping[int, NameFact] = field(default_factory=lambda: MappingProxyType({}))
    calls: Mapping[int, CallFact] = field(default_factory=lambda: MappingProxyType({}))
    constants: Mapping[Span, int] = field(default_factory=lambda: MappingProxyType({}))
    """Folded integer values of expressions, by their extent as spelled."""
    macros: Mapping[str, MacroFact] = field(default_factory=lambda: MappingProxyType({}))
    skipped: tuple[Span, ...] = ()
    errors: tuple[ErrorFact, ...] = ()
    read: tuple[Span, ...] = ()
    broken: tuple[Span, ...] = ()
    missing_headers: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by plain dictionaries, since mapping proxies cannot be pickled."""
        return (
            Facts,
            (
                dict(self.names),
                dict(self.calls),
                dict(self.constants),
                dict(self.macros),
                self.skipped,
                self.errors,
                self.read,
                self.broken,
                self.missing_headers,
            ),
        )


NO_FACTS = Facts()
