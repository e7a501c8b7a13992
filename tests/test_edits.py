"""Invariant 9: after any sequence of edits the answer is that of a cold start.

The final one is, to the letter. A first answer is where the edit is, and may be late elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pages import blocks, rulebook
from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.finding import Report

SEEDS = (*range(12), 158, 161, 254)
"""The last ones showed, when they were found, facts that outlived what they were about."""
_EDITS = 8
_PIECES = (
    b"{",
    b"}",
    b"(",
    b")",
    b";",
    b'"',
    b"\n",
    b"/*",
    b"*/",
    b"//",
    b"#if 0\n",
    b"#else\n",
    b"#endif\n",
    b"\f",
    "é\U0001f512".encode(),
    b"if (x) ",
    b"return 0;",
    b"x = ",
    b"int x;\n",
    b"static ",
    b"struct S { int f; };\n",
    b"#define F(a) a\n",
)


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    """One that has no headers but the pages'."""
    folder = tmp_path_factory.mktemp("edits")
    return Analyst(rulebook(), Config(), folder, folder / "cache", lone=True)


def start_text(chance: random.Random, language: str) -> bytes:
    """A few example blocks in one file, as somebody's source would have them."""
    examples = [block for block in blocks("bad", "good") if block.example.language == language]
    return b"\n".join(block.data for block in chance.sample(examples, 4))


def edited(chance: random.Random, data: bytes) -> Iterator[bytes]:
    """The text after each of a number of edits: a piece typed, cut, doubled or moved."""
    for _ in range(_EDITS):
        place = chance.randrange(len(data) + 1)
        end = min(len(data), place + chance.choice((0, 1, 1, 2, 10, 80)))
        piece = chance.choice((b"", *_PIECES, data[place:end] * 2))
        data = data[:place] + piece + data[end:]
        yield data


def said(report: Report) -> list[tuple[Any, ...]]:
    """All that a user sees of a report."""
    return [
        (item.span, item.rule, item.message, item.severity, item.related, item.fixes, item.live)
        for item in report.findings
    ]


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_first_answer_is_as_from_cold_where_the_edit_is(
    analyst: Analyst, seed: int, language: str
) -> None:
    """What is late is about text that stood there before."""
    chance = random.Random(seed)
    root = analyst.root or Path()
    warm, cold = root / f"warm-{seed}.{language}", root / f"cold-{seed}.{language}"
    before = start_text(chance, language)
    analyst.first(warm, before)
    for data in edited(chance, before):
        answer = analyst.first(warm, data)
        expected = analyst.first(cold, data)
        analyst.close(cold)
        late = set(said(answer)) ^ set(said(expected))

        assert all(_line(data, item[0].start) in before for item in late)
        before = data
    analyst.close(warm)


def _line(data: bytes, offset: int) -> bytes:
    """The line in which a place stands."""
    return data[data.rfind(b"\n", 0, offset) + 1 :].partition(b"\n")[0]


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_final_answer_is_as_from_cold(analyst: Analyst, seed: int, language: str) -> None:
    """What is kept of earlier texts changes no finding in the final answer.

    Facts stay where the new text has an error, so less may be unread than from cold, never more.
    """
    chance = random.Random(seed + 1000)
    root = analyst.root or Path()
    warm, cold = root / f"warm-f{seed}.{language}", root / f"cold-f{seed}.{language}"
    data = start_text(chance, language)
    warm.write_bytes(data)
    analyst.final(warm, data)
    for number, text in enumerate(edited(chance, data)):
        data = text
        analyst.first(warm, data)
        if number % 3 == 1:
            analyst.final(warm, data)
    cold.write_bytes(data)
    answer, expected = analyst.final(warm, data), analyst.final(cold, data)
    analyst.close(warm)
    analyst.close(cold)

    assert said(expected) == said(answer)
    assert set() == set(answer.unanalysed) - set(expected.unanalysed)
