/* A TLS server: one context, many sessions, each in a thread; clients have certificates. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static const unsigned char protocols[] = "\x02h2\x08http/1.1";
static SSL_CTX *context;

static int choose(SSL *ssl, const unsigned char **out, unsigned char *length,
                  const unsigned char *offered, unsigned int size, void *argument)
{
    (void)ssl;
    (void)argument;
    if (SSL_select_next_proto((unsigned char **)out, length, protocols, sizeof(protocols) - 1,
                              offered, size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static int judge(int preverify_ok, X509_STORE_CTX *store)
{
    if (!preverify_ok)
        fprintf(stderr, "refused: %s\n",
                X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    return preverify_ok;
}

static int prepare(void)
{
    static const unsigned char id[] = "shared";

    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return -1;
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1
        || SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM") != 1
        || SSL_CTX_use_certificate_chain_file(context, "server.pem") != 1
        || SSL_CTX_use_PrivateKey_file(context, "server.key", SSL_FILETYPE_PEM) != 1
        || SSL_CTX_load_verify_locations(context, "clients.pem", NULL) != 1
        || SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1) != 1)
        return -1;
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, judge);
    SSL_CTX_set_alpn_select_cb(context, choose, NULL);
    return 0;
}

static int answer(SSL *ssl)
{
    char request[2048];
    int count = SSL_read(ssl, request, sizeof(request));

    if (count <= 0)
        return -1;
    return SSL_write(ssl, request, count) > 0 ? 0 : -1;
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    SSL *ssl = SSL_new(context);
    X509 *peer;

    if (ssl == NULL)
        goto out;
    if (SSL_set_fd(ssl, fd) != 1)
        goto out;
    if (SSL_accept(ssl) != 1) {
        ERR_print_errors_fp(stderr);
        goto out;
    }
    peer = SSL_get_peer_certificate(ssl);
    if (peer == NULL)
        goto out;
    X509_free(peer);
    while (answer(ssl) == 0)
        continue;
    SSL_shutdown(ssl);
out:
    SSL_free(ssl);
    close(fd);
    return NULL;
}

int main(void)
{
    int listener = socket(AF_INET6, SOCK_STREAM, 0);

    if (listener < 0 || prepare() != 0)
        return 1;
    if (listen(listener, 16) != 0)
        return 1;
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            break;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
            close(fd);
    }
    SSL_CTX_free(context);
    close(listener);
    return 0;
}
