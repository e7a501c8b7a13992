"""Right code that is broken where the evidence points is found to be wrong (`mutation.py`)."""

from __future__ import annotations

import sys

import pytest

from bench.mutations import Tally, of_pages
from mutation import Break
from tlsight.text import Span


def test_nine_in_ten_breaks_of_the_pages_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    tally = of_pages()
    with capsys.disabled():
        sys.stdout.write(f"\n{tally.found.total()} of {tally.broken.total()} breaks are found\n")

    assert tally.broken.total() > 200
    assert len(tally.broken) >= 40
    assert tally.lacking() == [], "".join(tally.differences())


def test_a_rule_that_misses_most_is_named() -> None:
    tally = Tally()
    for number in range(4):
        tally.count(Break("some-rule", "drop the test", Span(0, 1), b"b"), b"a", number < 2)

    assert tally.lacking() == ["some-rule", "all rules"]
    assert "some-rule" in tally.table()
    assert len(list(tally.differences())) == 2
