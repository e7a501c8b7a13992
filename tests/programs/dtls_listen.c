/* A DTLS server that answers ClientHellos statelessly, and gives each client a thread and socket. */

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

struct client {
    SSL *ssl;
    BIO_ADDR *address;
    int fd;
};

static unsigned char cookie_key[32];
static int key_is_made;

static int mac_of(const unsigned char *data, size_t size, unsigned char *out, size_t *length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, cookie_key, sizeof(cookie_key));
    int ok = context != NULL && key != NULL
        && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1
        && EVP_DigestSignUpdate(context, data, size) == 1
        && EVP_DigestSignFinal(context, out, length) == 1;

    EVP_PKEY_free(key);
    EVP_MD_CTX_free(context);
    return ok;
}

static int cookie_of(SSL *ssl, unsigned char *cookie, size_t *length)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } peer;
    unsigned char data[64];
    size_t size = 0;

    if (!key_is_made) {
        if (RAND_bytes(cookie_key, sizeof(cookie_key)) != 1)
            return 0;
        key_is_made = 1;
    }
    memset(&peer, 0, sizeof(peer));
    if (BIO_dgram_get_peer(SSL_get_rbio(ssl), &peer) <= 0)
        return 0;
    switch (peer.any.ss_family) {
    case AF_INET:
        memcpy(data, &peer.four.sin_port, sizeof(in_port_t));
        memcpy(data + sizeof(in_port_t), &peer.four.sin_addr, sizeof(struct in_addr));
        size = sizeof(in_port_t) + sizeof(struct in_addr);
        break;
    case AF_INET6:
        memcpy(data, &peer.six.sin6_port, sizeof(in_port_t));
        memcpy(data + sizeof(in_port_t), &peer.six.sin6_addr, sizeof(struct in6_addr));
        size = sizeof(in_port_t) + sizeof(struct in6_addr);
        break;
    default:
        return 0;
    }
    return mac_of(data, size, cookie, length);
}

static int on_generate(SSL *ssl, unsigned char *cookie, unsigned int *length)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t size = sizeof(mac);

    if (!cookie_of(ssl, mac, &size))
        return 0;
    memcpy(cookie, mac, size);
    *length = (unsigned int)size;
    return 1;
}

static int on_verify(SSL *ssl, const unsigned char *cookie, unsigned int length)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t size = sizeof(mac);

    if (!cookie_of(ssl, mac, &size))
        return 0;
    if (length != size)
        return 0;
    if (CRYPTO_memcmp(mac, cookie, size) != 0)
        return 0;
    return 1;
}

static void *talk(void *argument)
{
    struct client *client = argument;
    struct timeval patience = { 5, 0 };
    char buffer[2048];
    int count, result;

    if (!BIO_connect(client->fd, client->address, 0))
        goto end;
    BIO_ctrl(SSL_get_rbio(client->ssl), BIO_CTRL_DGRAM_SET_CONNECTED, 0, client->address);
    BIO_ctrl(SSL_get_rbio(client->ssl), BIO_CTRL_DGRAM_SET_RECV_TIMEOUT, 0, &patience);
    do
        result = SSL_accept(client->ssl);
    while (result <= 0 && SSL_get_error(client->ssl, result) == SSL_ERROR_WANT_READ);
    if (result != 1) {
        ERR_print_errors_fp(stderr);
        goto end;
    }
    while ((count = SSL_read(client->ssl, buffer, sizeof(buffer))) > 0) {
        if (SSL_write(client->ssl, buffer, count) <= 0)
            break;
    }
    SSL_shutdown(client->ssl);
end:
    SSL_free(client->ssl);
    BIO_ADDR_free(client->address);
    close(client->fd);
    free(client);
    return NULL;
}

static int wait_for_client(SSL_CTX *ctx, int fd, struct client *client)
{
    BIO *bio = BIO_new_dgram(fd, BIO_NOCLOSE);
    int result;

    client->fd = fd;
    client->address = BIO_ADDR_new();
    client->ssl = SSL_new(ctx);
    if (bio == NULL || client->ssl == NULL || client->address == NULL) {
        BIO_free(bio);
        return -1;
    }
    SSL_set_bio(client->ssl, bio, bio);
    do {
        result = DTLSv1_listen(client->ssl, client->address);
        if (result < 0)
            return -1;
    } while (result == 0);
    return 0;
}

int run(int (*next_socket)(void))
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());

    if (ctx == NULL)
        return -1;
    if (SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) != 1
        || SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM") != 1
        || SSL_CTX_use_certificate_chain_file(ctx, "chain.pem") != 1
        || SSL_CTX_use_PrivateKey_file(ctx, "key.pem", SSL_FILETYPE_PEM) != 1) {
        SSL_CTX_free(ctx);
        return -1;
    }
    SSL_CTX_set_cookie_generate_cb(ctx, on_generate);
    SSL_CTX_set_cookie_verify_cb(ctx, on_verify);
    for (;;) {
        pthread_t thread;
        struct client *client = calloc(1, sizeof(*client));

        if (client == NULL || wait_for_client(ctx, next_socket(), client) != 0)
            break;
        if (pthread_create(&thread, NULL, talk, client) != 0)
            break;
    }
    SSL_CTX_free(ctx);
    return -1;
}
