// A DTLS server in C++: the callbacks are static members that find their object behind the session.

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

namespace dtls {

struct ContextDeleter {
    void operator()(SSL_CTX *ctx) const { SSL_CTX_free(ctx); }
};
struct SessionDeleter {
    void operator()(SSL *ssl) const { SSL_free(ssl); }
};
using Context = std::unique_ptr<SSL_CTX, ContextDeleter>;
using Session = std::unique_ptr<SSL, SessionDeleter>;

class Server {
public:
    explicit Server(const std::string &certificate, const std::string &key);

    Session listen(BIO *datagrams, BIO_ADDR *peer);
    std::string receive(SSL *ssl);

private:
    static int generateCookie(SSL *ssl, unsigned char *cookie, unsigned int *length);
    static int verifyCookie(SSL *ssl, const unsigned char *cookie, unsigned int length);
    static Server *self(SSL *ssl);

    bool cookieFor(SSL *ssl, unsigned char *cookie, unsigned int *length) const;

    Context m_context;
    std::array<unsigned char, 32> m_secret{};
    static int s_index;
};

int Server::s_index = -1;

Server::Server(const std::string &certificate, const std::string &key)
    : m_context(SSL_CTX_new(DTLS_server_method()))
{
    if (!m_context)
        throw std::runtime_error("no context");
    if (RAND_bytes(m_secret.data(), static_cast<int>(m_secret.size())) != 1)
        throw std::runtime_error("no random bytes");
    if (SSL_CTX_set_min_proto_version(m_context.get(), DTLS1_2_VERSION) != 1)
        throw std::runtime_error("DTLS 1.2 is not there");
    if (SSL_CTX_use_certificate_chain_file(m_context.get(), certificate.c_str()) != 1
        || SSL_CTX_use_PrivateKey_file(m_context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
        throw std::runtime_error("no certificate");
    if (s_index < 0)
        s_index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    SSL_CTX_set_cookie_generate_cb(m_context.get(), &Server::generateCookie);
    SSL_CTX_set_cookie_verify_cb(m_context.get(), &Server::verifyCookie);
}

Server *Server::self(SSL *ssl)
{
    return static_cast<Server *>(SSL_get_ex_data(ssl, s_index));
}

bool Server::cookieFor(SSL *ssl, unsigned char *cookie, unsigned int *length) const
{
    std::unique_ptr<BIO_ADDR, decltype(&BIO_ADDR_free)> peer(BIO_ADDR_new(), &BIO_ADDR_free);
    if (!peer || BIO_dgram_get_peer(SSL_get_rbio(ssl), peer.get()) <= 0)
        return false;
    std::size_t size = 0;
    if (!BIO_ADDR_rawaddress(peer.get(), nullptr, &size))
        return false;
    std::vector<unsigned char> data(size + 2);
    if (!BIO_ADDR_rawaddress(peer.get(), data.data() + 2, &size))
        return false;
    const unsigned short port = BIO_ADDR_rawport(peer.get());
    std::memcpy(data.data(), &port, sizeof(port));
    return HMAC(EVP_sha256(), m_secret.data(), static_cast<int>(m_secret.size()), data.data(), data.size(), cookie, length) != nullptr;
}

int Server::generateCookie(SSL *ssl, unsigned char *cookie, unsigned int *length)
{
    Server *server = self(ssl);
    if (!server)
        return 0;
    return server->cookieFor(ssl, cookie, length) ? 1 : 0;
}

int Server::verifyCookie(SSL *ssl, const unsigned char *cookie, unsigned int length)
{
    Server *server = self(ssl);
    std::array<unsigned char, EVP_MAX_MD_SIZE> expected{};
    unsigned int size = 0;
    if (!server || !server->cookieFor(ssl, expected.data(), &size))
        return 0;
    if (length != size)
        return 0;
    return CRYPTO_memcmp(cookie, expected.data(), size) == 0 ? 1 : 0;
}

Session Server::listen(BIO *datagrams, BIO_ADDR *peer)
{
    Session session(SSL_new(m_context.get()));
    if (!session)
        throw std::runtime_error("no session");
    if (SSL_set_ex_data(session.get(), s_index, this) != 1)
        throw std::runtime_error("no place for the server");
    SSL_set_bio(session.get(), datagrams, datagrams);
    int result = 0;
    while ((result = DTLSv1_listen(session.get(), peer)) == 0)
        continue;
    if (result < 0)
        throw std::runtime_error("listen failed");
    int fd = -1;
    if (BIO_get_fd(datagrams, &fd) < 0 || !BIO_connect(fd, peer, 0))
        throw std::runtime_error("connect failed");
    if (SSL_accept(session.get()) != 1)
        throw std::runtime_error("handshake failed");
    return session;
}

std::string Server::receive(SSL *ssl)
{
    std::string text(1500, '\0');
    const int count = SSL_read(ssl, &text[0], static_cast<int>(text.size()));
    if (count <= 0)
        throw std::runtime_error("nothing was read");
    text.resize(static_cast<std::size_t>(count));
    return text;
}

} // namespace dtls
