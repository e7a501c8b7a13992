"""Properties about what an argument may be: the engine behind `kind = "argument"`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tlsight.engine.bringing import refreshed, same_mistake
from tlsight.engine.buffers import capacity, widened, written
from tlsight.engine.excuses import excuse
from tlsight.engine.index import spelled
from tlsight.engine.match import Match, is_compared, matches
from tlsight.engine.mending import by_page, by_vocabulary
from tlsight.engine.releases import lacks
from tlsight.engine.report import excused, finding, held, undecided
from tlsight.engine.roles import (
    Stage,
    is_known,
    is_spelled,
    meets,
    played,
    relevant,
)
from tlsight.engine.suites import Suite
from tlsight.engine.values import Value, decided
from tlsight.finding import Evidence, Finding, Fix, Related, Safety
from tlsight.ir import Literal, Name
from tlsight.rule import Check, Property, Verdict, Vocabulary
from tlsight.text import Edit, Span

_SHOWN = 3
"""Names of suites in one message."""

Suites = Callable[[], Sequence[Suite]]
"""Gives the table of suites when it is first needed: loading it takes half a second."""


@dataclass(frozen=True)
class Judged:
    """One value of an argument that is wrong, and how a message says so."""

    span: Span
    words: dict[str, str]
    level: str = "forbidden"
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()
    sometimes: bool = False
    cause: Span | None = None
    """Where the value stands, if that is not `span`."""


def check_argument(
    stage: Stage, rule: Property, check: Check, suites: Suites
) -> Iterator[Finding | Evidence]:
    """All findings of one check of an `argument` property, and what is right or open."""
    if check.matches and not check.roles:
        yield from _strings(stage, rule, check)
        return
    table = played(stage)
    done: set[tuple[object, ...]] = set()
    for role in check.roles:
        for match in table.get(role, ()):
            judged = _judge(stage, rule, check, match, suites)
            if not judged:
                yield from _right(stage, rule, check, match)
                continue
            settled = excuse(stage, check, match)
            if settled is not None:
                yield from excused(stage, rule, match, settled)
                continue
            for item in judged:
                key = (item.span, item.level, match.binding.id)
                if key in done:
                    continue
                done.add(key)
                found = finding(
                    stage,
                    rule,
                    check,
                    match,
                    item.span,
                    item.words,
                    level=item.level,
                    sometimes=item.sometimes,
                    cause=item.cause,
                    related=item.related,
                    fixes=item.fixes,
                )
                if found is not None:
                    yield found
    if stage.evidence:
        yield from _otherwise(stage, rule, check)


def _right(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Evidence]:
    """What was seen of an argument in which nothing is wrong."""
    if not stage.evidence:
        return
    if check.capacity:
        yield from _roomy(stage, rule, check, match)
    elif check.argument in match.binding.means:
        seen = f"{match.spelled} means {match.binding.means[check.argument]}"
        yield from held(stage, rule, match.function, match.span, seen)
    else:
        yield from _stated_right(stage, rule, match, check.argument)


def _stated_right(stage: Stage, rule: Property, match: Match, slot: str) -> Iterator[Evidence]:
    """The values of an argument, if the text states them all."""
    values = stage.values(match, slot)
    expr = match.arguments.get(slot)
    span = match.span if expr is None else expr.span
    if values and all(is_known(value) for value in values):
        labels = " or ".join(dict.fromkeys(value.label for value in values))
        related = tuple(item for value in values for item in value.steps)
        seen = f"{slot} of {match.spelled} is {labels}"
        yield from held(stage, rule, match.function, span, seen, related)
    else:
        reason = f"what {slot} of {match.spelled} is cannot be told here"
        yield from undecided(stage, rule, match.function, span, reason)


def _roomy(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Evidence]:
    """Buffers that are large enough."""
    for slot in [check.argument] if check.argument else match.binding.writes:
        expr = match.arguments.get(slot)
        if expr is None:
            continue
        found = capacity(stage, match, slot)
        sizes = [size for size, _ in written(stage, match, slot)]
        if found is None or not sizes:
            reason = f"the size of {slot} of {match.spelled} cannot be told here"
            yield from undecided(stage, rule, match.function, expr.span, reason)
            continue
        seen = f"{found[1].name} holds {found[0]} bytes, {match.spelled} writes {max(sizes)}"
        yield from held(stage, rule, match.function, expr.span, seen)


def _otherwise(stage: Stage, rule: Property, check: Check) -> Iterator[Evidence]:
    """Calls that would play a role of the check, were it not for what an argument is."""
    for match in matches(stage.index, stage.unit):
        if match.binding.where and set(match.binding.roles) & set(check.roles):
            unmet = [slot for slot in match.binding.where if not meets(stage, match, slot)]
            if len(unmet) == 1 and unmet[0] in match.arguments and is_spelled(stage, match):
                yield from _stated_right(stage, rule, match, unmet[0])


def _judge(
    stage: Stage, rule: Property, check: Check, match: Match, suites: Suites
) -> list[Judged]:
    if check.capacity:
        return _capacity(stage, rule, check, match)
    if check.judge:
        return list(_by_policy(stage, rule, check, match, suites))
    if check.minimum:
        return list(_below(stage, rule, check, match))
    if check.needs:
        return list(_lacking(stage, rule, check, match))
    if check.constant:
        return list(_constant(stage, rule, check, match))
    if check.matches:
        return list(_matching(stage, rule, check, match))
    return _role(stage, rule, check, match)


def _role(stage: Stage, rule: Property, check: Check, match: Match) -> list[Judged]:
    """The role itself is wrong: at the argument that makes it so, if one does."""
    slot = check.argument or next(iter(match.binding.where), "")
    values = [
        value
        for value in (stage.values(match, slot) if slot else ())
        if relevant(stage, match, slot, value)
    ]
    fixes = by_page(stage, rule, match)
    expr = match.arguments.get(slot) if slot != "this" else None
    if expr is None or not values:
        words = {"argument": slot, "value": values[0].label if values else ""}
        return [Judged(match.span, words, fixes=fixes)]
    sometimes = _stated(stage.values(match, slot)) > len(values)
    found: dict[Span, Judged] = {}
    for value in values:
        words = {"argument": slot, "value": value.label}
        way = (*value.steps, _called(match))
        inside = match.span.contains(value.span)
        place = expr.span if inside else _where_added(stage, match, slot, value)
        found.setdefault(
            place,
            Judged(
                place,
                words,
                related=way,
                fixes=fixes if inside else (),
                sometimes=sometimes,
                cause=value.span,
            ),
        )
    return list(found.values())


def _where_added(stage: Stage, match: Match, slot: str, value: Value) -> Span:
    """Where a flag that a binding asks for gets into a value to which others are added later."""
    wanted = {
        condition.removeprefix("has ")
        for condition in match.binding.where.get(slot, ())
        if condition.startswith("has ")
    } & value.flags
    function = stage.unit.module.functions[value.function]
    places = [expr.span for _, expr in function.each(Name) if expr.text in wanted]
    if not places or any(value.span.contains(place) for place in places):
        return value.span
    return places[0]


def _by_policy(
    stage: Stage, rule: Property, check: Check, match: Match, suites: Suites
) -> Iterator[Judged]:
    slot = check.argument
    name = match.binding.values.get(slot) or check.values or check.judge
    vocabulary = stage.index.vocabulary(match.binding, name)
    verdicts = stage.index.rulebook.policy.judge.get(check.judge, {})
    meant = match.binding.means.get(slot)
    if meant is not None:
        verdict = verdicts.get(meant)
        if (
            verdict is not None
            and not is_compared(stage.unit, match)
            and not _decided(stage, match)
        ):
            words = {"value": match.spelled, "meaning": meant, "clause": verdict.clause}
            yield Judged(match.span, words, verdict.level, fixes=by_page(stage, rule, match))
        return
    if vocabulary is None:
        return
    values = stage.values(match, slot)
    judged = []
    for value in values:
        if value.decided or (value.function == match.function and _decided(stage, match)):
            continue
        worst = _worst(stage, vocabulary, verdicts, value, suites)
        if worst is not None and not _is_best_there(stage, vocabulary, verdicts, value):
            judged.append((value, *worst))
    for value, meaning, verdict, names in judged:
        words = {
            "value": value.label,
            "meaning": meaning,
            "clause": verdict.clause,
            "names": names,
            "argument": slot,
        }
        fixes = by_vocabulary(stage, rule, match, slot, value, vocabulary, meaning)
        if vocabulary.reads == "suites":
            fixes = _without_weak(stage, rule, value, suites) or fixes
        if not fixes and match.span.contains(value.span):
            fixes = by_page(stage, rule, match)
        sometimes = _stated(values) > len(judged)
        yield Judged(value.span, words, verdict.level, _way(match, value), fixes, sometimes)


def _is_best_there(
    stage: Stage, vocabulary: Vocabulary, verdicts: Mapping[str, Verdict], value: Value
) -> bool:
    """Whether a value only stands where the library does not know a better one."""
    better = {name for name, meaning in vocabulary.means.items() if meaning not in verdicts}
    around = stage.unit.module.functions[value.function]
    return any(
        lacks((*around.tags, *node.tags), better)
        for node in around.nodes
        if node.tags and node.span.contains(value.span)
    )


def _way(match: Match, value: Value) -> tuple[Related, ...]:
    """The steps from where a value is written to the call, which is one if it stands elsewhere."""
    if match.span.contains(value.span):
        return value.steps
    return (*value.steps, _called(match))


def _called(match: Match) -> Related:
    return Related(match.span, f"{match.spelled} is called here")


def _stated(values: Sequence[Value]) -> int:
    """How many values the text states; a parameter as such is none of them."""
    return sum(1 for value in values if value.kind != "parameter")


def _decided(stage: Stage, match: Match) -> bool:
    """Whether the code has no choice but to make this call as it is."""
    return decided(stage.index, stage.unit, match.function, match.node)


def _worst(
    stage: Stage,
    vocabulary: Vocabulary,
    verdicts: Mapping[str, Verdict],
    value: Value,
    suites: Suites,
) -> tuple[str, Verdict, str] | None:
    if vocabulary.reads == "suites":
        return _suites(stage, value, suites)
    found: list[tuple[str, Verdict, str]] = []
    for meaning, name in meanings(stage, vocabulary, value):
        verdict = verdicts.get(meaning)
        if verdict is not None:
            found.append((meaning, verdict, name))
    if not found:
        return None
    found.sort(key=lambda item: item[1].level != "forbidden")
    level = found[0][1].level
    names = ", ".join(dict.fromkeys(item[2] for item in found if item[1].level == level))
    return found[0][0], found[0][1], names


def _suites(stage: Stage, value: Value, suites: Suites) -> tuple[str, Verdict, str] | None:
    if value.text is None:
        return None
    for name in stage.index.rulebook.libraries:
        worst = stage.index.judge_suites(value.text, name, tuple(suites()))
        if worst is not None:
            return worst.reason, Verdict(worst.level, worst.clause), _few(worst.names)
    return None


def _without_weak(stage: Stage, rule: Property, value: Value, suites: Suites) -> tuple[Fix, ...]:
    """Take the words out of a list that let in what is weak, if something is left."""
    words = (value.text or "").split(":")
    weak = [
        word
        for word in words
        if word[:1] not in "!-+@" and _suites(stage, replace(value, text=word), suites)
    ]
    rest = [word for word in words if word not in weak]
    chosen = any(word[:1] not in ("!", "-", "+", "@", "") for word in rest)
    if _suites(stage, replace(value, text=":".join(rest)), suites) is not None:
        weak += [word for word in rest if word.startswith("@")]
        rest = [word for word in rest if not word.startswith("@")]
    if not weak or not chosen:
        return ()
    if _suites(stage, replace(value, text=":".join(rest)), suites) is not None:
        return ()
    return _respelled(stage, rule, value, ":".join(rest), f"Remove {', '.join(weak)}")


def _respelled(
    stage: Stage, rule: Property, value: Value, text: str, title: str
) -> tuple[Fix, ...]:
    """Put another text into the literal that a value is."""
    if not isinstance(value.expr, Literal) or value.expr.kind != "string":
        return ()
    start, end = value.expr.span
    if stage.unit.data[start:end] != f'"{value.text}"'.encode():
        return ()
    safety = rule.safety or Safety.UNSAFE
    return (Fix(title, (Edit(Span(start + 1, end - 1), text),), safety),)


def _few(names: Sequence[str]) -> str:
    """Some of many names, for a message."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def meanings(stage: Stage, vocabulary: Vocabulary, value: Value) -> Iterator[tuple[str, str]]:
    """What a value means in a vocabulary: pairs of meaning and the name that has it."""
    if vocabulary.reads in ("list", "text"):
        if value.text is None:
            return
        parts = (
            re.split("[" + re.escape(vocabulary.separators) + "]", value.text)
            if vocabulary.reads == "list"
            else [value.text]
        )
        table = {
            (name.lower() if vocabulary.ignore_case else name): meaning
            for name, meaning in vocabulary.means.items()
        }
        for part in parts:
            word = part.strip().lstrip("?*")
            if word.startswith(("!", "-")):
                continue
            meaning = table.get(word.lower() if vocabulary.ignore_case else word)
            if meaning is not None:
                yield meaning, word
        return
    flags = vocabulary.reads == "flags" and value.flags
    names = sorted(value.flags) if flags else value.names
    known = False
    for name in names:
        for constant, meaning in vocabulary.means.items():
            if spelled(name, constant):
                known = True
                yield meaning, name
                break
    if (
        not known
        and value.number is not None
        and not any(stage.index.names_constant(name) for name in value.names)
    ):
        for constant, meaning in vocabulary.means.items():
            number = stage.index.numbers.get(constant)
            if number is None and constant.isdigit():
                number = int(constant)
            if number == value.number:
                yield meaning, value.label
                break


