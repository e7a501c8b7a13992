"""A text as trees: one for each top-level declaration, kept as long as its own text stays.

The sole place that runs the parser. A tree's offsets count from the start of its chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import tree_sitter
import tree_sitter_c
import tree_sitter_cpp

from tlsight.syntax.chunks import Chunk, chunks
from tlsight.syntax.conditions import Regions, settle
from tlsight.syntax.mend import MENDS, error_spans, near, openings, weight
from tlsight.syntax.replace import replace
from tlsight.syntax.scan import Scan, scan
from tlsight.syntax.unfinished import closed_lines, ended

if TYPE_CHECKING:
    from tlsight.syntax import Hints

_MOST_TRIED = 12
"""Texts that one kind of mend may try for a chunk."""


@dataclass(frozen=True)
class Parsed:
    """A tree, the text that it is of, and where an unfinished line was closed to get it."""

    text: bytes
    root: tree_sitter.Node
    hidden: tuple[tuple[int, int], ...] = ()


class Key(NamedTuple):
    """What two parts have in common that are read alike; `lacks` and `regions` are opaque."""

    source: bytes
    lacks: tuple[object, ...]
    scope: tuple[str, ...]
    function: bool
    regions: tuple[object, ...]


@dataclass(frozen=True)
class Part:
    """A chunk with its tree; offsets count from its start. `source` is its text, braces paired."""

    chunk: Chunk
    source: bytes
    parsed: Parsed
    regions: Regions

    @property
    def key(self) -> Key:
        """Everything that the reading of this part depends on, but for its place."""
        chunk = self.chunk
        excess = tuple(offset - chunk.span.start for offset in chunk.excess)
        lacks = (chunk.open, excess)  # the source alone does not tell a brace that was put there
        regions = (self.regions.starts, self.regions.paths)
        return Key(self.source, lacks, chunk.scope, chunk.function, regions)


@dataclass(frozen=True)
class Tree:
    """A parsed text."""

    data: bytes
    language: str
    scan: Scan
    parts: tuple[Part, ...]


def parse(data: bytes, language: str, hints: Hints, previous: Tree | None = None) -> Tree:
    """Parse a text; parts that the previous tree has too are taken from it."""
    found = scan(data)
    clean, plain = replace(found.clean, found.plain, found.literals, hints.replacements)
    clean, plain, regions = settle(
        clean,
        plain,
        found.conditionals,
        tuple((name, macro.span) for name, macro in found.macros),
        hints.skipped,
        language,
    )
    known: Mapping[bytes, Parsed] = {}
    if previous is not None and previous.language == language:
        known = {part.source: part.parsed for part in previous.parts}
    parts = []
    for chunk in chunks(clean, plain):
        source = _source(clean, plain, chunk)
        parsed = known.get(source) or parse_text(source, language)
        inner = regions.within(chunk.span.start, chunk.span.end)
        parts.append(Part(chunk, source, parsed, inner))
    return Tree(data, language, found, tuple(parts))


def parse_text(source: bytes, language: str) -> Parsed:
    """The tree of a chunk, and its text with the replacements that the grammar made necessary."""
    parser = _parser(language)
    root = parser.parse(source).root_node
    if not root.has_error:
        return Parsed(source, root)
    text = source
    errors = error_spans(root)
    places = [*errors, *openings(root)]
    hidden: set[tuple[int, int]] = set()
    for candidates in MENDS:
        tried = 0
        for candidate in candidates(text):
            changed = near(text, candidate, places)
            if changed == text:
                continue
            tried += 1
            if tried > _MOST_TRIED:
                break
            other = parser.parse(changed).root_node
            left = error_spans(other)
            if weight(left) < weight(errors):
                if candidates is closed_lines:
                    hidden.add(_difference(text, changed))
                errors, text, root = left, changed, other
                places = [*errors, *openings(root)]
        if not errors:
            break
    return Parsed(text, root, tuple(sorted(hidden)))


def _difference(old: bytes, new: bytes) -> tuple[int, int]:
    """Where two texts of one length differ."""
    places = [place for place, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    return places[0], places[-1] + 1


def fragment(text: bytes, language: str) -> tree_sitter.Node:
    """The tree of a piece of text that stands for itself, such as the expansion of a macro."""
    return _parser(language).parse(text).root_node


@lru_cache(maxsize=2)
def _parser(language: str) -> tree_sitter.Parser:
    grammar = tree_sitter_cpp if language == "cpp" else tree_sitter_c
    return tree_sitter.Parser(tree_sitter.Language(grammar.language()))


def _source(clean: bytes, plain: bytes, chunk: Chunk) -> bytes:
    """What the parser sees of a chunk: its braces paired, its statements ended."""
    text = clean[chunk.span.start : chunk.span.end]
    if chunk.function:
        text = ended(text, plain[chunk.span.start : chunk.span.end])
    if chunk.excess:
        changed = bytearray(text)
        for offset in chunk.excess:
            changed[offset - chunk.span.start] = 0x20
        text = bytes(changed)
    return text + b"}" * chunk.open
