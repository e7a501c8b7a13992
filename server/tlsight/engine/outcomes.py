"""What a result may be, as a set of *outcomes*: small integers that stand for all numbers."""

from __future__ import annotations

from dataclasses import dataclass

from tlsight.engine.relational import compare
from tlsight.engine.repairing import COMPARISON

Outcomes = frozenset[int]

ALL = (-3, -2, -1, 0, 1, 2, 3)
"""Everything below -2, -2, -1, 0, 1, 2, and everything above 2."""


@dataclass(frozen=True)
class Contract:
    """What a call's results mean: the outcomes of success and those of failure."""

    ok: Outcomes
    fail: Outcomes

    @property
    def all(self) -> Outcomes:
        """Every outcome that the call can have."""
        return self.ok | self.fail


def contract(ok: str, fail: str) -> Contract | None:
    """Read the comparisons of a binding; None if it states none."""
    if not ok and not fail:
        return None
    pointer = "null" in ok + fail
    logical = ok in ("true", "false") or fail in ("true", "false")
    universe = frozenset((0, 1)) if pointer or logical else frozenset(ALL)
    good = _satisfying(ok, universe) if ok else universe - _satisfying(fail, universe)
    bad = _satisfying(fail, universe) if fail else universe - good
    return Contract(good, bad - good)


def _satisfying(text: str, universe: Outcomes) -> Outcomes:
    """The outcomes that satisfy a comparison, or one of several."""
    first, either, rest = text.partition(" or ")
    if either:
        return _satisfying(first, universe) | _satisfying(rest, universe)
    if text in ("true", "false"):
        return frozenset((int(text == "true"),))
    found = COMPARISON.fullmatch(text.strip())
    if found is None:
        return frozenset()
    number = 0 if found[2] == "null" else int(found[2])
    return frozenset(item for item in universe if compare(item, found[1], number))


def outcome(number: int) -> int:
    """The outcome that stands for a number."""
    return max(ALL[0], min(ALL[-1], number))
