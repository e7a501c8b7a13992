"""Secrets that reach a log or a stream: the engine behind `wrong = "shown"`.

What is shown is read off calls in a role with a `format`, calls of functions whose name says that
they log, and what is put with `<<` into what is called so. What is secret is told by its name, by
the last words of it, or by the call that made it. Lengths, addresses and truths show nothing, and a
text that speaks of files shows the name of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlsight.engine.flow import following
from tlsight.engine.makers import maker
from tlsight.engine.match import Match, call_matches
from tlsight.engine.naming import called, denoted, pattern, spelled, unbound, words
from tlsight.engine.origin import root
from tlsight.engine.report import finding, held
from tlsight.engine.roles import Stage, played, playing
from tlsight.engine.steps import of_function
from tlsight.engine.unit import last_name, strip
from tlsight.finding import Evidence, Finding, Related
from tlsight.ir import (
    Binary,
    Call,
    Conditional,
    Expr,
    Function,
    Index,
    Literal,
    Member,
    Name,
    SizeOf,
    Unary,
    walk,
)
from tlsight.rule import Check, Property

FORMAT = "format"
"""The slot in which the text stands that says how the arguments after it are shown."""
STREAM = "stream"
"""The slot that says where it goes: its name must say that this is a log."""
_CONVERSION = re.compile(
    r"%[-+ #0']*(\*|\d+)?(?:\.(\*|\d+)?)?(?:hh|h|ll|l|j|z|t|L|q|I64)?([a-zA-Z%])"
)
_SHOWING = "sSxXcCVu"
"""The conversions that show a content; what is shown by the others is no text and no bytes."""
_NUMBER = re.compile(
    r"\b(?:bool|int|short|long|size_t|ssize_t|unsigned|time_t|qint\d+|quint\d+|u?int\d+_t|qsizetype)\b"
)
_TEXTS = re.compile(r"[*\[]|String|string|ByteArray|vector|array|span|view|char\b|QVariant|str_t")


@dataclass(frozen=True, slots=True)
class Shown:
    """Something that is shown: in which step, by what, and the text that stands before it."""

    function: int
    node: int
    whole: Expr
    spelled: str
    part: Expr
    text: str
    how: str = ""
    """The letter of its conversion, if a format says one."""


def check_shown(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All that is shown and must not be."""
    makes = any(role.partition(".")[0] in played(stage) for role in check.sources)
    anywhere = check.near.replace("^", "").replace("$", "")
    if not makes and not pattern(anywhere).search(_text_of(stage)):
        return
    for item in _all(stage, check):
        found = _secret(stage, check, item, item.part)
        if found is None:
            yield from _told_about(stage, rule, check, item)
            continue
        expr, made = found
        node = stage.unit.module.functions[item.function].nodes[item.node]
        name = spelled(stage, expr)
        if node.expanded:  # the place is the whole use of a macro
            name = called(stage, item.function, item.node, expr)
        match = unbound(*(rule, check, item.function, item.node, item.whole.span, item.spelled))
        related = (Related(made.span, f"{made.spelled} makes it here"),) if made else ()
        told = finding(
            *(stage, rule, check, match, expr.span),
            {"value": name, "variable": name},
            related=related,
        )
        if told is not None:
            yield told


def _told_about(stage: Stage, rule: Property, check: Check, item: Shown) -> Iterator[Evidence]:
    """That something is said of a secret, its length perhaps, and not what it is."""
    for part in walk(item.part) if stage.evidence else ():
        name = words(part.text if isinstance(part, Name) else getattr(part, "name", ""))
        if isinstance(part, (Name, Member)) and pattern(check.near).search(name):
            seen = f"{item.spelled} says something of {spelled(stage, part)}, and does not show it"
            yield from held(stage, rule, item.function, item.part.span, seen)
            return


def _text_of(stage: Stage) -> str:
    key = ("text in words", stage.focus)
    known = stage.unit.cache.get(key)
    if known is None:
        data = stage.unit.data
        if stage.focus is not None:
            spans = (function.span for _, function in stage.asked())
            data = b" ".join(data[span.start : span.end] for span in spans)
        names = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", data.decode(errors="replace")))
        known = stage.unit.cache[key] = " ".join(words(name) for name in names)
    assert isinstance(known, str)
    return known


# What is shown.


def _all(stage: Stage, check: Check) -> tuple[Shown, ...]:
    """All that is shown, whatever it is."""
    key = ("shown", check.roles, check.perhaps, stage.focus)
    known = stage.unit.cache.get(key)
    if known is None:
        known = stage.unit.cache[key] = tuple(_found(stage, check))
    assert isinstance(known, tuple)
    return known


