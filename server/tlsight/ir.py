"""The one intermediate form of C and C++ that the engines judge, and its control-flow graph.

`syntax/` lowers every function to it; nothing in it refers to a reader.
Every expression keeps its range *as spelled* in the file, so that a fix is exact.
Inside the expansion of a macro every range is that of the use, and `expanded` is set on the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, Union, overload

from msgspec import Struct

from tlsight.text import Span

_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")


class Name(Struct, frozen=True, gc=False):
    """A use of a name, qualified as spelled without template arguments; `anchor` see `facts`."""

    span: Span
    text: str
    anchor: int


class Literal(Struct, frozen=True, gc=False):
    """A literal. Adjacent strings are one literal; an `int` holds bool and character values too."""

    span: Span
    kind: str
    """int, char, float, string, bool, null."""
    value: int | float | str | None


class Member(Struct, frozen=True, gc=False):
    """`base.name` or `base->name` (`arrow`); `anchor` is the offset of `name`."""

    span: Span
    base: Expr
    name: str
    arrow: bool
    anchor: int


class CallKind(str, Enum):
    """How a call is spelled."""

    CALL = "call"
    CONSTRUCT = "construct"
    """`T x(a)`, `T x{a}`, `T(a)`, `T{a}`, and a member's initialiser `m(a)` in a constructor."""
    NEW = "new"
    MACRO = "macro"
    """The use of a function-like macro that a page names, or that nothing is known of."""


class Call(Struct, frozen=True, gc=False):
    """A call, a construction or the use of a function-like macro.

    `callee` is a `Name` (of the type, for a construction), a `Member`, or any other expression.
    `target` is the declared variable or initialised member of a construction, else ''.
    `arguments_span` lies between the brackets, so that an argument can be added; empty at the
    end of the name if there are no brackets.
    """

    span: Span
    callee: Expr
    arguments: tuple[Expr, ...]
    kind: CallKind
    anchor: int
    arguments_span: Span
    target: str = ""


class Unary(Struct, frozen=True, gc=False):
    """A prefix or postfix operator: `! ~ - + * & ++ -- p++ p--`, and `co_await`, `throw`."""

    span: Span
    operator: str
    operand: Expr


class Binary(Struct, frozen=True, gc=False):
    """A binary operator that assigns nothing; `a, b` too."""

    span: Span
    operator: str
    left: Expr
    right: Expr


class Assign(Struct, frozen=True, gc=False):
    """`target = value` and `target |= value`."""

    span: Span
    operator: str
    target: Expr
    value: Expr


class Conditional(Struct, frozen=True, gc=False):
    """`condition ? then : otherwise`; for GNU `a ?: b`, `then` is `condition`."""

    span: Span
    condition: Expr
    then: Expr
    otherwise: Expr


class Cast(Struct, frozen=True, gc=False):
    """Any cast; `type` as spelled, blanks normalised."""

    span: Span
    type: str
    operand: Expr


class Index(Struct, frozen=True, gc=False):
    """`base[index]`."""

    span: Span
    base: Expr
    index: Expr


class Braces(Struct, frozen=True, gc=False):
    """`{a, b}`; a designated `.f = x` is an `Assign` to a `Name`."""

    span: Span
    items: tuple[Expr, ...]


class SizeOf(Struct, frozen=True, gc=False):
    """`sizeof operand` of an expression or, with `type` set, of a type."""

    span: Span
    operand: Expr | None
    type: str


class LambdaExpr(Struct, frozen=True, gc=False):
    """A lambda; `function` is the index of its `Function` in the module."""

    span: Span
    function: int


class Evaluated(Struct, frozen=True, gc=False):
    """An expression that an earlier node of the graph has evaluated: a value, no new event.

    A `&&`, `||` or `?:` inside a statement is lowered to branches before it; the statement then
    holds this, so that values can still be read off the whole expression.
    """

    span: Span
    expr: Expr


class Opaque(Struct, frozen=True, gc=False):
    """Something not understood (an error, assembler …), with the expressions found inside."""

    span: Span
    parts: tuple[Expr, ...]


