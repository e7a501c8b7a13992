"""The `toml` blocks of a page as typed tables that report what is wrong, word by word.

TOML readers give no lines, so the line of a word is looked for in the text once it is needed.
This module knows no word of any page; whoever reads a table says which words it has.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from tlsight.rule import Problem
from tlsight.rulebook.markdown import Page

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_Choice = TypeVar("_Choice", bound=Enum)
_Value = TypeVar("_Value")
_Step = str | int

_MOST_PROBLEMS = 100
_MOST_APART = 4
_LONGEST_WORD = 80
_MOST_REPEATS = 3
_LONGEST_PATTERN = 200

_NAME = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*\]")
_KEY = re.compile(_NAME)


class TooManyProblems(ValueError):
    """A page is so wrong that reading on helps nobody."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("too many problems")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Source:
    """The lines of a page that are TOML (the others empty), to find words in."""

    path: str
    lines: Sequence[str]
    headers: Sequence[tuple[int, tuple[str, ...], int]]
    """The line of each `[a.b]`, its keys, and for `[[a]]` how many stand above it, else -1."""
    first: int
    trusted: bool

    @classmethod
    def of(cls, page: Page, lines: Sequence[str]) -> Source:
        """Note where the tables start."""
        headers: list[tuple[int, tuple[str, ...], int]] = []
        counts: dict[tuple[str, ...], int] = {}
        for number, line in enumerate(lines, start=1):
            found = _HEADER.match(line) if "[" in line else None
            if found is None:
                continue
            keys = tuple(key.strip("\"'") for key in _KEY.findall(found.group(2)))
            position = -1
            if found.group(1) == "[[":
                position = counts[keys] = counts.get(keys, -1) + 1
            headers.append((number, keys, position))
        first = next((number for number, line in enumerate(lines, start=1) if line), 1)
        return cls(page.path, lines, headers, first, page.trusted)

    def place(self, steps: Sequence[_Step], word: str = "") -> str:
        """`file:line` of the key that `steps` lead to or, behind it, of `word`."""
        return f"{self.path}:{self._find(steps, word) or self.first}"

    def _find(self, steps: Sequence[_Step], word: str) -> int:
        """The one-based line of what `steps` lead to, as near as can be found; 0 for nothing."""
        keys = [step for step in steps if isinstance(step, str)]
        line, depth = self._header(keys, next((s for s in steps if isinstance(s, int)), 0))
        end = next((n for n, _, _ in self.headers if n > line), len(self.lines) + 1)
        patterns = [rf"""(?:^|[\s{{,.])["']?{re.escape(key)}["']?\s*[.=]""" for key in keys[depth:]]
        patterns += [re.escape(word)] if word else []
        for pattern in patterns:
            wanted = re.compile(pattern)
            numbers = range(max(line, 1), end)
            line = next((n for n in numbers if wanted.search(self.lines[n - 1])), line)
        return line

    def _header(self, keys: Sequence[str], position: int) -> tuple[int, int]:
        """The line of the table that holds `keys`, and how many of them its header names.

        A table that is stated only by tables inside it starts with the first of them.
        """
        best, depth = 0, 0
        for number, path, count in self.headers:
            common = min(len(path), len(keys))
            if path[:common] != tuple(keys[:common]) or count not in (-1, position):
                continue
            if depth < len(path) <= len(keys) or (common and not best):
                best, depth = number, common
        return best, depth


