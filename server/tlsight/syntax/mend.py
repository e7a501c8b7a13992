"""Replacements for a chunk that the grammar could not read: each is kept only if it helps.

They are guesses by shape, so none is made where the text reads without an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

import tree_sitter

from tlsight.syntax.replace import closing, previous_byte
from tlsight.syntax.scan import blank
from tlsight.syntax.unfinished import closed_lines

_NEAR = 300
_MOST_WORDS = 8
_CAPITALS = rb"(?:[A-Z_][A-Z0-9_]{2,}|[A-Za-z]\w*_[A-Z]{3,})"
_ATTRIBUTE = re.compile(rb"\b" + _CAPITALS + rb"\b(?=\s+[A-Za-z_~])")
_AFTER_NAME = re.compile(rb"(?<=[\w\]])\s+" + _CAPITALS + rb"\b(?=\s*[,)=;])")
_BEFORE_STAR = re.compile(rb"(?<=\()\s*" + _CAPITALS + rb"\b(?=\s*\*\s*\w+\s*\))")
_SHOUT = re.compile(rb"\b[A-Z_][A-Z0-9_]{2,}\b")
_SHOUT_CALL = re.compile(rb"\b[A-Z_][A-Z0-9_]{2,}\s*\(")
_LINE_CALL = re.compile(rb"^[ \t]*[A-Za-z_]\w*[ \t]*\(", re.MULTILINE)
_BLOCK_CALL = re.compile(
    rb"(?<=[;{}:\s])(?!(?:if|for|while|switch|catch)\b)([A-Za-z_]\w+)[ \t]*\(", re.MULTILINE
)
_LOOPS = re.compile(rb"each|iter|loop|for", re.IGNORECASE)
_GUARDED = re.compile(rb"\s*[A-Za-z_]\w*(?:(?:->|\.|::)[A-Za-z_]\w*)*[ \t]*\(")
_NEXT = re.compile(rb"\s*([{A-Za-z_*(])")
_SECTION = re.compile(
    rb"^([ \t]*(?:public|protected|private))[ \t]+\w+[ \t]*:|^[ \t]*(?!public|private)\w{6,}[ \t]*:"
    rb"(?=[ \t]*$)",
    re.MULTILINE,
)
_RECORD = re.compile(rb"\s*(?:template\s*<[^{]*>\s*)?(?:class|struct)\b")


def error_spans(root: tree_sitter.Node) -> list[tuple[int, int]]:
    """Where a tree is not grammar: its errors and missing tokens."""
    found: list[tuple[int, int]] = []
    stack = [root] if root.has_error else []
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            found.append((node.start_byte, node.end_byte))
        if node.has_error:
            stack.extend(node.children)
    return found


def openings(root: tree_sitter.Node) -> list[tuple[int, int]]:
    """Where that begins to which a token is missing: the mistake may be there, far before it."""
    found: list[tuple[int, int]] = []
    stack = [root] if root.has_error else []
    while stack:
        node = stack.pop()
        if any(child.is_missing for child in node.children):
            found.append((node.start_byte, node.start_byte))
        if node.has_error:
            stack.extend(node.children)
    return found


def weight(errors: list[tuple[int, int]]) -> int:
    """How bad errors are: fewer of them is better, then shorter ones."""
    return sum(10 + end - start for start, end in errors)


def near(text: bytes, changed: bytes, places: list[tuple[int, int]]) -> bytes:
    """The changes of a candidate that stand near one of these places, the others undone."""
    pieces: list[bytes] = []
    done = 0
    for start, end in sorted(places):
        first, last = max(done, start - _NEAR), min(len(text), end + _NEAR)
        if first < last:
            pieces += (text[done:first], changed[first:last])
            done = last
    pieces.append(text[done:])
    return b"".join(pieces)


def _without_first_word(text: bytes) -> bytes:
    """Blank the first capital word of the head: an export attribute before a type."""
    end = _head_end(text)
    return _ATTRIBUTE.sub(_blanked, text[:end], count=1) + text[end:]


def _without_head_words(text: bytes) -> bytes:
    """Blank all capital words of the head that stand before another word."""
    end = _head_end(text)
    return _ATTRIBUTE.sub(_blanked, text[:end]) + text[end:]


def _head_end(text: bytes) -> int:
    end = text.find(b"{")
    return end if end >= 0 else len(text)


def _blanked(match: re.Match[bytes]) -> bytes:
    return blank(match.group())


def _without_tail_words(text: bytes) -> bytes:
    """Blank capital words, with their arguments, between the parameters and the body."""
    end = _head_end(text)
    opening = text.find(b"(")
    start = closing(text, opening) if opening >= 0 else None
    if start is None or start > end:
        return text
    return text[:start] + _without_calls(text[start:end]) + text[end:]


def _without_calls(text: bytes) -> bytes:
    return _SHOUT.sub(_blanked, _over_calls(text, _SHOUT_CALL, lambda found: blank(found)))


def _over_calls(text: bytes, head: re.Pattern[bytes], change: Callable[[bytes], bytes]) -> bytes:
    changed = bytearray(text)
    for match in head.finditer(text):
        end = closing(text, match.end() - 1)
        if end is not None:
            changed[match.start() : end] = change(bytes(changed[match.start() : end]))
    return bytes(changed)


def _without_words_after_names(text: bytes) -> bytes:
    """Blank capital words after a parameter's or variable's name, and before its star."""
    text = _BEFORE_STAR.sub(_blanked, _AFTER_NAME.sub(_blanked, text))
    changed = bytearray(text)
    for match in re.finditer(rb"(?<=[\w\]])\s+[A-Z_][A-Z0-9_]{2,}[ \t]*\(", text):
        end = closing(text, match.end() - 1)
        if end is not None and text[end:].lstrip()[:1] in (b"=", b";", b",", b"}"):
            changed[match.start() : end] = blank(text[match.start() : end])
    return bytes(changed)


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


def _with_loops(text: bytes) -> bytes:
    """Read `EACH(a, b) {` as a loop, and any other `NAME(a, b) {` as a condition."""
    start = _head_end(text)
    changed = bytearray(text)
    for match in _BLOCK_CALL.finditer(text, start):
        end = closing(text, match.end() - 1)
        following = _NEXT.match(text, end) if end is not None else None
        if following is None or (following.group(1) != b"{" and not _LOOPS.search(match.group(1))):
            continue
        if not _begins(text, match.start()):
            continue
        name = match.group(1)
        word = b"while" if _LOOPS.search(name) and len(name) >= 5 else b"if"
        if len(name) >= len(word):
            changed[match.start(1) : match.end(1)] = word.ljust(len(name))
    return bytes(changed)


def _with_guards(text: bytes) -> bytes:
    """Read `NAME(a) call(b);` as `if (a) call(b);`: the macro is a condition without its body."""
    start = _head_end(text)
    changed = bytearray(text)
    for match in _BLOCK_CALL.finditer(text, start):
        end = closing(text, match.end() - 1)
        guarded = _GUARDED.match(text, end) if end is not None else None
        last = closing(text, guarded.end() - 1) if guarded is not None else None
        if last is None or text[last:].lstrip()[:1] != b";":
            continue
        if _begins(text, match.start()):
            changed[match.start(1) : match.end(1)] = b"if".ljust(len(match.group(1)))
    return bytes(changed)


def _begins(text: bytes, place: int) -> bool:
    """Whether a statement may begin at a place."""
    before = text[max(0, place - _NEAR) : place]
    return previous_byte(text, place) in b";{}:)" or re.search(rb"\belse\s*\Z", before) is not None


def _with_sections(text: bytes) -> bytes:
    """Read any label of a class as an access specifier."""
    if not _RECORD.match(text):
        return text

    def section(match: re.Match[bytes]) -> bytes:
        found = match.group()
        if match.group(1) is not None:
            return match.group(1) + b":".rjust(len(found) - len(match.group(1)))
        indent = found[: len(found) - len(found.lstrip())]
        return indent + b"public" + b":".rjust(len(found) - len(indent) - 6)

    return _SECTION.sub(section, text)


def _with_call_types(text: bytes) -> bytes:
    """Read `TYPE(x) name` as a declaration of a type named `TYPE`."""
    changed = bytearray(text)
    for match in _SHOUT_CALL.finditer(text):
        end = closing(text, match.end() - 1)
        if end is None or not re.match(rb"\s*[*&]*\s*[A-Za-z_]", text[end:]):
            continue
        if previous_byte(text, match.start()) in b";{}(,":
            opening = match.end() - 1
            changed[opening:end] = blank(text[opening:end])
    return bytes(changed)


def _without_attributes(text: bytes) -> bytes:
    """Blank every capital word before another word."""
    return _ATTRIBUTE.sub(_blanked, text)


_STRING = rb'"(?:[^"\\\n]|\\.)*"'
_SUFFIXED = re.compile(rb"((?<=[\"A-Z_0-9])\s+" + _STRING + rb")(_[A-Za-z]\w*)")
_STRING_WORDS = re.compile(
    rb"(" + _STRING + rb")((?:\s+[A-Za-z_]\w*(?:\([^()\n]*\))?)+)(?=\s*[,;)}\]:\"])"
)
_RANGE = re.compile(rb"(\bcase\b[^:;{}?]*?)\.\.\.[^:;{}]*(?=:)")
_MEMBER_POINTER = re.compile(
    rb"<(\s*[A-Za-z_][\w\s:*&]*\(\s*[\w:]+::\s*\*\s*\)\s*\([^()]*\)\s*(?:const)?\s*)>"
)


def _without_string_suffixes(text: bytes) -> bytes:
    """Blank suffixes of strings, and words between and after them: they are parts of one string."""

    def keep_string(match: re.Match[bytes]) -> bytes:
        return match.group(1) + blank(match.group(2))

    return _STRING_WORDS.sub(keep_string, _SUFFIXED.sub(keep_string, text))


def _without_ranges(text: bytes) -> bytes:
    """Keep the first value only of `case 1 ... 3:`."""
    return _RANGE.sub(lambda match: match.group(1).ljust(len(match.group())), text)


def _without_member_pointers(text: bytes) -> bytes:
    """Put a plain name in place of the type of a pointer to a member, as a template argument."""
    return _MEMBER_POINTER.sub(lambda match: b"<T" + blank(match.group(1))[1:] + b">", text)


def _without_one_word(text: bytes) -> Iterator[bytes]:
    """Blank one word of the head after the other: an attribute of any spelling."""
    opening = text.find(b"(", 0, _head_end(text))
    end = opening if opening >= 0 else _head_end(text)
    words = list(islice(_WORD.finditer(text, 0, end), _MOST_WORDS))
    for match in words[:-1]:
        yield text[: match.start()] + blank(match.group()) + text[match.end() :]


_WORD = re.compile(
    rb"\b(?!(?:static|const|inline|struct|class|enum|union|extern|typedef|void|int|char|unsigned"
    rb"|template|virtual|friend|operator|using|namespace)\b)[A-Za-z_]\w*\b"
)


def _without_call_arguments(text: bytes) -> bytes:
    """Blank the arguments of statements like `MACRO(const T);`: they are no expressions."""
    changed = bytearray(text)
    for match in _SHOUT_CALL.finditer(text):
        end = closing(text, match.end() - 1)
        if end is None or text[end:].lstrip()[:1] not in (b";", b"}", b""):
            continue
        if previous_byte(text, match.start()) in b";{}" and match.start() >= 0:
            changed[match.end() : end - 1] = blank(text[match.end() : end - 1])
    return bytes(changed)


_FIELD_ARGUMENT = re.compile(rb"(?<=[(,])(\s*)(\.[A-Za-z_]\w*\s*=)(?!=)(\s*\{)?")
_LAST_COMMA = re.compile(rb",(?=\s*\)\Z)")


def _with_plain_arguments(text: bytes) -> bytes:
    """Read `INIT(a, .b = c, .d = {e},)` as a call with values: the macro fills a record."""

    def plain(call: bytes) -> bytes:
        changed = bytearray(_LAST_COMMA.sub(b" ", call))
        at = call.index(b"(") + 1
        while at < len(call):
            found = _FIELD_ARGUMENT.match(call, at)
            if found is not None:
                word = b"(T)" if found.group(3) else b""
                changed[found.start(2) : found.end(2)] = word.ljust(len(found.group(2)))
                at = found.end(2)
            at = (closing(call, at) or len(call)) if call[at : at + 1] in (b"(", b"{") else at + 1
        return bytes(changed)

    return _over_calls(text, _SHOUT_CALL, plain)


def _once(mend: Callable[[bytes], bytes]) -> Callable[[bytes], Iterator[bytes]]:
    def candidates(text: bytes) -> Iterator[bytes]:
        yield mend(text)

    return candidates


MENDS: tuple[Callable[[bytes], Iterator[bytes]], ...] = (
    _once(_without_first_word),
    _once(_without_head_words),
    _once(_without_tail_words),
    _once(_without_words_after_names),
    _once(_with_semicolons),
    _once(_with_loops),
    _once(_with_guards),
    _once(_with_sections),
    _once(_with_call_types),
    closed_lines,
    _once(_without_string_suffixes),
    _once(_without_member_pointers),
    _once(_without_ranges),
    _once(_with_plain_arguments),
    _without_one_word,
    _once(_without_attributes),
    _once(_without_call_arguments),
)
"""Each gives texts to try in place of the best one so far."""