Expr = Union[
    Name,
    Literal,
    Member,
    Call,
    Unary,
    Binary,
    Assign,
    Conditional,
    Cast,
    Index,
    Braces,
    SizeOf,
    LambdaExpr,
    Evaluated,
    Opaque,
]


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct operands of an expression in order of evaluation as written.

    Nothing for `Evaluated` (its events are elsewhere), for `SizeOf` (not evaluated) and for a
    lambda (its body is a function of its own).
    """
    operands = _OPERANDS.get(type(expr))
    return () if operands is None else operands(expr)


_OPERANDS: Mapping[type, Callable[[Any], tuple[Expr, ...]]] = {
    Call: lambda item: (
        item.arguments if type(item.callee) is Name else (item.callee, *item.arguments)
    ),
    Member: lambda item: (item.base,),
    Unary: lambda item: (item.operand,),
    Cast: lambda item: (item.operand,),
    Binary: lambda item: (item.left, item.right),
    Assign: lambda item: (item.value, item.target),
    Conditional: lambda item: (item.condition, item.then, item.otherwise),
    Index: lambda item: (item.base, item.index),
    Braces: lambda item: item.items,
    Opaque: lambda item: item.parts,
}
"""By type, for this is asked of every expression at every keystroke."""


def walk(expr: Expr) -> Iterator[Expr]:
    """`expr` and everything evaluated inside it, operands first; as deep as the text is."""
    if type(expr) not in _OPERANDS:
        return iter((expr,))
    found: list[Expr] = []
    waiting: list[Expr] = [expr]
    while waiting:
        item = waiting.pop()
        found.append(item)
        operands = _OPERANDS.get(type(item))
        if operands is not None:
            waiting += operands(item)
    return reversed(found)


def parts(expr: Expr) -> Iterator[Expr]:
    """Every part of an expression, those that were evaluated before too."""
    if type(expr) not in _OPERANDS and type(expr) is not Evaluated:
        return iter((expr,))
    found: list[Expr] = []
    waiting: list[Expr] = [expr]
    while waiting:
        item = waiting.pop()
        found.append(item)
        operands = _OPERANDS.get(type(item))
        if operands is not None:
            waiting += operands(item)
        elif type(item) is Evaluated:
            waiting.append(item.expr)
    return iter(found)


class Tag(NamedTuple):
    """A preprocessor condition (its text, blanks normalised) and which way it must hold."""

    condition: str
    holds: bool


class Case(NamedTuple):
    """One `case` of a `switch`; no value means `default`."""

    value: Expr | None


class Edge(NamedTuple):
    """A way to the node at index `target`.

    `when` is True or False after a `Test`, the cases that lead here after a `Switch`, else None.
    """

    target: int
    when: bool | tuple[Case, ...] | None = None


class Act(str, Enum):
    """What a node of the graph does."""

    ENTRY = "entry"
    EXIT = "exit"
    DECLARE = "declare"
    EVALUATE = "evaluate"
    TEST = "test"
    SWITCH = "switch"
    RETURN = "return"
    JOIN = "join"
    """Nothing: a label, the end of a scope, a jump."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable, parameter, field or global; `type` as spelled, blanks normalised.

    Array bounds are part of the type: `unsigned char[32]`.
    `initial` is its initialiser or default argument; `name_span` may be empty for no name.
    """

    name: str
    type: str
    span: Span
    name_span: Span
    initial: Expr | None = None
    constant: bool = False
    """Declared `const` or `constexpr` at the top level, so it keeps its initial value."""
    static: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a function.

    DECLARE has a variable (its initialiser is evaluated here), TEST and SWITCH an expression with
    no `&&`, `||` or `!` at its top, RETURN an expression or None. `tags` are the preprocessor
    branches that the step stands in. `loop` is set on the test of a loop.
    """

    act: Act
    span: Span
    expr: Expr | None = None
    variable: Variable | None = None
    next: tuple[Edge, ...] = ()
    tags: tuple[Tag, ...] = ()
    loop: bool = False
    expanded: bool = False
    _expressions: tuple[Expr, ...] | None = field(
        default=None, init=False, repr=False, compare=False
    )
    _everything: tuple[Expr, ...] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @property
    def evaluates(self) -> Expr | None:
        """The expression whose events happen at this node, if any."""
        return self.variable.initial if self.variable is not None else self.expr

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """What this node evaluates and everything evaluated inside it, operands first."""
        known = self._expressions
        if known is None:
            whole = self.evaluates
            known = tuple(walk(whole)) if whole is not None else ()
            object.__setattr__(self, "_expressions", known)
        return known

    @property
    def everything(self) -> tuple[Expr, ...]:
        """The same, and what was evaluated at earlier nodes; the whole comes first."""
        known = self._everything
        if known is None:
            known = self.expressions[::-1]
            if any(type(item) is Evaluated for item in known):
                known = tuple(parts(known[0]))
            object.__setattr__(self, "_everything", known)
        return known


