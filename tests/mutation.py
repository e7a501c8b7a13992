"""Breaks right code where the evidence says that it is right, one place at a time.

Each item of evidence names a rule, a subject and the places that show it: a test, a call, an
argument. A break takes just that away: it drops the test and keeps the call, weakens it, deletes or
moves the call, or puts a constant there that the policy forbids. The rule that said that it was
right must now find it wrong. What is right for a second reason stays right, and counts as missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import tree_sitter
import tree_sitter_c
import tree_sitter_cpp

from tlsight.engine.outcomes import contract
from tlsight.finding import Evidence, Report
from tlsight.rule import Binding, Check, Property, Rulebook, Vocabulary
from tlsight.text import Edit, OverlappingEdits, Span, apply_edits

_LANGUAGES = {"c": tree_sitter_c.language(), "cpp": tree_sitter_cpp.language()}
_LOGICAL = (b"&&", b"||", b"and", b"or")
_AROUND = ("parenthesized_expression", "condition_clause")
_SAID = re.compile(r"(?P<slot>[\w-]+) of (?P<call>[\w:~]+) is .*", re.DOTALL)
"""What evidence says of an argument."""
_TESTED = re.compile(r"the result of (?P<call>[\w:~]+) is tested")
_SETTLED = "settles it"
"""How evidence ends that is no test, but a role that the page names in `unless`."""
_CONSTANT = re.compile(r"[A-Z]\w*(?:::\w+)*|true|false|-?\d+")
_SET_AND_TESTED = 3
"""Mentions of a variable that is declared, set and tested."""
_WORSE_CALLS = {
    "leaking": ("memcmp", ("{0}", "{1}", "{2}")),
    "plays": ("memcmp", ("{0}", "{1}", "{2}")),
    "vanishes": ("memset", ("{0}", "0", "{1}")),
}
"""What to call instead, and with which of the arguments, by the mistake that it is."""
_SHOWN = re.compile(r"says something of (?P<name>.+), and does not show it")
_PER_VALUE = 2
"""Constants that are tried in the place of one."""

Node = tree_sitter.Node


class Break(NamedTuple):
    """One way to break a text: the rule that must see it, how it is broken, where, and the text."""

    rule: str
    how: str
    place: Span
    data: bytes


def breaks(book: Rulebook, report: Report, data: bytes, language: str) -> list[Break]:
    """All breaks of a text that the evidence about it suggests, each text once for each rule."""
    root = _parsed(data, language)
    found: dict[tuple[str, bytes], Break] = {}
    for item in report.evidence:
        rule = book.properties[item.rule]
        for how, edits in _ways(book, rule, item, root, data) if item.holds else ():
            try:
                broken = apply_edits(data, edits)
            except OverlappingEdits:
                continue
            if broken != data and _parsed(broken, language).has_error == root.has_error:
                found.setdefault((rule.id, broken), Break(rule.id, how, item.span, broken))
    return list(found.values())


def is_found(item: Break, before: Report, after: Report) -> bool:
    """Whether the rule finds more in the broken text than in the right one."""
    old = sum(finding.rule == item.rule for finding in before.findings)
    return sum(finding.rule == item.rule for finding in after.findings) > old


def is_settled(item: Break, after: Report) -> bool:
    """Whether something else that the page names settles the place, which so is right as before."""
    return any(
        known.rule == item.rule
        and known.span.start <= item.place.start < known.span.end
        and known.message.endswith(_SETTLED)
        for known in after.evidence
    )


def _parsed(data: bytes, language: str) -> Node:
    parser = tree_sitter.Parser(tree_sitter.Language(_LANGUAGES[language]))
    return parser.parse(data).root_node


def _ways(
    book: Rulebook, rule: Property, item: Evidence, root: Node, data: bytes
) -> Iterator[tuple[str, list[Edit]]]:
    """How to take away what shows that something is right."""
    places = [step.span for step in item.related]
    mistakes = {check.wrong for check in rule.checks}
    if rule.kind == "result" and "misread" in mistakes:
        if not _fails_in_two_ways(book, rule, item):
            return  # every number but 0 is success
        yield from _whole("weaken the test", [_weakened(root, data, place) for place in places])
    elif rule.kind == "result" and mistakes & {"unchecked", "used-unguarded", "data-unguarded"}:
        if not _TESTED.fullmatch(item.message):
            return  # what is shown is no test
        yield from _whole("drop the test", [_dropped_test(root, data, place) for place in places])
    elif rule.kind == "typestate" and any(check.past for check in rule.checks):
        return  # what must stand between is not where the evidence is
    elif rule.kind == "typestate" and "reaches" in mistakes:
        for place in places:
            yield from _whole("move the call", _moved(root, data, place, item.span))
    elif rule.kind == "typestate" or (rule.kind == "secret" and "left" in mistakes):
        yield from _whole("delete the call", [_deleted_call(root, data, place) for place in places])
    elif rule.kind == "ownership":
        yield from _misused(root, data, item, mistakes)
    elif rule.kind in ("secret", "callback") and mistakes & set(_WORSE_CALLS):
        worse = _WORSE_CALLS[next(mistake for mistake in _WORSE_CALLS if mistake in mistakes)]
        yield from _whole("swap the call", [_called_instead(root, data, item.span, *worse)])
    elif rule.kind == "secret" and "shown" in mistakes:
        name = _SHOWN.search(item.message)
        part = data[item.span.start : item.span.end]
        if name is not None and b'"' not in part and name["name"].encode() != part:
            formats = _as_texts(root, data, item.span)
            yield "show the secret", [Edit(item.span, name["name"]), *formats]
    elif rule.kind == "argument":
        for text in _worse(book, rule, item, data[item.span.start : item.span.end].decode()):
            _, added, flag = text.rpartition(" | ")
            if added and flag.encode() in data:
                continue  # the text speaks of this flag itself, and may take it back
            yield "swap the constant", [Edit(item.span, text)]


def _fails_in_two_ways(book: Rulebook, rule: Property, item: Evidence) -> bool:
    """Whether a page says that a tested call fails with another number than 0, too."""
    said = _TESTED.fullmatch(item.message)
    return said is not None and any(
        means is not None and means.fail - {0}
        for check in rule.checks
        for binding in _bindings(book, check, said["call"])
        for means in (contract(binding.ok, binding.fail),)
    )


def _misused(
    root: Node, data: bytes, item: Evidence, mistakes: set[str]
) -> Iterator[tuple[str, list[Edit]]]:
    """How to release an object too seldom, too often, too early or wrongly: one place each."""
    if "mismatched" in mistakes:
        yield from _whole(
            "swap the call", [_called_instead(root, data, item.span, "free", ("{0}",))]
        )
    for place in (step.span for step in item.related):
        if "leaked" in mistakes:
            yield from _whole("drop the release", [_deleted_call(root, data, place)])
        elif "freed-twice" in mistakes:
            yield from _whole("release it twice", [_doubled(root, data, place)])
        elif "used-after-free" in mistakes:
            yield from _whole("release it earlier", _earlier(root, data, place))


def _whole(how: str, edits: Sequence[Edit | None]) -> Iterator[tuple[str, list[Edit]]]:
    """A break that takes all of these edits; none if one of them cannot be made."""
    made = [edit for edit in edits if edit is not None]
    if made and len(made) == len(edits):
        yield how, made


# Tests and calls.


def _dropped_test(root: Node, data: bytes, place: Span) -> Edit | None:
    """Keep what a test evaluates, and not what depends on it; None where that is not plain."""
    node = _at(root, place)
    operand = _operand(node)
    around = _statement(operand)
    kept = _evaluated(_inner(node), data)
    if not kept and _is_needed(node, data):
        return None  # what else it is used for counts as a look at it, too
    if operand.parent is not None and operand.parent.type == "binary_expression":
        passes = b"0" if _operator(operand.parent, data) in (b"||", b"or") else b"1"
        text = b"(" + kept + b", " + passes + b")" if kept else passes
        return Edit(_span(operand), text.decode())
    if around is None or around.child_by_field_name("alternative") is not None:
        return None
    if around.type == "if_statement" and _is_inside(operand, around, "condition"):
        text = kept.decode() + ";" if kept else ""
        done = _done_on_success(around, _inner(operand), data)
        return Edit(_span(around), " ".join(filter(None, (text, done))) or ";")
    return None


def _done_on_success(around: Node, test: Node, data: bytes) -> str:
    """What an `if` does, if it is what is done where nothing failed; '' otherwise."""
    body = around.child_by_field_name("consequence")
    if body is None or not _is_of_success(test, data):
        return ""
    return data[body.start_byte : body.end_byte].decode()


def _is_of_success(test: Node, data: bytes) -> bool:
    """Whether what stands under a test is what is done where nothing failed."""
    text = data[test.start_byte : test.end_byte]
    plain = test.type in ("identifier", "field_expression", "call_expression")
    return plain or text.endswith((b"== 1", b"> 0", b"!= 0", b"!= NULL", b"!= nullptr"))


def _is_needed(test: Node, data: bytes) -> bool:
    """Whether a variable that is tested is used for anything else after it is set."""
    name = re.search(rb"[A-Za-z_]\w*", data[test.start_byte : test.end_byte])
    around: Node | None = test
    while around is not None and around.type not in ("function_definition", "lambda_expression"):
        around = around.parent
    text = data[around.start_byte : around.end_byte] if around is not None else b""
    return name is not None and len(re.findall(rb"\b%b\b" % name[0], text)) > _SET_AND_TESTED


def _deleted_call(root: Node, data: bytes, place: Span) -> Edit | None:
    """Take a call away, with the test of its result; None where something else depends on it."""
    node = _at(root, place)
    operand = _operand(node)
    around = _statement(operand)
    above = operand.parent
    operator = _operator(above, data) if above is not None else b""
    if operator in _LOGICAL:
        return Edit(_span(operand), "0" if operator in (b"||", b"or") else "1")
    if around is None or around.child_by_field_name("alternative") is not None:
        return None
    if around.type == "expression_statement":
        return Edit(_span(around), ";")
    if around.type == "if_statement" and _is_inside(operand, around, "condition"):
        return Edit(_span(around), _on_success(around, node, data))
    return None


def _on_success(around: Node, call: Node, data: bytes) -> str:
    """What stays of an `if` whose test is gone: its body, where it is not what a failure does."""
    above = call.parent
    test = above if above is not None and above.type not in _AROUND else call
    return _done_on_success(around, test, data) or ";"


def _called_instead(
    root: Node, data: bytes, place: Span, name: str, arguments: Sequence[str]
) -> Edit | None:
    """Call another function with these arguments; None where they are not as many."""
    call = _at(root, place)
    given = call.child_by_field_name("arguments")
    callee = call.child_by_field_name("function")
    if call.type != "call_expression" or given is None or callee is None:
        return None
    texts = [data[item.start_byte : item.end_byte].decode() for item in given.named_children]
    if callee.type != "identifier" or len(texts) != sum("{" in item for item in arguments):
        return None
    return Edit(_span(call), f"{name}({', '.join(item.format(*texts) for item in arguments)})")


def _as_texts(root: Node, data: bytes, place: Span) -> list[Edit]:
    """Say that all is text that a format shows in the same call."""
    call = _at(root, place).parent
    while call is not None and call.type != "call_expression":
        call = call.parent
    given = call.child_by_field_name("arguments") if call is not None else None
    return [
        Edit(_span(item), re.sub(r"%(?:zu|[dupx])", "%s", text))
        for item in (given.named_children if given is not None else ())
        if item.type == "string_literal"
        for text in (data[item.start_byte : item.end_byte].decode(),)
    ]


def _doubled(root: Node, data: bytes, place: Span) -> Edit | None:
    """Do the same again, at once."""
    around = _statement(_at(root, place))
    if around is None or around.type != "expression_statement":
        return None
    text = data[around.start_byte : around.end_byte].decode()
    if around.parent is None or around.parent.type != "compound_statement":
        return Edit(_span(around), f"{{ {text} {text} }}")
    return Edit(Span(around.end_byte, around.end_byte), f" {text}")


def _earlier(root: Node, data: bytes, place: Span) -> list[Edit | None]:
    """Make a call before the statement in front of it, where that uses what it is handed."""
    late = _statement(_at(root, place))
    early = late.prev_named_sibling if late is not None else None
    if late is None or early is None or late.type != "expression_statement":
        return [None]
    text = data[late.start_byte : late.end_byte]
    names = re.findall(rb"[A-Za-z_]\w*", text)
    used = data[early.start_byte : early.end_byte]
    if early.type not in ("declaration", "expression_statement") or b"return" in used:
        return [None]
    if not names or re.search(rb"\b%b\b" % names[-1], used) is None:
        return [None]
    return [Edit(_span(late), ";"), Edit(Span(early.start_byte, early.start_byte), text.decode())]


def _weakened(root: Node, data: bytes, place: Span) -> Edit | None:
    """Take every number but 0 for success, as one would who thinks of truth."""
    node = _inner(_at(root, place))
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if node.type != "binary_expression" or left is None or right is None:
        return None
    operator = _operator(node, data)
    weaker = {b"!= 1": b"== 0", b"== 1": b"!= 0", b"<= 0": b"== 0", b"> 0": b"!= 0"}
    test = weaker.get(operator + b" " + data[right.start_byte : right.end_byte])
    if test is None:
        return None
    return Edit(Span(left.end_byte, node.end_byte), " " + test.decode())


def _moved(root: Node, data: bytes, place: Span, behind: Span) -> list[Edit | None]:
    """Make a call later, just behind another one's statement."""
    late, early = _statement(_at(root, place)), _statement(_at(root, behind))
    if late is None or early is None or late.type != "expression_statement":
        return [None]
    if early.parent is None or early.parent.type != "compound_statement" or late == early:
        return [None]
    if early.type not in ("expression_statement", "if_statement") or early.parent != late.parent:
        return [None]  # behind what leaves the function, or elsewhere, it would not come later
    text = data[late.start_byte : late.end_byte].decode()
    return [Edit(_span(late), ";"), Edit(Span(early.end_byte, early.end_byte), f" {text}")]


