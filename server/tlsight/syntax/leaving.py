"""What a text says of functions that do not return, and of checks that end the way on failure.

An attribute says the one, under whatever macro a code base has for it, as long as that is called
after what it means. A name says the other: what is called an assertion goes on if it holds.
"""

from __future__ import annotations

import re

_NO_RETURN = re.compile(rb"(?i)no_?return")
_EDGE = re.compile(rb"[;{}]")
_CALLED = re.compile(rb"\b([A-Za-z_]\w*)\s*\(")
_FAR = 400
"""Bytes on either side in which the declaration of an attribute is looked for."""
_ASSERTS = re.compile(
    r"(?i)(?:^|[_a-z\d])assert(?:_true|_non_?null)?$|(?:^|_)return_(?:val_)?if_fail$"
)


def never_returning(plain: bytes) -> frozenset[str]:
    """The functions that a text, its comments, strings and directives blanked, declares such."""
    found = set()
    for mark in _NO_RETURN.finditer(plain):
        before = plain[max(0, mark.start() - _FAR) : mark.start()]
        begun = max(before.rfind(edge) for edge in (b";", b"{", b"}")) + 1
        start = mark.start() - len(before) + begun
        edge = _EDGE.search(plain, mark.end(), mark.end() + _FAR)
        text = plain[start : edge.start()] if edge is not None else b""
        for called in _CALLED.finditer(text):
            if not _is_attribute(called[1]):
                found.add(called[1].decode())
                break
    return frozenset(found)


def is_assertion(name: str, arguments: int) -> bool:
    """Whether what is called like this lets nothing pass that does not hold.

    One that leaves the function is handed what that yields, too.
    """
    several = arguments == 1 or name.endswith("if_fail")
    return several and _ASSERTS.search(name) is not None


def _is_attribute(name: bytes) -> bool:
    return name.startswith(b"__") or name.isupper() or _NO_RETURN.search(name) is not None
