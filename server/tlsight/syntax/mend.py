"""Replacements for a chunk that the grammar could not read: each is kept only if it helps.

They are guesses by shape, so none is made where the text reads without an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import tree_sitter

from tlsight.syntax.replace import closing, previous_byte
from tlsight.syntax.scan import blank

_ATTRIBUTE = re.compile(rb"\b[A-Z_][A-Z0-9_]{2,}\b(?=\s+[A-Za-z_~])")
_SHOUT = re.compile(rb"\b[A-Z_][A-Z0-9_]{2,}\b")
_SHOUT_CALL = re.compile(rb"\b[A-Z_][A-Z0-9_]{2,}\s*\(")
_LINE_CALL = re.compile(rb"^[ \t]*[A-Za-z_]\w*[ \t]*\(", re.MULTILINE)


def count_errors(root: tree_sitter.Node) -> int:
    """How much of a tree is not grammar: bytes in errors, and missing tokens."""
    total = 0
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error:
            total += 10 + node.end_byte - node.start_byte
        elif node.is_missing:
            total += 10
        if node.has_error:
            stack.extend(node.children)
    return total


def _without_head_words(text: bytes) -> bytes:
    """Blank capital words before the first brace: attributes of a function or class."""
    end = text.find(b"{")
    head = text[: end if end >= 0 else len(text)]
    changed = _ATTRIBUTE.sub(lambda match: blank(match.group()), head)
    return changed + text[len(head) :]


def _without_tail_words(text: bytes) -> bytes:
    """Blank capital words, with their arguments, between the parameters and the body."""
    end = text.find(b"{")
    if end < 0:
        end = len(text)
    opening = text.find(b"(")
    start = closing(text, opening) if opening >= 0 else None
    if start is None or start > end:
        return text
    return text[:start] + _without_calls(text[start:end]) + text[end:]


def _without_calls(text: bytes) -> bytes:
    changed = bytearray(text)
    for match in _SHOUT_CALL.finditer(text):
        end = closing(text, match.end() - 1) or match.end()
        changed[match.start() : end] = blank(text[match.start() : end])
    return _SHOUT.sub(lambda match: blank(match.group()), bytes(changed))


def _with_semicolons(text: bytes) -> bytes:
    """Close calls that stand alone on their lines: macros that bring their own semicolon."""
    changed = bytearray(text)
    for match in _LINE_CALL.finditer(text):
        end = closing(text, match.end() - 1)
        if end is None or text[end : end + 1] not in (b"\n", b"\r", b" ", b"\t"):
            continue
        following = text[end:].lstrip()[:1]
        line_end = text.find(b"\n", end)
        rest = text[end : line_end if line_end >= 0 else len(text)].strip()
        if rest or following in b"{;.,)]?:=+-*/&|<>":
            continue
        if previous_byte(changed, match.start()) in b";{}":
            changed[end : end + 1] = b";"
    return bytes(changed)


def _without_attributes(text: bytes) -> bytes:
    """Blank every capital word before another word."""
    return _ATTRIBUTE.sub(lambda match: blank(match.group()), text)


MENDS: tuple[Callable[[bytes], bytes], ...] = (
    _without_head_words,
    _without_tail_words,
    _with_semicolons,
    _without_attributes,
)