def _at(root: Node, place: Span) -> Node:
    node = root.descendant_for_byte_range(place.start, max(place.start, place.end - 1))
    assert node is not None
    while node.parent is not None and _span(node.parent) == _span(node):
        node = node.parent
    return node


def _operand(node: Node) -> Node:
    """The largest part of a condition that hangs on a node alone."""
    while node.parent is not None:
        above = node.parent
        logical = above.type == "binary_expression" and (above.child(1) or above).type in (
            *("&&", "||", "and", "or"),
        )
        if logical or not above.type.endswith("expression") or above.type == "call_expression":
            break
        if above.type == "lambda_expression":
            break
        node = above
    return node


def _statement(node: Node) -> Node | None:
    """The innermost statement around."""
    above: Node | None = node
    while above is not None and not above.type.endswith("statement"):
        if above.type in ("declaration", "function_definition", "lambda_expression"):
            return None
        above = above.parent
    return above if above is not None and above.type != "compound_statement" else None


def _is_inside(node: Node, around: Node, name: str) -> bool:
    part = around.child_by_field_name(name)
    return (
        part is not None and part.start_byte <= node.start_byte and node.end_byte <= part.end_byte
    )


def _inner(node: Node) -> Node:
    while node.type in _AROUND and node.named_child_count == 1:
        child = node.named_child(0)
        assert child is not None
        node = child
    return node


