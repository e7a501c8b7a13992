"""How a bad call is mended: the edits that a page's words mean at one place.

An edit inside the expansion of a macro would change every use of it, so it is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from tlsight.engine.buffers import widened
from tlsight.engine.index import spelled
from tlsight.engine.inserting import preceded
from tlsight.engine.match import Match
from tlsight.engine.roles import Stage
from tlsight.engine.statements import included, removed
from tlsight.engine.unit import strip
from tlsight.engine.values import Value
from tlsight.finding import Fix, Safety
from tlsight.ir import (
    Binary,
    Call,
    Expr,
    Literal,
    Member,
    Name,
    Variable,
)
from tlsight.rule import Mend, Property, Vocabulary
from tlsight.text import Edit, Span


def by_page(stage: Stage, rule: Property, match: Match) -> tuple[Fix, ...]:
    """The fix that the binding of a match states, if any."""
    mend = match.binding.mend
    if mend is None:
        return ()
    safety = mend.safety or rule.safety or Safety.UNSAFE
    if mend.before:
        return (preceded(stage, match, mend, safety),)
    added = tuple(_handed(stage, match, text) for text in mend.add)
    if None in added:
        title = mend.title or f"Add to {match.spelled}"
        return (Fix(title, (), safety, "no parameter of the function says what is meant"),)
    mend = replace(mend, add=tuple(filter(None, added)))
    title, edits = _edits(stage, match, mend)
    if not edits:
        return ()
    return (_fix(stage, match, mend.title or title, edits, safety),)


_PARAMETER = re.compile(r"\{~(.+)\}")


def _handed(stage: Stage, match: Match, text: str) -> str | None:
    """A text to add; of `{~REGEX}`, the parameter of the function whose name matches, if any."""
    wanted = _PARAMETER.fullmatch(text)
    if wanted is None:
        return text
    names = [item.name for item in stage.unit.module.functions[match.function].parameters]
    return next((name for name in names if re.search(wanted[1], name, re.IGNORECASE)), None)


def by_vocabulary(
    stage: Stage,
    rule: Property,
    match: Match,
    slot: str,
    value: Value,
    vocabulary: Vocabulary,
    meaning: str,
) -> tuple[Fix, ...]:
    """Replace the constant by the one that the vocabulary names for this meaning."""
    new = vocabulary.mend.get(meaning) or vocabulary.mend.get("*")
    if new is None or value.expr is None:
        return ()
    if vocabulary.reads in ("list", "suites", "text") and not isinstance(value.expr, Literal):
        return ()
    text = _respelled(stage, value, vocabulary, new)
    if text is None:
        return ()
    edits = [Edit(_spelled_span(value), text)]
    title = f"Switch to {text.strip().rpartition('::')[2].removesuffix('()')}"
    safety = rule.safety or Safety.UNSAFE
    more, reason = _room(stage, match, slot, vocabulary, new)
    if reason is not None:
        return (Fix(title, (), safety, reason),)
    return (_fix(stage, match, title, [*edits, *more], safety, value.span),)


def _fix(
    stage: Stage,
    match: Match,
    title: str,
    edits: Iterable[Edit],
    safety: Safety,
    span: Span | None = None,
) -> Fix:
    node = stage.unit.module.functions[match.function].nodes[match.node]
    place = span or match.span
    if node.expanded and node.span.contains(place):
        return Fix(title, (), safety, "the code stands in the body of a macro")
    return Fix(title, tuple(edits), safety)


def _spelled_span(value: Value) -> Span:
    assert value.expr is not None
    expr = value.expr
    if isinstance(expr, Call) and not expr.arguments and isinstance(expr.callee, Name):
        return expr.callee.span
    return expr.span


def _respelled(stage: Stage, value: Value, vocabulary: Vocabulary, new: str) -> str | None:
    """The new constant, qualified as the old one was spelled; strings keep their quotes."""
    data = stage.unit.data
    span = _spelled_span(value)
    old = data[span.start : span.end].decode(errors="replace")
    if isinstance(value.expr, Literal) and value.expr.kind == "string":
        if not old.startswith('"') or old.count('"') != 2:
            return None
        return f'"{new}"'
    if isinstance(value.expr, Name) or (
        isinstance(value.expr, Call) and isinstance(value.expr.callee, Name)
    ):
        prefix = _prefix(stage, old, vocabulary)
        head, separator, _ = old.rpartition("::")
        last = new.rpartition("::")[2]
        if separator:
            return head + separator + last
        return prefix + last
    return new if isinstance(value.expr, Literal) else None


def _prefix(stage: Stage, old: str, vocabulary: Vocabulary) -> str:
    """The prefix of the project's own table of functions, where the old name has one."""
    for prefix in stage.index.prefixes:
        if old.startswith(prefix) and old[len(prefix) :] in vocabulary.means:
            return prefix
    return ""


