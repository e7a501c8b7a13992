"""Data from the peer: what is followed, and what bounds a number, by the real pages.

Each text is one shape of code; the *bad* ones are found, the *good* ones are what tempts to be.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import analyst
from tlsight.finding import Evidence, Finding

LENGTH = "length-from-network"

HEAD = """\
#include <openssl/ssl.h>
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
typedef unsigned char u8;
struct msg { uint32_t magic, len; u8 data[256]; };
"""

BAD = (
    r"""typedef struct { uint16_t type; uint16_t length; } hdr_t;
int t1(SSL *ssl, char *out) {
    hdr_t h;
    if (SSL_read(ssl, &h, sizeof(h)) != sizeof(h)) return -1;
    uint16_t len = ntohs(h.length);
    char *body = malloc(256);
    if (!body) return -1;
    int n = SSL_read(ssl, body, len);
    free(body);
    return n;
}
""",
    r"""int t2(SSL *ssl) {
    char body[256];
    u8 hdr[4];
    SSL_read(ssl, hdr, 4);
    int len = (hdr[0] << 24) | (hdr[1] << 16) | (hdr[2] << 8) | hdr[3];
    SSL_read(ssl, body, len);
    return 0;
}
""",
    r"""int t4(SSL *ssl, u8 *out, size_t outlen) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    size_t len = (buf[0] << 8) + buf[1];
    memcpy(out, buf + 2, len);
    if (len > outlen) return -1;
    return 0;
}
""",
    r"""int t5(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    int pos = 0;
    while (pos < n) {
        int type = buf[pos];
        int len = buf[pos+1] << 8 | buf[pos+2];
        pos += 3;
        if (type == 1) memcpy(out, buf + pos, len);
        pos += len;
    }
    return 0;
}
""",
    r"""struct st { u8 buf[512]; int have; uint32_t want; u8 *body; };
int t7a(SSL *ssl, struct st *s) {
    s->have = SSL_read(ssl, s->buf, sizeof s->buf);
    s->want = s->buf[0] << 24 | s->buf[1] << 16 | s->buf[2] << 8 | s->buf[3];
    s->body = malloc(s->want);
    return 0;
}
""",
    r"""static void copy_it(u8 *dst, const u8 *src, size_t len) { memcpy(dst, src, len); }
int t8(SSL *ssl, u8 *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    copy_it(out, buf + 2, buf[0] << 8 | buf[1]);
    return 0;
}
""",
    r"""int t10(int fd) {
    char buf[1024];
    char *p;
    int n = recv(fd, buf, sizeof(buf) - 1, 0);
    if (n <= 0) return -1;
    buf[n] = 0;
    p = strstr(buf, "Content-Length: ");
    if (!p) return -1;
    int len = atoi(p + 16);
    char body[2048];
    recv(fd, body, len, 0);
    return 0;
}
""",
    r"""static int handlers[16];
int t12(SSL *ssl) {
    uint16_t op;
    if (SSL_read(ssl, &op, 2) != 2) return 0;
    op = ntohs(op);
    if (op < 16) return handlers[op];
    return handlers[op];
}
int t13(SSL *ssl) {
    char buf[16];
    if (SSL_read(ssl, buf, 16) < 2) return 0;
    int idx = buf[0];
    if (idx >= 16) return 0;
    return handlers[idx];
}
""",
    r"""int t14(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    unsigned len = buf[0] << 8 | buf[1];
    if (len > n) return -1;
    memcpy(out, buf + 4, len - 4);
    return 0;
}
""",
    r"""int t16(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    unsigned off = buf[0] << 8 | buf[1];
    memcpy(out, buf + off, 16);
    return *(buf + off);
}
""",
    r"""int t17(SSL *ssl) {
    int len, total = 0;
    if (SSL_read(ssl, &len, sizeof(len)) <= 0) return -1;
    char *b = malloc(len);
    while (total < len) {
        int n = SSL_read(ssl, b + total, len - total);
        if (n <= 0) break;
        total += n;
    }
    return 0;
}
""",
    r"""int g12(SSL *ssl, u8 *out) {
    struct msg m;
    SSL_read(ssl, &m, sizeof m);
    memcpy(out, m.data, m.len);
    return 0;
}
""",
)
"""A length of the peer that nothing bounds, where it counts."""

GOOD = (
    r"""int t3(SSL *ssl, u8 *out, size_t outlen) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    if (n < 2) goto err;
    size_t len = (buf[0] << 8) + buf[1];
    if (len > n - 2) goto err;
    if (len > outlen) goto err;
    memcpy(out, buf + 2, len);
    return 0;
err:
    return -1;
}
""",
    r"""int t6(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    int pos = 0;
    while (pos + 3 <= n) {
        int type = buf[pos];
        int len = buf[pos+1] << 8 | buf[pos+2];
        pos += 3;
        if (pos + len > n) break;
        if (type == 1) memcpy(out, buf + pos, len);
        pos += len;
    }
    return 0;
}
""",
    r"""struct st { u8 buf[512]; int have; uint32_t want; u8 *body; };