@dataclass
class Table:
    """A table of a page. Getters report a wrong type and give the default instead."""

    values: Mapping[str, Any]
    source: Source
    steps: tuple[_Step, ...]
    problems: list[Problem]
    asked: set[str] = field(default_factory=set)

    def place(self, word: str = "") -> str:
        """`file:line` of this table, or of a word in it."""
        return self.source.place(self.steps, word)

    def complain(self, message: str, key: str = "", word: str = "") -> None:
        """Effect: report a problem at `word` of the value of `key`.

        Raises `TooManyProblems` where a page is wrong throughout.
        """
        steps = (*self.steps, key) if key else self.steps
        self.problems.append(Problem(self.source.place(steps, word), message))
        if len(self.problems) >= _MOST_PROBLEMS:
            raise TooManyProblems(self.problems)

    def text(self, key: str, default: str = "") -> str:
        """A string that is not empty."""
        return self._value(key, default, lambda value: isinstance(value, str) and value, "a string")

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        return self._value(key, default, lambda value: isinstance(value, bool), "'true' or 'false'")

    def number(self, key: str, default: int = 0) -> int:
        """A whole number, at least 0."""
        return self._value(key, default, _is_number, "a whole number")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(self._value(key, (), _are_texts, "a list of strings"))

    def numbers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        return tuple(self._value(key, (), _are_numbers, "a list of whole numbers"))

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """A list of lists of two strings."""

        def fits(value: object) -> bool:
            return isinstance(value, list) and all(
                _are_texts(item) and len(item) == 2 for item in value
            )

        pairs: Sequence[Any] = self._value(key, (), fits, "a list of pairs of strings")
        return tuple((first, second) for first, second in pairs)

    def text_by_name(self, key: str) -> Mapping[str, str]:
        """A table from names to strings."""
        return self._items(key, lambda value: isinstance(value, str), "a string")

    def number_by_name(self, key: str, signed: bool = False) -> Mapping[str, int]:
        """A table from names to whole numbers, below zero too if `signed`."""
        fits = _is_signed if signed else _is_number
        return self._items(key, fits, "a whole number")

    def numbers_by_name(self, key: str) -> Mapping[str, tuple[int, ...]]:
        """A table from names to lists of whole numbers."""
        items = self._items(key, _are_numbers, "a list of whole numbers")
        return {name: tuple(value) for name, value in items.items()}

    def texts_by_name(self, key: str, single: bool = False) -> Mapping[str, tuple[str, ...]]:
        """A table from names to lists of strings; with `single`, a string is a list of one."""

        def fits(value: object) -> bool:
            return _are_texts(value) or (single and isinstance(value, str))

        wanted = "a string or a list of strings" if single else "a list of strings"
        items = self._items(key, fits, wanted)
        return {
            name: (value,) if isinstance(value, str) else tuple(value)
            for name, value in items.items()
        }

    def choice(self, key: str, kind: type[_Choice]) -> _Choice | None:
        """One of the values of an enumeration."""
        text = self.text(key)
        return self.chosen(kind, text, key) if text else None

    def chosen(self, kind: type[_Choice], text: str, key: str) -> _Choice | None:
        """`text`, which stands in the value of `key`, as a value of an enumeration."""
        try:
            return kind(text)
        except ValueError:
            choices = ", ".join(f"'{item.value}'" for item in kind)
            self.complain(f"'{text}' is none of {choices}", key, text)
            return None

    def pattern(self, key: str) -> str:
        """A regular expression."""
        text = self.text(key)
        return text if self.is_pattern(text, key) else ""

    def is_pattern(self, text: str, key: str) -> bool:
        """Whether `text`, which stands in the value of `key`, is a regular expression."""
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            self.complain(f"'{text}' is no regular expression: {error}", key, text)
            return False
        if not self.source.trusted and _is_costly(text):
            self.complain(f"'{text}' may take for ever; a project's pages repeat less", key, text)
            return False
        return True

    def table(self, key: str) -> Table | None:
        """A table inside this one."""
        value: Any = self._value(key, None, lambda value: isinstance(value, dict), "a table")
        return None if value is None else self._inner(value, key)

    def tables(self, key: str) -> Iterator[Table]:
        """A list of tables."""

        def fits(value: object) -> bool:
            return isinstance(value, list) and all(isinstance(item, dict) for item in value)

        tables: Sequence[Any] = self._value(key, (), fits, "a list of tables")
        for index, value in enumerate(tables):
            yield self._inner(value, key, index)

    def tables_by_name(self, key: str) -> Iterator[tuple[str, Table]]:
        """A table of tables."""
        for name, value in self._items(
            key, lambda value: isinstance(value, dict), "a table"
        ).items():
            yield name, self._inner(value, key, name)

    def has(self, key: str) -> bool:
        """Whether the word stands here."""
        return key in self.values

    def end(self) -> None:
        """Effect: report every word that nobody asked for."""
        for key in self.values:
            if key not in self.asked:
                self.complain(f"unknown word '{key}'{nearest(key, self.asked)}", key)

    def _inner(self, values: Mapping[str, Any], *steps: _Step) -> Table:
        return Table(values, self.source, (*self.steps, *steps), self.problems)

    def _value(
        self, key: str, default: _Value, fits: Callable[[Any], object], wanted: str
    ) -> _Value:
        self.asked.add(key)
        if key not in self.values:
            return default
        value: _Value = self.values[key]
        if fits(value):
            return value
        self.complain(f"'{key}' must be {wanted}", key)
        return default

    def _items(self, key: str, fits: Callable[[Any], object], wanted: str) -> dict[str, Any]:
        items: Mapping[str, Any] = self._value(
            key, {}, lambda value: isinstance(value, dict), "a table"
        )
        right: dict[str, Any] = {}
        for name, value in items.items():
            if fits(value):
                right[name] = value
            else:
                self.complain(f"'{name}' of '{key}' must be {wanted}", key, name)
        return right


