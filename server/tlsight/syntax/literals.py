"""The values of literals: strings with their escapes, characters and numbers.

Knows the lexical rules only; a literal that breaks them has the value None, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ESCAPE = re.compile(
    rb"\\(?:([abefnrtv\\'\"?])|([0-7]{1,3})|x([0-9A-Fa-f]+)|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})"
    rb"|\r?\n)"
)
_SIMPLE = {
    b"a": 7, b"b": 8, b"e": 27, b"f": 12, b"n": 10, b"r": 13, b"t": 9, b"v": 11,
    b"\\": 92, b"'": 39, b'"': 34, b"?": 63,
}  # fmt: skip
_STRING = re.compile(rb"(?:u8|[uUL])?(R)?\"", re.DOTALL)
_RAW = re.compile(rb"\"([^()\\\s]{0,16})\((.*)\)\1\"\Z", re.DOTALL)
_NUMBER = re.compile(
    r"(?:0[xX](?P<hex>[0-9A-Fa-f]+)|0[bB](?P<bin>[01]+)|(?P<oct>0[0-7]*)|(?P<dec>[1-9][0-9]*))"
    r"(?:[uUlLzZ]*|_\w+)\Z"
)
_FLOAT = re.compile(r"([0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?)[fFlL]?\Z")


def string_value(pieces: Sequence[bytes]) -> str:
    """The value of adjacent string literals, given as spelled, prefixes and quotes included."""
    value = b"".join(_piece(piece) for piece in pieces)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def char_value(text: bytes) -> int | None:
    """The value of a character literal as spelled."""
    body = text[text.find(b"'") + 1 :].removesuffix(b"'")
    value = _unescape(body)
    try:
        decoded = value.decode()
    except UnicodeDecodeError:
        decoded = value.decode("latin-1")
    if not decoded:
        return None
    number = 0
    for char in decoded:
        number = (number << 8) | ord(char)
    return number


def number_value(text: str) -> int | float | None:
    """The value of an integer or floating literal as spelled."""
    if text[:1] in ("-", "+"):  # the grammar takes a sign for part of the literal
        value = number_value(text[1:])
        return -value if value is not None and text[0] == "-" else value
    text = text.replace("'", "")
    match = _NUMBER.match(text)
    if match is not None:
        for group, base in (("hex", 16), ("bin", 2), ("oct", 8), ("dec", 10)):
            digits = match.group(group)
            if digits is not None:
                return int(digits, base)
    try:
        return float.fromhex(text.rstrip("fFlL")) if text[:2] in ("0x", "0X") else _float(text)
    except (ValueError, OverflowError):
        return None


def _float(text: str) -> float | None:
    match = _FLOAT.match(text)
    return float(match.group(1)) if match is not None else None


def _piece(text: bytes) -> bytes:
    match = _STRING.match(text)
    if match is None:
        return b""
    body = text[match.end() :]
    if match.group(1) is not None:
        raw = _RAW.match(text, match.end() - 1)
        return raw.group(2) if raw is not None else body
    end = body.rfind(b'"')
    return _unescape(body if end < 0 else body[:end])


def _unescape(body: bytes) -> bytes:
    return _ESCAPE.sub(_escaped, body) if b"\\" in body else body


def _escaped(match: re.Match[bytes]) -> bytes:
    simple, octal, hexadecimal, short, long = match.groups()
    if simple is not None:
        return bytes((_SIMPLE[simple],))
    if octal is not None:
        return bytes((int(octal, 8) & 255,))
    if hexadecimal is not None:
        return bytes((int(hexadecimal[-2:], 16),))
    code = short or long
    if code is None:
        return b""
    number = int(code, 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        return b"?"
    return chr(number).encode()