int t7b(SSL *ssl, struct st *s) {
    s->have = SSL_read(ssl, s->buf, sizeof s->buf);
    s->want = s->buf[0] << 24 | s->buf[1] << 16 | s->buf[2] << 8 | s->buf[3];
    if (s->want > 4096) return -1;
    s->body = malloc(s->want);
    return 0;
}
""",
    r"""static void copy_ok(u8 *dst, const u8 *src, size_t len) { memcpy(dst, src, len); }
int t9(SSL *ssl, u8 *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    int len = buf[0] << 8 | buf[1];
    if (len + 2 > n) return -1;
    copy_ok(out, buf + 2, len);
    return 0;
}
""",
    r"""#define MIN(a, b) ((a) < (b) ? (a) : (b))
int t11(SSL *ssl, u8 *out) {
    u8 buf[1024], dst[64];
    int n = SSL_read(ssl, buf, sizeof(buf));
    unsigned len = buf[0] << 8 | buf[1];
    memcpy(dst, buf, MIN(len, sizeof dst));
    memcpy(dst, buf, len > sizeof dst ? sizeof dst : len);
    return 0;
}
""",
    r"""int t15(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    unsigned len = buf[0] << 8 | buf[1];
    if (len > n || len < 4) return -1;
    memcpy(out, buf + 4, len - 4);
    return 0;
}
""",
    r"""int t18(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    unsigned len = buf[0] << 8 | buf[1];
    if (n < 2 || n - 2 != len) return -1;
    memcpy(out, buf + 4, len);
    return 0;
}
""",
    r"""int t19(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    unsigned len = buf[0] << 8 | buf[1];
    int ok = len <= n - 2;
    if (!ok) return -1;
    memcpy(out, buf + 4, len);
    return 0;
}
""",
    r"""int g1(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    u8 *p = buf, *end = buf + n;
    while (p + 3 <= end) {
        unsigned type = *p++;
        unsigned len = p[0] << 8 | p[1];
        p += 2;
        if (p + len > end) return -1;
        if (type == 3) memcpy(out, p, len);
        p += len;
    }
    return 0;
}
""",
    r"""int g2(SSL *ssl, char *out, size_t cap) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    size_t left = n;
    u8 *p = buf;
    while (left > 4) {
        size_t len = (p[2] << 8) | p[3];
        if (left < len + 4) break;
        if (cap < len) break;
        memcpy(out, p + 4, len);
        p += len + 4;
        left -= len + 4;
    }
    return 0;
}
""",
    r"""int g3(SSL *ssl) {
    uint32_t len;
    if (SSL_read(ssl, &len, 4) != 4) return -1;
    len = ntohl(len);
    if (len == 0 || len > 1 << 20) { fprintf(stderr, "bad length %u\n", len); return -1; }
    char *p = malloc(len + 1);
    if (!p) return -1;
    for (uint32_t got = 0; got < len;) {
        int n = SSL_read(ssl, p + got, len - got);
        if (n <= 0) { free(p); return -1; }
        got += n;
    }
    p[len] = 0;
    free(p);
    return 0;
}
""",
    r"""static int get_len(const u8 *p, size_t n, size_t *out) {
    if (n < 2) return 0;
    size_t len = p[0] << 8 | p[1];
    if (len > n - 2) return 0;
    *out = len;
    return 1;
}
int g4(SSL *ssl, char *dst) {
    u8 buf[1024];
    size_t len;
    int n = SSL_read(ssl, buf, sizeof(buf));
    if (n <= 0 || !get_len(buf, n, &len)) return -1;
    memcpy(dst, buf + 2, len);
    return 0;
}
""",
    r"""static const char *const names[] = {"a", "b", "c"};
