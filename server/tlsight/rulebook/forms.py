"""The grammar of forms: how a library page spells a call, a field or an initialiser.

    form  = callee "(" [slot {"," slot}] ")" | Class "::" field " = " slot | "@" type " = " slot
    slot  = name ["?"] | "=" constant | "_" ["?"] | "..."

Nothing here knows what a form means; `rule.Form` says.
"""

from __future__ import annotations

import re

from tlsight.rule import Form, Slot

_CALLEE = re.compile(r"(?:~?[A-Za-z_]\w*::)*~?[A-Za-z_]\w*")
_FIELD = re.compile(r"(?:[A-Za-z_]\w*::)+[A-Za-z_]\w*")
_TYPE = re.compile(r"[A-Za-z_][\w:<>*& ]*")
_SLOT = re.compile(r"(?P<name>[a-z][a-z0-9-]*|_)(?P<optional>\??)")
_CONSTANT = re.compile(r"=(?P<constant>-?\d+|0x[0-9A-Fa-f]+|[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*)")
_CALL = re.compile(r"(?P<callee>[^()=\s]+)\((?P<slots>[^()]*)\)")
_ASSIGNMENT = re.compile(r"(?P<typed>@?)(?P<target>[^()=]+?) = (?P<slot>\S+)")


class BadForm(ValueError):
    """The text is no form; the message says why."""


def read_form(text: str) -> Form:
    """Read one form; raises `BadForm`."""
    assignment = _ASSIGNMENT.fullmatch(text)
    if assignment:
        return _assignment(text, assignment)
    call = _CALL.fullmatch(text)
    if call is None:
        raise BadForm(f"'{text}' is neither 'name(slot, …)' nor 'Class::field = slot'")
    callee, inside = call.group("callee"), call.group("slots").strip()
    if not _CALLEE.fullmatch(callee):
        raise BadForm(f"'{callee}' is no name of a function")
    words = [word.strip() for word in inside.split(",")] if inside else []
    rest = bool(words) and words[-1] == "..."
    slots = tuple(_slot(word, n) for n, word in enumerate(words[:-1] if rest else words))
    _check_order(text, slots)
    return Form(text, callee, slots, rest)


def is_named(slot: Slot) -> bool:
    """Whether a page can speak of the argument in this slot."""
    return slot.name != "_" and slot.constant is None


def _assignment(text: str, match: re.Match[str]) -> Form:
    target, typed = match.group("target"), bool(match.group("typed"))
    if typed and not _TYPE.fullmatch(target):
        raise BadForm(f"'{target}' is no type")
    if not typed and not _FIELD.fullmatch(target):
        raise BadForm(f"'{target}' is no 'Class::field'")
    slot = _slot(match.group("slot"), 0)
    if slot.optional:
        raise BadForm(f"the value in '{text}' cannot be left out")
    return Form(text, target, (slot,), field=not typed, typed=typed)


def _slot(word: str, position: int) -> Slot:
    """A slot; a constant, which has no name of its own, is named by its position."""
    constant = _CONSTANT.fullmatch(word)
    if constant:
        return Slot(f"#{position}", constant=constant.group("constant"))
    slot = _SLOT.fullmatch(word)
    if slot is None:
        raise BadForm(
            f"'{word}' is no slot: 'name', 'name?', '=CONSTANT', '_', or '...' at the end"
        )
    return Slot(slot.group("name"), optional=bool(slot.group("optional")))


def _check_order(text: str, slots: tuple[Slot, ...]) -> None:
    names = [slot.name for slot in slots if is_named(slot)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise BadForm(f"'{text}' has two slots named '{twice}'")
    optional = False
    for slot in slots:
        if optional and not slot.optional:
            raise BadForm(f"in '{text}' a slot that must be there follows one that may be left out")
        optional = slot.optional
