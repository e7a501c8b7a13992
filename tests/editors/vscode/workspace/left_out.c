/* Left out by tlsight.toml. */

#include <openssl/ssl.h>

int weak(SSL_CTX *ctx) {
    return SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1;
}

int half_typed(SSL_CTX *ctx) {
    if (ctx == ) {
        return SSL_CTX_set_cipher_list(ctx, ];
    }
    return 0;
