"""One text as the engines see it: its module, clang's facts, and what libraries declare.

All questions about meaning are asked here: what a name refers to, what type an expression has,
what a call's callee is named. Clang's word comes first; where it is silent, declarations that
syntax can see answer; where both are silent the answer is None, which means unknown.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TypeVar

from tlsight.facts import CallFact, Facts, NameFact
from tlsight.ir import (
    Act,
    Assign,
    Binary,
    Call,
    CallKind,
    Cast,
    Conditional,
    Declarations,
    Evaluated,
    Expr,
    Function,
    Index,
    Literal,
    Member,
    Module,
    Name,
    Signature,
    Tag,
    Unary,
    Variable,
)
from tlsight.text import Span

_QUALIFIERS = re.compile(r"\b(?:const|volatile|struct|class|enum|union|typename|static)\b")
_BLANKS = re.compile(r"\s+")

_P = TypeVar("_P")
_Key = tuple[int | None, int]


@dataclass(frozen=True)
class Unit:
    """A module and everything that gives its names a meaning."""

    data: bytes
    module: Module
    facts: Facts
    libraries: Sequence[Declarations]
    """What the library pages, and the headers of the workspace, declare."""
    language: str = "cpp"
    header: bool = False
    """What it declares may be defined elsewhere."""
    cache: dict[object, object] = field(default_factory=dict, compare=False, repr=False)
    """Answers about this very unit; dies with it."""
    kept: dict[tuple[str, int], object] = field(default_factory=dict, compare=False, repr=False)
    """Answers about one function that its own text, its facts and the declarations decide."""
    _resolved: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)
    _types: dict[_Key, tuple[Expr, str | None]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    """By function and identity, which lasts as long as the expression that is kept with it."""
    _receivers: dict[_Key, tuple[Expr, str | None]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def inherit(self, before: Unit) -> None:
        """Effect: what an earlier unit of the same module kept of functions holds here as well.

        All but those of which the facts tell something else now.
        """
        old, new = before.facts, self.facts
        if before.module is not self.module or before.libraries != self.libraries:
            return
        if old.macros != new.macros or old.skipped != new.skipped:
            return
        changed = sorted(
            (
                *differing(old.names, new.names),
                *differing(old.calls, new.calls),
                *(span.start for span in differing(old.constants, new.constants)),
            )
        )
        for (name, number), answer in list(before.kept.items()):
            start, end = self.module.functions[number].span
            at = bisect_left(changed, start)
            if at == len(changed) or changed[at] >= end:
                self.kept[name, number] = answer

    @cached_property
    def environment(self) -> tuple[Declarations, ...]:
        """All declarations, those of the text itself first."""
        return (self.module.declarations, *self.libraries)

    @cached_property
    def variables(self) -> Mapping[int, Mapping[str, tuple[Variable, ...]]]:
        """By function index: its parameters and locals by name, in order of declaration."""
        return {index: _locals(function) for index, function in enumerate(self.module.functions)}

    @cached_property
    def calls(self) -> Mapping[str, tuple[tuple[int, int, Call], ...]]:
        """Calls of the module by the last part of the callee: function index, node index, call."""
        found: dict[str, list[tuple[int, int, Call]]] = {}
        for index, function in enumerate(self.module.functions):
            for at, call in function.each(Call):
                found.setdefault(last_name(call), []).append((index, at, call))
        return {name: tuple(calls) for name, calls in found.items()}

    @cached_property
    def bodies(self) -> frozenset[str]:
        """The names of the functions that have bodies here."""
        return frozenset(item.name for item in self.module.functions if item.body)

    def name_fact(self, anchor: int) -> NameFact | None:
        """What clang says of the identifier at an anchor."""
        return self.facts.names.get(anchor)

    def call_fact(self, call: Call) -> CallFact | None:
        """What clang says of a call."""
        return self.facts.calls.get(call.anchor)

    def live(self, span: Span) -> bool:
        """Whether clang, as far as it was asked, did not skip this text."""
        return not any(skipped.overlaps(span) for skipped in self.facts.skipped)

    def variable(self, function: int | None, name: str, before: int) -> Variable | None:
        """The local, parameter, field or global that an unqualified name means.

        Among locals of one name, the last that is declared before byte `before`.
        """
        owner = ""
        while function is not None:
            declared = self.variables[function].get(name, ())
            if declared:
                earlier = bisect_right(declared, before, key=lambda item: item.span.start)
                return declared[max(0, earlier - 1)]
            owner = owner or self.module.functions[function].owner
            function = self.module.functions[function].enclosing
        if owner and (found := self.field(owner, name)) is not None:
            return found
        return self.global_variable(name)

    def is_local(self, function: int | None, name: str) -> bool:
        """Whether a name is a local or a parameter of the function or of one around it."""
        return self.home(function, name) is not None

    def home(self, function: int | None, name: str) -> int | None:
        """The function that declares a local or a parameter: this one, or one around it."""
        while function is not None:
            if name in self.variables[function]:
                return function
            function = self.module.functions[function].enclosing
        return None

    def handed(self, function: int, name: str) -> Iterator[tuple[int, int, Expr]] | None:
        """What the calls in this text hand over for a parameter: caller, step and argument.

        None if it is no parameter of the function.
        """
        around = self.module.functions[function]
        names = [item.name for item in around.parameters]
        if name not in names:
            return None
        position = names.index(name)
        return (
            (caller, node, call.arguments[position])
            for caller, node, call in self.calls.get(around.name.rpartition("::")[2], ())
            if position < len(call.arguments)
        )

    def declares(self, record: str) -> bool:
        """Whether some declaration shows a class."""
        return any(record in found.records for found in self.environment)

    def global_variable(self, name: str) -> Variable | None:
        """A variable at file or namespace scope, by its name as spelled."""
        name = name.removeprefix("::")
        for declarations in self.environment:
            if name in declarations.variables:
                return declarations.variables[name]
        tail = "::" + name
        for qualified, variable in self.module.declarations.variables.items():
            if qualified.endswith(tail):
                return variable
        return None

    def field(self, owner: str, name: str) -> Variable | None:
        """A field of a class or of one of its bases."""
        for record in self.hierarchy(owner):
            for declarations in self.environment:
                found = declarations.records.get(record)
                if found is not None and name in found.fields:
                    return found.fields[name]
        return None

    def hierarchy(self, type_name: str) -> tuple[str, ...]:
        """A class and its bases as far as declarations tell, nearest first."""
        key = ("hierarchy", type_name)
        known = self.cache.get(key)
        if known is None:
            known = tuple(self._hierarchy(type_name))
            self.cache[key] = known
        assert isinstance(known, tuple)
        return known

    def _hierarchy(self, type_name: str) -> Iterator[str]:
        seen: set[str] = set()
        queue = [self.record_name(type_name)]
        while queue:
            name = queue.pop(0)
            if name in seen:
                continue
            seen.add(name)
            yield name
            for declarations in self.environment:
                record = declarations.records.get(name)
                if record is not None:
                    queue += [self.record_name(base) for base in record.bases]

    def record_name(self, type_name: str) -> str:
        """The class behind a type as spelled: aliases followed, qualifiers and template dropped."""
        key = ("record", type_name)
        known = self.cache.get(key)
        if known is None:
            known = self.cache[key] = self._record_name(type_name)
        assert isinstance(known, str)
        return known

    def _record_name(self, type_name: str) -> str:
        name = bare(type_name)
        for _ in range(8):
            alias = self._alias(name)
            if alias is None or bare(alias) == name:
                break
            name = bare(alias)
        if self.declares(name):
            return name
        tail = "::" + name
        for declarations in self.environment:
            for qualified in declarations.records:
                if qualified.endswith(tail):
                    return qualified
        return name

    def _alias(self, name: str) -> str | None:
        """What a name of a type stands for; one of this text is found without its namespace."""
        for found in self.environment:
            if name in found.aliases:
                return found.aliases[name]
        own = self._own_aliases.get(name.rpartition("::")[2], ())
        return next((meant for known, meant in own if known.endswith("::" + name)), None)

    @cached_property
    def _own_aliases(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The aliases of the text itself by the last part of their names: name and meaning."""
        found: dict[str, list[tuple[str, str]]] = {}
        for known, meant in self.module.declarations.aliases.items():
            found.setdefault(known.rpartition("::")[2], []).append((known, meant))
        return found

    def resolved_type(self, type_name: str) -> str:
        """A type with its outermost aliases followed, as spelled at the end."""
        known = self._resolved.get(type_name)
        if known is None:
            known = self._resolved[type_name] = self._resolved_type(type_name)
        return known

    def _resolved_type(self, type_name: str) -> str:
        for _ in range(8):
            name = bare(type_name)
            alias = self._alias(name)
            if alias is None or bare(alias) == name:
                return type_name
            type_name = alias + " " + "*" * type_name.count("*") if "*" in type_name else alias
        return type_name

    def type_of(self, function: int | None, expr: Expr) -> str | None:
        """The type of an expression as far as anything tells, qualifiers included."""
        key = (function, id(expr))
        known = self._types.get(key)
        if known is None:
            known = self._types[key] = (expr, self._type_of(function, expr))
        return known[1]

    def _type_of(self, function: int | None, expr: Expr) -> str | None:
        if isinstance(expr, Name):
            return self._type_of_name(function, expr)
        if isinstance(expr, Member):
            fact = self.name_fact(expr.anchor)
            if fact is not None and fact.kind in ("field", "variable"):
                return fact.type
            owner = self.receiver_type(function, expr)
            found = self.field(owner, expr.name) if owner else None
            return found.type if found else None
        if isinstance(expr, Call):
            return self._type_of_call(function, expr)
        if isinstance(expr, Cast):
            return expr.type
        if isinstance(expr, (Evaluated,)):
            return self.type_of(function, expr.expr)
        if isinstance(expr, Unary):
            return self._type_of_unary(function, expr)
        if isinstance(expr, Conditional):
            return self.type_of(function, expr.then) or self.type_of(function, expr.otherwise)
        if isinstance(expr, Assign):
            return self.type_of(function, expr.target)
        if isinstance(expr, Binary):
            return self.type_of(function, expr.right) if expr.operator == "," else None
        if isinstance(expr, Index):
            base = self.type_of(function, expr.base)
            if base and not re.search(r"[*\[]", base.partition("<")[0]):
                return template_argument(self.resolved_type(base)) or element(base)
            return element(base) if base else None
        if isinstance(expr, Literal) and expr.kind == "string":
            return "const char *"
        return None

    def _type_of_name(self, function: int | None, expr: Name) -> str | None:
        fact = self.name_fact(expr.anchor)
        if fact is not None and fact.type and fact.kind not in ("type", "function", "method"):
            return fact.type
        if expr.text == "this":
            return self.owner_of(function) + " *"
        if "::" in expr.text:
            owner, _, name = expr.text.rpartition("::")
            found = self.field(owner, name) or self.global_variable(expr.text)
        else:
            found = self.variable(function, expr.text, expr.span.start)
        if found is None:
            return None
        if re.search(r"\bauto\b", found.type) and found.initial is not None:
            return self._deduced(function, found, found.initial)
        return found.type

    def _deduced(self, function: int | None, variable: Variable, initial: Expr) -> str | None:
        """The type of an `auto` variable; None where its initialiser leads back to it."""
        key = ("deduced", function, variable.span)
        if key not in self.cache:
            self.cache[key] = None
            self.cache[key] = self.type_of(function, initial)
        known = self.cache[key]
        assert known is None or isinstance(known, str)
        return known

    def owner_of(self, function: int | None) -> str:
        """The class whose member a function, or the function around a lambda, is."""
        while function is not None:
            found = self.module.functions[function]
            if found.owner or found.enclosing is None:
                return found.owner
            function = found.enclosing
        return ""

    def _type_of_call(self, function: int | None, call: Call) -> str | None:
        fact = self.call_fact(call)
        if fact is not None and fact.result:
            return fact.result
        if call.kind is CallKind.CONSTRUCT:
            return call.callee.text if isinstance(call.callee, Name) else None
        if call.kind is CallKind.NEW:
            return call.callee.text + " *" if isinstance(call.callee, Name) else None
        found = self.signatures(function, call)
        if found:
            return self._of_template(function, call, found[0].result) or None
        if isinstance(call.callee, Name) and self.is_type(call.callee.text):
            return call.callee.text
        return None

    def _of_template(self, function: int | None, call: Call, result: str) -> str:
        """The result of a method; of a container's, what its first template argument is."""
        if bare(result) != "T" or not isinstance(call.callee, Member):
            return result
        base = self.type_of(function, call.callee.base)
        argument = template_argument(self.resolved_type(base)) if base is not None else None
        return result.replace("T", argument) if argument is not None else result

    def _type_of_unary(self, function: int | None, expr: Unary) -> str | None:
        inner = self.type_of(function, expr.operand)
        if inner is None:
            return None
        if expr.operator == "&":
            return inner + " *"
        return element(inner) if expr.operator == "*" else inner

    def is_type(self, name: str) -> bool:
        """Whether a name is a class or an alias that some declaration shows."""
        return any(name in known.records or name in known.aliases for known in self.environment)

    def signatures(self, function: int | None, call: Call) -> tuple[Signature, ...]:
        """The declared overloads that a call may mean, as far as syntax shows."""
        if isinstance(call.callee, Member):
            owner = self.receiver_type(function, call.callee)
            return self.methods(owner, call.callee.name) if owner else ()
        if not isinstance(call.callee, Name):
            return ()
        name = call.callee.text.removeprefix("::")
        if call.kind in (CallKind.CONSTRUCT, CallKind.NEW):
            record = self.record_name(name)
            return self.methods(record, record.rpartition("::")[2])
        owner, _, last = name.rpartition("::")
        if owner and (found := self.methods(self.record_name(owner), last)):
            return found
        around = self.owner_of(function)
        if not owner and around and (found := self.methods(around, last)):
            return found
        for declarations in self.environment:
            if name in declarations.functions:
                return declarations.functions[name]
        return ()

    def methods(self, owner: str, name: str) -> tuple[Signature, ...]:
        """The methods of this name of a class, or of its nearest base that has some."""
        for record in self.hierarchy(owner):
            for declarations in self.environment:
                found = declarations.records.get(record)
                if found is not None and name in found.methods:
                    return found.methods[name]
        return ()

    def receiver_type(self, function: int | None, member: Member) -> str | None:
        """The class of the object on the left of `.` or `->`, smart pointers looked through."""
        key = (function, id(member))
        known = self._receivers.get(key)
        if known is None:
            known = self._receivers[key] = (member, self._receiver_type(function, member))
        return known[1]

    def _receiver_type(self, function: int | None, member: Member) -> str | None:
        inner = self.type_of(function, member.base)
        if inner is None:
            return None
        inner = self.resolved_type(inner)
        if member.arrow and "*" not in inner.partition("<")[0] and "*" not in _tail(inner):
            pointee = template_argument(inner)
            return self.record_name(pointee) if pointee else self.record_name(inner)
        return self.record_name(inner)

    def parameter_type(self, function: int | None, call: Call, index: int) -> str | None:
        """The type of the parameter that an argument is for, as far as anything tells."""
        fact = self.call_fact(call)
        if fact is not None and index < len(fact.parameters):
            return fact.parameters[index].type
        for signature in self.signatures(function, call):
            if index < len(signature.parameters):
                return signature.parameters[index].type
        return None

    def default_argument(
        self, function: int | None, call: Call, index: int
    ) -> tuple[str | None, Expr | None]:
        """The default that stands for a missing argument: as text from clang, or as an expression.

        Both None: not known, or there is none.
        """
        fact = self.call_fact(call)
        if fact is not None and index < len(fact.parameters):
            return fact.parameters[index].default, None
        for signature in self.signatures(function, call):
            if index < len(signature.parameters):
                return None, signature.parameters[index].initial
        return None, None


