"""What somebody must have opted into is information, and says under which condition."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import analyst
from tlsight.finding import Finding, Severity

HEAD = """\
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
enum choice { VERIFY_NONE, VERIFY_PEER };
static bool off;
struct Options {
    bool insecure;
    bool verify_peer;
    bool verify = true;
    bool debug = true;
    choice mode;
    int flags;
};
void g(SSL *s) { SSL_connect(s); }
"""
WEAK = "SSL_CTX_set_verify(c, SSL_VERIFY_NONE, 0);"


def found(text: str, rule: str, folder: Path) -> Finding:
    path = folder / "text.cpp"
    path.write_text(text)
    report = analyst().final(path, text.encode())
    analyst().close(path)
    (item,) = (item for item in report.findings if item.rule == rule)
    return item


def weakened(body: str, folder: Path) -> Finding:
    return found(f"{HEAD}{body}\n", "certificate-verification-disabled", folder)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (f"void f(SSL_CTX *c, Options *o) {{ if (o->insecure) {WEAK} }}", "only if o->insecure"),
        (
            f"void f(SSL_CTX *c, Options *o) {{ if (!o->insecure) return; {WEAK} }}",
            "only if o->insecure",
        ),
        (f"void f(SSL_CTX *c, Options *o) {{ if (!o->verify) {WEAK} }}", "unless o->verify"),
        (
            f"void f(SSL_CTX *c, Options *o) {{ if (off && o->insecure) {WEAK} }}",
            "only if o->insecure",
        ),
        (
            "void f(SSL_CTX *c, Options *o) { switch (o->mode) "
            f"{{ case VERIFY_NONE: {WEAK} break; default: break; }} }}",
            "only if o->mode is VERIFY_NONE",
        ),
        (
            f"void f(SSL_CTX *c, Options *o) {{ if (o->mode == VERIFY_NONE) {WEAK} }}",
            "only if o->mode == VERIFY_NONE",
        ),
        (
            f'void f(SSL_CTX *c, char **a) {{ if (strcmp(a[1], "--insecure") == 0) {WEAK} }}',
            'only if strcmp(a[1], "--insecure") == 0',
        ),
        (
            f'void f(SSL_CTX *c) {{ if (getenv("APP_SKIP_VERIFY")) {WEAK} }}',
            'only if getenv("APP_SKIP_VERIFY")',
        ),
        (
            "void f(SSL_CTX *c, Options *o) { SSL_CTX_set_verify(c, o->insecure ? SSL_VERIFY_NONE"
            " : SSL_VERIFY_PEER, 0); }",
            "only if o->insecure",
        ),
        (
            "void f(SSL_CTX *c, Options *o) { int mode = SSL_VERIFY_PEER; if (o->insecure)"
            " mode = SSL_VERIFY_NONE; SSL_CTX_set_verify(c, mode, 0); }",
            "only if o->insecure",
        ),
        (
            f"static void weaken(SSL_CTX *c) {{ {WEAK} }}"
            " void f(SSL_CTX *c, Options *o) { if (o->insecure) weaken(c); }",
            "only if o->insecure",
        ),
        (
            f"void f(SSL_CTX *c, Options *o) {{ if (o->insecure) {{ auto h = [c] {{ {WEAK} }};"
            " h(); } }",
            "only if o->insecure",
        ),
        (f"void f(SSL_CTX *c) {{\n#ifdef DEBUG\n{WEAK}\n#endif\n}}", "only if DEBUG is defined"),
        (
            f"void f(SSL_CTX *c) {{\n#ifndef NDEBUG\n{WEAK}\n#endif\n}}",
            "unless NDEBUG is defined",
        ),
        (
            f"void f(SSL_CTX *c) {{ QMessageBox b; if (b.exec() == QMessageBox::Ignore) {WEAK} }}",
            "only if b.exec() == QMessageBox::Ignore",
        ),
        (
            "void f(SSL_CTX *c, const char *host) "
            f'{{ if (strcmp(host, "localhost") == 0) {WEAK} }}',
            'only if strcmp(host, "localhost") == 0',
        ),
        (
            "void f(SSL_CTX *c, Options *o, int n) { bool all = false; if (o->insecure && n > 3)"
            f" all = true; if (all) {WEAK} }}",
            "only if o->insecure",
        ),
        (
            f"struct Unknown; void f(SSL_CTX *c, Unknown *u) {{ if (!u->sslVerify) {WEAK} }}",
            "unless u->sslVerify",
        ),
    ],
)
def test_a_choice_is_information_and_is_told(body: str, told: str, tmp_path: Path) -> None:
    item = weakened(body, tmp_path)

    assert Severity.INFORMATION is item.severity
    assert item.message.endswith(f", {told}")


@pytest.mark.parametrize(
    "body",
    [
        f"void f(SSL_CTX *c, Options *o) {{ {WEAK} }}",
        f"void f(SSL_CTX *c, Options *o) {{ if (!o->insecure) {WEAK} }}",
        f"void f(SSL_CTX *c, Options *o) {{ if (o->insecure) return; {WEAK} }}",
        f"void f(SSL_CTX *c, Options *o) {{ if (!o->verify_peer) {WEAK} }}",
        f"void f(SSL_CTX *c, Options *o) {{ if (o->debug) {WEAK} }}",
        f"void f(SSL_CTX *c) {{ bool insecure = true; if (insecure) {WEAK} }}",
        f"void f(SSL_CTX *c, Options *o) {{ if (o->insecure || o->flags > 3) {WEAK} }}",
        f"void f(SSL_CTX *c, Options *o) {{ if (o->mode != VERIFY_NONE) {WEAK} }}",
        "void f(SSL_CTX *c, Options *o) { bool all = false; if (o->flags > 3) all = true;"
        f" if (o->insecure) all = true; if (all) {WEAK} }}",
        f"void f(SSL_CTX *c, Reply *r) {{ if (r->error() == Reply::NoError) {WEAK} }}",
        f'void f(SSL_CTX *c, char **a) {{ if (strcmp(a[1], "--insecure")) {WEAK} }}',
        f"static void weaken(SSL_CTX *c) {{ {WEAK} }}"
        " void f(SSL_CTX *c, Options *o) { if (o->insecure) weaken(c); }"
        " void h(SSL_CTX *c) { weaken(c); }",
        f"static void weaken(SSL_CTX *c, bool insecure) {{ if (insecure) {WEAK} }}"
        " void f(SSL_CTX *c) { weaken(c, true); }",
        f"#define DEBUG 1\nvoid f(SSL_CTX *c) {{\n#ifdef DEBUG\n{WEAK}\n#endif\n}}",
    ],
)
def test_what_holds_by_default_or_was_never_chosen_keeps_its_severity(
    body: str, tmp_path: Path
) -> None:
    item = weakened(body, tmp_path)

    assert Severity.ERROR is item.severity
    assert item.message.endswith("lets a client accept any certificate")


def test_a_mistake_is_nobodys_choice(tmp_path: Path) -> None:
    """A buffer that is too small is so in a build for debugging, too."""
    text = (
        "#include <openssl/evp.h>\nvoid f(const void *d, size_t n, bool debug) { if (debug) {"
        " unsigned char out[20]; if (EVP_Digest(d, n, out, 0, EVP_sha256(), 0) != 1) return; } }\n"
    )
    item = found(text, "digest-buffer-too-small", tmp_path)

    assert Severity.ERROR is item.severity


def test_a_callback_that_is_installed_on_request_is_a_choice(tmp_path: Path) -> None:
    text = (
        f"{HEAD}static int all(int ok, X509_STORE_CTX *s) {{ return 1; }}\n"
        "void f(SSL_CTX *c, Options *o) { if (o->insecure)"
        " SSL_CTX_set_verify(c, SSL_VERIFY_PEER, all); }\n"
    )

    item = found(text, "verify-callback-accepts-all", tmp_path)
    assert Severity.INFORMATION is item.severity
    assert item.message.endswith(", only if o->insecure")
