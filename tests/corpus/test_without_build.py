"""Code that does not compile: lone files, syntax errors, branches that `#if` leaves out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sources import (
    NAMES,
    Analysed,
    Key,
    analyst,
    function_at,
    functions,
    key,
    lone_copy,
    outside,
    rulebook,
    say,
    tls_files,
    triaged,
)

from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.finding import Report
from tlsight.text import Lines, Span

pytestmark = [pytest.mark.corpus]

PLACES = 200
PARTS = 4
BREAKAGES = ("(", ")", "{", "}", "foo(", "= ;", "@", "if (", "->", "<", '"')


LONE = b"""#include <QDtls>
#include <QSslConfiguration>
#include <QSslSocket>
#include <openssl/ssl.h>

class Server : public QObject {
    Q_OBJECT

public:
    bool start(const QByteArray &secret) {
        connect(&m_socket, SIGNAL(sslErrors(QList<QSslError>)), &m_socket, SLOT(ignoreSslErrors()));
        QDtlsClientVerifier::GeneratorParameters parameters(QCryptographicHash::Sha1, secret);
        m_verifier.setCookieGeneratorParameters(parameters);
        auto configuration = QSslConfiguration::defaultDtlsConfiguration();
        configuration.setPeerVerifyMode(QSslSocket::VerifyNone);
        configuration.setProtocol(QSsl::DtlsV1_0OrLater);
        m_dtls.setDtlsConfiguration(configuration);
        return true;
    }

    SSL_CTX *context(bool legacy) {
        SSL_CTX *made = SSL_CTX_new(SSLv23_method());
        SSL_CTX_set_min_proto_version(made, legacy ? TLS1_VERSION : TLS1_2_VERSION);
        SSL_CTX_set_cipher_list(made, "ALL:!aNULL");
        SSL_CTX_clear_options(made, SSL_OP_NO_COMPRESSION);
        return made;
    }

private:
    QDtls m_dtls{QSslSocket::SslServerMode};
    QDtlsClientVerifier m_verifier;
    QSslSocket m_socket;
};
"""


def test_a_lone_file_needs_no_header_of_a_library(tmp_path: Path) -> None:
    path = tmp_path / "server.cpp"
    path.write_bytes(LONE)
    reports = []
    for lone in (False, True):
        analyst_ = Analyst(rulebook(), Config(), tmp_path, tmp_path / "cache", lone=lone)
        reports.append(analyst_.final(path, LONE))
        assert analyst_.facts(path).errors == ()
        analyst_.close(path)
    installed, without = (
        [(item.rule, item.span, item.message) for item in report.findings] for report in reports
    )

    assert installed == without
    assert len({rule for rule, _, _ in installed}) >= 7
    assert reports[0].missing_headers == ()
    assert {"QDtls", "openssl/ssl.h"} <= set(reports[1].missing_headers)
    assert reports[0].unanalysed == reports[1].unanalysed == ()


def test_lone_files_keep_nine_in_ten_findings_and_get_one_in_a_hundred_false(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full: set[Key] = set()
    lone: set[Key] = set()
    true: set[Key] = set()
    for package in NAMES:
        true |= {entry.key for entry in triaged(package) if entry.true}
        for number, item in enumerate(tls_files(package)):
            folder = tmp_path / package / str(number)
            folder.mkdir(parents=True)
            path = lone_copy(item, folder)
            with analyst(None, root=folder) as one:
                report = one.final(path, item.data)
                one.close(path)
            full |= {item.key(finding) for finding in item.report.findings}
            lone |= {item.key(finding) for finding in report.findings}
    false = lone - full - true
    with capsys.disabled():
        say(f"lone: {len(full & lone)} of {len(full)} findings, {len(false)} new and false")
        for title, keys in (("lost", full - lone), ("new", lone - full)):
            for name in sorted(keys):
                say(f"  {title}: {' | '.join(name)}")

    assert full
    assert len(full & lone) >= 0.9 * len(full)
    assert len(false) <= 0.01 * len(full)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_syntax_error_changes_nothing_outside_its_function(
    part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(1421 + part)
    items = [(package, item) for package in NAMES for item in tls_files(package)]
    chosen = [rng.choice(items) for _ in range(PLACES // PARTS)]
    changed = []
    for package in NAMES:
        with analyst(package) as one:
            for name, item in items:
                times = chosen.count((name, item)) if name == package else 0
                changed += [text for _ in range(times) for text in _changes(one, rng, item)]
                one.close(item.path)
    with capsys.disabled():
        say(f"syntax errors: {len(changed)} changes outside the function at {len(chosen)} places")

    assert changed == []


def _changes(one: Analyst, rng: random.Random, item: Analysed) -> list[str]:
    """Break one function, and say what changes elsewhere in either answer."""
    body = rng.choice(functions(item.path, item.data))
    place = rng.randint(body.body.start + 1, max(body.body.start + 1, body.body.end - 1))
    inserted = f" {rng.choice(BREAKAGES)} ".encode()
    data = item.data[:place] + inserted + item.data[place:]
    span = Span(body.span.start, body.span.end + len(inserted))
    expected = outside(_placed(item.name, item.data, item.report, body.span), body.span)
    one.final(item.path, item.data)
    texts = []
    for answer in (one.first(item.path, data), one.final(item.path, data)):
        actual = outside(_placed(item.name, data, answer, span), span)
        if actual != expected:
            gone, new = list(expected - actual), list(actual - expected)
            texts.append(f"{item.name}, {body.name}, {inserted!r}: gone {gone}, new {new}")
    return texts


def _placed(
    name: str, data: bytes, report: Report, but: Span | None = None
) -> list[tuple[Span, Key]]:
    """The findings with their places, without those whose way leads through a span."""
    lines = Lines.of(data)
    return [
        (finding.span, key(name, lines, finding))
        for finding in report.findings
        if but is None or not any(but.overlaps(step.span) for step in finding.related)
    ]


def test_findings_stay_under_an_undefined_condition() -> None:
    lost = []
    for package in NAMES:
        with analyst(package) as one:
            for item in tls_files(package):
                lost += _lost_under_condition(one, item)
                one.close(item.path)

    assert lost == []


def _lost_under_condition(one: Analyst, item: Analysed) -> list[str]:
    found = functions(item.path, item.data)
    expected: dict[Span, set[Key]] = {}
    for finding in item.report.findings:
        around = function_at(found, finding.span.start)
        if around is not None:
            expected.setdefault(around.span, set()).add(item.key(finding))
    lost = []
    for span, keys in expected.items():
        data = _conditional(item.data, span)
        for answer in (one.first(item.path, data), one.final(item.path, data)):
            left = {name for _, name in _placed(item.name, data, answer)}
            lost += [f"{' | '.join(name)}" for name in sorted(keys - left)]
    return lost


def _conditional(data: bytes, span: Span) -> bytes:
    """The text with one function under `#ifdef`, from the line that it starts on."""
    start = data.rfind(b"\n", 0, span.start) + 1
    head, body, tail = data[:start], data[start : span.end], data[span.end :]
    return head + b"#ifdef SOMETHING_UNDEFINED\n" + body + b"\n#endif\n" + tail