def _room(
    stage: Stage, match: Match, slot: str, vocabulary: Vocabulary, new: str
) -> tuple[list[Edit], str | None]:
    """Edits that widen the buffers into which the new algorithm's output goes, or why not."""
    meaning = next(
        (vocabulary.means[name] for name in vocabulary.means if spelled(new, name)), None
    )
    size = vocabulary.sizes.get(meaning or "")
    if size is None:
        return [], None
    edits: list[Edit] = []
    for written, amount in match.binding.writes.items():
        if amount != f"size:{slot}":
            continue
        more, reason = widened(stage, match, written, size)
        if reason is not None:
            return [], reason
        edits += more
    return edits, None


def _edits(stage: Stage, match: Match, mend: Mend) -> tuple[str, list[Edit]]:
    data = stage.unit.data
    edits: list[Edit] = []
    titles: list[str] = []
    for slot, text in mend.set.items():
        expr = match.arguments.get(slot)
        if expr is None:
            continue
        if data[expr.span.start : expr.span.end] != text.encode():
            edits.append(Edit(expr.span, text))
            titles.append(f"Switch to {text}")
    site = match.site
    if isinstance(site, Call):
        if mend.add:
            edits.append(_added(data, site, mend.add))
            titles.append(f"Add {', '.join(mend.add)}")
        renamed = _renamed(stage, match, site, mend)
        if renamed is not None:
            edits.append(renamed)
            titles.append(f"Switch to {renamed.text}")
    for slot, flags in mend.drop.items():
        expr = match.arguments.get(slot)
        if expr is not None:
            for edit, name in _dropped(data, strip(expr), flags):
                edits.append(edit)
                titles.append(f"Remove {name}")
    if mend.remove and not isinstance(site, Variable) and not edits:
        gone = removed(stage, match)
        if gone is not None:
            edits.append(gone)
            titles.append(f"Remove the call of {match.spelled}")
    if mend.include and edits:
        edits += included(stage, mend.include)
    return ", ".join(titles), edits


def _added(data: bytes, site: Call, texts: tuple[str, ...]) -> Edit:
    joined = ", ".join(texts)
    at = site.arguments_span
    if at.start == at.end and data[at.start - 1 : at.start] not in (b"(", b"{"):
        return Edit(Span(at.end, at.end), f"({joined})")
    if site.arguments:
        return Edit(Span(site.arguments[-1].span.end, site.arguments[-1].span.end), ", " + joined)
    return Edit(at, joined)


def _renamed(stage: Stage, match: Match, site: Call, mend: Mend) -> Edit | None:
    if isinstance(site.callee, Member):
        old, start = site.callee.name, site.callee.anchor
    elif isinstance(site.callee, Name):
        old, start = site.callee.text.rpartition("::")[2], site.callee.anchor
    else:
        return None
    plain = stage.index.plain(old)
    new = mend.rename.get(plain)
    if new is None:
        return None
    prefix = old[: len(old) - len(plain)]
    end = start + len(old.encode())
    if isinstance(site.callee, Name) and "::" not in match.form.callee:
        start = site.callee.span.start  # a namespace that has the old function too
    return Edit(Span(start, end), prefix + new)


def _dropped(data: bytes, expr: Expr, flags: tuple[str, ...]) -> list[tuple[Edit, str]]:
    """Take flags out of an or; where none is left, 0 stands."""
    operands = _operands(expr)
    gone = [item for item in operands if _is_flag(item, flags)]
    if not gone:
        return []
    names = ", ".join(item.text for item in gone if isinstance(item, Name))
    kept = [item for item in operands if not _is_flag(item, flags)]
    if not kept:
        return [(Edit(expr.span, "0"), names)]
    if kept == operands[: len(kept)]:
        return [(Edit(Span(kept[-1].span.end, expr.span.end), ""), names)]
    if kept == operands[-len(kept) :]:
        return [(Edit(Span(expr.span.start, kept[0].span.start), ""), names)]
    texts = [data[item.span.start : item.span.end].decode(errors="replace") for item in kept]
    return [(Edit(expr.span, " | ".join(texts)), names)]


def _operands(expr: Expr) -> list[Expr]:
    """The parts of an or, from left to right."""
    if isinstance(expr, Binary) and expr.operator == "|":
        return [*_operands(strip(expr.left)), *_operands(strip(expr.right))]
    return [expr]


def _is_flag(expr: Expr, flags: tuple[str, ...]) -> bool:
    return isinstance(expr, Name) and any(spelled(expr.text, flag) for flag in flags)
