/* An echo server over DTLS for one client at a time: cookies by the option, in SSL_accept. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#define SECRET_SIZE 32
#define COOKIE_SIZE 32

static unsigned char secret[SECRET_SIZE];

static int make_secret(void)
{
    if (RAND_bytes(secret, sizeof(secret)) != 1) {
        fprintf(stderr, "no random bytes\n");
        return -1;
    }
    return 0;
}

static int peer_bytes(SSL *ssl, unsigned char *out, size_t *size)
{
    BIO_ADDR *peer = BIO_ADDR_new();
    unsigned short port;
    int ok = 0;

    if (peer == NULL)
        return 0;
    if (BIO_dgram_get_peer(SSL_get_rbio(ssl), peer) > 0 && BIO_ADDR_rawaddress(peer, out + sizeof(port), size)) {
        port = BIO_ADDR_rawport(peer);
        memcpy(out, &port, sizeof(port));
        *size += sizeof(port);
        ok = 1;
    }
    BIO_ADDR_free(peer);
    return ok;
}

static int cookie_for(SSL *ssl, unsigned char *cookie, unsigned int *length)
{
    unsigned char peer[64];
    size_t size = sizeof(peer) - sizeof(unsigned short);

    if (!peer_bytes(ssl, peer, &size))
        return 0;
    return HMAC(EVP_sha256(), secret, sizeof(secret), peer, size, cookie, length) != NULL;
}

static int generate_cookie(SSL *ssl, unsigned char *cookie, unsigned int *length)
{
    return cookie_for(ssl, cookie, length);
}

static int verify_cookie(SSL *ssl, const unsigned char *cookie, unsigned int length)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (!cookie_for(ssl, expected, &size))
        return 0;
    return length == size && CRYPTO_memcmp(cookie, expected, size) == 0;
}

static SSL_CTX *make_context(const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());

    if (ctx == NULL)
        return NULL;
    if (SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) != 1
        || SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(ctx) != 1) {
        ERR_print_errors_fp(stderr);
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_COOKIE_EXCHANGE);
    SSL_CTX_set_cookie_generate_cb(ctx, generate_cookie);
    SSL_CTX_set_cookie_verify_cb(ctx, verify_cookie);
    return ctx;
}

static void echo(SSL *ssl)
{
    char buffer[1500];

    for (;;) {
        int count = SSL_read(ssl, buffer, sizeof(buffer));
        if (count <= 0) {
            if (SSL_get_error(ssl, count) != SSL_ERROR_ZERO_RETURN)
                ERR_print_errors_fp(stderr);
            return;
        }
        if (SSL_write(ssl, buffer, count) <= 0) {
            ERR_print_errors_fp(stderr);
            return;
        }
    }
}

static int serve(SSL_CTX *ctx, int fd)
{
    BIO *datagrams = BIO_new_dgram(fd, BIO_NOCLOSE);
    SSL *ssl = SSL_new(ctx);
    int result;

    if (datagrams == NULL || ssl == NULL) {
        BIO_free(datagrams);
        SSL_free(ssl);
        return -1;
    }
    SSL_set_bio(ssl, datagrams, datagrams);
    result = SSL_accept(ssl);
    if (result != 1) {
        ERR_print_errors_fp(stderr);
        SSL_free(ssl);
        return -1;
    }
    echo(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    return 0;
}

int main(void)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(4433) };
    SSL_CTX *ctx;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0) {
        perror("socket");
        return 1;
    }
    if (make_secret() != 0)
        return 1;
    ctx = make_context("server.pem", "server.key");
    if (ctx == NULL)
        return 1;
    while (serve(ctx, fd) == 0)
        continue;
    SSL_CTX_free(ctx);
    close(fd);
    return 0;
}
