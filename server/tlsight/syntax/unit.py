"""The state of reading one part: where its text stands, and what is known around it.

Names and ranges come from here, so that inside a macro's expansion all of them are the use's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tree_sitter

from tlsight.facts import MacroFact
from tlsight.ir import Expr, Function, LambdaExpr, Tag
from tlsight.syntax.conditions import Path, Regions
from tlsight.text import Span

Syntax = tree_sitter.Node


@dataclass(frozen=True)
class Environment:
    """What all parts of a text share; a part's reading depends on nothing else but its text.

    `active` are the macros whose use is lowered in place.
    """

    language: str
    roles: frozenset[str]
    macros: Mapping[str, MacroFact]
    active: Mapping[str, MacroFact]
    types: frozenset[str]
    values: frozenset[str]
    """Types without a constructor: numbers, enumerations, and names for them or for pointers."""
    no_return: frozenset[str]
    asserts: frozenset[str]
    namespaces: frozenset[str]
    objects: frozenset[str]
    """Names known to be functions or variables, hence no types."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text and where it stands; with `fixed`, all of it stands at the use of a macro."""

    text: bytes
    base: int
    limit: int
    fixed: Span | None = None


@dataclass
class Unit:
    """The reading of one part, under way."""

    environment: Environment
    source: Source
    regions: Regions
    start: int
    scope: tuple[str, ...]
    damage: list[Span] = field(default_factory=list)
    """Errors of the text that the tree does not show, since they were mended for the grammar."""
    first: int = 0
    """The index in the module of the first function of this part."""
    functions: list[Function | None] = field(default_factory=list)
    errors: list[Span] = field(default_factory=list)
    shortcuts: int = 0
    """How many `&&`, `||` and `?:` have been read."""
    expansions: int = 0
    """How many macros have been lowered in place."""
    expanding: tuple[str, ...] = ()
    local_types: set[str] = field(default_factory=set)
    local_names: set[str] = field(default_factory=set)
    """The parameters and variables of the function being read."""
    enclosing: int | None = None
    statement_expression: Callable[[Syntax], Expr] | None = None
    read_lambda: Callable[[Unit, Syntax], LambdaExpr] | None = None
    tag_cache: dict[Any, tuple[Tag, ...]] = field(default_factory=dict)

    @property
    def cpp(self) -> bool:
        """Whether the text is C++."""
        return self.environment.language == "cpp"

    def span(self, node: Syntax) -> Span:
        """The range of a node as spelled."""
        source = self.source
        if source.fixed is not None:
            return source.fixed
        start, end = source.base + node.start_byte, source.base + node.end_byte
        if end > source.limit:
            return Span(min(start, source.limit), source.limit)
        return Span(start, end)

    def offset(self, place: int) -> int:
        """A place of the source as an offset of the text."""
        source = self.source
        if source.fixed is not None:
            return source.fixed.start
        return min(source.base + place, source.limit)

    def between(self, start: int, end: int) -> Span:
        """A range of the source as a range of the text."""
        source = self.source
        if source.fixed is not None:
            return source.fixed
        first = min(source.base + start, source.limit)
        return Span(first, max(first, min(source.base + end, source.limit)))

    def text(self, node: Syntax) -> str:
        """A node as spelled."""
        return self.source.text[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def path(self, span: Span) -> Path:
        """The `#if` around a place."""
        return self.regions.path(span.start - self.start)

    def tags(self, span: Span) -> tuple[Tag, ...]:
        """The preprocessor branches around a place."""
        path = self.path(span)
        known = self.tag_cache.get(path)
        if known is None:
            known = tuple(tag for step in path for tag in step.tags)
            self.tag_cache[path] = known
        return known

    def is_broken(self, node: Syntax) -> bool:
        """Whether the text of a node has an error."""
        if node.has_error:
            return True
        span = self.span(node)
        return any(span.start <= error.start and error.end <= span.end for error in self.damage)

    def is_object(self, name: str) -> bool:
        """Whether a name is known to be a variable or a function."""
        environment = self.environment
        return name in self.local_names or name in environment.objects or name in environment.roles

    def is_value_type(self, name: str) -> bool:
        """Whether a type has no constructor: it is a number, an enumeration or a pointer."""
        last = name.rpartition("::")[2]
        values = self.environment.values
        return last.endswith("_t") or name in values or last in values

    def is_type(self, name: str) -> bool:
        """Whether a name, qualified or not, is known to be a type."""
        types = self.environment.types
        if name in types or name in self.local_types:
            return True
        head, _, last = name.rpartition("::")
        if not head or last not in types:
            return False
        # `T::x` of a class T is a type only if that nesting is known: `x` may be one elsewhere.
        scope = head.rpartition("::")[2]
        return scope not in types or f"{scope}::{last}" in types
