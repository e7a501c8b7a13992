"""What is known of a session or a context under the cursor, by the real pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import analyst
from tlsight.finding import Portrait

FETCH = """\
#include <openssl/ssl.h>

static void prepare(SSL_CTX *context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
}

int fetch(int fd, const char *host, int old) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    prepare(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION);
    if (old)
        SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    else
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    ssl = SSL_new(ctx);
    SSL_set1_host(ssl, "early");
    SSL_set1_host(ssl, host);
    SSL_set_fd(ssl, fd);
    SSL_CTX_set_cipher_list(ctx, "HIGH");
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return SSL_connect(ssl);
}
"""


def portrait(text: str, place: str, name: str = "text.c") -> Portrait | None:
    """What is known of the name that stands first in the only `place` of a text."""
    path = Path(analyst().root or "") / name
    path.write_text(text)
    assert 1 == text.count(place)
    analyst().final(path, text.encode())
    found = analyst().portray(path, text.encode(), text.index(place))
    analyst().close(path)
    return found


def traits(found: Portrait | None) -> dict[str, str]:
    assert found is not None
    return {item.title: item.told for item in found.traits}


def test_what_a_session_takes_over_and_what_is_done_to_it() -> None:
    """Over functions, and no later than when it is made; the last call on each way."""
    found = portrait(FETCH, "ssl);\n}")
    known = traits(found)

    assert found is not None
    assert ("ssl", "SSL", "") == (found.name, found.type, found.shared)
    assert "SSL_set1_host(ssl, host)" == known["name of the peer"]
    assert "SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL)" == known["verification of the peer"]
    assert "SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION)" == known["options"]
    assert (
        "SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION)"
        " · SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)"
    ) == known["lowest protocol"]
    assert "library default" == known["cipher suites"]
    assert "cookie exchange" not in known


def test_the_lines_that_make_it_so_come_along() -> None:
    found = portrait(FETCH, "ssl);\n}")

    assert found is not None
    assert {
        item.title: [FETCH[span.start : span.end] for span in item.places]
        for item in found.traits
        if item.title == "name of the peer"
    } == {"name of the peer": ["SSL_set1_host(ssl, host)"]}


def test_what_comes_later_does_not_count() -> None:
    """A context after its session: all of it; at its making: nothing yet."""
    late = traits(portrait(FETCH, 'ctx, "HIGH"'))
    early = traits(portrait(FETCH, "ctx = SSL_CTX_new"))

    assert 'SSL_CTX_set_cipher_list(ctx, "HIGH")' == late["cipher suites"]
    assert "library default" == early["cipher suites"]
    assert early["lowest protocol"].startswith("library default: TLS 1.2")


def test_a_session_overrules_its_context() -> None:
    text = (
        "#include <openssl/ssl.h>\n"
        "void f(void) { SSL_CTX *c = SSL_CTX_new(TLS_client_method());"
        ' SSL_CTX_set_cipher_list(c, "HIGH"); SSL *s = SSL_new(c);'
        ' SSL_set_cipher_list(s, "ECDHE"); SSL_connect(s); }\n'
    )

    assert 'SSL_set_cipher_list(s, "ECDHE")' == traits(portrait(text, "s); }"))["cipher suites"]


def test_cookies_are_asked_of_datagrams_only() -> None:
    text = (
        "#include <openssl/ssl.h>\n"
        "void f(void) { SSL_CTX *c = SSL_CTX_new(DTLS_server_method());"
        " SSL_CTX_set_options(c, SSL_OP_COOKIE_EXCHANGE); SSL *s = SSL_new(c); SSL_accept(s); }\n"
    )

    assert (
        "SSL_CTX_set_options(c, SSL_OP_COOKIE_EXCHANGE)"
        == (traits(portrait(text, "s); }"))["cookie exchange"])
    )


def test_sockets_and_members_of_qt_have_traits() -> None:
    text = (
        "#include <QSslSocket>\nclass C { QSslSocket *m; void set() {"
        " m->setPeerVerifyMode(QSslSocket::VerifyNone); }"
        " void go() { m->startClientEncryption(); } };\n"
    )
    known = traits(portrait(text, "m->start", "text.cpp"))

    assert "m->setPeerVerifyMode(QSslSocket::VerifyNone)" == known["verification of the peer"]
    assert "nothing in this file states it (none)" == known["errors that are let pass"]


def test_what_others_have_is_said_to_be_theirs() -> None:
    text = "#include <openssl/ssl.h>\nvoid f(SSL *ssl) { SSL_connect(ssl); }\n"
    found = portrait(text, "ssl); }")

    assert found is not None
    assert "the object is made by code that is not in this file" == found.shared
    assert all(item.told.startswith("nothing in this file states it") for item in found.traits)


@pytest.mark.parametrize("place", ["fd, const", "return", "host) {", "SSL_connect"])
def test_what_is_no_such_object_has_no_portrait(place: str) -> None:
    text = FETCH.replace("const char *host, int old", "const char *host) { int old; {")

    assert portrait(text.replace("ssl, fd", "ssl, 0"), place) is None