def _found(stage: Stage, check: Check) -> Iterator[Shown]:
    logs = pattern(check.perhaps)
    bound: set[int] = set()
    for match in playing(stage, check.roles):
        if id(match.site) not in bound and isinstance(match.site, Call):
            bound.add(id(match.site))
            stream = match.arguments.get(STREAM)
            where = called(stage, match.function, match.node, stream) if stream else ""
            if stream is None or logs.search(where):
                yield from _by_role(match)
    for name, calls in stage.unit.calls.items():
        if logs.search(words(name)):
            for number, at, call in calls:
                if stage.asks(number) and id(call) not in bound:
                    yield from _by_name(number, at, call, name)
    if b"<<" not in stage.unit.data:
        return
    for number, function in stage.asked():
        yield from _by_stream(logs, number, function)


def _by_role(match: Match) -> Iterator[Shown]:
    """What a call shows after its format; the format itself, if it is no text of the source."""
    call, place = match.site, match.position(FORMAT)
    assert isinstance(call, Call)
    if place is None or place >= len(call.arguments):
        return
    rest = call.arguments[place + 1 :]
    first = call.arguments[place]
    if not _is_text(first) and (not rest or not match.form.rest):
        yield Shown(match.function, match.node, call, match.spelled, first, "", "s")
    elif match.form.rest:
        yield from _formatted(match.function, match.node, call, match.spelled, place)


def _by_name(number: int, at: int, call: Call, name: str) -> Iterator[Shown]:
    """What a function shows whose name says that it logs."""
    place = next((i for i, item in enumerate(call.arguments) if _is_text(item)), None)
    if place is not None:
        yield from _formatted(number, at, call, name, place)
    for item in call.arguments:
        parts_ = _chain(item)  # LOG("…" << password)
        text = " ".join(_texts(parts_))
        for part in parts_:
            yield Shown(number, at, call, name, part, text)


def _formatted(number: int, at: int, call: Call, name: str, place: int) -> Iterator[Shown]:
    text = "".join(_texts(call.arguments[place : place + 1]))
    rest = call.arguments[place + 1 :]
    hows = _conversions(text)
    for position, item in enumerate(rest):
        how = hows[position] if len(hows) == len(rest) else ""
        yield Shown(number, at, call, name, item, text, how)


def _texts(items: Sequence[Expr]) -> list[str]:
    found = (strip(item) for item in items)
    return [str(one.value) for one in found if isinstance(one, Literal) and one.kind == "string"]


def _chain(expr: Expr) -> list[Expr]:
    """What is put into a stream, one after the other; the stream itself is left out."""
    found: list[Expr] = []
    expr = strip(expr)
    while isinstance(expr, Binary) and expr.operator == "<<":
        found.append(expr.right)
        expr = strip(expr.left)
    return found[::-1]


def _by_stream(logs: re.Pattern[str], number: int, function: Function) -> Iterator[Shown]:
    """What is put into a stream that is called a log."""
    inner: set[int] = set()
    for at, expr in reversed(function.each(Binary)):
        if expr.operator != "<<" or id(expr) in inner:
            continue
        head: Expr = expr
        while isinstance(head, Binary) and head.operator == "<<":
            inner.add(id(head))
            head = strip(head.left)
        name = _log_of(head)
        if name and logs.search(words(name)):
            chain = _chain(expr)
            text = " ".join(_texts(chain))
            for part in chain:
                yield Shown(number, at, expr, name, part, text)


def _log_of(head: Expr) -> str:
    """What the object is called into which something is put: `qDebug()`, `std::cerr`."""
    while isinstance(head, Call):
        name = last_name(head)
        if isinstance(head.callee, Member) and isinstance(strip(head.callee.base), Call):
            inner = _log_of(strip(head.callee.base))
            return inner if inner and not head.arguments else name
        return name
    if isinstance(head, Name):
        return head.text
    return head.name if isinstance(head, Member) else ""


def _is_text(expr: Expr) -> bool:
    inner = strip(expr)
    return isinstance(inner, Literal) and inner.kind == "string"


def _conversions(text: str) -> list[str]:
    """The letter of each argument of a format; that of a width is `*`."""
    found: list[str] = []
    for match in _CONVERSION.finditer(text):
        if match[3] != "%":
            found += ["*"] * ((match[1] == "*") + (match[2] == "*"))
            found.append(match[3])
    return found


# What is secret.


