"""Lines that are being typed: they begin a statement, do not end it, and another one follows.

The grammar takes the next line for the rest of such a line: what stands there is misread, or lost.
Indentation tells them apart, for the rest of a statement is indented deeper than its first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlsight.syntax.replace import is_closed

PLACEHOLDER = b"_"
"""Stands for a value that is not there yet; nobody declares this name, so it is unknown."""

_LEFT = re.compile(
    rb"([ \t]+)(?:"
    rb"(?P<jump>(?:[A-Za-z_}][^\n;]*)?\b(?:return|break|continue))"
    rb"|(?P<chain>[A-Za-z_]\w*(?:(?:->|\.|::)[A-Za-z_]\w*)*)"
    rb"(?:::|[ \t]*(?:->|&&|\|\||[-+*/%&|^=<>!?.]))?"
    rb"|(?P<target>[A-Za-z_][^\n;{}()]*[\w\]])[ \t]*="
    rb"|(?P<type>[a-z]+(?:[ \t*&]+\w+)*[ \t*&]*)"
    rb")"
)
"""Lines that read well together with the next one, so that the grammar would see no error."""
_TYPE_WORDS = frozenset(
    (
        b"auto bool char const double extern float int long short signed static unsigned void"
        b" volatile"
    ).split()
)
_NEXT_LINE = re.compile(rb"[ \t]*\r?\n([ \t]*)([A-Za-z_])")
_NEXT = re.compile(rb"(?:[ \t]*\r?\n)*([ \t]*)([A-Za-z_])")
_CONTINUES = re.compile(
    rb"(?:else|do|try|return|case|default|goto|throw|new|delete|sizeof|typedef|using|const"
    rb"|volatile|static|extern|inline|register|constexpr|mutable|friend|virtual|explicit|template"
    rb"|typename|struct|class|union|enum|unsigned|signed|long|short|int|char|bool|float|double"
    rb"|void|auto|public|private|protected|co_\w+|not|and|or)\Z"
)
_LAST_WORD = re.compile(rb"[A-Za-z_]\w*\Z")
_LINE = re.compile(rb"^([ \t]*)(\S[^\n]*)\n(?=([ \t\r\n]*)([^\s)\],.;=+/%&|^<>?:-]))", re.MULTILINE)
_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|"|(?<!\d)\'|[(){}\[\]]')
_HEAD = re.compile(rb"(?:\}\s*)?(?:else\s+)?(if|while|switch|for)\b")
_CLOSERS = {b"(": b")", b"[": b"]", b"{": b"}"}
_ENDS = b";{}(),\\"
_OPERATORS = b"-+*/%&|^=<>!~?:.,"
_BLANKS = b" \t\r\n"


def ended(text: bytes, plain: bytes) -> bytes:
    """The text of a function with `;` after the unfinished lines that the grammar would not see.

    `plain` is the text without strings.
    """
    changed: bytearray | None = None
    body = plain.find(b"{") + 1
    for start, line in _lines(plain, body) if body else ():
        match = _LEFT.fullmatch(line)
        if match is None:
            continue
        kind = match.lastgroup or ""
        end, following = match.end(kind), _NEXT
        if match.group(kind).split()[0] in _TYPE_WORDS and kind != "target":
            end, following = match.start(kind), _NEXT_LINE  # `#if` may stand between these two
        elif kind == "type" or (kind == "chain" and _CONTINUES.match(match.group(kind))):
            continue
        after = following.match(plain, start + len(line))
        if after and _is_as_deep(match.group(1), after.group(1)) and is_closed(plain, start):
            changed = bytearray(text) if changed is None else changed
            size = max(1, len(line) - end)
            changed[start + end : start + end + size] = b";".ljust(size)
    return text if changed is None else bytes(changed)


def _lines(plain: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """The lines whose last byte ends no statement and no list, without the blanks after it."""
    for line in plain[start:].split(b"\n"):
        words = line.rstrip()
        if words and words[-1] not in _ENDS:
            yield start, words
        start += len(line) + 1


def breaks_off(plain: bytearray, offset: int, following: int, types: bool = False) -> bool:
    """Whether the last line before `offset` is unfinished, given the code from `following` on.

    With `types`, a line may be so that holds nothing but the begin of a type.
    """
    before = bytes(plain[:offset]).rstrip()
    start = before.rfind(b"\n") + 1
    line = before[start:]
    words = line.lstrip()
    indent = line[: len(line) - len(words)]
    if not indent or not re.match(rb"[A-Za-z_]", words) or words in (b"else", b"do", b"try"):
        return False
    if not types and all(word in _TYPE_WORDS for word in words.split()):
        return False
    after = _NEXT.match(plain, following)
    return after is not None and _is_as_deep(indent, after.group(1)) and is_closed(plain, start)


def closed_lines(text: bytes) -> Iterator[bytes]:
    """The text with one line after the other closed where the next line begins a statement."""
    for match in _LINE.finditer(text):
        indent, blanks, following = match.group(1), match.group(3), match.group(4)
        if not _is_as_deep(indent, blanks.rpartition(b"\n")[2]):
            continue
        start, end = match.start(2), match.end(3)
        line = _closed(match.group(2).rstrip(), following, inside=bool(indent))
        if line is not None and len(line) <= end - start:
            yield text[:start] + _over(text[start:end], line) + text[end:]


def _over(old: bytes, line: bytes) -> bytes:
    """A line written over another, whose rest is blank; the ends of lines after it stay."""
    size = len(line)
    rest = old[size:]
    return line + bytes(byte if byte in _BLANKS else 32 for byte in rest)


def _closed(line: bytes, following: bytes, inside: bool) -> bytes | None:
    """A line with its strings and brackets closed and its statement ended; None if it is whole.

    One that leaves nothing open may be the first of a head, if it does not stand `inside` a body.
    """
    stack: list[bytes] = []
    for match in _TOKEN.finditer(line):
        token = match.group()
        if token in (b'"', b"'"):
            line = line[: match.start()].rstrip()
            line += PLACEHOLDER if line[-1:] in (b"(", b",", b"=", b"{", b"") else b""
            stack.append(token)
            break
        if token in _CLOSERS:
            stack.append(token)
        elif token in _CLOSERS.values() and stack:
            stack.pop()
    if stack == [b"{"] and not re.search(rb"[=,]\s*\{\s*\Z", line):
        return None
    if not stack and (not inside or following in b"{}" or line[-1:] in b";{}:"):
        return None
    head = _HEAD.match(line)
    bare = line.rstrip(_OPERATORS + _BLANKS)
    last = _LAST_WORD.search(bare)
    if not bare or (not stack and last is not None and _CONTINUES.match(last.group())):
        return b";" if bare and all(word in _TYPE_WORDS for word in bare.split()) else None
    if head is not None and bare[-1:] == b"(" and head.group(1) != b"for":
        bare += PLACEHOLDER
    parts = b";" * max(0, 2 - line.count(b";")) if head and head.group(1) == b"for" else b""
    closers = b"".join(_CLOSERS.get(mark, b"") for mark in reversed(stack))
    return bare + parts + closers + (b"" if following == b"{" else b";")


def _is_as_deep(indent: bytes, following: bytes | bytearray) -> bool:
    """Whether a line is indented as deep as the one after it, or deeper."""
    return len(following.expandtabs(8)) <= len(indent.expandtabs(8))
