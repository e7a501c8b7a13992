"""The rulebook as the engines look things up in it: forms by name, constants by value.

Made once per rulebook; it knows no text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType

from tlsight.engine.suites import Suite, SuiteJudgement, evaluate, judge
from tlsight.ir import Declarations, Macro
from tlsight.rule import Binding, Form, Releases, Resource, Rulebook, Vocabulary

Forms = Mapping[str, tuple[tuple[Binding, Form], ...]]

_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)[uUlL]*")
_WRAPPED = re.compile(r"\(*\s*(?:\(\w[\w\s]*\)\s*)?(-?[0-9][0-9a-zA-Z]*)\s*\)*")
_SHIFT = re.compile(r"\(*\s*(?:\(\w[\w\s]*\)\s*)?(\d+)[uUlL]*\s*<<\s*(\d+)\s*\)*")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:::\w+)*")
_CONDITIONS = frozenset(
    {"null", "not-null", "literal", "parameter", "elsewhere", "unknown", "absent", "true", "false"}
)


@dataclass(frozen=True)
class Index:
    """Look-up tables over a rulebook."""

    rulebook: Rulebook
    calls: Forms
    """Functions, macros, methods and constructors by the last part of their name."""
    fields: Forms
    typed: Forms
    prefixes: tuple[str, ...]
    constants: Mapping[str, tuple[str, ...]]
    """The constants that pages name, by last part: all qualified spellings."""
    numbers: Mapping[str, int]
    """The values of constants, as the declarations of the pages give them."""
    declarations: tuple[Declarations, ...]
    """What the library pages declare."""
    releases: tuple[Releases, ...]
    deeds: Forms = field(default_factory=lambda: MappingProxyType({}))
    """What is done to the lives of objects, in the same way as `calls`."""

    @cached_property
    def of_deeds(self) -> Index:
        """The same index, with deeds in the place of what plays a role elsewhere."""
        return replace(self, calls=self.deeds, fields={}, typed={}, deeds={})

    @cached_property
    def declared(self) -> frozenset[str]:
        """The functions and macros that library pages declare."""
        names = (name for found in self.declarations for name in (*found.functions, *found.macros))
        return frozenset(names)

    @cached_property
    def shaped(self) -> Mapping[str, Sequence[Binding]]:
        """By role: the bindings of callbacks that are known by their shape."""
        found: dict[str, list[Binding]] = {}
        for library in self.rulebook.libraries.values():
            for binding in library.bindings:
                if binding.callback is not None and binding.callback.shape:
                    for role in binding.roles:
                        found.setdefault(role, []).append(binding)
        return found

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """All resources by id."""
        known = (item for found in self.rulebook.libraries.values() for item in found.resources)
        return {item.id: item for item in known}

    @cached_property
    def resource_types(self) -> Mapping[str, str]:
        """The resource of which an object of a type is one."""
        return {name: item.id for item in self.resources.values() for name in item.types}

    @cached_property
    def judge_suites(self) -> Callable[[str, str, tuple[Suite, ...]], SuiteJudgement | None]:
        """The worst verdict on a cipher list of a library; those of the last lists are kept."""

        @lru_cache(maxsize=256)
        def worst(text: str, library: str, table: tuple[Suite, ...]) -> SuiteJudgement | None:
            rules = self.rulebook.libraries[library].suites
            return (
                None if rules is None else judge(evaluate(text, rules, table), self.rulebook.policy)
            )

        return worst

    def vocabulary(self, binding: Binding, name: str) -> Vocabulary | None:
        """The vocabulary of a binding's library, or of the only library that has it."""
        own = self.rulebook.libraries[binding.library].vocabularies.get(name)
        if own is not None:
            return own
        others = (
            library.vocabularies[name]
            for library in self.rulebook.libraries.values()
            if name in library.vocabularies
        )
        return next(others, None)

    def names_constant(self, text: str) -> bool:
        """Whether pages name a constant of this spelling, with or without qualification."""
        return any(spelled(text, known) for known in self.constants.get(tail(text), ()))

    def numbered(self, names: Iterable[str]) -> tuple[int, ...]:
        """The values of constants by name, or of numbers as spelled; unknown ones are left out."""
        found = (self.numbers.get(name, signed(name)) for name in names)
        return tuple(number for number in found if number is not None)

    def declares(self, record: str | None) -> bool:
        """Whether pages declare a class."""
        return any(record in found.records for found in self.declarations)

    def plain(self, name: str) -> str:
        """A function's name without the prefix under which a table of functions keeps it."""
        if not name.startswith(self.prefixes) or name in self.calls:
            return name
        for prefix in self.prefixes:
            if name.startswith(prefix) and name[len(prefix) :] in self.calls:
                return name[len(prefix) :]
        return name


