// A TLS client in C++: every object has an owner, and every failure is an exception.

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace tls {

class Error : public std::runtime_error {
public:
    explicit Error(const std::string &what) : std::runtime_error(what + ": " + last()) {}

private:
    static std::string last()
    {
        char text[256];
        ERR_error_string_n(ERR_get_error(), text, sizeof(text));
        return text;
    }
};

template <typename T, void (*Free)(T *)>
struct Deleter {
    void operator()(T *object) const { Free(object); }
};

using ContextPtr = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX, SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL, Deleter<SSL, SSL_free>>;

class Context {
public:
    Context() : m_context(SSL_CTX_new(TLS_client_method()))
    {
        if (!m_context)
            throw Error("no context");
        if (SSL_CTX_set_min_proto_version(m_context.get(), TLS1_2_VERSION) != 1)
            throw Error("TLS 1.2 is not there");
        SSL_CTX_set_verify(m_context.get(), SSL_VERIFY_PEER, nullptr);
        if (SSL_CTX_set_default_verify_paths(m_context.get()) != 1)
            throw Error("no trust anchors");
    }

    SSL *makeSession() const
    {
        SSL *session = SSL_new(m_context.get());
        if (!session)
            throw Error("no session");
        return session;
    }

private:
    ContextPtr m_context;
};

class Connection {
public:
    Connection(const Context &context, const std::string &host, int fd)
        : m_session(context.makeSession())
    {
        if (SSL_set_tlsext_host_name(m_session.get(), host.c_str()) != 1)
            throw Error("no server name");
        if (SSL_set1_host(m_session.get(), host.c_str()) != 1)
            throw Error("no host name");
        if (SSL_set_fd(m_session.get(), fd) != 1)
            throw Error("no socket");
        if (SSL_connect(m_session.get()) != 1)
            throw Error("handshake");
    }

    void send(const std::string &text)
    {
        if (SSL_write(m_session.get(), text.data(), static_cast<int>(text.size())) <= 0)
            throw Error("write");
    }

    std::string receive()
    {
        std::vector<char> block(4096);
        const int count = SSL_read(m_session.get(), block.data(), static_cast<int>(block.size()));
        if (count <= 0)
            throw Error("read");
        return std::string(block.data(), static_cast<std::size_t>(count));
    }

private:
    SessionPtr m_session;
};

std::string ask(const std::string &host, int fd, const std::string &question)
{
    Context context;
    Connection connection(context, host, fd);
    connection.send(question);
    return connection.receive();
}

} // namespace tls
