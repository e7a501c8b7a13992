/* A DTLS server in one thread: sockets that do not block, poll, and the timers of the handshakes. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#define MOST 64

enum state { FREE, SHAKING, OPEN };

struct session {
    enum state state;
    SSL *ssl;
    int fd;
};

static struct {
    SSL_CTX *ctx;
    unsigned char secret[32];
    struct session sessions[MOST];
} server;

static int cookie_mac(SSL *ssl, unsigned char *out, unsigned int *length)
{
    struct sockaddr_storage peer;
    HMAC_CTX *hmac = HMAC_CTX_new();
    int ok = 0;

    memset(&peer, 0, sizeof(peer));
    if (hmac == NULL)
        return 0;
    if (BIO_dgram_get_peer(SSL_get_rbio(ssl), &peer) > 0
        && HMAC_Init_ex(hmac, server.secret, sizeof(server.secret), EVP_sha256(), NULL) == 1
        && HMAC_Update(hmac, (unsigned char *)&peer, sizeof(peer)) == 1
        && HMAC_Final(hmac, out, length) == 1)
        ok = 1;
    HMAC_CTX_free(hmac);
    return ok;
}

static int verify(SSL *ssl, const unsigned char *cookie, unsigned int length)
{
    unsigned char mine[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int same = 0;

    if (cookie_mac(ssl, mine, &size) && size == length)
        same = !CRYPTO_memcmp(mine, cookie, size);
    OPENSSL_cleanse(mine, sizeof(mine));
    return same;
}

static int nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL, 0);

    if (flags < 0)
        return -1;
    return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void drop(struct session *session)
{
    SSL_free(session->ssl);
    close(session->fd);
    session->ssl = NULL;
    session->state = FREE;
}

static void handshake(struct session *session)
{
    int result = SSL_accept(session->ssl);

    if (result == 1) {
        session->state = OPEN;
        return;
    }
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return;
    default:
        ERR_print_errors_fp(stderr);
        drop(session);
    }
}

static void answer(struct session *session)
{
    unsigned char data[1400];
    int count;

    ERR_clear_error();
    count = SSL_read(session->ssl, data, sizeof(data));
    if (count > 0) {
        int sent = SSL_write(session->ssl, data, count);
        if (sent > 0)
            return;
        count = sent;
    }
    switch (SSL_get_error(session->ssl, count)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return;
    case SSL_ERROR_ZERO_RETURN:
        SSL_shutdown(session->ssl);
        drop(session);
        return;
    default:
        drop(session);
    }
}

static int timers(struct session *session, int wait)
{
    struct timeval left;

    if (session->state == SHAKING && DTLSv1_get_timeout(session->ssl, &left)) {
        int milliseconds = (int)(left.tv_sec * 1000 + left.tv_usec / 1000);
        if (milliseconds == 0 && DTLSv1_handle_timeout(session->ssl) < 0)
            drop(session);
        if (wait < 0 || milliseconds < wait)
            wait = milliseconds;
    }
    return wait;
}

static int begin(struct session *session, int fd)
{
    BIO *bio = BIO_new_dgram(fd, BIO_NOCLOSE);
    BIO_ADDR *peer = BIO_ADDR_new();
    int result = -1;

    session->fd = fd;
    session->ssl = SSL_new(server.ctx);
    if (bio == NULL || peer == NULL || session->ssl == NULL || nonblocking(fd) < 0) {
        BIO_free(bio);
        BIO_ADDR_free(peer);
        return -1;
    }
    SSL_set_bio(session->ssl, bio, bio);
    result = DTLSv1_listen(session->ssl, peer);
    if (result > 0 && BIO_connect(fd, peer, 0)) {
        BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, peer);
        session->state = SHAKING;
    }
    BIO_ADDR_free(peer);
    return result < 0 ? -1 : 0;
}

static int prepare(void)
{
    server.ctx = SSL_CTX_new(DTLS_server_method());
    if (server.ctx == NULL)
        return -1;
    if (RAND_bytes(server.secret, sizeof(server.secret)) != 1)
        return -1;
    if (SSL_CTX_set_min_proto_version(server.ctx, DTLS1_2_VERSION) != 1)
        return -1;
    if (SSL_CTX_use_certificate_chain_file(server.ctx, "server.pem") != 1
        || SSL_CTX_use_PrivateKey_file(server.ctx, "server.pem", SSL_FILETYPE_PEM) != 1)
        return -1;
    SSL_CTX_set_cookie_generate_cb(server.ctx, cookie_mac);
    SSL_CTX_set_cookie_verify_cb(server.ctx, verify);
    return 0;
}

int loop(int (*bound_socket)(void))
{
    if (prepare() < 0)
        return -1;
    for (;;) {
        struct pollfd ready[MOST];
        int wait = -1;

        for (int i = 0; i < MOST; i++) {
            struct session *session = &server.sessions[i];
            if (session->state == FREE && begin(session, bound_socket()) < 0)
                return -1;
            wait = timers(session, wait);
            ready[i].fd = session->fd;
            ready[i].events = POLLIN;
        }
        if (poll(ready, MOST, wait) < 0 && errno != EINTR)
            return -1;
        for (int i = 0; i < MOST; i++) {
            struct session *session = &server.sessions[i];
            if (session->state == SHAKING)
                handshake(session);
            else if (session->state == OPEN && ready[i].revents & POLLIN)
                answer(session);
        }
    }
}
