"""Library pages as `rule.Library`: which calls play which roles, and what constants mean.

A page is judged by itself here; whether it fits the properties and the policy, `agreement` says.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tlsight.finding import Safety, Severity
from tlsight.rule import (
    Binding,
    Callback,
    Form,
    Header,
    Library,
    Mend,
    Problem,
    Releases,
    SuiteAlias,
    SuiteRules,
    Trait,
    Vocabulary,
)
from tlsight.rulebook.forms import BadForm, is_named, read_form
from tlsight.rulebook.markdown import Fence, Page
from tlsight.rulebook.owning import read_resource
from tlsight.rulebook.table import Table, nearest, read_tables

READS = ("name", "flags", "list", "text", "suites")

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_COMPARISON = r"(==|!=|<=|<|>=|>) (-?\d+|null)"
_RESULT = re.compile(rf"{_COMPARISON}( or {_COMPARISON})*|true|false")
_CONDITION = re.compile(
    r"null|not-null|literal|parameter|elsewhere|unknown|absent|true|false|-?\d+|0x[0-9A-Fa-f]+"
    r"|((has|lacks|not|except) )?[A-Za-z_]\w*(::[A-Za-z_]\w*)*|(not|except) -?\d+"
)
_WRITES = re.compile(r"\d+|@(?P<value>[a-z][a-z0-9-]*)|size:(?P<size>[a-z][a-z0-9-]*)")
_HEADER_NAME = re.compile(r"(?!/)(?!.*\.\.)[\w.+/-]+")


def read_library(name: str, pages: Sequence[Page]) -> tuple[Library, tuple[Problem, ...]]:
    """One library from its pages, in order; the bindings that are wrong are left out.

    A page of a project may not name folders outside of it. Raises `TooManyProblems`.
    """
    parts = [_read_page(name, page) for page in pages]
    problems = [problem for _, found in parts for problem in found]
    merged = parts[0][0]
    for part, _ in parts[1:]:
        merged = _joined(merged, part, problems)
    return merged, tuple(problems)


def _read_page(library_id: str, page: Page) -> tuple[Library, list[Problem]]:
    table = read_tables(page)
    bindings = tuple(
        binding
        for name, entry in table.tables_by_name("call")
        if (binding := _binding(library_id, name, entry)) is not None
    )
    vocabularies = {
        name: vocabulary
        for name, entry in table.tables_by_name("values")
        if (vocabulary := _vocabulary(name, entry)) is not None
    }
    resources = [read_resource(library_id, *item) for item in table.tables_by_name("resource")]
    suites = table.table("suites")
    releases = table.table("releases")
    folders = table.texts("include-folders")
    if folders and not page.trusted:
        table.complain("only tlsight's own pages name 'include-folders'", "include-folders")
    library = Library(
        id=library_id,
        title=page.title.partition(":")[0].strip(),
        bindings=(*bindings, *(binding for _, found in resources for binding in found)),
        resources=tuple(resource for resource, _ in resources),
        vocabularies=vocabularies,
        headers=_headers(library_id, page, table.problems),
        brought=_brought(page),
        prefixes=table.texts("prefixes"),
        include_folders=folders if page.trusted else (),
        replacements=tuple(
            pair
            for pair in table.pairs("replacements")
            if table.is_pattern(pair[0], "replacements")
        ),
        no_return=table.texts("no-return"),
        asserts=table.texts("asserts"),
        suites=_suites(library_id, suites) if suites is not None else None,
        releases=_releases(releases) if releases is not None else None,
        traits=tuple(_trait(name, entry) for name, entry in table.tables_by_name("trait")),
        place=page.place(1),
    )
    table.end()
    return library, table.problems


def _joined(library: Library, more: Library, problems: list[Problem]) -> Library:
    if more.title != library.title:
        message = f"the pages of one folder have one title, '{library.title}: …'"
        problems.append(Problem(more.place, message))
    ids = {binding.id: binding.place for binding in library.bindings}
    for binding in more.bindings:
        if binding.id in ids:
            message = f"'call.{binding.id}' is stated at {ids[binding.id]} too"
            problems.append(Problem(binding.place, message))
    known = {resource.id for resource in library.resources}
    for resource in more.resources:
        if resource.id in known:
            message = f"'resource.{resource.id}' is stated on another page of this folder too"
            problems.append(Problem(resource.place, message))
    for name in more.vocabularies:
        if name in library.vocabularies:
            message = f"'values.{name}' is stated on another page of this folder too"
            problems.append(Problem(more.place, message))
    for word in ("suites", "releases"):
        if getattr(library, word) and getattr(more, word):
            message = f"'{word}' is stated on another page of this folder too"
            problems.append(Problem(more.place, message))
    return replace(
        library,
        bindings=(
            *library.bindings,
            *(binding for binding in more.bindings if binding.id not in ids),
        ),
        vocabularies={**more.vocabularies, **library.vocabularies},
        headers=_merged((*library.headers, *more.headers)),
        brought={**library.brought, **more.brought},
        prefixes=(*library.prefixes, *more.prefixes),
        include_folders=(*library.include_folders, *more.include_folders),
        replacements=(*library.replacements, *more.replacements),
        no_return=(*library.no_return, *more.no_return),
        asserts=(*library.asserts, *more.asserts),
        suites=library.suites or more.suites,
        releases=library.releases or more.releases,
        traits=(*library.traits, *more.traits),
        resources=(*library.resources, *more.resources),
    )


def _binding(library: str, call: str, table: Table) -> Binding | None:
    before = len(table.problems)
    forms = _forms(table)
    names = {slot.name for form in forms for slot in form.slots if is_named(slot)} | {"this"}
    role, roles = table.text("role"), table.texts("roles")
    if role and roles:
        table.complain("either 'role' or 'roles'", "role")
    severity = {
        name: level
        for name, text in table.text_by_name("severity").items()
        if (level := table.chosen(Severity, text, "severity")) is not None
    }
    mend, callback = table.table("mend"), table.table("callback")
    binding = Binding(
        id=call,
        roles=roles or ((role,) if role else (call,)),
        forms=forms,
        library=library,
        where=table.texts_by_name("where", single=True),
        means=table.text_by_name("means"),
        values=table.text_by_name("values"),
        ok=table.text("ok"),
        fail=table.text("fail"),
        writes=table.text_by_name("writes"),
        severity=severity,
        near=table.pattern("near"),
        near_in=table.text("near-in"),
        near_callers=table.flag("near-callers"),
        since=table.text("since"),
        until=table.text("until"),
        name_tells=table.flag("name-tells"),
        mend=_mend(mend, names) if mend is not None else None,
        callback=_callback(callback, names) if callback is not None else None,
        makes=table.flag("makes"),
        gives=table.text_by_name("gives"),
        insert=table.text("insert"),
        insert_with=table.texts("insert-with"),
        insert_on=table.text("insert-on"),
        insert_limits=table.number_by_name("insert-limits"),
        brings=table.text("brings"),
        note=table.text("note"),
        place=table.place(),
    )
    _check_binding(table, binding, names)
    table.end()
    return binding if len(table.problems) == before else None


def _forms(table: Table) -> tuple[Form, ...]:
    forms: list[Form] = []
    for text in table.texts("forms"):
        try:
            forms.append(read_form(text))
        except BadForm as error:
            table.complain(str(error), "forms", text)
    if not table.values.get("forms"):
        table.complain("'forms' says how the call is spelled, and is missing")
    return tuple(forms)


def _check_binding(table: Table, binding: Binding, names: set[str]) -> None:
    for role in binding.roles:
        if not _NAME.fullmatch(role):
            table.complain(f"'{role}' is no role: small letters, digits and '-'", "roles", role)
    for key in ("where", "values", "writes"):
        for name in getattr(binding, key):
            _check_slot(table, key, name, names | set(binding.means))
    if binding.brings and not binding.insert:
        table.complain("'brings' says what 'insert' needs, and there is no 'insert'", "brings")
    for name in (*binding.gives, *binding.gives.values()):
        _check_slot(table, "gives", name, names | {"result"})
    for name, conditions in binding.where.items():
        for condition in conditions:
            if not _CONDITION.fullmatch(condition):
                table.complain(f"'{condition}' is no condition on '{name}'", "where", condition)
    for key in ("ok", "fail"):
        text = getattr(binding, key)
        if text and not _RESULT.fullmatch(text):
            table.complain(f"'{text}' is no test of a result, such as '== 1' or '!= null'", key)
    for text in binding.writes.values():
        writes = _WRITES.fullmatch(text)
        if writes is None:
            table.complain(f"'{text}' is no size: '20', '@slot' or 'size:slot'", "writes", text)
        elif writes.group("value") or writes.group("size"):
            _check_slot(table, "writes", writes.group("value") or writes.group("size"), names)


def _check_slot(table: Table, key: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        table.complain(f"'{name}' is no slot of the forms{nearest(name, names)}", key, name)


def _callback(table: Table, names: set[str]) -> Callback:
    callback = Callback(
        argument=table.text("argument"),
        parameters=table.texts("parameters"),
        accepts=table.text("accepts"),
        refused=table.number_by_name("refused"),
        limits=table.number_by_name("limits"),
        shape=table.texts("shape"),
        named=table.pattern("named"),
        bounds=table.text_by_name("bounds"),
        refusal=table.text("refusal"),
    )
    if callback.shape and (len(callback.shape) != len(callback.parameters) or not callback.named):
        table.complain("'shape' has a type for each of 'parameters', and needs 'named'", "shape")
    _check_slot(table, "argument", callback.argument, names)
    for key in ("refused", "limits", "bounds"):
        for name in getattr(callback, key):
            if name not in callback.parameters:
                hint = nearest(name, callback.parameters)
                table.complain(f"'{name}' is none of 'parameters'{hint}", key, name)
    for name in callback.bounds.values():
        if name not in callback.parameters:
            hint = nearest(name, callback.parameters)
            table.complain(f"'{name}' is none of 'parameters'{hint}", "bounds", name)
    if callback.accepts and not _RESULT.fullmatch(callback.accepts):
        table.complain(f"'{callback.accepts}' is no test of a result, such as '!= 0'", "accepts")
    table.end()
    return callback


def _mend(table: Table, names: set[str]) -> Mend:
    mend = Mend(
        set=table.text_by_name("set"),
        add=table.texts("add"),
        rename=table.text_by_name("rename"),
        drop=table.texts_by_name("drop"),
        remove=table.flag("remove"),
        before=table.text("before"),
        include=table.text("include"),
        leave=table.text("leave"),
        title=table.text("title"),
        safety=table.choice("safety", Safety),
    )
    for key in ("set", "drop"):
        for name in getattr(mend, key):
            _check_slot(table, key, name, names)
    for name in re.findall(r"\{([^}]*)\}", mend.before):
        _check_slot(table, "before", name, names)
    table.end()
    return mend


def _vocabulary(name: str, table: Table) -> Vocabulary | None:
    before = len(table.problems)
    reads = table.text("reads", "name")
    if reads not in READS:
        table.complain(f"'{reads}' is none of {', '.join(READS)}", "reads")
    means: dict[str, str] = {}
    by_meaning = table.texts_by_name("means")
    for meaning, constants in by_meaning.items():
        for constant in constants:
            if means.setdefault(constant, meaning) != meaning:
                message = f"'{constant}' means '{means[constant]}' already"
                table.complain(message, "means", meaning)
    vocabulary = Vocabulary(
        name=name,
        reads=reads,
        means=means,
        mend=table.text_by_name("mend"),
        separators=table.text("separators", ":"),
        sizes=table.number_by_name("sizes"),
        ignore_case=table.flag("ignore-case"),
        place=table.place(),
    )
    for key, keys in (("mend", vocabulary.mend), ("sizes", vocabulary.sizes)):
        for meaning in keys:
            if reads != "suites" and meaning not in (
                *by_meaning,
                *(["*"] if key == "mend" else []),
            ):
                hint = nearest(meaning, by_meaning)
                table.complain(f"no constant means '{meaning}'{hint}", key, meaning)
    table.end()
    return vocabulary if len(table.problems) == before else None


def _headers(library: str, page: Page, problems: list[Problem]) -> tuple[Header, ...]:
    headers: list[Header] = []
    for fence in page.fences:
        named = [word for word in fence.words if word.startswith("header=")]
        if not named:
            is_brought = any(word.startswith("brings=") for word in fence.words)
            if fence.words[:1] in (("c",), ("cpp",)) and not is_brought:
                message = "a block of code on a library page has a 'header=NAME' or 'brings=NAME'"
                problems.append(Problem(page.place(fence.line - 1), message))
            continue
        headers += (
            Header(
                word.partition("=")[2], _guarded(library, fence), library, page.place(fence.line)
            )
            for word in named
        )
    problems += (
        Problem(header.place, f"'{header.name}' is no name of a header")
        for header in headers
        if not _HEADER_NAME.fullmatch(header.name)
    )
    return _merged(header for header in headers if _HEADER_NAME.fullmatch(header.name))


def _brought(page: Page) -> Mapping[str, str]:
    """The code that fixes bring with them."""
    return {
        word.partition("=")[2]: fence.text
        for fence in page.fences
        for word in fence.words
        if word.startswith("brings=")
    }


def _guarded(library: str, fence: Fence) -> str:
    """The text behind an include guard: one block may be several headers, a header many blocks."""
    guard = re.sub(r"\W", "_", f"TLSIGHT_{library}_{zlib.crc32(fence.text.encode()):08x}")
    return f"#ifndef {guard}\n#define {guard}\n{fence.text}#endif\n"


def _merged(headers: Iterable[Header]) -> tuple[Header, ...]:
    merged: dict[str, Header] = {}
    for header in headers:
        old = merged.get(header.name)
        merged[header.name] = header if old is None else replace(old, text=old.text + header.text)
    return tuple(merged.values())


def _suites(library: str, table: Table) -> SuiteRules:
    aliases: dict[str, SuiteAlias] = {}
    for name, entry in table.tables_by_name("alias"):
        aliases[name] = SuiteAlias(name, tuple(_attributes(item) for item in entry.tables("any")))
        entry.end()
    levels: dict[int, Mapping[str, tuple[str, ...]]] = {}
    for name, entry in table.tables_by_name("level"):
        if name.isdecimal():
            levels[int(name)] = _attributes(entry)
        else:
            table.complain(f"'{name}' is no level", "level", name)
    rules = SuiteRules(
        library=library,
        release=table.text("release"),
        aliases=aliases,
        default=table.text("default"),
        default_word=table.text("default-word"),
        levels=levels,
        default_level=table.number("default-level", 1),
        current=tuple(_attributes(item) for item in table.tables("current")),
    )
    table.end()
    return rules


def _trait(name: str, table: Table) -> Trait:
    trait = Trait(
        id=name,
        title=table.text("title"),
        on=table.texts("on"),
        roles=table.texts("roles"),
        default=table.text("default"),
        add=table.flag("add"),
        given=table.texts("given"),
        place=table.place(),
    )
    for word in ("title", "on", "roles", "default"):
        if not getattr(trait, word):
            table.complain(f"'{word}' is missing")
    table.end()
    return trait


def _releases(table: Table) -> Releases:
    releases = Releases(
        macro=table.text("macro"),
        numbers=table.number_by_name("numbers"),
        oldest=table.text("oldest"),
        packed=table.numbers_by_name("packed"),
        cut_down=table.pattern("cut-down"),
    )
    if not releases.macro:
        table.complain("'macro' names what conditions compare, and is missing")
    if releases.oldest and releases.oldest not in releases.numbers:
        hint = nearest(releases.oldest, releases.numbers)
        table.complain(f"'numbers' has no '{releases.oldest}'{hint}", "oldest")
    table.end()
    return releases


def _attributes(table: Table) -> Mapping[str, tuple[str, ...]]:
    return {name: table.texts(name) for name in table.values}