def read_tables(page: Page) -> Table:
    """All `toml` blocks of a page as one table; its problems start the list."""
    problems = list(page.problems)
    lines = [""] * (page.text.count("\n") + 2)
    values: dict[str, Any] = {}
    twice: list[tuple[str, ...]] = []
    for fence in page.fences:
        if fence.words[:1] != ("toml",):
            continue
        text = fence.text.split("\n")
        lines[fence.line - 1 : fence.line - 1 + len(text)] = text
        try:
            block = tomllib.loads(fence.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            problems.append(_syntax_error(page, fence.line, fence.text, str(error)))
            continue
        twice += _merge(values, block)
    source = Source.of(page, lines)
    problems += (
        Problem(source.place(keys), f"'{'.'.join(keys)}' is stated twice") for keys in twice
    )
    return Table(values, source, (), problems)


def nearest(word: str, words: Iterable[str]) -> str:
    """`; did you mean …?` where one of `words` is like `word`, else nothing."""
    alike = [item for item in words if abs(len(item) - len(word)) <= _MOST_APART]
    matches = difflib.get_close_matches(word, alike, 1) if len(word) <= _LONGEST_WORD else []
    return f"; did you mean '{matches[0]}'?" if matches else ""


def _is_costly(pattern: str) -> bool:
    """Whether matching may take more than polynomial time, or a high power of it."""
    repeats = re.findall(r"(?<!\\)(?:[*+]|\{\d*,\d*\})", pattern)
    nested = re.search(r"\)(?:[*+]|\{)|\\[1-9]|\(\?P=", pattern)
    return bool(nested) or len(repeats) > _MOST_REPEATS or len(pattern) > _LONGEST_PATTERN


def _is_signed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _merge(values: dict[str, Any], more: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in more.items():
        old = values.get(key)
        if old is None:
            values[key] = value
        elif isinstance(old, dict) and isinstance(value, dict):
            yield from ((key, *steps) for steps in _merge(old, value))
        elif _are_tables(old) and _are_tables(value):
            old.extend(value)
        else:
            yield (key,)


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


def _syntax_error(page: Page, line: int, text: str, message: str) -> Problem:
    found = _AT.search(message)
    offset = text.rstrip("\n").count("\n")
    if found and found.group(1):
        offset = int(found.group(1)) - 1
    cause = _AT.sub("", message)
    return Problem(page.place(line + offset), f"not TOML: {cause[:1].lower()}{cause[1:]}")
