"""Whether pages fit each other: roles are bound, arguments are slots, meanings and names exist.

Each page has been read by itself; nothing is taken away here, only reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tlsight.rule import Binding, Check, Library, Policy, Problem, Property, Vocabulary
from tlsight.rulebook.forms import is_named
from tlsight.rulebook.table import nearest

_WORD = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_QUALIFIED = re.compile(r"[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*")
_CONDITION_WORDS = (
    *(
        "null",
        "not-null",
        "literal",
        "parameter",
        "elsewhere",
        "unknown",
        "absent",
        "true",
        "false",
    ),
)


def disagreements(
    properties: Mapping[str, Property], libraries: Mapping[str, Library], policy: Policy
) -> Iterator[Problem]:
    """Everything about which two pages disagree."""
    bound = _by_role(libraries)
    declared = _declared(libraries)
    for found in properties.values():
        for check in found.checks:
            yield from _unbound(check, bound)
            yield from _without_slot(check, bound)
            yield from _unknown_to_policy(check, policy, libraries)
            yield from _unread(found, check, bound, libraries)
    for library in libraries.values():
        for binding in library.bindings:
            yield from _unknown_properties(binding, properties)
            yield from _unknown_vocabularies(binding, libraries)
            yield from _unknown_release(binding, library)
            yield from _undeclared(binding, declared)
            if binding.brings and binding.brings not in library.brought:
                hint = nearest(binding.brings, library.brought)
                message = f"no block of the library is 'brings={binding.brings}'{hint}"
                yield Problem(binding.place, message)
        for trait in library.traits:
            for role in (*trait.roles, *trait.given):
                if role not in bound:
                    message = f"no library binds the role '{role}'{nearest(role, bound)}"
                    yield Problem(trait.place, message, warning=True)
            for name in trait.on:
                yield from _undeclared_name(name, trait.place, declared)
        for vocabulary in library.vocabularies.values():
            yield from _undeclared_values(vocabulary, declared)
    yield from _unmeant(properties, libraries, policy)


_Bound = Mapping[str, tuple[Binding, ...]]


def _by_role(libraries: Mapping[str, Library]) -> _Bound:
    bound: dict[str, tuple[Binding, ...]] = {}
    for library in libraries.values():
        for binding in library.bindings:
            for role in binding.roles:
                bound[role] = (*bound.get(role, ()), binding)
    return bound


def _declared(libraries: Mapping[str, Library]) -> frozenset[str]:
    headers = (header.text for library in libraries.values() for header in library.headers)
    brought = (text for library in libraries.values() for text in library.brought.values())
    texts = (*headers, *brought)
    return frozenset(word for text in texts for word in _WORD.findall(_COMMENT.sub(" ", text)))


def _unbound(check: Check, bound: _Bound) -> Iterator[Problem]:
    dotted = (*check.sinks, *check.sources, *check.through, *check.better)
    sinks = (sink.partition(".")[0] for sink in (*dotted, *filter(None, (check.tied,))))
    named = (
        *check.unless,
        *check.despite,
        *check.anyway,
        *check.only_with,
        *check.not_as,
        *check.unless_tested,
        *check.unless_judged,
    )
    named = (
        *named,
        *check.needs_one,
        *check.given,
        *check.past,
        *check.of,
        *check.or_asked,
        *check.ends,
    )
    named = (*named, *filter(None, (check.on, check.insert)))
    for role in (*check.roles, *sinks, *named):
        if role not in bound:
            hint = nearest(role, bound)
            yield Problem(check.place, f"no library binds the role '{role}'{hint}", warning=True)


def _without_slot(check: Check, bound: _Bound) -> Iterator[Problem]:
    wanted = [(role, check.argument) for role in check.roles if check.argument]
    dotted = (*check.sinks, *check.sources, *check.through, *check.better)
    for sink in (*dotted, *filter(None, (check.tied,))):
        role, _, argument = sink.partition(".")
        if argument:
            wanted.append((role, argument))
    for role, argument in wanted:
        slots = {slot for binding in bound.get(role, ()) for slot in slots_of(binding)}
        if role in bound and argument not in slots:
            hint = nearest(argument, slots)
            yield Problem(
                check.place, f"no form of the role '{role}' has a slot '{argument}'{hint}"
            )


def slots_of(binding: Binding) -> frozenset[str]:
    """The names of the arguments of a binding's forms, and of the callback that it installs."""
    slots = (slot for form in binding.forms for slot in form.slots)
    handed = binding.callback.parameters if binding.callback else ()
    return frozenset(
        {slot.name for slot in slots if is_named(slot)}
        | set(binding.means)
        | {"this", "result", *handed}
    )


def _unknown_to_policy(
    check: Check, policy: Policy, libraries: Mapping[str, Library]
) -> Iterator[Problem]:
    """Tables that the policy lacks; cipher lists have none, they are judged by `[[suites]]`."""
    lists = [item.name for item in _all_vocabularies(libraries) if item.reads == "suites"]
    for word, name, known in (
        ("judge", check.judge, (*policy.judge, *lists)),
        ("minimum", check.minimum, tuple(policy.minimum)),
        ("needs", check.needs, tuple(policy.needs)),
    ):
        if name and name not in known and not (word == "judge" and check.values in lists):
            hint = nearest(name, known)
            yield Problem(check.place, f"policy '{policy.id}' has no '{word}.{name}'{hint}")


