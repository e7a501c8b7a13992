"""Functions that have the shape of a callback, and are installed where this text does not show it.

A type of parameters that hardly anything else has, and a name that says what it is for, are as good
as the call that installs it. What is `static` and not installed here is installed nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tlsight.engine.callees import denoted
from tlsight.engine.index import tail
from tlsight.engine.match import Match
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import Unit
from tlsight.ir import Function, Variable
from tlsight.rule import Binding


def shaped(stage: Stage, role: str) -> Iterator[tuple[Match, int]]:
    """The functions that are callbacks of a role by their shape, each as a match of its own."""
    bindings = stage.index.shaped.get(role, ())
    for number, function in enumerate(stage.unit.module.functions) if bindings else ():
        if function.static or function.kind not in ("function", "method"):
            continue
        for binding in bindings:
            if _fits(stage.unit, function, binding) and number not in _installed(stage):
                name = tail(function.name)
                site = Variable(name, function.result, function.name_span, function.name_span)
                where = (number, 0, site, function.name_span, name)
                yield Match(binding, binding.forms[0], *where, {}), number
                break


def _fits(unit: Unit, function: Function, binding: Binding) -> bool:
    callback = binding.callback
    if callback is None or len(function.parameters) != len(callback.shape):
        return False
    if not re.search(callback.named, tail(function.name), re.IGNORECASE):
        return False
    return all(
        _plain(wanted) in (_plain(item.type), _plain(unit.resolved_type(item.type) or ""))
        for wanted, item in zip(callback.shape, function.parameters, strict=True)
    )


@lru_cache(maxsize=4096)
def _plain(kind: str) -> str:
    """A type as it is compared: no blanks, and one word for `unsigned`."""
    words = re.sub(r"\bunsigned\b(?!\s+(?:int|char|short|long)\b)", "unsigned int", kind)
    return re.sub(r"\s*([*&])\s*", r"\1", " ".join(words.split()))


def _installed(stage: Stage) -> frozenset[int]:
    """The functions of the unit that it installs somewhere itself."""
    known = stage.unit.cache.get("installed")
    if known is None:
        found: set[int] = set()
        for matches in played(stage).values():
            for match in matches:
                callback = match.binding.callback
                if callback is not None:
                    expr = match.arguments.get(callback.argument)
                    found |= denoted(stage.unit, match.function, match.node, expr) or frozenset()
        known = stage.unit.cache["installed"] = frozenset(found)
    assert isinstance(known, frozenset)
    return known
