"""Functions that a fix brings with it, as a library page writes them, and the calls of these.

They stand below the includes, above all that may use them. The proof of a fix tells whether they
fit there; here it is only asked whether their names are free.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tlsight.engine.match import Match
from tlsight.engine.roles import Stage, played
from tlsight.finding import Fix, Safety
from tlsight.ir import Name
from tlsight.rule import Binding, Check, Property
from tlsight.text import Edit, Span

_INCLUDE = re.compile(r"#include <([^>]+)>\n")
_NAME = re.compile(r"(?m)^static\b[^=;({]*?\b(\w+)\s*(?:\[[^\]]*\]\s*)*[=;({]")
_DIRECTIVE = re.compile(rb"[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else|endif)\b")


def writers(stage: Stage, library: str, role: str) -> tuple[Binding, ...]:
    """The bindings of a library that say how a fix plays a role."""
    bindings = stage.index.rulebook.libraries[library].bindings
    return tuple(item for item in bindings if role in item.roles and item.insert)


def brought(stage: Stage, binding: Binding, function: int) -> tuple[Edit, ...] | str:
    """The edit that brings what a binding needs, none if it is there, or why it cannot be."""
    text = stage.index.rulebook.libraries[binding.library].brought.get(binding.brings, "")
    if not text:
        return ()
    data = stage.unit.data
    ending = "\r\n" if b"\r\n" in data else "\n"
    there = {item.name for item in stage.unit.module.includes}
    lines = [f"#include <{name}>" for name in _INCLUDE.findall(text) if name not in there]
    code = _INCLUDE.sub("", text).strip()
    if code.replace("\n", ending).encode() in data:
        code = ""
    if not code and not lines:
        return ()
    taken = next((name for name in _NAME.findall(code) if _is_taken(data, name)), None)
    if taken is not None:
        return f"the file has a '{taken}' of its own"
    at = _below_includes(stage, function)
    if at is None:
        return "there is no #include to put it below"
    if code:
        rest = data[at : at + 2].lstrip(b"\r")
        lines += ["", code] if rest.startswith(b"\n") or not rest else ["", code, ""]
    whole = "".join(f"{line}\n" for line in lines)
    return (Edit(Span(at, at), whole.replace("\n", ending)),)


def refreshed(
    stage: Stage, rule: Property, check: Check, match: Match, wrong: Sequence[Match]
) -> tuple[Fix, ...]:
    """Put the call of a function that is brought in the place of an argument.

    That is done at all calls in `wrong`: what one of them uses another one expects.
    """
    binding = next(iter(writers(stage, match.binding.library, check.insert)), None)
    if binding is None:
        return ()
    title = f"Use {binding.insert.partition('(')[0]}, which it brings"
    safety = rule.safety or Safety.UNSAFE
    edits: list[Edit] = []
    for item in wrong:
        expr = item.arguments.get(check.argument)
        node = stage.unit.module.functions[item.function].nodes[item.node]
        if expr is None or node.expanded or not item.span.contains(expr.span):
            return (Fix(title, (), safety, "not every call of this kind can be changed here"),)
        for slot, most in binding.insert_limits.items():
            values = stage.values(item, slot) if slot in item.arguments else ()
            if any(value.number is None or value.number > most for value in values):
                reason = f"{most} bytes may be too few for the {slot} that is stated"
                return (Fix(title, (), safety, reason),)
        edits.append(Edit(expr.span, binding.insert))
    first = min(wrong, key=lambda item: item.span.start)
    more = brought(stage, binding, first.function)
    if isinstance(more, str):
        return (Fix(title, (), safety, more),)
    return (Fix(title, (*more, *_unused(stage, wrong, check.argument), *edits), safety),)


def same_mistake(stage: Stage, check: Check, match: Match) -> list[Match]:
    """All calls in the roles of a check, of the library of one, whose argument is a constant."""
    return [
        other
        for role in check.roles
        for other in played(stage).get(role, ())
        if other.binding.library == match.binding.library
        and any(value.content for value in stage.values(other, check.argument))
    ]


def _unused(stage: Stage, wrong: Sequence[Match], slot: str) -> list[Edit]:
    """The lines of declarations that nothing names any more."""
    data = stage.unit.data
    names = [expr.text for item in wrong if isinstance(expr := item.arguments.get(slot), Name)]
    gone: list[Edit] = []
    for name in dict.fromkeys(names):
        word = re.escape(name.encode())
        if len(re.findall(rb"\b%b\b" % word, data)) != names.count(name) + 1:
            continue
        line = re.search(rb"(?m)^[ \t]*[\w \t*&:]*\b%b\b[^;{}\n]*;[ \t]*\r?\n" % word, data)
        if line is not None:
            gone.append(Edit(Span(*line.span()), ""))
    return gone


def _is_taken(data: bytes, name: str) -> bool:
    return re.search(rb"\b%b\b" % re.escape(name.encode()), data) is not None


def _below_includes(stage: Stage, function: int) -> int | None:
    """Where a line may stand below the includes above a function, and under no other condition."""
    data, start = stage.unit.data, stage.unit.module.functions[function].span.start
    above = [item.span.end for item in stage.unit.module.includes if item.span.end <= start]
    if not above:
        return None
    place = data.find(b"\n", max(above) - 1) + 1
    at, depth, otherwise = place, 0, False
    while place < start:
        end = data.find(b"\n", place) + 1 or len(data)
        directive = _DIRECTIVE.match(data, place, end)
        word = directive[1] if directive is not None else b""
        if word.startswith(b"if"):
            depth += 1
        elif word == b"endif" and depth:
            depth -= 1
        elif word == b"endif":
            at, otherwise = end, False  # the include was under a condition that ends here
        elif word and not depth:
            otherwise = True
        place = end
    return at if at <= start and not otherwise else None
