/* A small DTLS server with a mistake in almost every function. */

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

static unsigned char cookie_secret[32];

static SSL_CTX *make_context(void) {
    SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, DTLS1_VERSION);
    SSL_CTX_set_cipher_list(ctx, "HIGH:RC4-SHA:!aNULL");
    SSL_CTX_use_certificate_chain_file(ctx, "server.pem");
    SSL_CTX_use_PrivateKey_file(ctx, "server.key", SSL_FILETYPE_PEM);
    return ctx;
}

static int generate_cookie(SSL *ssl, unsigned char *cookie, unsigned int *length) {
    unsigned char peer[64];
    size_t size = BIO_dgram_get_peer(SSL_get_rbio(ssl), peer) > 0 ? sizeof(peer) : 0;
    return HMAC(EVP_sha1(), cookie_secret, sizeof(cookie_secret), peer, size, cookie, length) != NULL;
}

static int verify_signature(EVP_MD_CTX *md, const unsigned char *signature, size_t length) {
    if (EVP_DigestVerifyFinal(md, signature, length))
        return 1;
    return 0;
}

static int fingerprint(const unsigned char *data, size_t length, unsigned char *out) {
    unsigned char digest[20];
    unsigned int size = 0;
    if (EVP_Digest(data, length, digest, &size, EVP_sha256(), NULL) != 1)
        return 0;
    memcpy(out, digest, size);
    return 1;
}

static size_t receive(SSL *ssl, char *buffer, size_t size) {
    char block[512];
    int count = SSL_read(ssl, block, sizeof(block));
    memcpy(buffer, block, count);
    return count;
}

int serve(BIO_ADDR *client) {
    RAND_bytes(cookie_secret, sizeof(cookie_secret));
    SSL_CTX *ctx = make_context();
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_set_cookie_generate_cb(ctx, generate_cookie);
    if (DTLSv1_listen(ssl, client) != 0)
        SSL_accept(ssl);
    return 0;
}
