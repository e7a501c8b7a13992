"""Which cipher suites a cipher list admits, and what a policy says of them.

A list is a small program: words select suites by their algorithms, operators add, remove and move
them, so no pattern over its text can tell what remains. This module runs it.
It knows the operators of the grammar and nothing else: what a word selects, what the default is
and which suites there are is handed to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tlsight.rule import Policy, SuiteRules


@dataclass(frozen=True, eq=False)
class Suite:
    """A cipher suite: its name to the library ('' for none), its standard name, its algorithms."""

    name: str
    standard: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class SuiteList:
    """What a cipher list admits."""

    suites: tuple[Suite, ...] = ()
    """In order of preference."""
    stated: frozenset[Suite] = frozenset()
    """Those that a word of the list added, rather than the default."""
    withheld: frozenset[Suite] = frozenset()
    """Those that the stated security level takes away again."""
    level: int | None = None
    """The security level that the list sets."""
    unknown: tuple[str, ...] = ()
    """Words that select nothing, and that the library ignores."""
    by_default: bool = False
    """The list starts from the library's default."""
    valid: bool = True
    """False if the library refuses the whole list."""


@dataclass(frozen=True)
class SuiteJudgement:
    """The worst that a policy says of a cipher list."""

    level: str
    """forbidden or discouraged."""
    clause: str
    reason: str
    names: tuple[str, ...]
    """The suites that it is about, in the list's order; none if it is about the level."""


def evaluate(text: str, rules: SuiteRules, table: Sequence[Suite]) -> SuiteList:
    """Run the cipher list `text` over the suites of `table`."""
    program = _Program(rules, table)
    rest = text
    if rules.default_word and text.startswith(rules.default_word):
        program.run(rules.default)
        program.stated.clear()
        rest = text[len(rules.default_word) :]
    program.run(rest)
    listed = SuiteList(
        suites=tuple(program.active),
        stated=frozenset(program.stated).intersection(program.active),
        level=program.level,
        unknown=tuple(program.unknown),
        by_default=rest is not text,
    )
    if not program.valid:
        return replace(listed, suites=(), stated=frozenset(), valid=False)
    return replace(listed, withheld=frozenset(_withheld(listed, rules)))


def judge(listed: SuiteList, policy: Policy) -> SuiteJudgement | None:
    """The worst verdict on `listed`, or None.

    What only the default brings is forbidden or not, but never discouraged: nobody chose it.
    """
    verdicts = (*_judge_suites(listed, policy), *_judge_level(listed, policy))
    return min(verdicts, key=lambda verdict: verdict.level != _FORBIDDEN, default=None)


_FORBIDDEN = "forbidden"


def _judge_suites(listed: SuiteList, policy: Policy) -> Iterator[SuiteJudgement]:
    for verdict in policy.suites:
        names = tuple(
            suite.name or suite.standard
            for suite in listed.suites
            if _falls_under(suite, verdict.attributes)
            and suite not in listed.withheld
            and (suite in listed.stated or verdict.level == _FORBIDDEN)
        )
        if names:
            yield SuiteJudgement(verdict.level, verdict.clause, verdict.reason, names)


def _judge_level(listed: SuiteList, policy: Policy) -> Iterator[SuiteJudgement]:
    verdict = policy.judge.get("security-level", {}).get(str(listed.level))
    if verdict is not None:
        reason = f"sets the security level to {listed.level}"
        yield SuiteJudgement(verdict.level, verdict.clause, reason, ())


def _withheld(listed: SuiteList, rules: SuiteRules) -> Iterator[Suite]:
    for level, attributes in rules.levels.items():
        if listed.level is not None and level <= listed.level:
            for suite in listed.suites:
                if any(_has(suite, name, values) for name, values in attributes.items()):
                    yield suite


def _falls_under(suite: Suite, attributes: Mapping[str, tuple[str, ...]]) -> bool:
    return all(_has(suite, name, values) for name, values in attributes.items())


def _has(suite: Suite, attribute: str, values: tuple[str, ...]) -> bool:
    value = suite.attributes.get(attribute, "")
    if f"!{value}" in values:
        return False
    return value in values or all(entry.startswith("!") for entry in values)


_STEP = re.compile(r"(?P<operator>[-+!@]?)(?P<words>[\w.=-]+(?:\+[\w.=-]+)*)", re.ASCII)
_SEPARATORS = ":;, "
_TO_SEPARATOR = re.compile(f"[^{_SEPARATORS}]*")
_LEVEL = re.compile(r"SECLEVEL=([0-5])")


@dataclass
class _Program:
    """The state of a list while it runs."""

    rules: SuiteRules
    table: Sequence[Suite]
    active: list[Suite] = field(default_factory=list)
    killed: set[Suite] = field(default_factory=set)
    stated: set[Suite] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    level: int | None = None
    valid: bool = True

    def run(self, text: str) -> None:
        """Effect: run every step of `text`. A step that fails is skipped to the next separator."""
        place = 0
        while place < len(text):
            if text[place] in _SEPARATORS:
                place += 1
                continue
            step = _STEP.match(text, place)
            if step is None:
                self.valid = False
            elif self._step(step["operator"], step["words"]):
                place = step.end()
                continue
            place = _end(_TO_SEPARATOR, text, place)

    def _step(self, operator: str, words: str) -> bool:
        if operator == "@":
            return self._special(words)
        selected = self._select(words.split("+"))
        if selected is None:
            return False
        _OPERATORS[operator](self, selected)
        return True

    def _special(self, word: str) -> bool:
        level = _LEVEL.fullmatch(word)
        if level is not None:
            self.level = int(level[1])
        elif word == "STRENGTH":
            self.active.sort(key=_strength, reverse=True)
        else:
            self.valid = False
        return False

    def _select(self, words: Iterable[str]) -> list[Suite] | None:
        """The suites that all of `words` select, or None if one of them is unknown."""
        selected = list(self.table)
        for word in words:
            alias = self.rules.aliases.get(word)
            if alias is not None:
                selected = [s for s in selected if any(_falls_under(s, a) for a in alias.any)]
                continue
            if not any(word in (suite.name, suite.standard) for suite in self.table):
                self.unknown.append(word)
                return None
            selected = [suite for suite in selected if word in (suite.name, suite.standard)]
        return selected

    def add(self, selected: list[Suite]) -> None:
        """Effect: append what is current of `selected`, or else all of it."""
        current = [s for s in selected if any(_falls_under(s, a) for a in self.rules.current)]
        allowed = [suite for suite in current or selected if suite not in self.killed]
        self.active += [suite for suite in allowed if suite not in self.active]
        self.stated.update(allowed)

    def remove(self, selected: list[Suite]) -> None:
        """Effect: take `selected` off the list; it may come back."""
        self.active = [suite for suite in self.active if suite not in selected]
        self.stated.difference_update(selected)

    def kill(self, selected: list[Suite]) -> None:
        """Effect: take `selected` off the list for good."""
        self.remove(selected)
        self.killed.update(selected)

    def move(self, selected: list[Suite]) -> None:
        """Effect: move what is listed of `selected` to the end."""
        self.active.sort(key=lambda suite: suite in selected)


_OPERATORS: Mapping[str, Callable[[_Program, list[Suite]], None]] = {
    "": _Program.add,
    "-": _Program.remove,
    "!": _Program.kill,
    "+": _Program.move,
}


def _strength(suite: Suite) -> int:
    return int(suite.attributes.get("bits", "0"))


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return max(match.end() if match else place, place + 1)