def _secret(
    stage: Stage, check: Check, item: Shown, part: Expr, depth: int = 4, written_out: bool = False
) -> tuple[Expr, Match | None] | None:
    """The part of what is shown that is secret, and the call that made it, if one is known."""
    expr = strip(part)
    if depth == 0 or isinstance(expr, (Literal, SizeOf)):
        return None
    if isinstance(expr, Conditional):
        arms = (expr.then, expr.otherwise)
        found = (_secret(stage, check, item, arm, depth - 1) for arm in arms)
        return next(filter(None, found), None)
    if isinstance(expr, Binary):
        if expr.operator != "+":
            return None
        sides = (expr.left, expr.right)
        found = (_secret(stage, check, item, side, depth - 1) for side in sides)
        return next(filter(None, found), None)
    if isinstance(expr, Unary) and expr.operator in ("!", "-", "~", "&"):
        return None
    if item.how and item.how not in _SHOWING:
        return None
    if pattern(check.not_near).search(item.text):
        return None
    inner = denoted(stage, item.function, item.node, expr)
    if isinstance(inner, Call) and inner.arguments:
        if check.better and _plays(stage, item, inner, check.better):
            return None
        kept = pattern(_FORMS).search(words(last_name(inner)))
        if kept or pattern(_PUT_IN).search(words(last_name(inner))):
            base = (inner.callee.base,) if isinstance(inner.callee, Member) else ()
            found = (
                _secret(stage, check, item, one, depth - 1, bool(kept))
                for one in (*inner.arguments, *base)
            )
            return next(filter(None, found), None)
    sources = tuple(one for one in check.sources if one.partition(".")[0] in played(stage))
    made = maker(stage, item.function, item.node, expr, sources) if sources else None
    if made is not None and _is_content(stage, item, expr):
        return expr, made
    if (
        isinstance(inner, Name)
        and check.through
        and (put := _put_into(stage, check, item, inner, depth))
    ):
        return expr, put[1]
    name = called(stage, item.function, item.node, expr)
    if not name or not pattern(check.near).search(name) or pattern(check.not_near).search(name):
        return None
    if isinstance(inner, Call) and inner.arguments and not _is_content(stage, item, inner):
        return None
    if check.bytes and not (written_out or _is_bytes(stage, item, expr)):
        return None
    return (expr, None) if _is_content(stage, item, expr) else None


def _put_into(
    stage: Stage, check: Check, item: Shown, expr: Name, depth: int
) -> tuple[Expr, Match | None] | None:
    """What a call in a role of `through` (`role.slot`) has put into a text before, if secret."""
    for role in check.through:
        wanted, _, slot = role.partition(".")
        for match in of_function(stage, wanted, item.function):
            target, site = match.arguments.get(slot), match.site
            if target is None or not isinstance(site, Call) or root(target) != expr.text:
                continue
            if item.node not in following(stage.unit, item.function, match.node):
                continue
            place = next((i for i, one in enumerate(site.arguments) if _is_text(one)), -1)
            text = "".join(_texts(site.arguments[place : place + 1])) if place >= 0 else ""
            hows = _conversions(text)
            rest = [one for one in site.arguments[place + 1 :] if one is not target]
            for position, one in enumerate(rest):
                how = hows[position] if len(hows) == len(rest) else ""
                shown = Shown(item.function, match.node, site, match.spelled, one, text, how)
                found = _secret(stage, check, shown, one, depth - 1)
                if found is not None:
                    return found
    return None


def _is_bytes(stage: Stage, item: Shown, expr: Expr) -> bool:
    """Whether an expression is one byte of an array, or an object that holds bytes and no text."""
    if _is_element(expr):
        return True
    kind = stage.unit.type_of(item.function, denoted(stage, item.function, item.node, expr)) or ""
    return re.search(r"byte", kind, re.IGNORECASE) is not None and "*" not in kind


def _is_element(expr: Expr) -> bool:
    inner = strip(expr)
    return isinstance(inner, Index) or (isinstance(inner, Unary) and inner.operator == "*")


_FORMS = (
    r"(^|_)(hex|hexlify|base64|b64|escaped?|quoted?|printable|dump)(_|$)|^(to|as)_(hex|string|str)$"
)
"""Functions that write something out in another form: what they show is what they are handed."""
_PUT_IN = r"^(arg|format|sprintf|asprintf|vformat|str_?cat)$"
"""Functions that put something into a text."""


def _plays(stage: Stage, item: Shown, call: Call, roles: tuple[str, ...]) -> bool:
    matches = call_matches(stage.index, stage.unit, item.function, item.node, call)
    return any(set(match.binding.roles) & set(roles) for match in matches)


def _is_content(stage: Stage, item: Shown, expr: Expr) -> bool:
    """Whether an expression is a text or bytes, as far as its type tells; unknown, by the format.

    An element of an array of bytes is one byte of it.
    """
    inner = strip(expr)
    kind = stage.unit.type_of(item.function, inner)
    if _is_element(inner):
        return item.how in ("", "x", "X", "c", "u")
    if kind is None:
        return item.how in ("", "s", "V", "S")
    if _TEXTS.search(kind):
        return item.how not in ("x", "X", "u", "c")
    return not _NUMBER.search(kind) and item.how in ("", "s", "V", "S")