def _below(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Judged]:
    threshold = stage.index.rulebook.policy.minimum.get(check.minimum)
    if threshold is None:
        return
    values = stage.values(match, check.argument)
    bad = [
        value
        for value in values
        if value.number is not None and value.kind == "constant" and value.number < threshold.value
    ]
    for value in bad:
        if value.number is None or value.number < 0:
            continue
        words = {
            "value": value.label,
            "minimum": str(threshold.value),
            "clause": threshold.clause,
            "argument": check.argument,
        }
        fixes: tuple[Fix, ...] = ()
        if match.span.contains(value.span):
            fixes = by_page(stage, rule, match)
        sometimes = _stated(values) > len(bad)
        yield Judged(
            value.span, words, related=_way(match, value), fixes=fixes, sometimes=sometimes
        )


def _lacking(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Judged]:
    needed = stage.index.rulebook.policy.needs.get(check.needs)
    name = match.binding.values.get(check.argument) or check.values
    vocabulary = stage.index.vocabulary(match.binding, name)
    if needed is None or vocabulary is None:
        return
    wanted, clause = needed
    for value in stage.values(match, check.argument):
        if value.text is None or not value.text.strip():
            continue
        found = list(meanings(stage, vocabulary, value))
        if any(meaning in wanted for meaning, _ in found) or not found:
            continue
        words = {"value": value.label, "clause": clause, "argument": check.argument}
        lacking = next((n for n, meaning in vocabulary.means.items() if meaning == wanted[0]), None)
        fixes: tuple[Fix, ...] = ()
        if lacking is not None:
            text = f"{lacking}{vocabulary.separators[0]}{value.text}"
            fixes = _respelled(stage, rule, value, text, f"Put {lacking} first")
        yield Judged(value.span, words, related=value.steps, fixes=fixes)


