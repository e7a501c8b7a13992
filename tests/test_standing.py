"""What an edit leaves standing: first answers judge what it can reach, final ones everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pages import rulebook
from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.facts import NameFact
from tlsight.finding import Report

TEXT = b"""#include <openssl/ssl.h>

static void end(SSL *ssl)
{
    SSL_shutdown(ssl);
}

int unseen(SSL *ssl, unsigned char *key)
{
    RAND_bytes(key, 16);
    return 0;
}

int leaky(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    if (SSL_connect(ssl) != 1)
        return 0;
    end(ssl);
    return 1;
}
"""
PATH = Path("client.c")


@pytest.fixture
def analyst(tmp_path: Path) -> Iterator[Analyst]:
    """One that has no headers but the pages', and has judged the text."""
    one = Analyst(rulebook(), Config(), tmp_path, tmp_path / "cache", lone=True)
    one.final(PATH, TEXT)
    yield one
    one.close(PATH)


def lines(data: bytes, report: Report, *rules: str) -> list[tuple[str, int]]:
    """The rules of the findings, and the lines on which they are."""
    return [
        (item.rule, data[: item.span.start].count(b"\n"))
        for item in report.findings
        if not rules or item.rule in rules
    ]


def test_findings_move_with_the_text_behind_an_edit(analyst: Analyst) -> None:
    data = TEXT.replace(b"return 0;\n}\n\nint leaky", b"int typed;\n    return 0;\n}\n\nint leaky")
    expected = lines(TEXT, analyst.first(PATH, TEXT))
    found = lines(data, analyst.first(PATH, data))

    assert {rule for rule, _ in expected} >= {"result-unchecked", "object-leaked"}
    assert found == [(rule, line + (line > 9)) for rule, line in expected]


def test_the_callers_of_what_is_edited_are_judged_anew(analyst: Analyst) -> None:
    data = TEXT.replace(b"SSL_shutdown(ssl);", b"SSL_free(ssl);")
    found = lines(data, analyst.first(PATH, data), "object-leaked")

    assert found == lines(data, analyst.final(PATH, data), "object-leaked")


def test_a_finding_goes_at_once_where_it_is_mended(analyst: Analyst) -> None:
    data = TEXT.replace(
        b"    RAND_bytes(key, 16);\n", b"    if (RAND_bytes(key, 16) != 1)\n        return 1;\n"
    )

    assert lines(data, analyst.first(PATH, data), "result-unchecked") == []
    assert lines(data, analyst.first(PATH, TEXT), "result-unchecked") != []


def test_after_a_change_outside_of_functions_everything_is_judged_anew(analyst: Analyst) -> None:
    data = TEXT.replace(b"static void", b"#define SSL_new(ctx) other(ctx)\n\nstatic void")
    found = lines(data, analyst.first(PATH, data), "object-leaked")

    assert found == lines(data, analyst.final(PATH, data), "object-leaked")


def test_what_is_known_of_earlier_texts_is_let_go(analyst: Analyst) -> None:
    state = analyst._open[PATH]
    analyst.first(PATH, TEXT + b"\n")
    earlier = list(state.retired)
    analyst.tidy()

    assert earlier
    assert all(not unit.cache for unit in earlier)
    assert not state.retired
    assert state.unit is not None
    assert state.unit.cache


def test_a_final_answer_takes_over_what_a_function_alone_decides(analyst: Analyst) -> None:
    before = analyst._open[PATH].unit
    assert before is not None
    start = TEXT.index(b"RAND_bytes(key")
    names = {**before.facts.names, start: NameFact("other", "function", "int ()")}
    same, other = (replace(before, cache={}, kept={}) for _ in range(2))
    other = replace(other, facts=replace(before.facts, names=names))
    same.inherit(before)
    other.inherit(before)
    changed = next(
        number for number, item in enumerate(before.module.functions) if item.name == "unseen"
    )

    assert same.kept == before.kept
    assert {number for _, number in before.kept} >= {changed}
    assert other.kept == {key: value for key, value in before.kept.items() if key[1] != changed}


def test_another_reading_takes_over_nothing(analyst: Analyst) -> None:
    before = analyst._open[PATH].unit
    assert before is not None
    analyst.first(PATH, TEXT + b"\n")
    after = analyst._open[PATH].unit
    assert after is not None
    after = replace(after, cache={}, kept={})
    after.inherit(before)

    assert after.kept == {}
