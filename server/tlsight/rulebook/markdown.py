"""A Markdown page as a title, a summary and fenced blocks, each with its line.

This is all that the other modules of `rulebook` see of Markdown. It knows nothing of rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tlsight.rule import Problem

_BOLD = re.compile(r"\*\*(.+)\*\*", re.DOTALL)


@dataclass(frozen=True)
class Fence:
    """A fenced block: the words after the fence, its text, and what stands around it.

    `line` is the one-based line of its first line of text. `heading` is the second-level heading
    above it, `after` the paragraph that follows it directly.
    """

    words: tuple[str, ...]
    text: str
    line: int
    heading: str
    after: str


@dataclass(frozen=True)
class Page:
    """One page; `path` is how it is named to people."""

    path: str
    text: str
    title: str
    summary: str
    fences: tuple[Fence, ...]
    problems: tuple[Problem, ...] = ()
    trusted: bool = True
    """One of our own; others come with the folder that was opened."""

    def place(self, line: int) -> str:
        """`file:line` of a one-based line."""
        return f"{self.path}:{line}"


def read_page(path: str, text: str, trusted: bool = True) -> Page:
    """Read the blocks of a page; what is wrong with its outline is among its problems."""
    tokens = _PARSER.parse(text)
    title, summary, heading = "", "", ""
    fences: list[Fence] = []
    problems: list[Problem] = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            content = tokens[index + 1].content.strip()
            if token.tag == "h1" and not title:
                title = content
            elif token.tag == "h1":
                problems.append(Problem(f"{path}:{_line(token)}", "a page has one title"))
            elif token.tag == "h2":
                heading = content
        elif token.type == "paragraph_open" and not summary and title and not fences:
            bold = _BOLD.fullmatch(tokens[index + 1].content.strip())
            summary = " ".join(bold.group(1).split()) if bold else ""
        elif token.type == "fence":
            if not _closed(token):
                problems.append(Problem(f"{path}:{_line(token)}", "this block is never closed"))
            words = tuple(token.info.split())
            fences.append(
                Fence(words, token.content, _line(token) + 1, heading, _after(tokens, index))
            )
    if not title:
        problems.append(Problem(f"{path}:1", "the page has no title ('# …')"))
    return Page(path, text, title, summary, tuple(fences), tuple(problems), trusted)


_PARSER = MarkdownIt("commonmark").disable("inline")


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _closed(token: Token) -> bool:
    lines = token.map[1] - token.map[0] if token.map else 0
    return lines == token.content.count("\n") + 2


def _after(tokens: list[Token], index: int) -> str:
    if index + 2 < len(tokens) and tokens[index + 1].type == "paragraph_open":
        return " ".join(tokens[index + 2].content.split())
    return ""
