"""What the rule pages say, as data: properties over roles, libraries that bind them, policies.

`rulebook/` reads pages into this; `engine/` judges by it. `rules/README.md` is the manual of the
words. Nothing here knows a file or a library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from tlsight.finding import Safety, Severity

_K = TypeVar("_K")
_V = TypeVar("_V")


def frozen(mapping: Mapping[_K, _V]) -> Mapping[_K, _V]:
    """A read-only view of a copy of `mapping`."""
    return MappingProxyType(dict(mapping))


_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Slot:
    """One argument of a form: `name`, `name?` (optional), `=CONSTANT` (must be it) or `_`."""

    name: str
    optional: bool = False
    constant: str | None = None


@dataclass(frozen=True)
class Form:
    """One way to spell a call or a field, as written on a library page.

    `callee` is the name of a function or macro, of a method with its class
    (`QSslSocket::ignoreSslErrors`), of a constructor (`T::T`), or, with `field`, of a field that is
    assigned or initialised (`Type::field = value`). The receiver is the argument `this`.
    With `typed`, `callee` is a type: any variable or field of it that is initialised
    (`@Type = value`).
    """

    text: str
    callee: str
    slots: tuple[Slot, ...]
    rest: bool = False
    """Further arguments are allowed (`...`)."""
    field: bool = False
    typed: bool = False

    @property
    def owner(self) -> str:
        """The class of a method, constructor or field; '' for a free function."""
        return self.callee.rpartition("::")[0]

    @property
    def name(self) -> str:
        """The last part of the callee."""
        return self.callee.rpartition("::")[2]


@dataclass(frozen=True)
class Mend:
    """How a bad call is mended, in terms of its arguments. Empty parts do nothing.

    `set` replaces arguments, `add` appends missing ones, `rename` changes the callee as spelled,
    `drop` takes flags out of an or-ed argument, `remove` deletes the statement, `before` puts one
    before it, `include` adds a header, `leave` tests a result that was dropped.
    """

    set: Mapping[str, str] = field(default_factory=lambda: _NONE)
    add: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=lambda: _NONE)
    drop: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    remove: bool = False
    before: str = ""
    """A call that is made before the statement; `{slot}` stands for an argument."""
    include: str = ""
    """A header that the text must include afterwards."""
    leave: str = ""
    """What the function around returns where the call fails and nobody looked."""
    title: str = ""
    safety: Safety | None = None
    """None: the property's own."""


