"""What is right, and what cannot be decided: told with the place and what was seen, if asked for.

The texts are judged by the real pages, since evidence is what a review is made of.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pages import analyst, blocks, rulebook
from tlsight.cli import main
from tlsight.finding import Evidence, Report
from tlsight.rule import Property

SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0.json"

COOKIE = """\
#include <openssl/ssl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

static int generate(SSL *ssl, unsigned char *cookie, unsigned int *size);

static int verify(SSL *ssl, const unsigned char *cookie, unsigned int size)
{
    unsigned char wanted[32];
    unsigned int length = sizeof wanted;
    if (!generate(ssl, wanted, &length))
        return 0;
    return size == length && CRYPTO_memcmp(cookie, wanted, 32) == 0;
}

int set_up(SSL_CTX *context)
{
    unsigned char secret[16];
    if (RAND_bytes(secret, sizeof secret) != 1)
        return 0;
    SSL_CTX_set_cookie_verify_cb(context, verify);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
}
"""


def told(text: str, name: str = "text.c") -> Report:
    path = analyst().root / name if analyst().root else Path(name)
    path.write_text(text)
    report = analyst().final(path, text.encode(), evidence=True)
    analyst().close(path)
    return report


def of(report: Report, rule: str) -> list[Evidence]:
    return [item for item in report.evidence if item.rule == rule]


def test_it_is_told_only_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "text.c"
    path.write_text(COOKIE)

    assert () == analyst().final(path, COOKIE.encode()).evidence
    analyst().close(path)


@pytest.mark.parametrize(
    ("rule", "quoted", "message"),
    [
        (
            "cookie-compare-timing",
            "CRYPTO_memcmp(cookie, wanted, 32)",
            "CRYPTO_memcmp is called with length 32",
        ),
        ("cookie-compare-length", "size == length", "size is compared here"),
        ("cookie-verify-accepts-all", "0", "it refuses here"),
        ("result-unchecked", "RAND_bytes(secret, sizeof secret)", "the result of RAND_bytes is"),
        ("digest-buffer-too-small", "secret", "secret holds 16 bytes, RAND_bytes writes 16"),
        ("weak-protocol-version", "DTLS1_2_VERSION", "version of SSL_CTX_set_min_proto_version is"),
    ],
)
def test_what_is_right_is_shown_where_it_stands(rule: str, quoted: str, message: str) -> None:
    report = told(COOKIE)
    shown = [
        (COOKIE[item.span.start : item.span.end], item.message)
        for item in of(report, rule)
        if item.holds
    ]

    assert any(quoted == text and words.startswith(message) for text, words in shown), shown


def test_the_places_that_show_it_come_along() -> None:
    (item,) = (
        item
        for item in of(told(COOKIE), "result-unchecked")
        if "RAND_bytes" in COOKIE[item.span.start : item.span.end]
    )

    assert ["RAND_bytes(secret, sizeof secret) != 1"] == [
        COOKIE[step.span.start : step.span.end] for step in item.related
    ]


@pytest.mark.parametrize(
    ("rule", "text", "reason"),
    [
        (
            "cookie-verify-accepts-all",
            "int judge(SSL *, const unsigned char *, unsigned int);"
            "void f(SSL_CTX *c) { SSL_CTX_set_cookie_verify_cb(c, judge); }",
            "the function that SSL_CTX_set_cookie_verify_cb installs is not in this file",
        ),
        (
            "verification-not-configured",
            "void keep(SSL *); void f() { SSL_CTX *c = SSL_CTX_new(TLS_client_method());"
            "SSL *s = SSL_new(c); keep(s); SSL_connect(s); }",
            "code that is not in this file has the object, too",
        ),
        (
            "weak-protocol-version",
            "void f(SSL_CTX *c, int v) { SSL_CTX_set_min_proto_version(c, v); }",
            "what version of SSL_CTX_set_min_proto_version is cannot be told here",
        ),
        (
            "nullable-used",
            "void keep(SSL *); void f(SSL_CTX *c) { keep(SSL_new(c)); }",
            "the result of SSL_new is handed on, and judged elsewhere",
        ),
    ],
)
def test_what_cannot_be_decided_is_kept_with_the_reason(rule: str, text: str, reason: str) -> None:
    report = told(f"#include <openssl/ssl.h>\n{text}\n")

    assert [reason] == [item.message for item in of(report, rule) if not item.holds]
    assert rule not in {item.rule for item in report.findings}


def test_what_is_wrong_is_no_evidence() -> None:
    """No subject is both."""
    for block in blocks("bad"):
        report = told(block.example.text, f"bad.{block.example.language}")
        wrong = {(item.rule, item.span) for item in report.findings}

        assert not wrong & {(item.rule, item.span) for item in report.evidence}, block


@pytest.mark.parametrize("rule", list(rulebook().properties.values()), ids=str)
def test_every_rule_shows_what_it_judged(rule: Property) -> None:
    """Of right code too, unless a call is wrong by being there at all."""
    right = [block for block in blocks("good", "fixed") if block.rule == rule.id]
    shown = any(
        of(told(block.example.text, f"good.{block.example.language}"), rule.id) for block in right
    )

    assert shown or all(rule.kind == "argument" and not item.argument for item in rule.checks)


def test_the_command_line_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As text, as JSON, and as results of SARIF that are no alerts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("text.c").write_text(COOKIE)

    main(["check", "--evidence", "text.c"])
    text = capsys.readouterr().out
    assert "text.c:14:30: holds: CRYPTO_memcmp is called with length 32 (line 22)" in text
    assert "judged and right: " in text

    kept = json.loads(_run(capsys, "json"))["files"][0]["evidence"]
    (item,) = (item for item in kept if item["rule"] == "cookie-compare-timing")
    assert ("holds", "verify") == (item["verdict"], item["function"])

    log = json.loads(_run(capsys, "sarif"))
    jsonschema.validate(log, json.loads(SCHEMA.read_text()))
    passed = [item for item in log["runs"][0]["results"] if item.get("kind") == "pass"]
    assert "cookie-compare-timing" in {item["ruleId"] for item in passed}
    assert {"none"} == {item["level"] for item in passed}

    assert 2 == main(["check", "--evidence", "--format", "gitlab", "text.c"])
    assert "the format gitlab has no place for it" in capsys.readouterr().err


def _run(capsys: pytest.CaptureFixture[str], form: str) -> Any:
    main(["check", "--evidence", "--format", form, "text.c"])
    return capsys.readouterr().out


def test_a_place_is_told_with_the_function_that_it_stands_in() -> None:
    """What is judged for one function may stand in another."""
    code = """\
#include <openssl/ssl.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

static unsigned char secret[32];

static int make(unsigned char *out, unsigned int *size, const unsigned char *peer, int length)
{
    return HMAC(EVP_sha256(), secret, sizeof secret, peer, length, out, size) != NULL;
}

static int generate(SSL *ssl, unsigned char *cookie, unsigned int *size)
{
    unsigned char peer[64];
    int length = BIO_dgram_get_peer(SSL_get_rbio(ssl), peer);
    return make(cookie, size, peer, length);
}

void set_up(SSL_CTX *context)
{
    SSL_CTX_set_cookie_generate_cb(context, generate);
}
"""
    (keyed,) = of(told(code), "cookie-not-keyed")

    assert "HMAC" in code[keyed.span.start : keyed.span.end]
    assert "make" == keyed.function
