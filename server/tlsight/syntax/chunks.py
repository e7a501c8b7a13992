"""Cut a text into its top-level declarations, so that each can be read, and kept, by itself.

What one function says then depends on its own text alone: a half-typed statement cannot change
the reading of another function, and after an edit only the changed ones are read again.
Knows brackets, namespaces and the look of a function's head; the grammar does the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tlsight.text import Span


class Chunk(NamedTuple):
    """A top-level declaration or definition, and the namespaces around it.

    `open` counts the braces that it lacks at its end; `excess` holds closing ones without an
    opening, which the grammar should not see.
    """

    span: Span
    scope: tuple[str, ...]
    function: bool
    open: int = 0
    excess: tuple[int, ...] = ()


_MARK = re.compile(rb"[{}()\[\];]")
_BRACE = re.compile(rb"[{}]")
_NAMESPACE = re.compile(rb"(?:\A|\s)namespace\b([\s\w:]*)\Z")
_LINKAGE = re.compile(rb'extern\s*"C(?:\+\+)?"\s*\Z')
_RECORD = re.compile(
    rb"(?:(?:template\s*<[^;{}]*>|typedef|static|extern|const|constexpr|volatile|inline|export"
    rb"|\[\[[^\]]*\]\]|public|private|protected|:)\s*)*\b(?:class|struct|union|enum)\b"
)
_TEMPLATE = re.compile(rb"template\s*<")
_ASSIGNS = re.compile(rb"(?<![=!<>+*/%&|^-])=(?!=)")
_OPERATOR = re.compile(rb"operator\s*[^\s\w(]+")
_FUNCTION_TAIL = re.compile(
    rb"\)\s*(?:const|volatile|override|final|noexcept|mutable|&&|&|throw|try|requires\b.*"
    rb"|->[\s\w:<>,*&]+|[A-Z_][A-Z0-9_]*|\s)*\Z",
    re.DOTALL,
)
_INITIALISERS = re.compile(rb"\)\s*(?:noexcept|try|[A-Z_]+|\s)*:(?!:)")
_NAME_LAST = re.compile(rb"[\w>]\s*\Z")
_AFTER_BODY = re.compile(rb"\s*catch\b")
_AFTER_RECORD = re.compile(rb"\s*(?:[\w*&,;=(\[:]|$)")
_OLD_STYLE = re.compile(
    rb"[\w*]\s*\(\s*\w+(?:\s*,\s*\w+)*\s*\)\s*[A-Za-z_][\w\s*]*[\s*]\w+[^(){}=]*;\Z"
)
_HEAD = re.compile(rb"^([ \t]*)([A-Za-z_][^\n;{}()=]*)\(", re.MULTILINE)
_NO_HEAD = re.compile(
    rb"(?:if|else|while|for|switch|do|return|case|goto|throw|new|delete|using|typedef|co_\w+)\b"
)
_TYPE_LINE = re.compile(rb"(?:^|\n)([A-Za-z_][\w \t*:<>,]*)\n\Z")
_LONGEST = 4000
_FIRST = re.compile(rb"\S")
_HEAD_END = re.compile(rb"[^;{}]*\{")


def chunks(clean: bytes, plain: bytes) -> tuple[Chunk, ...]:
    """The chunks of a text in order.

    Where brackets do not pair up, the indentation of heads and braces tells where functions end.
    """
    cutter = _Cutter(clean, plain, frozenset())
    cutter.run()
    if cutter.sound:
        return tuple(cutter.done)
    heads = frozenset(_heads(plain))
    cutter = _Cutter(clean, plain, heads)
    cutter.run()
    return tuple(cutter.done)


def _heads(plain: bytes) -> Iterator[int]:
    """Where the lines begin that look like the first of a function's definition."""
    for match in _HEAD.finditer(plain):
        words = match.group(2)
        if _NO_HEAD.match(words):
            continue
        start = match.start()
        if len(words.split()) == 1 and b"::" not in words:
            if match.group(1):
                continue
            before = _TYPE_LINE.search(plain, max(0, start - 200), start)
            start = before.start(1) if before is not None else start
        end = _after_arguments(plain, match.end() - 1)
        if end is not None and _HEAD_END.match(plain, end):
            yield start


def _after_arguments(plain: bytes, opening: int) -> int | None:
    depth = 0
    for match in _MARK.finditer(plain, opening):
        mark = match.group()
        if mark == b"(":
            depth += 1
        elif mark == b")":
            depth -= 1
            if depth == 0:
                return match.end()
        elif mark in b"{};":
            return None
    return None


