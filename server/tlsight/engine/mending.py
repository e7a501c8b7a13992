"""How a bad call is mended: the edits that a page's words mean at one place.

An edit inside the expansion of a macro would change every use of it, so it is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tlsight.engine.buffers import widened
from tlsight.engine.index import spelled
from tlsight.engine.match import Match
from tlsight.engine.objects import Place, objects
from tlsight.engine.roles import Stage, played
from tlsight.engine.unit import parts, strip
from tlsight.engine.values import Value
from tlsight.finding import Fix, Safety
from tlsight.ir import (
    Act,
    Binary,
    Call,
    Expr,
    Function,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    Variable,
)
from tlsight.rule import Check, Mend, Property, Vocabulary
from tlsight.text import Edit, Span


def by_page(stage: Stage, rule: Property, match: Match) -> tuple[Fix, ...]:
    """The fix that the binding of a match states, if any."""
    mend = match.binding.mend
    if mend is None:
        return ()
    safety = mend.safety or rule.safety or Safety.UNSAFE
    if mend.before:
        return (_preceded(stage, match, mend, safety),)
    title, edits = _edits(stage, match, mend)
    if not edits:
        return ()
    return (_fix(stage, match, mend.title or title, edits, safety),)


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
        renamed = _renamed(stage, site, mend)
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
        removed = _statement(stage, match)
        if removed is not None:
            edits.append(removed)
            titles.append(f"Remove the call of {match.spelled}")
    if mend.include and edits:
        edits += _included(stage, mend.include)
    return ", ".join(titles), edits


def _included(stage: Stage, header: str) -> list[Edit]:
    """The line that includes a header, below the others; nothing if it is there."""
    includes = stage.unit.module.includes
    if any(item.name == header for item in includes):
        return []
    data = stage.unit.data
    last = max((item.span.end for item in includes), default=0)
    at = data.find(b"\n", last) + 1 if last else 0
    ending = "\r\n" if b"\r\n" in data else "\n"
    return [Edit(Span(at, at), f"#include <{header}>{ending}")]


def _added(data: bytes, site: Call, texts: tuple[str, ...]) -> Edit:
    joined = ", ".join(texts)
    at = site.arguments_span
    if at.start == at.end and data[at.start - 1 : at.start] not in (b"(", b"{"):
        return Edit(Span(at.end, at.end), f"({joined})")
    if site.arguments:
        return Edit(Span(site.arguments[-1].span.end, site.arguments[-1].span.end), ", " + joined)
    return Edit(at, joined)


def _renamed(stage: Stage, site: Call, mend: Mend) -> Edit | None:
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
    return Edit(Span(start, start + len(old.encode())), prefix + new)


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


def _statement(stage: Stage, match: Match) -> Edit | None:
    """Delete the statement of a call, its line too if it stands alone there."""
    data = stage.unit.data
    node = stage.unit.module.functions[match.function].nodes[match.node]
    if node.expr is None or strip(node.expr).span != match.span or node.next == ():
        return None
    end = re.compile(rb"[ \t]*;").match(data, match.span.end)
    if end is None:
        return None
    line = data.rfind(b"\n", 0, match.span.start) + 1
    if data[line : match.span.start].strip():
        before = data[: match.span.start].rstrip()[-1:]
        if before not in (b";", b"{", b"}"):
            return Edit(match.span, "(void)0")
        return Edit(Span(match.span.start, end.end()), "")
    previous = data[:line].rstrip()
    if previous and previous[-1:] not in b";{}":
        return Edit(match.span, "(void)0") if previous[-1:] == b")" else None
    rest = re.compile(rb"[ \t]*\r?\n").match(data, end.end())
    if rest is None:
        return Edit(Span(match.span.start, end.end()), "")
    return Edit(Span(line, rest.end()), "")


def inserted(stage: Stage, rule: Property, check: Check, match: Match) -> tuple[Fix, ...]:
    """Play a role that is missing just before a call, as a library page writes it.

    What it needs of other calls on the same object is taken from those that stand above. If it can
    fail, its failure takes the way that the failure of the call takes.
    """
    library = stage.index.rulebook.libraries[match.binding.library]
    known = objects(stage)
    place = known.of(match, check.argument)
    for binding in library.bindings:
        if check.insert not in binding.roles or not binding.insert or place is None:
            continue
        safety = rule.safety or Safety.UNSAFE
        text = _borrowed(stage, match, place, binding.insert)
        mend = Mend(before=text)
        if not all(_is_played(stage, role, place) for role in binding.insert_with):
            title = f"Call {binding.insert.partition('(')[0]} before"
            reason = "that alone would not do, since more is missing"
            return (Fix(title, (), safety, reason),)
        if binding.ok:
            return (_before_test(stage, match, mend, binding.ok, safety),)
        return (_preceded(stage, match, mend, safety),)
    return ()


def moved(stage: Stage, rule: Property, late: Sequence[Match], early: Match) -> tuple[Fix, ...]:
    """Move the statements of calls, in their order, before that of another one of the function."""
    title = f"Move {', '.join(dict.fromkeys(item.spelled for item in late))} before {early.spelled}"
    safety = rule.safety or Safety.UNSAFE
    function = stage.unit.module.functions[early.function]
    if any(function.nodes[item.node].expanded for item in (*late, early)):
        return (Fix(title, (), safety, "the code stands in the body of a macro"),)
    start = _beginning(stage, function, early.span)
    gone = [_statement(stage, item) for item in late]
    if start is None or any(edit is None or edit.text for edit in gone):
        reason = "the calls do not stand in statements that begin their lines"
        return (Fix(title, (), safety, reason),)
    data = stage.unit.data
    blanks = re.compile(rb"[ \t]*").match(data, start)
    assert blanks is not None
    ending = "\r\n" if b"\r\n" in data else "\n"
    calls = [data[item.span.start : item.span.end].decode(errors="replace") for item in late]
    text = "".join(f"{blanks[0].decode()}{call};{ending}" for call in calls)
    edits = (Edit(Span(start, start), text), *(edit for edit in gone if edit is not None))
    return (Fix(title, edits, safety),)


def _is_played(stage: Stage, role: str, place: Place) -> bool:
    known = objects(stage)
    return any(known.is_done(other, place) for other in played(stage).get(role, ()))


def _before_test(stage: Stage, match: Match, mend: Mend, ok: str, safety: Safety) -> Fix:
    """Make another call in the test of this one, so that both must succeed."""
    prefix = match.spelled.removesuffix(stage.index.plain(match.spelled))
    text = _filled(stage, match, prefix + mend.before)
    title = f"Call {prefix}{mend.before.partition('(')[0]} before"
    node = stage.unit.module.functions[match.function].nodes[match.node]
    if node.expanded:
        return Fix(title, (), safety, "the code stands in the body of a macro")
    if text is None:
        return Fix(title, (), safety, "what it needs to be told does not stand above as a name")
    test, positive = _test_of(stage, node, match)
    failed = _NEGATED.get(ok, "").replace("null", "NULL")
    ok = ok.replace("null", "NULL")
    if test is None or not failed:
        return Fix(title, (), safety, "the result of the call is not tested where it stands")
    (start, end), data = test.span, stage.unit.data
    joined = f"{text} {ok} && " if positive else f"{text} {failed} || "
    if data[:start].endswith(b"(") and data[end:].startswith(b")"):
        return Fix(title, (Edit(Span(start, start), joined),), safety)
    edits = (Edit(Span(start, start), f"({joined}"), Edit(Span(end, end), ")"))
    return Fix(title, edits, safety)


_NEGATED = {
    "== 1": "!= 1",
    "!= 0": "== 0",
    "> 0": "<= 0",
    "== 0": "!= 0",
    "!= null": "== null",
}
_POSITIVE = ("== 1", "> 0", ">= 1", "!= 0")
_NEGATIVE = ("!= 1", "<= 0", "< 1", "< 0", "== 0")


def _test_of(stage: Stage, node: Node, match: Match) -> tuple[Expr | None, bool]:
    """The part of a step that tests a call, and whether it is true on success."""
    ok = match.binding.ok
    positive = (ok,) if ok else _POSITIVE
    negative = (_NEGATED.get(ok, ""),) if ok else _NEGATIVE
    for expr in parts(node.evaluates) if node.evaluates is not None else ():
        if isinstance(expr, Unary) and expr.operator == "!" and strip(expr.operand) is match.site:
            return expr, False
        if isinstance(expr, Binary) and strip(expr.left) is match.site:
            other = strip(expr.right)
            number = other.value if isinstance(other, Literal) else None
            if isinstance(other, Name):
                number = stage.index.numbers.get(other.text)
            test = f"{expr.operator} {number}"
            if test in (*positive, *negative):
                return expr, test in positive
    if node.act is Act.TEST and node.expr is not None and strip(node.expr) is match.site:
        return node.expr, True
    return None, False


def _borrowed(stage: Stage, match: Match, place: Place, text: str) -> str:
    """A text with the arguments of other calls (`{role.slot}`) that are done to the object."""
    known = objects(stage)
    for name in _SLOT.findall(text):
        role, dot, slot = name.partition(".")
        for other in played(stage).get(role, ()) if dot else ():
            expr = other.arguments.get(slot)
            above = other.function == match.function and other.span.start < match.span.start
            if above and isinstance(expr, (Name, Literal)) and known.is_done(other, place):
                start, end = expr.span
                text = text.replace(f"{{{name}}}", stage.unit.data[start:end].decode())
                break
    return text


def _preceded(stage: Stage, match: Match, mend: Mend, safety: Safety) -> Fix:
    """Make another call before the statement of this one, which must begin its line."""
    plain = stage.index.plain(match.spelled)
    prefix = match.spelled.removesuffix(plain)
    text = _filled(stage, match, prefix + mend.before)
    title = mend.title or f"Call {prefix}{mend.before.partition('(')[0]} before"
    function = stage.unit.module.functions[match.function]
    node = function.nodes[match.node]
    if node.expanded:
        return Fix(title, (), safety, "the code stands in the body of a macro")
    if text is None:
        return Fix(title, (), safety, "what it needs to be told does not stand above as a name")
    start = None if node.loop else _beginning(stage, function, match.span)
    if start is None:
        return Fix(title, (), safety, "the call does not stand in a statement that begins its line")
    data = stage.unit.data
    blanks = re.compile(rb"[ \t]*").match(data, start)
    assert blanks is not None
    ending = "\r\n" if b"\r\n" in data else "\n"
    edits = [Edit(Span(start, start), f"{blanks[0].decode()}{text};{ending}")]
    if mend.include:
        edits += _included(stage, mend.include)
    return Fix(title, tuple(edits), safety)


_OPENING = re.compile(
    rb"[ \t]*(?:(?:if|switch)[ \t]*\([ \t(!]*|return\b[ \t(!]*|\(void\)[ \t]*)?"
    rb"(?:(?:[A-Za-z_][\w:<>]*[ \t*&]+)*[A-Za-z_][\w.\[\]]*(?:->[\w.\[\]]+)*[ \t]*=[ \t(]*)?"
    rb"(?:\([\w \t*]+\)[ \t]*)?"
)
"""What may stand in a line before the call: no operand of it is evaluated, or branched, earlier."""
_SLOT = re.compile(r"\{([^}]*)\}")
_LABEL = re.compile(rb"[ \t]*(?:case\b[^?]*|default|\w+)[ \t]*:[ \t]*")


def _filled(stage: Stage, match: Match, text: str) -> str | None:
    """A text with the arguments that it names in braces; None if one is more than a name."""
    data = stage.unit.data
    for slot in _SLOT.findall(text):
        expr = match.arguments.get(slot)
        if not isinstance(expr, (Name, Member)):
            return None
        text = text.replace(f"{{{slot}}}", data[expr.span.start : expr.span.end].decode())
    return text


def _is_closed_before(text: bytes, depth: int) -> bool:
    """Whether a bracket that is closed before the end of a statement was opened before it."""
    for found in re.finditer(rb"[();]", text):
        if found[0] == b";" or depth < 0:
            break
        was, depth = depth, depth + (1 if found[0] == b"(" else -1)
        if was > 0 and depth == 0:
            break  # the condition of an if is whole
    return depth < 0


def _beginning(stage: Stage, function: Function, span: Span) -> int | None:
    """The line that a statement begins with a call; None if another is spelled around it."""
    data = stage.unit.data
    line = data.rfind(b"\n", 0, span.start) + 1
    head = data[line : span.start]
    if not _OPENING.fullmatch(head) or re.match(rb"\s*(?:else|do|goto)\b", head):
        return None
    if _is_closed_before(data[span.end :], head.count(b"(") - head.count(b")")):
        return None
    end = line
    while end > function.body.start:
        before = data.rfind(b"\n", 0, end - 1) + 1
        text = _without_comments(stage, Span(before, end)).strip()
        if text.startswith(b"#"):
            return line  # a condition stands around whole statements
        if text:
            ends = text[-1:] in b";{}" or bool(_LABEL.fullmatch(text))
            return line if ends else None
        end = before
    return None


def _without_comments(stage: Stage, span: Span) -> bytes:
    """The text of a place, with blanks for the comments in it."""
    text = bytearray(stage.unit.data[span.start : span.end])
    for comment in stage.unit.module.comments:
        if comment.span.overlaps(span):
            start = max(comment.span.start, span.start) - span.start
            end = min(comment.span.end, span.end) - span.start
            text[start:end] = b" " * (end - start)
    return bytes(text)
