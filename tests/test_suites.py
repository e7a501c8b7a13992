"""Cipher lists, held against what OpenSSL prints and the manual of its last weak release."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tlsight.engine.suites import Suite, SuiteList, evaluate, judge
from tlsight.rule import SuiteRules
from tlsight.rulebook import load
from tlsight.suite_table import suite_table

RECORDED = Path(__file__).parent / "recorded" / "ciphers"
RULEBOOK = load()


def rules() -> SuiteRules:
    found = RULEBOOK.libraries["openssl"].suites
    assert found is not None
    return found


def read(text: str) -> SuiteList:
    return evaluate(text, rules(), suite_table())


def recording(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((RECORDED / name).read_text(encoding="utf-8"))
    return data


def current_names() -> set[str]:
    return set(recording("openssl-3.0.json")["lists"]["ALL:COMPLEMENTOFALL"])


def test_the_recording_holds_at_least_two_hundred_lists() -> None:
    assert len(recording("openssl-3.0.json")["lists"]) >= 200


def test_every_recorded_list_admits_what_openssl_prints() -> None:
    """Of the suites that the release has; those of earlier releases have a recording below."""
    current = current_names()
    differences = {}
    for text, expected in recording("openssl-3.0.json")["lists"].items():
        actual = {suite.name for suite in read(text).suites} & current
        if actual != set(expected):
            differences[text] = actual.symmetric_difference(expected)

    assert differences == {}


def test_suites_named_one_by_one_keep_their_order() -> None:
    lists = recording("openssl-3.0.json")["lists"]
    current = current_names()
    named = {
        text: expected
        for text, expected in lists.items()
        if set(re.split(r"[:+-]*[:]", text)) <= current
    }

    assert len(named) >= 5
    assert named == {text: [suite.name for suite in read(text).suites] for text in named}


def test_a_level_in_the_list_takes_away_what_openssl_takes_away() -> None:
    current = current_names()
    for text, expected in recording("openssl-3.0.json")["levels"].items():
        listed = read(text)
        left = {suite.name for suite in listed.suites if suite not in listed.withheld}

        assert set(expected) == left & current, text


def test_each_removed_suite_is_known_by_both_its_names() -> None:
    by_standard = {suite.standard: suite.name for suite in suite_table()}
    for standard, name in recording("openssl-1.0.2.json")["names"].items():
        assert by_standard[standard] == name
        assert name in {suite.name for suite in read(name).suites}
        assert [standard] == [suite.standard for suite in read(standard).suites]


@pytest.mark.parametrize("kind", ["words", "lists"])
def test_words_for_removed_suites_select_what_the_last_manual_says(kind: str) -> None:
    """Over the suites that the manual names; CryptoDataHub knows more."""
    recorded = recording("openssl-1.0.2.json")
    for text, meaning in recorded[kind].items():
        expected = {
            standard
            for standard in recorded["names"]
            if re.search(meaning["standard"], standard)
            and not (meaning["but"] and re.search(meaning["but"], standard))
        }
        selected = {suite.standard for suite in read(text).suites}

        assert expected == selected & set(recorded["names"]), text


def test_removed_suites_come_only_where_nothing_else_is_meant() -> None:
    current = current_names()
    for text in ("ALL", "HIGH", "DEFAULT", "kRSA", "SHA1", "SSLv3", "ALL:COMPLEMENTOFALL"):
        assert {suite.name for suite in read(text).suites} <= current, text


def test_unknown_words_are_ignored_and_listed() -> None:
    listed = read("AES128-SHA:NOSUCH:NEITHER+AES")

    assert [suite.name for suite in listed.suites] == ["AES128-SHA"]
    assert listed.unknown == ("NOSUCH", "NEITHER")


def test_the_default_word_counts_at_the_start_only() -> None:
    assert read("DEFAULT:!aNULL").by_default
    assert not read("HIGH:DEFAULT").by_default
    assert read("HIGH:DEFAULT").unknown == ("DEFAULT",)


def test_a_text_that_openssl_refuses_admits_nothing() -> None:
    listed = read("ALL:@NOSUCH")

    assert not listed.valid
    assert listed.suites == ()


def verdict(text: str) -> tuple[str, str] | None:
    judgement = judge(read(text), RULEBOOK.policy)
    return (judgement.level, judgement.reason) if judgement else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL", None),
        ("ECDHE-RSA-AES128-GCM-SHA256", None),
        ("DEFAULT", None),
        ("DEFAULT:!aNULL:!MD5", None),
        ("TLS_AES_128_GCM_SHA256", None),
        ("", None),
        ("ALL", ("forbidden", "does not authenticate the peer")),
        ("eNULL", ("forbidden", "does not encrypt")),
        ("ALL:!aNULL", ("discouraged", "has no forward secrecy (static RSA)")),
        ("RC4-SHA:AES128-SHA", ("forbidden", "uses RC4")),
        ("HIGH:!aNULL:RC4", ("forbidden", "uses RC4")),
        ("HIGH:!aNULL:!RC4", ("discouraged", "has no forward secrecy (static RSA)")),
        ("RC4:!RC4", None),
        ("EXP-DES-CBC-SHA", ("forbidden", "is of export grade")),
        ("DES-CBC-SHA", ("forbidden", "has less than 112 bits")),
        ("NULL-MD5", ("forbidden", "does not encrypt")),
        ("IDEA-CBC-MD5", ("forbidden", "protects its records with MD5")),
        ("ECDHE-RSA-DES-CBC3-SHA", ("discouraged", "has less than 128 bits")),
        ("TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256",
         ("discouraged", "has no forward secrecy (static Diffie-Hellman)")),
        ("DHE-RSA-AES128-GCM-SHA256", ("discouraged", "uses finite-field Diffie-Hellman")),
        ("ECDHE-RSA-AES128-SHA", ("discouraged", "runs a block cipher in CBC mode")),
        ("DEFAULT@SECLEVEL=0", ("forbidden", "sets the security level to 0")),
        ("ECDHE+AESGCM:@SECLEVEL=1", ("discouraged", "sets the security level to 1")),
        ("ADH:ECDHE+AESGCM:@SECLEVEL=2", None),
    ],
)  # fmt: skip
def test_the_policy_judges_what_a_list_admits(text: str, expected: tuple[str, str] | None) -> None:
    assert expected == verdict(text)


def test_a_judgement_names_the_suites_it_is_about() -> None:
    judgement = judge(read("ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA:AES128-SHA"), RULEBOOK.policy)

    assert judgement is not None
    assert judgement.names == ("RC4-SHA",)
    assert judgement.clause == "RFC 9325, 4.1"


def test_the_table_has_every_suite_once() -> None:
    standards = [suite.standard for suite in suite_table()]

    assert len(standards) == len(set(standards)) >= 400
    assert all(isinstance(suite, Suite) for suite in suite_table())