def _evaluated(node: Node, data: bytes) -> bytes:
    """What a test does beside testing: the call or assignment in it; '' if it does nothing."""
    node = _inner(node)
    if node.type in ("call_expression", "assignment_expression"):
        return data[node.start_byte : node.end_byte]
    for child in node.named_children:
        found = _evaluated(child, data)
        if found:
            return found
    return b""


def _operator(node: Node, data: bytes) -> bytes:
    child = node.child_by_field_name("operator")
    return data[child.start_byte : child.end_byte] if child is not None else b""


def _span(node: Node) -> Span:
    return Span(node.start_byte, node.end_byte)


# Constants.


def _worse(book: Rulebook, rule: Property, item: Evidence, text: str) -> Iterator[str]:
    """What a check of the rule would call wrong in the place of this text."""
    said = _SAID.fullmatch(item.message)
    if said is None or text in ("NULL", "nullptr", "0") or text.startswith(("SLOT", "SIGNAL")):
        return
    tried: dict[str, None] = {}
    for check in rule.checks:
        for binding in _bindings(book, check, said["call"]):
            if check.argument == said["slot"]:
                tried.update(dict.fromkeys(_of_vocabulary(book, check, binding, text)))
                if check.minimum:
                    tried[str(book.policy.minimum[check.minimum].value // 2)] = None
            for condition in binding.where.get(said["slot"], ()):
                if condition.startswith("has ") and not text.isdigit():
                    tried[f"{text} | {condition.removeprefix('has ')}"] = None
                elif _CONSTANT.fullmatch(condition):
                    tried[condition] = None
    yield from list(tried)[:_PER_VALUE]


def _bindings(book: Rulebook, check: Check, spelled: str) -> Iterator[Binding]:
    """The bindings in the roles of a check for a call that is spelled like this."""
    name = spelled.rpartition("::")[2]
    for library in book.libraries.values():
        for binding in library.bindings:
            named = any(form.name == name or form.callee == spelled for form in binding.forms)
            if named and set(check.roles) & set(binding.roles):
                yield binding


def _of_vocabulary(book: Rulebook, check: Check, binding: Binding, text: str) -> Iterator[str]:
    name = binding.values.get(check.argument) or check.values
    vocabulary = book.libraries[binding.library].vocabularies.get(name)
    if vocabulary is None or not check.judge:
        return
    verdicts = book.policy.judge.get(check.judge, {})
    bare = text.removesuffix("()").rpartition("::")[2].strip('"')
    if not _is_of(vocabulary, bare):
        return
    for word, meaning in vocabulary.means.items():
        verdict = verdicts.get(meaning)
        if verdict is None or verdict.level != "forbidden" or word == bare:
            continue
        last = word.rpartition("::")[2].removesuffix("()")
        if text.startswith('"'):
            yield f'"{last}"'
        else:
            head, colons, _ = text.rpartition("::")
            yield f"{head}{colons}{last}{'()' if text.endswith('()') else ''}"


def _is_of(vocabulary: Vocabulary, bare: str) -> bool:
    words = {word.rpartition("::")[2].removesuffix("()") for word in vocabulary.means}
    return bare in words or any(part in words for part in bare.split(vocabulary.separators[0]))