def differing(old: Mapping[_P, object], new: Mapping[_P, object]) -> Iterator[_P]:
    """The keys under which two tables hold different things."""
    for key, value in new.items():
        if old.get(key) != value:
            yield key
    yield from (key for key in old if key not in new)


def _tail(type_name: str) -> str:
    return type_name.rpartition(">")[2]


@lru_cache(maxsize=4096)
def bare(type_name: str) -> str:
    """A type's name alone: no qualifiers, pointers, references, bounds or template arguments."""
    name = _QUALIFIERS.sub(" ", type_name)
    name = name.partition("<")[0]
    name = name.partition("[")[0]
    return _BLANKS.sub(" ", name.replace("*", " ").replace("&", " ")).strip().removeprefix("::")


def element(type_name: str) -> str:
    """What a pointer points to, or an array holds."""
    head, bracket, _ = type_name.partition("[")
    if bracket:
        return head.strip()
    index = type_name.rfind("*")
    return type_name[:index].strip() if index >= 0 else type_name


def template_argument(type_name: str) -> str | None:
    """The first template argument of a type."""
    _, bracket, rest = type_name.partition("<")
    if not bracket:
        return None
    depth = 0
    for index, char in enumerate(rest):
        if char in "<([":
            depth += 1
        elif char in ")]" or (char == ">" and depth):
            depth -= 1
        elif char in ",>" and depth == 0:
            return rest[:index].strip()
    return None


