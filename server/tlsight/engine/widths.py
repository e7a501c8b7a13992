"""How large a number of a type, or of an expression, can be, and whether it can be negative.

A length of one byte cannot leave a buffer of 256; one of 32 bits that is kept as an `int` may be
negative. Types that nobody knows have no width.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tlsight.engine.unit import Unit, bare

UNLIMITED = (1 << 64) - 1
"""The largest number that is told apart from others."""


class Width(NamedTuple):
    """The numbers that something can be: up to `high`, and below zero or not."""

    high: int
    negative: bool = False


BYTE = Width(255)

_SIZED = re.compile(
    r"(?:^|::)_*q?(u?)int_?(?:fast|least)?(8|16|32|64)(?:_t|_be|_le)?$|^([us])(8|16|32|64)$"
)
_WORDS = {"char": 8, "short": 16, "int": 32, "long": 64, "bool": 1, "_Bool": 1}
_NAMED = {
    "size_t": Width(UNLIMITED),
    "std::size_t": Width(UNLIMITED),
    "ssize_t": Width((1 << 63) - 1, True),
    "ptrdiff_t": Width((1 << 63) - 1, True),
    "off_t": Width((1 << 63) - 1, True),
    "uchar": BYTE,
    "byte": BYTE,
    "std::byte": BYTE,
    "ushort": Width((1 << 16) - 1),
    "uint": Width((1 << 32) - 1),
    "ulong": Width(UNLIMITED),
}


def of_type(unit: Unit, type_name: str | None) -> Width | None:
    """The numbers of a type; None if it is no integer, or not known."""
    if not type_name or "*" in type_name or "[" in type_name or "<" in type_name:
        return None
    return _plain(bare(type_name)) or _plain(bare(unit.resolved_type(type_name)))


def is_unsigned(unit: Unit, type_name: str | None) -> bool | None:
    """Whether a type holds no negative numbers, and is as wide as an `int`; None: not known."""
    width = of_type(unit, type_name)
    if width is None:
        return None
    return not width.negative and width.high >= (1 << 32) - 1


@lru_cache(maxsize=1024)
def _plain(name: str) -> Width | None:
    if name in _NAMED:
        return _NAMED[name]
    found = _SIZED.search(name)
    if found is not None:
        bits = int(found[2] or found[4])
        return _of_bits(bits, not (found[1] or found[3] == "u"))
    words = name.split()
    if not words or any(word not in (*_WORDS, "unsigned", "signed") for word in words):
        return None
    sizes = [_WORDS[word] for word in words if word in _WORDS]
    bits = 64 if words.count("long") else min(sizes, default=32)
    return Width(1) if bits == 1 else _of_bits(bits, "unsigned" not in words)


def _of_bits(bits: int, signed: bool) -> Width:
    return Width((1 << (bits - signed)) - 1, signed)


def cut(width: Width, kind: Width | None) -> Width:
    """What is left of a number that is kept in a type."""
    if kind is None:
        return width
    high = min(width.high, kind.high)
    if not kind.negative:
        return Width(kind.high if width.negative else high)
    return Width(high, width.negative or width.high > kind.high)


def joined(operator: str, left: Width, right: Width) -> Width:
    """What an operator makes of two numbers."""
    negative = left.negative or right.negative
    if operator == "*":
        return Width(min(left.high * right.high, UNLIMITED), negative)
    if operator == "<<":
        return Width(min(left.high << min(right.high, 64), UNLIMITED), negative)
    if operator == ">>":
        return Width(left.high >> min(right.high, 64), negative)
    if operator in ("/", "%"):
        return Width(left.high, negative)
    if operator == "&":
        known = [item.high for item in (left, right) if not item.negative]
        return Width(min(known, default=left.high), left.negative and right.negative)
    if operator in ("|", "^"):
        high = max(left.high, right.high)
        return Width((1 << high.bit_length()) - 1, negative)
    return Width(min(left.high + right.high, UNLIMITED), negative)