def _all_vocabularies(libraries: Mapping[str, Library]) -> Iterator[Vocabulary]:
    return (item for library in libraries.values() for item in library.vocabularies.values())


def vocabulary_of(check: Check, binding: Binding) -> str:
    """The name of the vocabulary that reads the argument of a check at a binding."""
    named = binding.values.get(check.argument, "")
    return named or check.values or check.judge


def _unread(
    found: Property, check: Check, bound: _Bound, libraries: Mapping[str, Library]
) -> Iterator[Problem]:
    if not check.judge and not check.needs:
        return
    known = {item.name for item in _all_vocabularies(libraries)}
    for role in check.roles:
        for binding in bound.get(role, ()):
            name = vocabulary_of(check, binding)
            written = any(slot.name == check.argument for f in binding.forms for slot in f.slots)
            if written and name not in known:
                message = (
                    f"'{found.id}' reads '{check.argument}' by 'values.{name}', which no page has"
                )
                yield Problem(binding.place, f"{message}{nearest(name, known)}")


def _unknown_properties(binding: Binding, properties: Mapping[str, Property]) -> Iterator[Problem]:
    for name in binding.severity:
        if name not in properties:
            hint = nearest(name, properties)
            yield Problem(binding.place, f"no property page is named '{name}'{hint}", warning=True)


def _unknown_vocabularies(binding: Binding, libraries: Mapping[str, Library]) -> Iterator[Problem]:
    known = {item.name for item in _all_vocabularies(libraries)}
    for name in binding.values.values():
        if name not in known:
            yield Problem(binding.place, f"no page has 'values.{name}'{nearest(name, known)}")


def _unknown_release(binding: Binding, library: Library) -> Iterator[Problem]:
    known = library.releases.numbers if library.releases else {}
    for release in (binding.since, binding.until):
        if release and release not in known:
            hint = nearest(release, known)
            yield Problem(binding.place, f"'releases' has no number for '{release}'{hint}")


def _undeclared(binding: Binding, declared: frozenset[str]) -> Iterator[Problem]:
    names = [form.callee for form in binding.forms if not form.typed]
    names += [slot.constant for f in binding.forms for slot in f.slots if slot.constant]
    for conditions in binding.where.values():
        names += [
            condition.rpartition(" ")[2].removeprefix("-")
            for condition in conditions
            if condition.removeprefix("except ") not in _CONDITION_WORDS
        ]
    if binding.mend:
        names += [text for text in binding.mend.set.values() if _QUALIFIED.fullmatch(text)]
        names += [*binding.mend.rename, *binding.mend.rename.values()]
        names += [text.partition("(")[0] for text in [binding.mend.before] if text]
        names += [flag for flags in binding.mend.drop.values() for flag in flags]
    for name in names:
        yield from _undeclared_name(name, binding.place, declared)


def _undeclared_values(vocabulary: Vocabulary, declared: frozenset[str]) -> Iterator[Problem]:
    if vocabulary.reads not in ("name", "flags"):
        return
    for name in (*vocabulary.means, *vocabulary.mend.values()):
        yield from _undeclared_name(name, vocabulary.place, declared)


def _undeclared_name(name: str, place: str, declared: frozenset[str]) -> Iterator[Problem]:
    parts = _WORD.findall(name) if not name[:1].isdigit() else []
    missing = [part for part in parts if part not in declared and part not in _BUILT_IN]
    if missing:
        hint = nearest(missing[0], (word for word in declared if word[:3] == missing[0][:3]))
        yield Problem(place, f"no declaration names '{name}'{hint}")


_BUILT_IN = ("nullptr", "true", "false", "NULL")


def _unmeant(
    properties: Mapping[str, Property], libraries: Mapping[str, Library], policy: Policy
) -> Iterator[Problem]:
    """Meanings that are judged and that no library gives to anything, as far as it is read."""
    meant: dict[str, set[str]] = {}
    for check in (check for found in properties.values() for check in found.checks):
        for table in (name for name in (check.judge, check.needs) if name):
            meant.setdefault(table, set()).update(_meanings(check, libraries))
    for table, verdicts in policy.judge.items():
        for meaning in verdicts:
            if table in meant and meaning not in meant[table]:
                hint = nearest(meaning, meant[table])
                message = f"'judge.{table}' names '{meaning}', which nothing means{hint}"
                yield Problem(policy.place, message, warning=True)


def _meanings(check: Check, libraries: Mapping[str, Library]) -> Iterator[str]:
    for library in libraries.values():
        for binding in library.bindings:
            if not set(check.roles) & set(binding.roles):
                continue
            name = vocabulary_of(check, binding)
            read = (item for item in _all_vocabularies(libraries) if item.name == name)
            yield from (meaning for item in read for meaning in item.means.values())
            yield from (text for name, text in binding.means.items() if name == check.argument)
