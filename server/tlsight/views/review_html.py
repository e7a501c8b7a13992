"""A review as one page of HTML that needs nothing else: no network, no script, no second file.

The page is a template beside this module; here is only what it cannot say for itself, which is how
code is coloured and marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape
from pygments.lexers.c_cpp import CLexer, CppLexer
from pygments.token import Comment, Keyword, Name, Number, String

from tlsight.views.excerpt import Line
from tlsight.views.review import Place, Review, Step
from tlsight.views.words import count, counted

_PAGE = "review.html.jinja"
_CLASSES: tuple[tuple[Any, str], ...] = (
    (Comment.Preproc, "p"),
    (Comment.PreprocFile, "s"),
    (Comment, "c"),
    (Keyword, "k"),
    (String, "s"),
    (Number, "n"),
    (Name.Function, "f"),
)
"""Kinds of words, the first that fits, and their classes in the page."""


class _Run(NamedTuple):
    """Characters of a line that look alike."""

    style: str
    marked: bool
    text: str


def render(review: Review, *, linked: bool = False) -> str:
    """The page. `linked`: places are links to the file, where its URI is absolute."""
    return _template().render(review=review, linked=linked) + "\n"


@cache
def _template() -> Template:
    """Effect: reads the page once, from where this module stands."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(prose=_prose, runs=_runs, href=_href, shown=_shown)
    environment.globals.update(count=count, counted=counted)
    source = resources.files("tlsight.views") / _PAGE
    return environment.from_string(source.read_text(encoding="utf-8"))


def _prose(text: str) -> Markup:
    """Words of a rule page: what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    tags = (Markup("<code>{}</code>"), Markup("{}"))
    return Markup("").join(tags[index % 2 == 0].format(part) for index, part in enumerate(parts))


def _href(place: Place) -> str:
    """Where a place is, as editors write it; '' if only people know."""
    return f"{place.uri}#L{place.line},{place.column}" if place.uri.startswith("file:") else ""


def _shown(step: Step) -> str:
    """What a step shows beyond where it is."""
    return "" if step.message == "here" else step.message


def _runs(lines: Sequence[Line], path: str) -> list[tuple[int, bool, list[_Run]]]:
    """Each line of an excerpt: its number, whether it is meant, and its words as they look."""
    lexer = CLexer() if path.endswith((".c", ".C")) else CppLexer()
    text = "\n".join(line.text for line in lines)
    styles: list[str] = []
    for _, kind, word in lexer.get_tokens_unprocessed(text):
        styles += [next((name for token, name in _CLASSES if kind in token), "")] * len(word)
    runs: list[tuple[int, bool, list[_Run]]] = []
    done = 0
    for line in lines:
        own = styles[done : done + len(line.text)]
        runs.append((line.number, line.mark is not None, list(_line(line, own))))
        done += len(line.text) + 1
    return runs


def _line(line: Line, styles: Sequence[str]) -> Iterator[_Run]:
    left, right = line.mark or (-1, -1)
    if left == right and line.mark:
        right += 1
    text = line.text + " " * (right - len(line.text))
    looks = [
        (styles[index] if index < len(styles) else "", left <= index < right)
        for index in range(len(text))
    ]
    for (style, marked), characters in groupby(zip(looks, text, strict=True), lambda item: item[0]):
        yield _Run(style, marked, "".join(character for _, character in characters))
