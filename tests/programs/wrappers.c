/* A client behind a small library of its own: two levels between the program and OpenSSL. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct net_config {
    const char *anchors;
    const char *ciphers;
    int minimum;
};

struct net {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

/* The lower level. */

static int net_fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    ERR_print_errors_fp(stderr);
    return -1;
}

static int net_set_minimum(SSL_CTX *ctx, int version)
{
    return SSL_CTX_set_min_proto_version(ctx, version) == 1 ? 0 : net_fail("minimum");
}

static int net_set_ciphers(SSL_CTX *ctx, const char *list)
{
    return SSL_CTX_set_cipher_list(ctx, list) == 1 ? 0 : net_fail("ciphers");
}

static int net_set_trust(SSL_CTX *ctx, const char *file)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return SSL_CTX_load_verify_locations(ctx, file, NULL) == 1 ? 0 : net_fail("trust");
}

static int net_set_name(SSL *ssl, const char *name)
{
    if (SSL_set_tlsext_host_name(ssl, name) != 1)
        return net_fail("server name");
    return SSL_set1_host(ssl, name) == 1 ? 0 : net_fail("host name");
}

static int net_shake(SSL *ssl, int fd)
{
    if (SSL_set_fd(ssl, fd) != 1)
        return net_fail("socket");
    return SSL_connect(ssl) == 1 ? 0 : net_fail("handshake");
}

/* The upper level. */

static void net_close(struct net *net)
{
    if (net->ssl != NULL)
        SSL_shutdown(net->ssl);
    SSL_free(net->ssl);
    SSL_CTX_free(net->ctx);
    free(net);
}

static struct net *net_open(const struct net_config *config, const char *host, int fd)
{
    struct net *net = calloc(1, sizeof(*net));

    if (net == NULL)
        return NULL;
    net->fd = fd;
    net->ctx = SSL_CTX_new(TLS_client_method());
    if (net->ctx == NULL || net_set_minimum(net->ctx, config->minimum) < 0
        || net_set_ciphers(net->ctx, config->ciphers) < 0
        || net_set_trust(net->ctx, config->anchors) < 0) {
        net_close(net);
        return NULL;
    }
    net->ssl = SSL_new(net->ctx);
    if (net->ssl == NULL || net_set_name(net->ssl, host) < 0 || net_shake(net->ssl, fd) < 0) {
        net_close(net);
        return NULL;
    }
    return net;
}

static int net_read(struct net *net, void *data, int size)
{
    return SSL_read(net->ssl, data, size);
}

static int net_write(struct net *net, const void *data, int size)
{
    return SSL_write(net->ssl, data, size);
}

/* The program. */

int talk(int fd)
{
    static const struct net_config config = { "anchors.pem", "ECDHE+AESGCM", TLS1_2_VERSION };
    char line[512];
    int count;
    struct net *net = net_open(&config, "mail.example.org", fd);

    if (net == NULL)
        return -1;
    if (net_write(net, "EHLO\r\n", 6) <= 0) {
        net_close(net);
        return -1;
    }
    count = net_read(net, line, sizeof(line) - 1);
    if (count <= 0) {
        net_close(net);
        return -1;
    }
    line[count] = '\0';
    printf("%s\n", line);
    net_close(net);
    return 0;
}
