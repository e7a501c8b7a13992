"""One pass over the raw text: comments, strings and directives, and the text without them.

The reader of the grammar must see neither comments nor directives: both may stand anywhere, and
directives cut statements apart. They are blanked here, byte for byte, so every offset stays.
This module knows the lexical rules of C and C++ and nothing of their grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tlsight.ir import Comment, Include, Literal, Macro
from tlsight.syntax.literals import string_value
from tlsight.text import Span


@dataclass(frozen=True)
class Directive:
    """A directive of conditional compilation: its word, and its condition without comments."""

    span: Span
    word: str
    condition: str


@dataclass(frozen=True)
class Scan:
    """A text taken apart.

    `clean` is the text with comments, directives and joined lines blanked; `plain` has its
    strings and characters blanked too, so that a bracket in it is a bracket.
    """

    clean: bytes
    plain: bytes
    comments: tuple[Comment, ...]
    strings: tuple[Literal, ...]
    includes: tuple[Include, ...]
    macros: tuple[tuple[str, Macro], ...]
    conditionals: tuple[Directive, ...]
    literals: tuple[Span, ...]
    """Where the string and character literals of `clean` stand, in order."""


_BLANK = bytes(10 if code == 10 else 32 for code in range(256))
_BLANK_INSIDE = bytes(10 if code == 10 else 46 for code in range(256))
_TOKEN = re.compile(
    rb"""/\*(?s:.*?)(?:\*/|\Z)|//(?:[^\\\n]|\\\r?\n|\\.)*"""
    rb"""|"(?:[^"\\\n]|\\\r?\n|\\.)*"?|'(?:[^'\\\n]|\\\r?\n|\\.)*'?|\#"""
)
_RAW = re.compile(rb'"([^()\\\s]{0,16})\((?s:.*?)\)\1"')
_RAW_PREFIX = re.compile(rb"(?<![A-Za-z0-9_])(?:u8|[uUL])?R\Z")
_PREFIX = re.compile(rb"(?<![A-Za-z0-9_])(?:u8|[uUL])R?\Z|(?<![A-Za-z0-9_])R\Z")
_DIRECTIVE = re.compile(
    rb"""\#(?:[^\n\\/"']|\\\r?\n|\\.|/\*(?s:.*?)\*/|//(?:[^\n\\]|\\\r?\n|\\.)*"""
    rb"""|"(?:[^"\\\n]|\\\r?\n|\\.)*"?|'(?:[^'\\\n]|\\\r?\n|\\.)*'?|.)*"""
)
_WORD = re.compile(r"#\s*([A-Za-z_]\w*)\s*(.*)", re.DOTALL)
_INCLUDE = re.compile(r"""<([^>]*)>|"([^"]*)\"""")
_MACRO = re.compile(r"([A-Za-z_]\w*)(\(([^()]*)\))?\s*(.*)", re.DOTALL)
_CONDITIONAL = frozenset(("if", "ifdef", "ifndef", "elif", "elifdef", "elifndef", "else", "endif"))


def blank(data: bytes) -> bytes:
    """Blanks in place of all but the line ends."""
    return data.translate(_BLANK)