@dataclass(frozen=True)
class Callback:
    """The function that a call installs: what it is handed later, and what its answer means."""

    argument: str
    """The slot in which the function stands."""
    parameters: tuple[str, ...]
    """Names for its parameters, in order; `_` for one that no check speaks of."""
    accepts: str = ""
    """A comparison that its result satisfies when it accepts."""
    refused: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """What a parameter holds if what was checked before was refused."""
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Bytes that may be written to what a parameter points to."""
    shape: tuple[str, ...] = ()
    """The types of its parameters, where a function that has them, and a name that matches `named`,
    is taken for one even if the text does not install it."""
    named: str = ""
    bounds: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """The parameter that says how many bytes another one has room for."""
    refusal: str = ""
    """What it returns where it has nothing to give."""


@dataclass(frozen=True)
class Binding:
    """One `[call.ID]` of a library page: the calls that play a role, and what they mean.

    `where` limits the role to calls whose arguments satisfy conditions (see `Condition`).
    `means` gives pseudo-arguments a fixed meaning (`TLSv1_method()` means version `TLSv1.0`).
    `ok` and `fail` are comparisons that the result satisfies on success and on failure.
    `writes` says how many bytes are written to an argument: a number, `@argument` for the value of
    another argument, or `size:ARGUMENT` for the size of the algorithm that an argument names.
    """

    id: str
    roles: tuple[str, ...]
    forms: tuple[Form, ...]
    library: str
    where: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    means: Mapping[str, str] = field(default_factory=lambda: _NONE)
    values: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """The vocabulary in which an argument is read, where it is not the one the check names."""
    ok: str = ""
    fail: str = ""
    writes: Mapping[str, str] = field(default_factory=lambda: _NONE)
    severity: Mapping[str, Severity] = field(default_factory=lambda: MappingProxyType({}))
    """Severity by property id, where it is not the property's own."""
    near: str = ""
    """A regular expression that must match the name of the function or class around, of the
    variable, or of a field or method beside it."""
    near_in: str = ""
    """The slot in whose argument `near` must match a name, and nowhere else."""
    near_callers: bool = False
    """`near` also asks the functions of this text that call the one around."""
    since: str = ""
    """The release of the library from which on the role is played; one of `Releases.numbers`."""
    until: str = ""
    """The release of the library from which on the role is played no longer."""
    name_tells: bool = False
    """A method call on an object of unknown type plays the role by its name alone."""
    mend: Mend | None = None
    callback: Callback | None = None
    makes: bool = False
    """The result is a new object (of a constructor, the object itself)."""
    gives: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Object to object, by slot, `this` or `result`: what is done to the second is done to the
    first as well."""
    insert: str = ""
    """How a fix writes this call: `{slot}` stands for an argument of the call that lacks it,
    `{role.slot}` for that of another call on the same object."""
    insert_with: tuple[str, ...] = ()
    """Roles that must be played on the object too; the fix writes those that are missing, if their
    bindings say how, and else it would not mend it."""
    insert_on: str = ""
    """A type: `insert` is for objects of this type only."""
    insert_limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """What other arguments of the call may be at most where `insert` stands for one of them."""
    brings: str = ""
    """The block of the page that the text needs for `insert`."""
    note: str = ""
    """One clause for the message: what failure or this value means here."""
    deed: str = ""
    """What the call does to the life of an object, one of `DEEDS`; such a binding is a form of a
    `[resource.ID]`, and plays its role for the engine of ownership only."""
    resource: str = ""
    """The id of the resource of which the object in `it`, in `out` or the result is one."""
    place: str = ""
    """`file:line` of the table on its page."""


DEEDS = ("make", "lend", "release", "take", "share", "keep", "pass")
"""What a call may do to the life of an object. Its role is the deed and the resource's kind."""


@dataclass(frozen=True)
class Resource:
    """One `[resource.ID]` of a library page: objects that somebody must release, and how."""

    id: str
    kind: str
    types: tuple[str, ...]
    """The types of the objects; of a pointer to one of these it is known what it points to."""
    release: Form | None
    """The form that releases one, and takes nothing else."""
    place: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """One `[values.NAME]` of a library page: what its constants mean.

    `reads` is how an argument is spelled: `name` (one constant), `flags` (or-ed constants), `list`
    (a string of names between `separators`), `suites` (a cipher list), `text` (a string).
    """

    name: str
    reads: str
    means: Mapping[str, str]
    """Constant or list item as spelled, to its meaning."""
    mend: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Meaning (or `*`) to the constant that mends it."""
    separators: str = ":"
    sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Meaning to output size in bytes."""
    ignore_case: bool = False
    place: str = ""


@dataclass(frozen=True)
class Header:
    """An in-memory header: the declarations of a library page."""

    name: str
    text: str
    library: str
    place: str = ""