def last_name(call: Call) -> str:
    """The last part of a callee's name as spelled; '' for a computed callee."""
    if isinstance(call.callee, Member):
        return call.callee.name
    if isinstance(call.callee, Name):
        return _last(call.callee.text)
    return ""


@lru_cache(maxsize=4096)
def _last(text: str) -> str:
    return bare(text).rpartition("::")[2]


def path(expr: Expr) -> str | None:
    """A name for the object that an expression denotes: `a`, `a.b`, `m` for `this->m`; else None.

    `&a`, `*a`, `a.get()` without arguments and casts of `a` denote what `a` does.
    """
    if isinstance(expr, Name):
        return expr.text
    if isinstance(expr, Member):
        base = path(expr.base)
        if base == "this":
            return expr.name
        return f"{base}.{expr.name}" if base else None
    if isinstance(expr, (Cast,)):
        return path(expr.operand)
    if isinstance(expr, Unary) and expr.operator in ("&", "*"):
        return path(expr.operand)
    if isinstance(expr, Evaluated):
        return path(expr.expr)
    if isinstance(expr, Call) and not expr.arguments and isinstance(expr.callee, Member):
        return path(expr.callee.base)
    if isinstance(expr, Assign):
        return path(expr.target)
    return None


def strip(expr: Expr) -> Expr:
    """An expression without casts, and without the mark that it was evaluated before."""
    while isinstance(expr, (Cast, Evaluated)):
        expr = expr.operand if isinstance(expr, Cast) else expr.expr
    return expr


def contradict(left: Sequence[Tag], right: Sequence[Tag]) -> bool:
    """Whether two places can never be compiled together, by their preprocessor conditions."""
    if not left or not right:
        return False
    ways = dict(left)
    return any(ways.get(tag.condition, tag.holds) != tag.holds for tag in right)


def _locals(function: Function) -> Mapping[str, tuple[Variable, ...]]:
    found: dict[str, tuple[Variable, ...]] = {}
    for parameter in function.parameters:
        if parameter.name:
            found[parameter.name] = (parameter,)
    if function.kind == "initialiser":
        return found
    for node in function.nodes:
        if node.act is Act.DECLARE and node.variable is not None and node.variable.name:
            name = node.variable.name
            found[name] = (*found.get(name, ()), node.variable)
    return found
