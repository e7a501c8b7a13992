"""How often a worker looks for reference cycles.

An analysis makes many small objects that live as long as each other, and Python's collector walks
them all again and again: by default, after every 700 new ones, which is a fifth of the time.
"""

from __future__ import annotations

import gc

THRESHOLDS = (20_000, 20, 10)
"""New objects, and collections of a generation, after which the next one is looked through."""


def rarely_collected() -> None:
    """Effect: what is there now stays, and what comes is looked through less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