class _Cutter:
    """The state of one pass: open scopes, open brackets, and the chunk begun."""

    def __init__(self, clean: bytes, plain: bytes, heads: frozenset[int]) -> None:
        self.clean = clean
        self.plain = plain
        self.heads = heads
        self.done: list[Chunk] = []
        self.sound = True
        self.scopes: list[tuple[str, ...]] = []
        self.round = 0
        """How many round and square brackets are open outside of all braces."""
        self.braces = 0
        self.start = 0
        self.body = False
        """Whether the outermost open brace, or the last one closed, is that of a function."""
        self.member = False
        """Whether the outermost open brace, or the last one, initialises a member."""
        self.opening = 0
        """Where the outermost open brace is, or the last one closed."""
        self.excess: list[int] = []

    def run(self) -> None:
        """Effect: fills `done`."""
        plain = self.plain
        heads = sorted(self.heads)
        next_head = 0
        position = 0
        while (match := (_BRACE if self.braces else _MARK).search(plain, position)) is not None:
            offset = match.start()
            while next_head < len(heads) and heads[next_head] < offset:
                self._head(heads[next_head])
                next_head += 1
            position = offset + 1
            mark = match.group()
            if mark == b";":
                if self.round == 0 or self.heads:
                    self._semicolon(offset)
            elif mark == b"{":
                self._open(offset)
            elif mark == b"}":
                self._close(offset)
            elif mark in b"([":
                self.round += 1
            elif self.round:
                self.round -= 1
        if self.braces or self.scopes:
            self.sound = False
        self._finish(len(plain))

    def _semicolon(self, offset: int) -> None:
        if _OLD_STYLE.search(self.plain, max(self.start, offset - 300), offset + 1) and re.match(
            rb"(?:[^;{}()]*;)*\s*\{", self.plain[offset + 1 : offset + 600]
        ):
            return
        self._finish(offset + 1)

    def _finish(self, end: int) -> None:
        text = self.plain[self.start : end]
        stripped = text.strip()
        if stripped and stripped != b";":
            first = self.start + len(text) - len(text.lstrip())
            last = self.start + len(text.rstrip())
            scope = tuple(name for names in self.scopes for name in names)
            self.done.append(
                Chunk(Span(first, last), scope, self.body, self.braces, tuple(self.excess))
            )
        self.start = end
        self.round = 0
        self.braces = 0
        self.body = False
        self.excess = []

    def _open(self, offset: int) -> None:
        if self.braces == 0:
            head = self.clean[max(self.start, offset - _LONGEST) : offset].strip()
            if self.round == 0 and (match := _NAMESPACE.search(head)):
                names = match.group(1).decode().replace("inline", "").split("::")
                self.scopes.append(tuple(name for raw in names if (name := raw.strip())))
                self.start = offset + 1
                return
            if self.round == 0 and _LINKAGE.match(head):
                self.scopes.append(())
                self.start = offset + 1
                return
            if self.round and re.search(rb"\w\s*\Z", head):
                self.sound = False
                self.round = 0
            if self.round == 0:
                self.member = _is_member_initialiser(head)
                self.body = not self.member and _is_function(head)
                self.opening = offset
        self.braces += 1

    def _close(self, offset: int) -> None:
        if self.braces == 0:
            self._finish(offset)
            if self.scopes:
                self.scopes.pop()
            else:
                self.sound = False
            self.start = offset + 1
            return
        if self.braces == 1 and self.body and self.heads and self._is_inner(offset):
            self.excess.append(offset)
            return
        self.braces -= 1
        if self.braces or self.round:
            return
        if self.body:
            if not _AFTER_BODY.match(self.plain, offset + 1):
                self._finish(offset + 1)
        elif not self.member and not _AFTER_RECORD.match(self.plain, offset + 1):
            self._finish(offset + 1)

    def _is_inner(self, offset: int) -> bool:
        """Whether a brace that would end a function stands deeper than its head, or has more after.

        One in the middle of a line ends a function that began there, or is followed by its level.
        """
        following = _FIRST.search(self.plain, offset + 1)
        if following is None:
            return False
        line = self.plain.rfind(b"\n", 0, offset) + 1
        if not self.plain[line:offset].strip():
            return offset - line > max(self._column(), self._brace_column())
        if following.group() == b"}":
            return False
        below = self.plain.rfind(b"\n", 0, following.start()) + 1
        if below == line:
            return self.opening < line
        return following.start() - below > self._column()

    def _brace_column(self) -> int:
        """The column of the outermost brace if it is the first on its line, else 0."""
        line = self.plain.rfind(b"\n", 0, self.opening) + 1
        return 0 if self.plain[line : self.opening].strip() else self.opening - line

    def _column(self) -> int:
        match = _FIRST.search(self.plain, self.start)
        first = match.start() if match is not None else self.start
        return first - (self.plain.rfind(b"\n", 0, first) + 1)

    def _head(self, offset: int) -> None:
        """A line that looks like the head of a function: it ends one that is still open."""
        if not self.braces or not self.body:
            return
        first = _FIRST.search(self.plain, offset)
        indent = first.start() - offset if first is not None else 0
        if indent <= self._column() and not self.plain[self.start : offset].isspace():
            self._finish(offset)


def _is_function(head: bytes) -> bool:
    """Whether the brace after `head` opens the body of a function."""
    text = _TEMPLATE.sub(b"template <", head)
    bare = _without_arguments(text)
    if _RECORD.match(bare):
        return _FUNCTION_TAIL.search(bare) is not None and _NAME_LAST.search(bare) is None
    if not bare:
        return True
    if _ASSIGNS.search(_OPERATOR.sub(b"operator", _without_template(bare))):
        return False
    return b"(" in bare


def _is_member_initialiser(head: bytes) -> bool:
    """Whether the brace after `head` belongs to `m{x}` before a constructor's body."""
    if head[-1:] in (b")", b"}") or b":" not in head:
        return False
    bare = _without_arguments(head)
    return _INITIALISERS.search(bare) is not None and _NAME_LAST.search(bare) is not None


def _without_arguments(head: bytes) -> bytes:
    if b"(" not in head:
        return head
    out: list[bytes] = []
    depth = 0
    position = 0
    for match in re.finditer(rb"[()]", head):
        if match.group() == b"(":
            if depth == 0:
                out.append(head[position : match.end()])
            depth += 1
        else:
            depth = max(0, depth - 1)
            if depth == 0:
                position = match.start()
    if depth == 0:
        out.append(head[position:])
    return b"".join(out)


def _without_template(head: bytes) -> bytes:
    if not head.startswith(b"template"):
        return head
    depth = 0
    for match in re.finditer(rb"[<>]", head):
        depth += 1 if match.group() == b"<" else -1
        if depth == 0:
            return head[match.end() :]
    return head