def _constant(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Judged]:
    values = stage.values(match, check.argument)
    bad = [value for value in values if value.content]
    for value in bad:
        expr = match.arguments.get(check.argument)
        inside = expr is not None and expr.span.contains(value.span)
        place = expr.span if expr is not None and inside else value.span
        words = {"value": value.label, "argument": check.argument}
        if expr is not None:
            data = stage.unit.data
            words["variable"] = data[expr.span.start : expr.span.end].decode(errors="replace")
        fixes: tuple[Fix, ...] = ()
        if check.insert:
            fixes = refreshed(stage, rule, check, match, same_mistake(stage, check, match))
        elif inside:
            fixes = by_page(stage, rule, match)
        sometimes = _stated(values) > len(bad)
        yield Judged(place, words, related=_way(match, value), fixes=fixes, sometimes=sometimes)


def _matching(stage: Stage, rule: Property, check: Check, match: Match) -> Iterator[Judged]:
    pattern = re.compile(check.matches)
    for value in stage.values(match, check.argument):
        if value.text is not None and pattern.search(value.text):
            words = {"value": value.label, "argument": check.argument}
            fixes = by_page(stage, rule, match) if match.span.contains(value.span) else ()
            yield Judged(value.span, words, related=value.steps, fixes=fixes)


def _strings(stage: Stage, rule: Property, check: Check) -> Iterator[Finding]:
    pattern = re.compile(check.matches)
    for literal in stage.unit.module.strings:
        text = str(literal.value)
        if not pattern.search(text):
            continue
        severity = check.severity or rule.severity
        live = stage.unit.live(literal.span)
        yield Finding(
            rule.id,
            check.message or rule.message,
            literal.span,
            severity if live else severity.lowered(),
            _around(stage, literal.span),
            live=live,
        )


def _around(stage: Stage, span: Span) -> str:
    names = [item.name for item in stage.unit.module.functions if item.span.contains(span)]
    return names[-1] if names else ""


def _capacity(stage: Stage, rule: Property, check: Check, match: Match) -> list[Judged]:
    slots: Sequence[str] = [check.argument] if check.argument else list(match.binding.writes)
    judged: list[Judged] = []
    for slot in slots:
        expr = match.arguments.get(slot)
        found = capacity(stage, match, slot)
        if expr is None or found is None:
            continue
        have, variable = found
        for size, value in written(stage, match, slot):
            if size <= have:
                continue
            words = {
                "variable": variable.name,
                "size": str(have),
                "needed": str(size),
                "value": value.label if value is not None else "",
                "argument": slot,
            }
            edits, reason = widened(stage, match, slot, size)
            title = f"Widen {variable.name} to {size} bytes"
            fix = Fix(title, tuple(edits), rule.safety or Safety.UNSAFE, reason)
            related: tuple[Related, ...] = ()
            if variable.span.end:
                related = (Related(variable.span, f"{variable.name} holds {have} bytes"),)
            judged.append(Judged(expr.span, words, related=related, fixes=(fix,)))
            break
    return judged
