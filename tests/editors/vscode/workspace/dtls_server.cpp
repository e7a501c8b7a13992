// A DTLS server as QtNetwork and OpenSSL would have it, with a few mistakes.

#include <QtCore/QCryptographicHash>
#include <QtNetwork/QSslConfiguration>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include "dtls_limits.h"

static unsigned char cookieSecret[32];

static int generateCookie(SSL *ssl, unsigned char *cookie, unsigned *length)
{
    unsigned char peer[64];
    const size_t size = BIO_dgram_get_peer(SSL_get_rbio(ssl), peer) > 0 ? sizeof(peer) : 0;
    return HMAC(EVP_sha1(), cookieSecret, sizeof(cookieSecret), peer, size, cookie, length) != nullptr;
}

SSL_CTX *makeContext()
{
    SSL_CTX *context = SSL_CTX_new(DTLS_server_method());
    if (!context)
        return nullptr;
    SSL_CTX_set_min_proto_version(context, DTLS1_VERSION);
    SSL_CTX_set_cookie_generate_cb(context, generateCookie);
    return context;
}

QSslConfiguration makeConfiguration()
{
    QSslConfiguration configuration = QSslConfiguration::defaultDtlsConfiguration();
    configuration.setProtocol(QSsl::DtlsV1_0OrLater);
    configuration.setPeerVerifyDepth(4);
    return configuration;
}

QByteArray fingerprint(const QByteArray &certificate)
{
    return QCryptographicHash::hash(certificate, QCryptographicHash::Sha1);
}