def scan(data: bytes) -> Scan:
    """Take `data` apart; any text is accepted."""
    clean, plain = bytearray(data), bytearray(data)
    comments: list[Comment] = []
    includes: list[Include] = []
    macros: list[tuple[str, Macro]] = []
    conditionals: list[Directive] = []
    runs: list[list[Span]] = []
    literals: list[Span] = []
    run_end = -1
    position = 0
    while (match := _TOKEN.search(data, position)) is not None:
        start, position = match.span()
        mark = data[start]
        if mark == 0x2F:
            comments.append(_comment(data, start, position))
            clean[start:position] = plain[start:position] = blank(data[start:position])
        elif mark == 0x23:
            if clean[data.rfind(b"\n", 0, start) + 1 : start].strip():
                continue
            end = position = _directive_end(data, start)
            text = _directive_text(data, start, end, comments, runs)
            span = Span(start, end)
            _directive(text, span, includes, macros, conditionals)
            clean[start:end] = plain[start:end] = blank(data[start:end])
        elif mark == 0x27:
            if (
                start
                and data[start - 1 : start].isdigit()
                and data[start + 1 : start + 2].isalnum()
            ):
                position = start + 1
                continue
            literals.append(Span(start, position))
            plain[start:position] = data[start:position].translate(_BLANK_INSIDE)
        else:
            raw = None
            if _RAW_PREFIX.search(data[max(0, start - 3) : start]):
                raw = _RAW.match(data, start)
            if raw is not None:
                position = raw.end()
            literals.append(Span(start, position))
            plain[start:position] = data[start:position].translate(_BLANK_INSIDE)
            if b"\\\n" in data[start:position] and raw is None:
                clean[start:position] = data[start:position].replace(b"\\\n", b"  ")
            prefix = _PREFIX.search(data[max(0, start - 4) : start])
            span = Span(start - len(prefix.group()) if prefix else start, position)
            if runs and runs[-1] and not clean[run_end : span.start].strip():
                runs[-1].append(span)
            else:
                runs.append([span])
            run_end = position
    joined = bytes(clean)
    if b"\\\n" in joined or b"\\\r\n" in joined:
        joined, bare = _without_joins(joined), _without_joins(bytes(plain))
    else:
        bare = bytes(plain)
    strings = (_string(data, run) for run in runs if run)
    return Scan(
        joined,
        bare,
        tuple(comments),
        tuple(sorted(strings, key=lambda literal: literal.span)),
        tuple(includes),
        tuple(macros),
        tuple(conditionals),
        tuple(literals),
    )


def _without_joins(data: bytes) -> bytes:
    return data.replace(b"\\\n", b" \n").replace(b"\\\r\n", b" \r\n")


def _string(data: bytes, run: list[Span]) -> Literal:
    span = Span(run[0].start, run[-1].end)
    return Literal(span, "string", string_value([data[piece.start : piece.end] for piece in run]))


def _comment(data: bytes, start: int, end: int) -> Comment:
    text = data[start + 2 : end].decode(errors="replace")
    if data[start + 1] == 0x2A:
        text = text.removesuffix("*/")
    return Comment(Span(start, end), text.strip())


def _directive_end(data: bytes, start: int) -> int:
    match = _DIRECTIVE.match(data, start)
    return match.end() if match else start + 1


def _directive_text(
    data: bytes, start: int, end: int, comments: list[Comment], runs: list[list[Span]]
) -> str:
    """The directive without comments and joins; its comments and strings are recorded."""
    pieces: list[bytes] = []
    position = start + 1
    last = start
    is_include = re.match(rb"#\s*(?:include|import)", data[start:end]) is not None
    run_end = -1
    while (match := _TOKEN.search(data, position, end)) is not None:
        position = match.end()
        if match.group().startswith(b"/"):
            comments.append(_comment(data, match.start(), match.end()))
            pieces += (data[last : match.start()], b" ")
            last = position
            if run_end >= 0 and not data[run_end : match.start()].strip():
                run_end = position
        elif match.group().startswith(b'"') and not is_include:
            span = Span(match.start(), match.end())
            if run_end >= 0 and not data[run_end : span.start].strip():
                runs[-1].append(span)
            else:
                runs.append([span])
            run_end = position
    if run_end >= 0:
        runs.append([])
    pieces.append(data[last:end])
    text = b"".join(pieces).replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    return text.decode(errors="replace").strip()


def _directive(
    text: str,
    span: Span,
    includes: list[Include],
    macros: list[tuple[str, Macro]],
    conditionals: list[Directive],
) -> None:
    match = _WORD.match(text)
    if match is None:
        return
    word, rest = match.group(1), match.group(2).strip()
    if word in _CONDITIONAL:
        conditionals.append(Directive(span, word, " ".join(rest.split())))
    elif word in ("include", "include_next", "import"):
        named = _INCLUDE.match(rest)
        if named is not None:
            quoted = named.group(2)
            includes.append(Include(span, quoted or named.group(1) or "", quoted is not None))
    elif word == "define" and (macro := _MACRO.match(rest)) is not None:
        parameters = (
            tuple(name for item in macro.group(3).split(",") if (name := item.strip()))
            if macro.group(2) is not None
            else None
        )
        macros.append((macro.group(1), Macro(parameters, macro.group(4).strip(), span)))
