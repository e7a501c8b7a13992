"""Property pages as `rule.Property`: what is wrong, over roles.

A page is judged by itself here; whether its roles are bound, `agreement` says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter

from tlsight.finding import Safety, Severity
from tlsight.rule import Check, Problem, Property
from tlsight.rulebook.examples import read_examples
from tlsight.rulebook.markdown import Page
from tlsight.rulebook.table import Table, nearest, read_tables

ASPECTS = ("practice", "errors", "cookie", "memory", "integrity", "input")
KINDS = ("argument", "result", "callback", "typestate", "taint", "ownership", "secret")
JUDGEMENTS = ("judge", "minimum", "needs", "constant", "matches", "capacity")
WRONGS = (
    "unchecked",
    "misread",
    "used-unguarded",
    "as-length",
    "data-unguarded",
    "unclassified",
    "unreported",
)
CALLBACK_WRONGS = (
    "accepts-all",
    "ignores",
    "from",
    "not-from",
    "made-inside",
    "plays",
    "length-trusted",
    "overflows",
    "unlimited",
)
TYPESTATE_WRONGS = ("never", "not-before", "reaches", "left-over", "differs", "unbalanced")
TAINT_WRONGS = ("compared", "unbounded", "unterminated", "arrives", "unexamined", "kept")
OWNERSHIP_WRONGS = (
    "leaked",
    "freed-twice",
    "used-after-free",
    "mismatched",
    "borrowed-freed",
    "by-hand",
)
SECRET_WRONGS = ("guessed", "leaking", "shown", "left", "vanishes")
TAGS = ("deprecated",)
PLACEHOLDERS = (
    "call",
    "value",
    "meaning",
    "argument",
    "policy",
    "clause",
    "note",
    "size",
    "needed",
    "minimum",
    "names",
    "variable",
)

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SINK = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)?")
_NEED_SINKS = (
    *("as-length", "unclassified", "unreported"),
    *("plays", "length-trusted", "unlimited", "reaches", "left-over", "differs", "compared"),
    *("unbounded", "unterminated", "arrives", "unexamined", "kept"),
)
_NEED_ARGUMENT = (
    *("data-unguarded", "ignores", "from", "not-from"),
    *("length-trusted", "overflows", "unlimited", "left-over", "differs", "left", "vanishes"),
)
_NEED_SOURCES = ("from", "not-from", "made-inside", "guessed")
_OWNERS = {
    "through": ("callback", "secret"),
    "needs-one": ("typestate", "taint", "secret"),
    "given": ("typestate", "taint"),
    "or-asked": ("typestate",),
    "results": ("typestate",),
    "assumes": ("typestate",),
    "past": ("typestate", "taint"),
    "tied": ("typestate",),
    "decides": ("typestate",),
    "of": ("taint",),
    "on": ("taint",),
    "near": ("taint", "secret"),
    "unmeasured": ("taint",),
    "bytes": ("secret",),
    "better": ("callback", "taint", "secret"),
    "insert": ("typestate", "argument", "taint", "secret"),
    "instead": ("typestate",),
    "same": ("typestate",),
    "lone": ("typestate",),
    "ends": ("typestate", "taint", "secret"),
    "move": ("typestate",),
    "perhaps": ("typestate", "secret"),
}
"""Words that checks of some kinds have, and no other."""


def read_property(
    name: str, aspect: str, page: Page, libraries: Mapping[str, str]
) -> tuple[Property | None, tuple[Problem, ...]]:
    """One property, or None if its machine part is wrong; `libraries` maps titles to ids.

    Raises `TooManyProblems`.
    """
    table = read_tables(page)
    _check_outline(table, name, page)
    kind = table.text("kind")
    if kind not in KINDS:
        wanted = " or ".join(f"'{known}'" for known in KINDS)
        table.complain(f"'kind' is {wanted}", "kind")
    severity = table.choice("severity", Severity)
    if not table.has("severity"):
        table.complain("'severity' is missing")
    tags = table.texts("tags")
    for tag in tags:
        if tag not in TAGS:
            table.complain(f"unknown tag '{tag}'", "tags", tag)
    checks = tuple(_check(kind, entry) for entry in table.tables("check"))
    if not checks:
        table.complain("a property has a '[[check]]'")
    cwe, message = table.numbers("cwe"), _message(table)
    if not message and not all(check.message for check in checks):
        table.complain("'message' is missing")
    discouraged, safety = table.choice("discouraged", Severity), table.choice("safety", Safety)
    enabled = table.flag("enabled", True)
    table.end()
    broken = bool(table.problems)
    examples, problems = read_examples(page, name, libraries)
    if broken or severity is None:
        return None, (*table.problems, *problems)
    found = Property(
        id=name,
        aspect=aspect,
        title=page.summary,
        kind=kind,
        severity=severity,
        cwe=cwe,
        checks=checks,
        message=message,
        discouraged=discouraged,
        safety=safety,
        enabled=enabled,
        tags=tags,
        examples=examples,
        markdown=page.text,
        place=page.place(1),
    )
    return found, problems


def _check_outline(table: Table, name: str, page: Page) -> None:
    if not _ID.fullmatch(name):
        message = f"'{name}' is no id: small letters, digits and '-'"
        table.problems.append(Problem(page.place(1), message))
    if page.title and page.title != name:
        message = f"the title is '{page.title}' and not the file's name, '{name}'"
        table.problems.append(Problem(page.place(1), message))
    if not page.summary:
        message = "under the title stands a summary, '**…**'"
        table.problems.append(Problem(page.place(1), message))
    blocks = [fence for fence in page.fences if fence.words[:1] == ("toml",)]
    if len(blocks) > 1:
        message = "a property page has one 'toml' block"
        table.problems.append(Problem(page.place(blocks[1].line - 1), message))


def _check(kind: str, table: Table) -> Check:
    check = Check(
        roles=table.texts("roles"),
        argument=table.text("argument"),
        judge=table.text("judge"),
        values=table.text("values"),
        minimum=table.text("minimum"),
        needs=table.text("needs"),
        constant=table.flag("constant"),
        matches=table.pattern("matches"),
        capacity=table.flag("capacity"),
        wrong=table.text("wrong"),
        sinks=table.texts("sinks"),
        better=table.texts("better"),
        sources=table.texts("sources"),
        through=table.texts("through"),
        needs_one=table.texts("needs-one"),
        given=table.texts("given"),
        insert=table.text("insert"),
        or_asked=table.texts("or-asked"),
        results=table.texts("results"),
        assumes=table.number_by_name("assumes", signed=True),
        past=table.texts("past"),
        instead=table.texts("instead"),
        same=table.texts("same"),
        lone=table.flag("lone"),
        ends=table.texts("ends"),
        move=table.flag("move"),
        perhaps=table.pattern("perhaps"),
        tied=table.text("tied"),
        decides=table.flag("decides"),
        of=table.texts("of"),
        on=table.text("on"),
        near=table.pattern("near"),
        unmeasured=table.flag("unmeasured"),
        bytes=table.flag("bytes"),
        unless=table.texts("unless"),
        unless_tested=table.texts("unless-tested"),
        unless_judged=table.texts("unless-judged"),
        despite=table.texts("despite"),
        anyway=table.texts("anyway"),
        only_with=table.texts("only-with"),
        not_as=table.texts("not-as"),
        not_near=table.pattern("not-near"),
        severity=table.choice("severity", Severity),
        discouraged=table.choice("discouraged", Severity),
        message=_message(table),
        place=table.place(),
    )
    if kind in ("argument", "result") and table.has("sources"):
        table.complain("'sources' belongs to checks of another kind", "sources")
    if kind == "argument":
        _check_argument(table, check)
    elif kind == "result":
        _check_wrong(table, check, kind, WRONGS)
    elif kind == "callback":
        _check_wrong(table, check, kind, CALLBACK_WRONGS)
    elif kind == "typestate":
        _check_wrong(table, check, kind, TYPESTATE_WRONGS)
    elif kind == "taint":
        _check_wrong(table, check, kind, TAINT_WRONGS)
        if (check.given or check.needs_one) and not check.on and check.wrong == "compared":
            table.complain(
                "'given' and 'needs-one' are asked of the object that 'on' names", "wrong"
            )
    elif kind == "ownership":
        _check_wrong(table, check, kind, OWNERSHIP_WRONGS)
    elif kind == "secret":
        _check_wrong(table, check, kind, SECRET_WRONGS)
    for word in ("sinks", "sources", "through", "better", "tied"):
        names = getattr(check, word)
        for name in (names,) if isinstance(names, str) and names else names:
            if not _SINK.fullmatch(name):
                table.complain(f"'{name}' is no 'role' or 'role.argument'", word, name)
    table.end()
    return check


def _check_argument(table: Table, check: Check) -> None:
    judgements = [word for word in JUDGEMENTS if table.has(word)]
    if len(judgements) > 1:
        table.complain(f"'{judgements[1]}' beside '{judgements[0]}': one of them", judgements[1])
    if not check.roles and judgements != ["matches"]:
        table.complain("'roles' is missing")
    if judgements not in ([], ["capacity"]) and check.roles and not check.argument:
        table.complain(f"'{judgements[0]}' judges an 'argument', which is missing", judgements[0])
    if check.values and not (check.judge or check.needs or check.minimum):
        table.complain("'values' reads what 'judge', 'needs' or 'minimum' judges", "values")
    if check.insert and not check.constant:
        table.complain("'insert' stands here in the place of what is 'constant'", "insert")
    for word in ("wrong", "sinks", *_OWNERS):
        if table.has(word) and "argument" not in _OWNERS.get(word, ()):
            table.complain(f"'{word}' belongs to checks of another kind", word)


def _check_wrong(table: Table, check: Check, kind: str, wrongs: tuple[str, ...]) -> None:
    """The words of checks that name a mistake."""
    if check.wrong not in wrongs:
        hint = nearest(check.wrong, wrongs)
        table.complain(f"'wrong' is one of {', '.join(wrongs)}{hint}", "wrong")
    if not check.roles:
        table.complain("'roles' is missing")
    for word, needing in (
        ("argument", _NEED_ARGUMENT),
        ("sinks", _NEED_SINKS),
        ("sources", _NEED_SOURCES),
        ("same", ("differs",)),
        ("results", ("left-over", "differs")),
        ("past", ("kept",)),
        ("instead", ("left-over",)),
        ("needs-one", ("never", "not-before", "left-over", "differs", "unbalanced")),
    ):
        if check.wrong in needing and not getattr(check, word.replace("-", "_")):
            table.complain(f"'{check.wrong}' needs '{word}'", "wrong")
    for word in (*JUDGEMENTS, "values"):
        if table.has(word):
            table.complain(f"'{word}' belongs to checks of kind 'argument'", word)
    for word, owners in _OWNERS.items():
        if kind not in owners and table.has(word):
            named = " or ".join(f"'{owner}'" for owner in owners)
            table.complain(f"'{word}' belongs to checks of kind {named}", word)


def _message(table: Table) -> str:
    message = table.text("message")
    try:
        names = [name for _, name, _, _ in Formatter().parse(message) if name is not None]
    except ValueError as error:
        table.complain(f"the braces do not pair: {error}", "message")
        return message
    for name in names:
        if name not in PLACEHOLDERS:
            hint = nearest(name, PLACEHOLDERS)
            table.complain(f"'{{{name}}}' stands for nothing{hint}", "message", f"{{{name}}}")
    return message