@dataclass(frozen=True)
class SuiteAlias:
    """A name in a cipher list and what it selects: attribute -> allowed values, or-ed sets."""

    name: str
    any: tuple[Mapping[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class SuiteRules:
    """How a library reads cipher lists: aliases, what `default` stands for, and the levels."""

    library: str
    release: str
    """The release whose words judge."""
    aliases: Mapping[str, SuiteAlias]
    default: str
    """The list that the library's default word stands for."""
    default_word: str
    levels: Mapping[int, Mapping[str, tuple[str, ...]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    default_level: int = 1
    current: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    """Or-ed attribute sets of the suites that `release` has. The others are those of earlier
    releases, and a word adds them only if it selects nothing that is current."""


@dataclass(frozen=True)
class Releases:
    """How code asks for the release of a library that it is compiled against."""

    macro: str
    """The macro that preprocessor conditions compare."""
    numbers: Mapping[str, int]
    """The value of the macro by release."""
    oldest: str = ""
    """The oldest release that the page describes; code for older ones only is not judged."""
    packed: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Macros that make such a value: by how many bits each argument is shifted."""
    cut_down: str = ""
    """A regular expression for macros that, if defined, say that the library was built without
    something that every choice would be better with."""


@dataclass(frozen=True)
class Trait:
    """One `[trait.ID]` of a library page: what there is to know of an object, and what states it.

    An object of a type in `on` has it, if one of `given` is played on it (or none is named).
    """

    id: str
    title: str
    on: tuple[str, ...]
    roles: tuple[str, ...]
    """What states it. The last call on the way decides, unless they `add` up."""
    default: str
    """What holds where nothing states it."""
    add: bool = False
    given: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True)
class Library:
    """A library page (or a folder of pages read as one)."""

    id: str
    title: str
    bindings: tuple[Binding, ...] = ()
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=lambda: MappingProxyType({}))
    headers: tuple[Header, ...] = ()
    prefixes: tuple[str, ...] = ()
    """Prefixes under which the same functions are known (`q_`)."""
    include_folders: tuple[str, ...] = ()
    """The usual places of its real headers; globs are allowed."""
    replacements: tuple[tuple[str, str], ...] = ()
    """Regular expressions to blank before the syntax is read (see `syntax`), and what stays."""
    no_return: tuple[str, ...] = ()
    """Functions that do not return, and macros that abort when their argument is false."""
    asserts: tuple[str, ...] = ()
    suites: SuiteRules | None = None
    releases: Releases | None = None
    traits: tuple[Trait, ...] = ()
    brought: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Code that fixes bring with them, by the name of its block."""
    resources: tuple[Resource, ...] = ()
    place: str = ""


@dataclass(frozen=True)
class Check:
    """One `[[check]]` of a property: in these roles, this argument or result is wrong if ...

    `argument` kind, exactly one of: nothing (the role itself is wrong), `judge` (a policy table),
    `minimum` (a policy number), `needs` (a policy set of which a list must hold one), `constant`
    (its content is a constant), `matches` (a regular expression over string literals, wherever they
    stand if there are no roles), `capacity` (the buffer is smaller than what is written).
    The other kinds: `wrong` names the mistake (see the module of that name in `engine`).
    """

    roles: tuple[str, ...]
    argument: str = ""
    judge: str = ""
    values: str = ""
    minimum: str = ""
    needs: str = ""
    constant: bool = False
    matches: str = ""
    capacity: bool = False
    wrong: str = ""
    sinks: tuple[str, ...] = ()
    """Roles that must not be reached with the wrong result; `role.argument` names the argument."""
    better: tuple[str, ...] = ()
    """Roles that show, where they are played in the place of `sinks`, that it is right."""
    sources: tuple[str, ...] = ()
    """Roles, or `role.argument`, from which data must come, or must not."""
    through: tuple[str, ...] = ()
    """`role.argument`: only what reaches this argument of what makes the data counts."""
    needs_one: tuple[str, ...] = ()
    """Roles of which one must be played on the same object."""
    or_asked: tuple[str, ...] = ()
    """Roles that count as `needs_one` does, if the result of the call decides something."""
    results: tuple[str, ...] = ()
    """Constants: only where the call in `roles` has yielded one of them."""
    instead: tuple[str, ...] = ()
    """Constants: the results for which the function does something else, and ends as well."""
    assumes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """What arguments of the call in `roles` hold then."""
    perhaps: str = ""
    """A regular expression: a function without a body here whose name matches it may do what is
    needed."""
    ends: tuple[str, ...] = ()
    """Roles after which what comes is no longer asked about."""
    move: bool = False
    """What comes too late can be mended by moving it before the call in `roles`."""
    lone: bool = False
    """Only where the object is made in this function, and nothing else is made of it."""
    same: tuple[str, ...] = ()
    """Slots of the roles that must hold the same when the step is repeated."""
    of: tuple[str, ...] = ()
    """Roles through all of which the data must have come."""
    on: str = ""
    """A role: `given` and `needs_one` are asked of the object that it yields its result from."""
    near: str = ""
    """A regular expression: only where it matches a name in what was found, or around it."""
    bytes: bool = False
    """Only what is shown byte by byte, or written out as such; a text is something else."""
    unmeasured: bool = False
    """Only where the result of the call in `roles` is not compared with what another call says."""
    decides: bool = False
    """Only where the result of the call decides which way the code takes."""
    tied: str = ""
    """`role.argument`: the sinks' object is what a call in this role ties to the other."""
    past: tuple[str, ...] = ()
    """Roles of which one must be played on the way."""
    insert: str = ""
    """The role that a fix plays: just before, or in place of what is wrong."""
    given: tuple[str, ...] = ()
    """Roles of which each must be played on the same object for the check to apply."""
    unless: tuple[str, ...] = ()
    """Roles that, played in the unit on the same object, settle the matter."""
    despite: tuple[str, ...] = ()
    """Roles: where the function around plays one, `unless` counts in this function only."""
    anyway: tuple[str, ...] = ()
    """Roles that count as `unless` does, whatever `despite` says."""
    unless_tested: tuple[str, ...] = ()
    """Roles: a call that is only made past a test of what one of them yields is right."""
    unless_judged: tuple[str, ...] = ()
    """Roles: a call is right if what one of them yields decides something, or is kept."""
    only_with: tuple[str, ...] = ()
    """Roles of which one must be played in the unit for the check to apply."""
    not_as: tuple[str, ...] = ()
    """Roles: where the same call plays one of them, another property speaks of it."""
    not_near: str = ""
    """A regular expression: a name that matches it, of the function around or of one that calls it
    or of what is given the value, settles the matter."""
    severity: Severity | None = None
    message: str = ""
    discouraged: Severity | None = None
    place: str = ""


@dataclass(frozen=True)
class Example:
    """A fenced block of a property page."""

    kind: str
    """bad, good or fixed."""
    language: str
    library: str
    text: str
    """The code without the lines of carets."""
    expectations: tuple[Expectation, ...]
    place: str
    options: tuple[str, ...] = ()
    """Words after the kind: `unproven`, `facts-only:REASON` …"""


@dataclass(frozen=True)
class Expectation:
    """A line of carets under code: byte range in `Example.text`, rule id, message, mark."""

    start: int
    end: int
    rule: str
    message: str
    mark: str = ""
    """'', `missing` or `spurious`."""


@dataclass(frozen=True)
class Property:
    """A property page: what is wrong, over roles."""

    id: str
    aspect: str
    title: str
    kind: str
    """argument, result, callback, typestate, taint or secret: the engine that decides it."""
    severity: Severity
    cwe: tuple[int, ...]
    checks: tuple[Check, ...]
    message: str
    discouraged: Severity | None = None
    """Severity of what the policy only discourages; None: not reported."""
    safety: Safety | None = None
    enabled: bool = True
    """Reported as a diagnostic unless the project says otherwise."""
    tags: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    markdown: str = ""
    place: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a policy says of one meaning: `level` is forbidden or discouraged."""

    level: str
    clause: str


@dataclass(frozen=True)
class Threshold:
    """A number of a policy and its clause."""

    value: int
    clause: str


@dataclass(frozen=True)
class SuiteVerdict:
    """Suites with these attributes (attribute -> values) are forbidden or discouraged."""

    level: str
    clause: str
    attributes: Mapping[str, tuple[str, ...]]
    reason: str


@dataclass(frozen=True)
class Policy:
    """A policy page: every threshold with its clause."""

    id: str
    title: str
    judge: Mapping[str, Mapping[str, Verdict]]
    minimum: Mapping[str, Threshold]
    needs: Mapping[str, tuple[tuple[str, ...], str]]
    suites: tuple[SuiteVerdict, ...] = ()
    markdown: str = ""
    place: str = ""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a page or a configuration, for its author."""

    place: str
    message: str
    warning: bool = False
    """Nothing is lost by it."""

    def __str__(self) -> str:
        """`file:line: message`, as compilers print it."""
        return f"{self.place}: {'warning: ' if self.warning else ''}{self.message}"


@dataclass(frozen=True)
class Rulebook:
    """Everything the pages say, under the policy in force."""

    properties: Mapping[str, Property]
    libraries: Mapping[str, Library]
    policy: Policy
    problems: tuple[Problem, ...] = ()
