// A DTLS server of Qt: a verifier first, then one QDtls for each client that it has verified.

#include <memory>
#include <vector>

#include <QtCore/QByteArray>
#include <QtCore/QObject>
#include <QtCore/QRandomGenerator>
#include <QtNetwork/QDtls>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QNetworkDatagram>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QUdpSocket>

class DtlsServer : public QObject
{
    Q_OBJECT

public:
    DtlsServer();
    ~DtlsServer() override;

    bool listen(const QHostAddress &address, quint16 port);

signals:
    void errorMessage(const QString &message);
    void datagramReceived(const QString &peer, const QByteArray &plain);

private slots:
    void readyRead();

private:
    using Connection = std::unique_ptr<QDtls>;

    void handleNewConnection(const QHostAddress &peer, quint16 port, const QByteArray &hello);
    void doHandshake(QDtls *connection, const QByteArray &hello);
    void decryptDatagram(QDtls *connection, const QByteArray &message);

    QUdpSocket m_socket;
    QSslConfiguration m_configuration;
    QDtlsClientVerifier m_verifier;
    std::vector<Connection> m_connections;
};

DtlsServer::DtlsServer()
    : m_configuration(QSslConfiguration::defaultDtlsConfiguration())
{
    connect(&m_socket, &QUdpSocket::readyRead, this, &DtlsServer::readyRead);

    QByteArray secret(32, '\0');
    QRandomGenerator::system()->generate(secret.begin(), secret.end());
    QDtlsClientVerifier::GeneratorParameters parameters(QCryptographicHash::Sha256, secret);
    if (!m_verifier.setCookieGeneratorParameters(parameters))
        qFatal("the cookies have no secret");

    m_configuration.setProtocol(QSsl::DtlsV1_2OrLater);
    m_configuration.setPeerVerifyMode(QSslSocket::VerifyNone);
    m_configuration.setDtlsCookieVerificationEnabled(true);
}

DtlsServer::~DtlsServer()
{
    for (const auto &connection : m_connections) {
        if (connection->isConnectionEncrypted())
            connection->shutdown(&m_socket);
    }
}

bool DtlsServer::listen(const QHostAddress &address, quint16 port)
{
    return m_socket.bind(address, port);
}

void DtlsServer::readyRead()
{
    const qint64 bytes = m_socket.pendingDatagramSize();
    if (bytes <= 0)
        return;
    QByteArray datagram(static_cast<int>(bytes), Qt::Uninitialized);
    QHostAddress peer;
    quint16 port = 0;
    const qint64 read = m_socket.readDatagram(datagram.data(), datagram.size(), &peer, &port);
    if (read <= 0) {
        emit errorMessage(m_socket.errorString());
        return;
    }
    datagram.resize(static_cast<int>(read));
    if (peer.isNull() || !port)
        return;
    for (const auto &connection : m_connections) {
        if (connection->peerAddress() == peer && connection->peerPort() == port) {
            if (connection->isConnectionEncrypted())
                decryptDatagram(connection.get(), datagram);
            else
                doHandshake(connection.get(), datagram);
            return;
        }
    }
    handleNewConnection(peer, port, datagram);
}

void DtlsServer::handleNewConnection(const QHostAddress &peer, quint16 port, const QByteArray &hello)
{
    if (m_verifier.verifyClient(&m_socket, hello, peer, port)) {
        Connection connection(new QDtls(QSslSocket::SslServerMode));
        if (!connection->setDtlsConfiguration(m_configuration) || !connection->setPeer(peer, port)) {
            emit errorMessage(tr("The connection could not be set up"));
            return;
        }
        QDtls *dtls = connection.get();
        connect(dtls, &QDtls::handshakeTimeout, this, [this, dtls] {
            if (!dtls->handleTimeout(&m_socket))
                emit errorMessage(dtls->dtlsErrorString());
        });
        m_connections.push_back(std::move(connection));
        doHandshake(dtls, hello);
    } else if (m_verifier.dtlsError() != QDtlsError::NoError) {
        emit errorMessage(m_verifier.dtlsErrorString());
    }
}

void DtlsServer::doHandshake(QDtls *connection, const QByteArray &hello)
{
    const bool ok = connection->doHandshake(&m_socket, hello);
    if (!ok) {
        emit errorMessage(connection->dtlsErrorString());
        return;
    }
    if (connection->handshakeState() == QDtls::HandshakeComplete)
        emit errorMessage(tr("Connected"));
}

void DtlsServer::decryptDatagram(QDtls *connection, const QByteArray &message)
{
    const QByteArray plain = connection->decryptDatagram(&m_socket, message);
    if (plain.size()) {
        emit datagramReceived(connection->peerAddress().toString(), plain);
        if (connection->writeDatagramEncrypted(&m_socket, plain) < 0)
            emit errorMessage(connection->dtlsErrorString());
        return;
    }
    if (connection->dtlsError() != QDtlsError::NoError)
        emit errorMessage(connection->dtlsErrorString());
}
