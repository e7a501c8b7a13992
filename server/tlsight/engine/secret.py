"""Properties about what becomes of secrets: behind `kind = "secret"`.

Each mistake has a module of its own. All of them ask names where no call tells what is secret; the
patterns for those stand on the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tlsight.engine.exposure import check_shown
from tlsight.engine.randomness import check_guessed
from tlsight.engine.roles import Stage
from tlsight.engine.timing import check_leaking
from tlsight.engine.wiping import check_left, check_vanishing
from tlsight.finding import Evidence, Finding
from tlsight.rule import Check, Property

_Judge = Callable[[Stage, Property, Check], Iterator["Finding | Evidence"]]

_MISTAKES: Mapping[str, _Judge] = {
    "guessed": check_guessed,
    "leaking": check_leaking,
    "shown": check_shown,
    "left": check_left,
    "vanishes": check_vanishing,
}
"""The mistakes by the words of the pages."""


def check_secret(stage: Stage, rule: Property, check: Check) -> Iterator[Finding | Evidence]:
    """All findings of one check of a `secret` property, and what is right or open."""
    yield from _MISTAKES[check.wrong](stage, rule, check)