#define NELEM(x) (sizeof(x) / sizeof((x)[0]))
const char *g5(SSL *ssl) {
    uint16_t op;
    if (SSL_read(ssl, &op, 2) != 2) return 0;
    op = ntohs(op);
    return op < NELEM(names) ? names[op] : "?";
}
int g6(SSL *ssl) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    int sum = 0;
    for (int i = 0; i < n; i++) sum += buf[i];
    unsigned count = buf[0] << 8 | buf[1];
    for (unsigned i = 0; i < count; i++) { if (2 + i >= (unsigned)n) break; sum += buf[2 + i]; }
    int crc = 0;
    static unsigned table[256];
    for (int i = 0; i < n; i++) crc = table[(crc ^ buf[i]) & 0xff] ^ (crc >> 8);
    return sum + crc;
}
""",
    r"""int g7(SSL *ssl, char *out) {
    u8 buf[2];
    u8 body[65536];
    if (SSL_read(ssl, buf, 2) != 2) return -1;
    unsigned len = buf[0] << 8 | buf[1];
    int n = SSL_read(ssl, body, len);
    return n;
}
""",
    r"""int g8(SSL *ssl, char *out) {
    u8 buf[512];
    int n = SSL_read(ssl, buf, sizeof buf);
    switch (buf[0] << 8 | buf[1]) { case 1: return 1; }
    unsigned len = buf[2] << 8 | buf[3];
    if (!(len <= 100)) return -1;
    memcpy(out, buf + 4, len);
    int off = buf[5] << 8 | buf[6];
    if (off >= 0 && off < n) return buf[off];
    return 0;
}
""",
    r"""char *g9(int fd) {
    char req[2048];
    int used = 0;
    while (used < (int)sizeof req - 1) {
        int n = recv(fd, req + used, sizeof req - 1 - used, 0);
        if (n <= 0) return NULL;
        used += n;
        req[used] = 0;
        if (strstr(req, "\r\n\r\n")) break;
    }
    return strdup(req);
}
""",
    r"""int g10(SSL *ssl) {
    char buf[100];
    int r = SSL_read(ssl, buf, sizeof(buf) - 1);
    switch (SSL_get_error(ssl, r)) {
    case SSL_ERROR_NONE: break;
    default: return -1;
    }
    buf[r] = 0;
    printf("%s", buf);
    return 0;
}
""",
    r"""int g11(SSL *ssl, u8 *out) {
    struct msg m;
    int n = SSL_read(ssl, &m, sizeof m);
    if (n != sizeof m) return -1;
    if (m.len > sizeof(m.data)) return -1;
    memcpy(out, m.data, m.len);
    return 0;
}
""",
    r"""int g13(SSL *ssl, u8 *out) {
    u8 buf[512];
    int n = SSL_read(ssl, buf, sizeof buf);
    unsigned len = buf[2] << 8 | buf[3];
    unsigned max = n - 4;
    unsigned want = len < max ? len : max;
    memcpy(out, buf + 4, want);
    len = len % 16;
    memcpy(out, buf + 4, len);
    return 0;
}
""",
    r"""int g14(SSL *ssl, u8 *out) {
    u8 buf[512], extra[16];
    int n = SSL_read(ssl, buf, sizeof buf);
    int pad = buf[n - 1];
    if (pad + 1 > n) return -1;
    n -= pad + 1;
    memcpy(out, buf, n);
    return 0;
}
""",
    r"""static void need(size_t wanted, size_t there) { if (wanted > there) abort(); }
int refused_by_a_function(SSL *ssl, u8 *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof(buf));
    unsigned len = buf[0] << 8 | buf[1];
    if (n <= 0) return -1;
    need(len, n);
    memcpy(out, buf + 2, len);
    return 0;
}
""",
    r"""int set_in_place(SSL *ssl, u8 *out) {
    struct msg m;
    if (SSL_read(ssl, &m, sizeof m) <= 0) return -1;
    if (m.len > 100) m.len = 100;
    memcpy(out, m.data, m.len);
    return 0;
}
""",
)
"""The same, bounded."""


def judged(text: str, rule: str = LENGTH) -> tuple[list[Finding], list[Evidence]]:
    data = (HEAD + text).encode()
    path = (analyst().root or Path()) / "received.c"
    report = analyst().first(path, data)
    return [item for item in report.findings if item.rule == rule], list(report.evidence)


@pytest.mark.parametrize("text", BAD)
def test_a_length_of_the_peer_is_followed(text: str) -> None:
    """From where it is read to where it decides, with the way."""
    found, _ = judged(text)

    assert found
    assert all(item.related for item in found)


@pytest.mark.parametrize("text", GOOD)
def test_what_is_bounded_is_no_finding(text: str) -> None:
    """By whatever bounds it, on every way."""
    found, _ = judged(text)

    assert found == []


def test_what_bounds_a_length_is_evidence() -> None:
    """A bounded number is told as what holds, if that is asked for."""
    text = """
int f(SSL *ssl, char *out) {
    u8 buf[1024];
    int n = SSL_read(ssl, buf, sizeof buf);
    unsigned len = buf[0] << 8 | buf[1];
    if (len + 2 > (unsigned)n) return -1;
    memcpy(out, buf + 2, len);
    return 0;
}
"""
    path = (analyst().root or Path()) / "received.c"
    report = analyst().final(path, (HEAD + text).encode(), evidence=True)
    analyst().close(path)
    told = [item for item in report.evidence if item.rule == LENGTH]

    assert [item.holds for item in told] == [True]
    assert "bounded" in told[0].message


def test_a_function_of_many_branches_stays_bounded() -> None:
    """A walk per number, and no more of them than there is a budget for."""
    branches = "".join(
        f" if (k == {number}) {{ len = b[{number}] << 8 | b[1]; p += len; out[len] = *p; }}\n"
        for number in range(3000)
    )
    text = f"""
int f(SSL *ssl, u8 *out, int k) {{
    u8 b[4096], *p = b;
    unsigned len = 0;
    if (SSL_read(ssl, b, sizeof b) <= 0) return -1;
{branches}
    return 0;
}}
"""
    found, _ = judged(text)

    assert found
