"""Replacements that keep every byte where it is, made before the grammar reads a text.

Macros that stand where no expression or statement may stand make the grammar stumble: export
attributes, markers alone on a line, loops of a library's own. A page says what to put in the
place of those it knows; the few forms that any code base has are known here by their shape.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from tlsight.syntax.scan import blank
from tlsight.text import Span

EMPTY = "$$"
"""Stands for `{}` as a default argument, which the grammar does not know."""
_VISIBILITY = r"(?:[A-Z][A-Z0-9_]+|[A-Za-z]\w*(?:_(?:API|EXPORTS?|DLL|PUBLIC|api|exports?)|Export))"
"""The macro before the name of a class that says who sees it."""
_GENERIC: tuple[tuple[str, str], ...] = (
    *(
        (
            rf"\b({word})\s+(?:{_VISIBILITY}(?:\s*\([^()]*\))?\s+)+"
            r"(?=[A-Za-z_][\w:]*\s*(?:final\s*)?[:{])",
            r"\1",
        )
        for word in ("class", "struct", "union", r"enum(?:\s+class)?")
    ),
    (r"=\s*\{\s*\}(?=\s*[,)])", f"={EMPTY}"),
    (r"\b(offsetof\s*\([^(),;]+,\s*\w+)(?:\.\w+|\[[^\]\n]*\])+", r"\1"),
    (r"\b(va_arg\s*\([^(),;]*,)(?:[^(),;]*[\s*])?(\w+)[\s*]*\)", r"\1\2)"),
    (r"\b(?:__extension__|__inline__|__inline|__restrict__|__restrict|_Noreturn)\b", ""),
)
_LIKELY = re.compile(rb"(?:ikely|IKELY)\s*(?=\()")
_WORD_BEFORE = re.compile(rb"[A-Za-z_]\w*\Z")
_ATTRIBUTE = re.compile(rb"_(?:_attribute__|_attribute|_declspec|Alignas)\s*\(")
_LONE = re.compile(rb"\n[ \t]*[A-Z_][A-Z0-9_]{2,}[ \t]*(\(|(?=\r?\n))")
_CONTINUES = re.compile(rb"\s*(?:[{}()\[\],.;:?=+*/%|^<>!&-]|else\b)")
_CONTINUES_CALL = re.compile(rb"\s*(?:[{()\[\],.;:?=+*/%|^<>!&-]|else\b)")
_LABEL = re.compile(
    rb"(?:\bcase\b[^;{}?]*|(?:^|[;{}])\s*(?:[A-Za-z_]\w*)(?:\s+[A-Za-z_]\w*)?\s*):\Z"
)
_PIECE = re.compile(r"\\(?:(\d)|g<(\w+)>|(.))")


def replace(
    clean: bytes, plain: bytes, literals: Sequence[Span], extra: Iterable[tuple[str, str]]
) -> tuple[bytes, bytes]:
    """Both texts of a scan after every replacement; a match inside a literal is none."""
    first, second = bytearray(clean), bytearray(plain)
    starts = [span.start for span in literals]
    for pattern, template in (*_GENERIC, *extra):
        for compiled in _compiled(pattern, template):
            for match in _matches(compiled, first):
                index = bisect.bisect_right(starts, match.start()) - 1
                if index >= 0 and _is_inside(match, literals[index]):
                    continue
                for text in (first, second):
                    _put(text, match, compiled.pieces)
    _blank_likely(first, second)
    _blank_attributes(first, second)
    _close_lone_lines(first, second)
    return bytes(first), bytes(second)


def _is_inside(match: re.Match[bytes], literal: Span) -> bool:
    start, end = match.span()
    return start < literal.end and (start > literal.start or end < literal.end)


class _Compiled(NamedTuple):
    """A replacement, ready to use; with `word`, it matches only where a word begins.

    An expression that begins with a literal is found many times faster than one
    that begins with a boundary.
    """

    expression: re.Pattern[bytes]
    pieces: tuple[bytes | int, ...]
    word: bool


def _matches(compiled: _Compiled, text: bytearray) -> list[re.Match[bytes]]:
    found: list[re.Match[bytes]] = []
    position = 0
    while (match := compiled.expression.search(text, position)) is not None:
        start, end = match.span()
        if compiled.word and start and (text[start - 1 : start].isalnum() or text[start - 1] == 95):
            position = start + 1
            continue
        found.append(match)
        position = end if end > start else start + 1
    return found


_CHOICE = re.compile(r"(\\b)\(\?:(\w+(?:\|\w+)+)\)(?![*+?{])")
"""How an expression begins that begins with one of some words."""


@lru_cache(maxsize=512)
def _compiled(pattern: str, template: str) -> tuple[_Compiled, ...]:
    """A replacement, one for each of the words with which it may begin; none if it is wrong."""
    choice = _CHOICE.match(pattern)
    if choice is None:
        single = _compiled_one(pattern, template)
        return () if single is None else (single,)
    boundary, words = choice.groups()
    rest = pattern[choice.end() :]
    found = [_compiled_one(f"{boundary}{word}{rest}", template) for word in words.split("|")]
    return tuple(item for item in found if item is not None)


def _compiled_one(pattern: str, template: str) -> _Compiled | None:
    word = pattern.startswith("\\b") and pattern[2:3] not in ("", "+", "*", "?", "{")
    try:
        expression = re.compile((pattern[2:] if word else pattern).encode(), re.MULTILINE)
    except re.error:
        return None
    pieces: list[bytes | int] = []
    position = 0
    for match in _PIECE.finditer(template):
        pieces.append(template[position : match.start()].encode())
        position = match.end()
        number, name, other = match.groups()
        if other is not None:
            pieces.append(other.encode())
        elif number is not None:
            pieces.append(int(number))
        else:
            pieces.append(int(name) if name.isdigit() else expression.groupindex.get(name, 0))
    pieces.append(template[position:].encode())
    if any(isinstance(piece, int) and piece > expression.groups for piece in pieces):
        return None
    return _Compiled(expression, tuple(piece for piece in pieces if piece != b""), word)


def _put(text: bytearray, match: re.Match[bytes], pieces: Sequence[bytes | int]) -> None:
    """Write the pieces over a match, its groups staying where they are; not at all if too long."""
    start, end = match.span()
    source = bytes(text[start:end])
    out = bytearray(blank(source))
    cursor = 0
    if len(pieces) > 1 and isinstance(pieces[0], bytes) and isinstance(pieces[1], int):
        cursor = max(0, match.start(pieces[1]) - start - len(pieces[0]))
    for piece in pieces:
        if isinstance(piece, int):
            first, last = match.span(piece)
            if first < 0:
                continue
            if first - start < cursor:
                return
            out[first - start : last - start] = source[first - start : last - start]
            cursor = last - start
        else:
            if cursor + len(piece) > len(out):
                return
            out[cursor : cursor + len(piece)] = piece
            cursor += len(piece)
    text[start:end] = out


def _blank_likely(first: bytearray, second: bytearray) -> None:
    """Blank the names of macros that tell the compiler which way a condition goes."""
    for match in list(_LIKELY.finditer(second)):
        before = _WORD_BEFORE.search(second, max(0, match.start() - 40), match.start())
        if before is not None and before.group()[-1:] in b"lL":
            gap = blank(bytes(second[before.start() : match.end()]))
            first[before.start() : match.end()] = second[before.start() : match.end()] = gap


def _blank_attributes(first: bytearray, second: bytearray) -> None:
    for match in list(_ATTRIBUTE.finditer(second)):
        end = closing(second, match.end() - 1)
        if end is not None:
            for text in (first, second):
                text[match.start() : end] = blank(bytes(text[match.start() : end]))


def _close_lone_lines(first: bytearray, second: bytearray) -> None:
    """Put `;` after a macro that stands alone on its line where a statement may begin."""
    for match in list(_LONE.finditer(second)):
        end: int | None = match.end()
        if match.group(1):
            end = closing(second, match.end() - 1)
        if end is None:
            continue
        line_end = second.find(b"\n", end)
        if line_end < 0 or second[end:line_end].strip():
            continue
        if not is_closed(second, match.start() + 1):
            continue
        if (_CONTINUES_CALL if match.group(1) else _CONTINUES).match(second, line_end):
            continue
        first[end : end + 1] = second[end : end + 1] = b";"


def previous_byte(text: bytes | bytearray, offset: int) -> bytes:
    """The last byte before `offset` that is no blank; `;` at the start of the text."""
    size = 64
    while True:
        tail = text[max(0, offset - size) : offset].rstrip()
        if tail:
            return bytes(tail[-1:])
        if size >= offset:
            return b";"
        size *= 8


def is_closed(text: bytes | bytearray, offset: int) -> bool:
    """Whether no statement is open before `offset`, in a text without strings."""
    last = previous_byte(text, offset)
    if last == b":":
        tail = bytes(text[max(0, offset - 400) : offset]).rstrip()
        line = tail[tail.rfind(b"\n") + 1 :]
        return _LABEL.search(line) is not None
    return last in b";{}"


def closing(text: bytes | bytearray, opening: int) -> int | None:
    """The offset after the bracket that closes the one at `opening`, if it is closed."""
    depth = 0
    kind = bytes(text[opening : opening + 1])
    for match in (_CURLY if kind == b"{" else _ROUND).finditer(text, opening):
        depth += 1 if match.group() in b"({" else -1
        if depth == 0:
            return match.end()
    return None


_ROUND = re.compile(rb"[()]")
_CURLY = re.compile(rb"[{}]")
