"""The structure of C and C++ from text that need not compile: trees, and functions as IR.

`parse` makes trees, one for each top-level declaration; `read` lowers them. A part whose text and
surroundings did not change keeps its reading, moved to where it stands now, so what is read after
an edit equals what is read from the new text alone. The sole user of tree_sitter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tlsight.facts import MacroFact
from tlsight.ir import NO_DECLARATIONS, Declarations, Module
from tlsight.syntax.module import declared, lower, unchanged
from tlsight.syntax.tree import Tree, parse
from tlsight.text import Span

__all__ = ["Hints", "Tree", "declarations", "parse", "read", "unchanged"]


@dataclass(frozen=True, eq=False)
class Hints:
    """What is known beside the text, from the pages, from clang and from other texts.

    `roles` are names that play a role on a page, `types` are names known to be types.
    `replacements` are regular expressions and what to put in their place, `skipped` is what clang
    saw left out by `#if`. Functions in `no_return` do not return, macros and functions in
    `asserts` do not if their argument is false.
    """

    roles: frozenset[str] = frozenset()
    macros: Mapping[str, MacroFact] = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    replacements: tuple[tuple[str, str], ...] = ()
    skipped: tuple[Span, ...] = ()
    no_return: frozenset[str] = frozenset()
    asserts: frozenset[str] = frozenset()
    declarations: Declarations = NO_DECLARATIONS


def read(tree: Tree, hints: Hints, previous: Module | None = None) -> Module:
    """Lower every function of a text, and tell what the text declares."""
    return lower(tree, hints, previous)


def declarations(data: bytes, language: str, hints: Hints) -> Declarations:
    """What a text, a header usually, declares."""
    return declared(parse(data, language, hints), hints)