def build(
    rulebook: Rulebook, declarations: Sequence[Declarations], prefixes: Iterable[str] = ()
) -> Index:
    """Index a rulebook; `declarations` are those of its pages, as syntax reads them."""
    calls: dict[str, list[tuple[Binding, Form]]] = {}
    fields: dict[str, list[tuple[Binding, Form]]] = {}
    typed: dict[str, list[tuple[Binding, Form]]] = {}
    deeds: dict[str, list[tuple[Binding, Form]]] = {}
    for library in rulebook.libraries.values():
        for binding in library.bindings:
            for form in binding.forms:
                table = typed if form.typed else fields if form.field else calls
                table = deeds if binding.deed else table
                table.setdefault(form.name, []).append((binding, form))
    known = tuple(prefix for library in rulebook.libraries.values() for prefix in library.prefixes)
    return Index(
        rulebook,
        _frozen(calls),
        _frozen(fields),
        _frozen(typed),
        (*known, *prefixes),
        _constants(rulebook),
        MappingProxyType(_numbers(declarations)),
        tuple(declarations),
        tuple(item.releases for item in rulebook.libraries.values() if item.releases),
        _frozen(deeds),
    )


def spelled(text: str, known: str) -> bool:
    """Whether code that says `text` may mean the constant `known`.

    The last parts agree, and what qualifies them is the same, left out on one side, or nested one
    deeper (`QSsl::TlsV1_2`, `QSsl::SslProtocol::TlsV1_2`, `TlsV1_2`).
    """
    if text == known:
        return True
    head, _, last = text.removeprefix("::").rpartition("::")
    known_head, _, known_last = known.rpartition("::")
    if last != known_last:
        return False
    return not head or not known_head or bool(set(head.split("::")) & set(known_head.split("::")))


def tail(name: str) -> str:
    """The last part of a qualified name."""
    return name.rpartition("::")[2]


def integer(text: str) -> int | None:
    """The value of an integer literal of C, suffixes allowed; None if it is none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match[1]
    return int(digits, 8) if re.fullmatch(r"0[0-7]+", digits) else int(digits, 0)


def signed(text: str) -> int | None:
    """The value of an integer literal with a sign before it, perhaps."""
    number = integer(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number


def number_of(macro: Macro) -> int | None:
    """The number that an object-like macro stands for, if it is plainly one."""
    if macro.parameters is not None:
        return None
    body = macro.body.strip()
    if match := _WRAPPED.fullmatch(body):
        value = integer(match[1].removeprefix("-"))
        return -value if value is not None and match[1].startswith("-") else value
    if match := _SHIFT.fullmatch(body):
        return int(match[1]) << int(match[2])
    return None


def _numbers(declarations: Sequence[Declarations]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    waiting: dict[str, Macro] = {}
    for found in declarations:
        numbers.update(
            {name: value for name, value in found.enumerators.items() if value is not None}
        )
        for name, macro in found.macros.items():
            value = number_of(macro)
            if value is not None:
                numbers[name] = value
            elif macro.parameters is None:
                waiting[name] = macro
    for _ in range(3):
        for name, macro in waiting.items():
            value = _combined(macro.body, numbers)
            if value is not None:
                numbers[name] = value
    return numbers


def _combined(body: str, numbers: Mapping[str, int]) -> int | None:
    """The value of names and numbers that are or-ed."""
    total = 0
    for part in body.split("|"):
        word = re.sub(r"[()\s]", "", part)
        if word in numbers:
            total |= numbers[word]
        elif (value := integer(word)) is not None:
            total |= value
        else:
            return None
    return total


def _constants(rulebook: Rulebook) -> Mapping[str, tuple[str, ...]]:
    names: set[str] = set()
    for library in rulebook.libraries.values():
        for vocabulary in library.vocabularies.values():
            if vocabulary.reads in ("name", "flags"):
                names.update(vocabulary.means)
        for binding in library.bindings:
            for form in binding.forms:
                names.update(slot.constant for slot in form.slots if slot.constant)
            for conditions in binding.where.values():
                for condition in conditions:
                    words = condition.split()
                    if words and words[-1] not in _CONDITIONS:
                        names.add(words[-1])
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        if _IDENTIFIER.fullmatch(name):
            found.setdefault(tail(name), []).append(name)
    return MappingProxyType({name: tuple(items) for name, items in found.items()})


def _frozen(table: dict[str, list[tuple[Binding, Form]]]) -> Forms:
    return MappingProxyType({name: tuple(items) for name, items in table.items()})
