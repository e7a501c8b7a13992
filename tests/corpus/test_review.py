"""The review of Qt's DTLS backend: six aspects, each sentence held against the function it names.

No test here knows a line's number: what is quoted is looked for in the function that is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sources import analyst, files, functions

from pages import rulebook
from tlsight.config import Config
from tlsight.views import Answer
from tlsight.views.review import NAMES, Review, made
from tlsight.views.review_json import render

pytestmark = [pytest.mark.corpus, pytest.mark.xdist_group("qt6-base")]

NAME = "qdtls_openssl.cpp"


class Told(NamedTuple):
    """One sentence of the review: what stands where, and the places that show it."""

    aspect: str
    kind: str
    rule: str
    function: str
    quote: str
    message: str
    shown: tuple[str, ...]


@cache
def path() -> Path:
    (found,) = (item for item in files("qt6-base") if item.name == NAME)
    return found


@cache
def review() -> Review:
    """Effect: reviews the file in its build."""
    data = path().read_bytes()
    with analyst("qt6-base") as one:
        report = one.final(path(), data, evidence=True)
    answer = Answer(NAME, NAME, data, report)
    return made([answer], rulebook(), Config(), tool_version="1")


@cache
def bodies() -> Mapping[str, str]:
    """The text of each function, without white space."""
    data = path().read_bytes()
    return {
        item.name: _plain(data[item.span.start : item.span.end].decode())
        for item in functions(path(), data)
    }


@cache
def told() -> tuple[Told, ...]:
    """All that the review says of places, as it is written."""
    return tuple(_told(json.loads(render(review()))))


def _told(document: dict[str, Any]) -> Iterator[Told]:
    for aspect in document["aspects"]:
        for item in aspect["wrong"]:
            yield _one(aspect, "wrong", item["rule"], item, item["way"])
        for kind in ("holds", "undecided"):
            for group in aspect[kind]:
                for item in group["subjects"]:
                    yield _one(aspect, kind, group["rule"], item, item["shownBy"])


def _one(
    aspect: dict[str, Any], kind: str, rule: str, item: dict[str, Any], steps: list[dict[str, Any]]
) -> Told:
    shown = tuple(step["quote"] for step in steps)
    place = (item["function"], item["quote"], item["message"])
    return Told(aspect["id"], kind, rule, *place, shown)


def _plain(text: str) -> str:
    return re.sub(r"\s", "", text)


def of(function: str, aspect: str = "", rule: str = "") -> list[Told]:
    """What is said of a function, by the last part of its name."""
    return [
        item
        for item in told()
        if item.function.rpartition("::")[2] == function
        and aspect in ("", item.aspect)
        and rule in ("", item.rule)
    ]


def test_each_quote_stands_in_the_function_that_is_named() -> None:
    """So is each place that shows it, if it is not outside of the function."""
    whole = _plain(path().read_text())

    assert told()
    for item in told():
        assert _plain(item.quote) in (bodies()[item.function] if item.function else whole), item
        assert all(_plain(quote) in whole for quote in item.shown), item


def test_each_line_that_is_quoted_stands_where_it_is_said_to() -> None:
    lines = [" ".join(line.split()) for line in path().read_text().split("\n")]
    groups = [group for item in review().aspects for group in (*item.holds, *item.undecided)]
    excerpts = [seen.lines for group in groups for seen in group.items]
    excerpts += [step.lines for group in groups for seen in group.items for step in seen.steps]

    assert excerpts
    for line in (line for excerpt in excerpts for line in excerpt):
        assert " ".join(line.text.split()) == lines[line.number - 1]


def test_every_aspect_has_something_to_say() -> None:
    """What holds, what stays open or what is wrong; and the rest of its rules one by one."""
    assert tuple(NAMES) == tuple(aspect.id for aspect in review().aspects)
    for aspect in review().aspects:
        assert aspect.judged, aspect.id
        seen = [*aspect.wrong, *aspect.holds, *aspect.undecided, *aspect.absent]
        assert {item.rule for item in seen} == {
            rule.id for rule in rulebook().properties.values() if rule.aspect == aspect.id
        }


def test_nothing_in_it_is_a_sentence_without_evidence() -> None:
    for item in told():
        assert item.quote and item.message, item
    for task in review().tasks:
        assert task.places or task.rule == "", task


@pytest.mark.parametrize(
    ("function", "test"),
    [
        ("q_generate_cookie_callback", "generic"),
        ("q_X509DtlsCallback", "ssl"),
        ("q_X509DtlsCallback", "generic"),
        ("q_PSK_client_callback", "dtls"),
        ("q_PSK_server_callback", "dtls"),
    ],
)
def test_the_pointers_at_the_head_of_the_callbacks_are_checked(function: str, test: str) -> None:
    """Practice: what can be null is tested before it is used, and the test is quoted."""
    found = of(function, "practice", "nullable-used")

    assert any(item.kind == "holds" and test in item.shown for item in found), found


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("verifyClient", "q_DTLSv1_listen"),
        ("startHandshake", "q_DTLSv1_listen"),
        ("continueHandshake", "q_SSL_accept"),
        ("continueHandshake", "q_SSL_connect"),
    ],
)
def test_the_failures_are_noticed_and_told(function: str, call: str) -> None:
    """Errors: results are tested, and what fails is reported."""
    held = {item.rule for item in of(function, "errors") if call in item.quote and item.shown}

    assert {"result-unchecked", "failure-unreported"} <= held


def test_the_secret_of_the_cookies_is_drawn_and_that_is_tested() -> None:
    (found,) = of("FallbackCookieSecret", "errors", "result-unchecked")

    assert ("holds", ("status <= 0",)) == (found.kind, found.shown)


def test_the_hash_of_the_cookie_is_judged_where_the_cookie_is_made() -> None:
    """It comes from the configuration, so what it is stays open here, and that is said."""
    for aspect, rule in (("cookie", "cookie-weak-mac"), ("integrity", "weak-mac")):
        (found,) = of("q_generate_cookie_callback", aspect, rule)
        assert ("undecided", "dtls->hashAlgorithm") == (found.kind, found.quote)


@pytest.mark.parametrize("function", ["verifyClient", "startHandshake"])
def test_a_client_counts_as_verified_only_if_the_library_says_so(function: str) -> None:
    (found,) = of(function, "cookie", "listen-result-misread")

    assert found.kind == "holds" and found.shown


@pytest.mark.parametrize(
    ("function", "rule", "kind", "quote"),
    [
        ("q_generate_cookie_callback", "cookie-not-keyed", "holds", "q_SSL_get_ex_data("),
        ("q_generate_cookie_callback", "cookie-secret-constant", "undecided", "dtls->secret"),
        ("q_generate_cookie_callback", "cookie-not-bound-to-peer", "undecided", ""),
        ("q_verify_cookie_callback", "cookie-compare-length", "holds", "== cookieLength"),
        ("q_verify_cookie_callback", "cookie-compare-timing", "wrong", "std::memcmp("),
        ("q_verify_cookie_callback", "cookie-verify-accepts-all", "holds", "cookie"),
    ],
)
def test_both_cookie_functions_are_judged_where_they_are_defined(
    function: str, rule: str, kind: str, quote: str
) -> None:
    """They are installed in another file; that they are is what stays open here."""
    found = of(function, "cookie", rule)

    assert any(kind == item.kind and quote in item.quote for item in found), found
    (asked,) = of("initCtxAndConnection", "cookie", "cookie-callback-missing")
    assert "undecided" == asked.kind


@pytest.mark.parametrize(
    ("function", "quote", "pointer"),
    [
        ("initBIO", "q_BIO_meth_new(", "BioMethod customMethod("),
        ("verifyClient", "q_BIO_ADDR_new()", "QSharedPointer<BIO_ADDR> peer("),
        ("startHandshake", "q_BIO_ADDR_new()", "QSharedPointer<BIO_ADDR> peer("),
    ],
)
def test_smart_pointers_hold_what_is_made_and_that_is_shown(
    function: str, quote: str, pointer: str
) -> None:
    """Memory: what a pointer with its deleter holds is neither leaked nor released by hand."""
    for rule in ("object-leaked", "manual-lifetime"):
        found = [item for item in of(function, "memory", rule) if quote in item.quote]

        assert [item.kind for item in found] == ["holds"], found
        assert any(pointer in shown for shown in (*found[0].shown, found[0].quote)), found


def test_datagrams_that_come_are_looked_at_before_they_are_used() -> None:
    for rule in ("read-unchecked", "read-result-as-length"):
        (found,) = of("decryptDatagram", "input", rule)
        assert ("holds", ("read > 0",)) == (found.kind, found.shown)


def test_what_stays_open_is_left_to_the_reader() -> None:
    undecided = {item.rule for item in told() if item.kind == "undecided"}

    assert undecided
    assert undecided == {task.rule for task in review().tasks if task.rule}
