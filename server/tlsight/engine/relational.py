"""The relational operators, as C and C++ have them."""

from __future__ import annotations

NEGATED = {"==": "!=", "!=": "==", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}
"""Each, and the one that holds where it does not."""
FLIPPED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""Each, and what it is with its sides exchanged."""


def compare(item: int, operator: str, number: int) -> bool:
    """Whether a number stands to another one as an operator says."""
    return {
        "==": item == number,
        "!=": item != number,
        "<": item < number,
        ">": item > number,
        "<=": item <= number,
        ">=": item >= number,
    }[operator]
