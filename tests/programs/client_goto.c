/* A TLS client in plain C: one way out, by goto. */

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static int dial(const char *host, const char *port)
{
    struct addrinfo hints, *found, *item;
    int fd = -1;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    for (item = found; item != NULL; item = item->ai_next) {
        fd = socket(item->ai_family, item->ai_socktype, item->ai_protocol);
        if (fd < 0)
            continue;
        if (connect(fd, item->ai_addr, item->ai_addrlen) == 0)
            break;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static int send_all(SSL *ssl, const char *text, int length)
{
    int sent = SSL_write(ssl, text, length);

    if (sent <= 0) {
        ERR_print_errors_fp(stderr);
        return -1;
    }
    return 0;
}

static int show(SSL *ssl)
{
    char block[4096];
    int count;

    while ((count = SSL_read(ssl, block, sizeof(block))) > 0) {
        if (fwrite(block, 1, (size_t)count, stdout) != (size_t)count)
            return -1;
    }
    if (SSL_get_error(ssl, count) != SSL_ERROR_ZERO_RETURN) {
        fprintf(stderr, "the connection was cut\n");
        return -1;
    }
    return 0;
}

int fetch(const char *host, const char *port, const char *request)
{
    SSL_CTX *ctx = NULL;
    SSL *ssl = NULL;
    int fd = -1;
    int status = -1;

    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        goto out;
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        goto out;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_default_verify_paths(ctx) != 1)
        goto out;
    if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        goto out;
    fd = dial(host, port);
    if (fd < 0)
        goto out;
    ssl = SSL_new(ctx);
    if (ssl == NULL)
        goto out;
    if (SSL_set_tlsext_host_name(ssl, host) != 1 || SSL_set1_host(ssl, host) != 1)
        goto out;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set_fd(ssl, fd) != 1)
        goto out;
    if (SSL_connect(ssl) != 1) {
        ERR_print_errors_fp(stderr);
        goto out;
    }
    if (send_all(ssl, request, (int)strlen(request)) != 0)
        goto out;
    status = show(ssl);
    SSL_shutdown(ssl);
out:
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    if (fd >= 0)
        close(fd);
    return status;
}
