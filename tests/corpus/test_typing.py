"""While typing: what is shown about other text stays, and what is half typed does not flicker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sources import analyst, functions, say, source

from tlsight.analysis import Analyst
from tlsight.finding import Finding, Report
from tlsight.text import Lines, Span

pytestmark = [pytest.mark.corpus]

FINAL_EVERY = 7
"""Keystrokes after which a typist pauses long enough for clang's answer."""

C_STATEMENTS = (
    "SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);",
    "SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);",
    'SSL_CTX_set_cipher_list(ctx, "ALL:!aNULL:RC4");',
    'if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM") != 1) return;',
    "SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);",
    "SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION);",
    "SSL_CTX_clear_options(ctx, SSL_OP_NO_SSLv3);",
    "RAND_bytes(buf, 16);",
    "if (RAND_bytes(buf, 16) != 1) return;",
    "EVP_DigestInit_ex(md, EVP_md5(), NULL);",
    'SSL_CTX_load_verify_locations(ctx, "ca.pem", NULL);',
    "if (X509_verify_cert(store) != 0) return;",
    "const char *const name = 0;",
)
CPP_STATEMENTS = (
    "QCryptographicHash digest(QCryptographicHash::Md5);",
    "QCryptographicHash strong(QCryptographicHash::Sha256);",
    "auto mac = QMessageAuthenticationCode(QCryptographicHash::Sha1, key);",
    "configuration.setProtocol(QSsl::TlsV1_0);",
    "configuration.setProtocol(QSsl::TlsV1_2OrLater);",
    "configuration.setPeerVerifyMode(QSslSocket::VerifyNone);",
    "QDtlsClientVerifier::GeneratorParameters parameters(QCryptographicHash::Sha1, secret);",
)
TYPED = (
    ("mosquitto", "lib/net_mosq.c", C_STATEMENTS[:7]),
    ("stunnel4", "src/ctx.c", C_STATEMENTS[7:]),
    ("qt6-base", "src/plugins/tls/openssl/qdtls_openssl.cpp", CPP_STATEMENTS),
)


@dataclass
class Watch:
    """What is shown while one statement is typed."""

    stable: Counter[str]
    disappeared: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    withdrawn: Counter[str] = field(default_factory=Counter)

    def see(self, data: bytes, typed: Span, report: Report) -> None:
        """Effect: take in one published answer."""
        around = Span(typed.start, max(typed.end, typed.start + 1))
        others = [item for item in report.findings if not item.span.overlaps(around)]
        self.disappeared += list(self.stable - Counter(_named(others, Lines.of(data))))
        own = {finding.rule for finding in report.findings if finding.span.overlaps(around)}
        self.withdrawn.update(self.shown - own)
        self.shown = own


def test_typing_twenty_statements_does_not_flicker(capsys: pytest.CaptureFixture[str]) -> None:
    disappeared: list[str] = []
    restless: list[str] = []
    keystrokes = 0
    for package, name, statements in TYPED:
        path = source(package).resolve() / name
        with analyst(package) as one:
            for number, statement in enumerate(statements):
                others = statements[number + 1 :] + statements[:number]
                watch = _type(one, path, number, statement, others)
                keystrokes += len(statement)
                disappeared += [f"{name}, {statement}: {text}" for text in watch.disappeared]
                often = [rule for rule, times in watch.withdrawn.items() if times > 1]
                restless += [f"{name}, {statement}: {rule}" for rule in often]
            one.close(path)
    with capsys.disabled():
        say(f"typing: {keystrokes} keystrokes, {len(disappeared)} findings disappeared")

    assert sum(len(statements) for _, _, statements in TYPED) >= 20
    assert disappeared == []
    assert restless == []


def _type(one: Analyst, path: Path, number: int, statement: str, others: tuple[str, ...]) -> Watch:
    """Effect: type a statement at the start of a function's body, key by key.

    The others stand right below, since what follows is the first to suffer.
    """
    text = path.read_bytes()
    bodies = [found.body for found in functions(path, text)]
    place = bodies[(number * 7) % len(bodies)].start + 1
    head, tail = text[:place], "".join(f"\n    {item}" for item in others).encode() + text[place:]
    before = one.final(path, head + tail)
    watch = Watch(Counter(_named(before.findings, Lines.of(head + tail))))
    keys = f"\n    {statement}"
    for count in range(1, len(keys) + 1):
        data = head + keys[:count].encode() + tail
        typed = Span(place, place + count)
        watch.see(data, typed, one.first(path, data))
        if count % FINAL_EVERY == 0 or count == len(keys):
            watch.see(data, typed, one.final(path, data))
    return watch


def _named(findings: Iterable[Finding], lines: Lines) -> Iterator[str]:
    """Findings by rule and line, whatever its number."""
    for finding in findings:
        yield f"{finding.rule}: {lines.line(lines.position(finding.span.start).line)!r}"
