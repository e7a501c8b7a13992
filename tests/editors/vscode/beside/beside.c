/* Of this file clangd has something to say, and so has tlsight; some of it on the same line. */

#include <openssl/ssl.h>

SSL_CTX *make_context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(contxt, SSL_VERIFY_NONE, NULL);
    return context;
}

int limited(SSL_CTX *context) {
    int done;
    if (done = SSL_CTX_set_min_proto_version(context, TLS1_VERSION))
        return done;
    return 0;
}