@dataclass(frozen=True, slots=True)
class Function:
    """One function body with its graph; node 0 is ENTRY, node 1 is EXIT.

    `name` is qualified by namespaces and classes as far as syntax tells, without template
    arguments. A lambda is named `<lambda>`, a file-scope or member initialiser `<initialiser>`
    (its graph declares the variable). `enclosing` is the index of the function around a lambda.
    """

    name: str
    kind: str
    """function, method, constructor, destructor, lambda, initialiser."""
    span: Span
    body: Span
    name_span: Span
    owner: str
    parameters: tuple[Variable, ...]
    result: str
    nodes: tuple[Node, ...]
    broken: bool = False
    """The text has a syntax error inside."""
    enclosing: int | None = None
    tags: tuple[Tag, ...] = ()
    static: bool = False
    _by_kind: dict[tuple[type, ...], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _mentioned: frozenset[str] | None = field(default=None, init=False, repr=False, compare=False)

    @overload
    def each(self, kind: type[_A], /) -> Sequence[tuple[int, _A]]: ...
    @overload
    def each(self, kind: type[_A], other: type[_B], /) -> Sequence[tuple[int, _A | _B]]: ...
    @overload
    def each(
        self, kind: type[_A], other: type[_B], third: type[_C], /
    ) -> Sequence[tuple[int, _A | _B | _C]]: ...
    def each(self, *kinds: type) -> Any:
        """All expressions of some kinds that the function evaluates, each with its node's index."""
        known = self._by_kind.get(kinds)
        if known is None:
            known = self._by_kind[kinds] = [
                (at, expr)
                for at, node in enumerate(self.nodes)
                for expr in node.expressions
                if type(expr) in kinds
            ]
        return known

    def mentions(self, name: str) -> bool:
        """Whether a name, or the last part of one, stands anywhere in what it evaluates."""
        known = self._mentioned
        if known is None:
            known = frozenset(
                expr.name if isinstance(expr, Member) else expr.text.rpartition("::")[2]
                for _, expr in self.each(Name, Member)
            )
            object.__setattr__(self, "_mentioned", known)
        return name in known


@dataclass(frozen=True, slots=True)
class Signature:
    """A declared function or method: what a call to it means when clang does not say."""

    name: str
    parameters: tuple[Variable, ...]
    result: str
    owner: str = ""
    static: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A class, struct or union: fields and methods that are declared in it, and its bases."""

    name: str
    fields: Mapping[str, Variable] = field(default_factory=lambda: MappingProxyType({}))
    methods: Mapping[str, tuple[Signature, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    bases: tuple[str, ...] = ()


class Macro(NamedTuple):
    """A macro that the text defines; `parameters` is None for an object-like one."""

    parameters: tuple[str, ...] | None
    body: str
    span: Span


class Comment(NamedTuple):
    """A comment and its text without the marks."""

    span: Span
    text: str


class Include(NamedTuple):
    """An `#include`: the name between the quotes or angle brackets."""

    span: Span
    name: str
    quoted: bool


@dataclass(frozen=True)
class Declarations:
    """What a text declares, at any scope: the meaning that syntax alone can give to names.

    Keys are qualified names; `enumerators` maps to values where they are plain numbers.
    Overloads stand together in `functions`.
    """

    functions: Mapping[str, tuple[Signature, ...]] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    enumerators: Mapping[str, int | None] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    """`typedef` and `using`: the new name to the type as spelled."""
    macros: Mapping[str, Macro] = field(default_factory=dict)
    no_return: frozenset[str] = frozenset()
    """Functions that do not return, as an attribute says."""


@dataclass(frozen=True)
class Module:
    """One text, read by syntax: its functions, what it declares, and what it could not read."""

    functions: tuple[Function, ...]
    declarations: Declarations
    strings: tuple[Literal, ...] = ()
    """Every string literal of the text, those in skipped text and in initialisers too."""
    comments: tuple[Comment, ...] = ()
    includes: tuple[Include, ...] = ()
    errors: tuple[Span, ...] = ()
    """Where the text is not C or C++ as far as syntax can tell."""
    deep: tuple[Span, ...] = ()
    """Declarations that are nested too deeply to be read; also in `errors`."""


NO_DECLARATIONS = Declarations()
