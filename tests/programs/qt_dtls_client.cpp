// A DTLS client of Qt for one server, in the shape of an association object.

#include <QtCore/QObject>
#include <QtCore/QTimer>
#include <QtNetwork/QDtls>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QUdpSocket>

class DtlsAssociation : public QObject
{
    Q_OBJECT

public:
    DtlsAssociation(const QHostAddress &address, quint16 port, const QString &name);
    ~DtlsAssociation() override;
    void startHandshake();

signals:
    void errorMessage(const QString &message);
    void serverResponse(const QByteArray &plain);

private slots:
    void handshakeTimeout();
    void udpSocketConnected();
    void readyRead();
    void pingTimeout();

private:
    QUdpSocket m_socket;
    QDtls m_crypto{QSslSocket::SslClientMode};
    QTimer m_ping;
    unsigned m_count = 0;
};

DtlsAssociation::DtlsAssociation(const QHostAddress &address, quint16 port, const QString &name)
{
    QSslConfiguration configuration = QSslConfiguration::defaultDtlsConfiguration();
    configuration.setProtocol(QSsl::DtlsV1_2OrLater);
    configuration.setPeerVerifyMode(QSslSocket::VerifyPeer);
    if (!m_crypto.setPeer(address, port, name) || !m_crypto.setDtlsConfiguration(configuration))
        emit errorMessage(tr("The association could not be set up"));
    connect(&m_crypto, &QDtls::handshakeTimeout, this, &DtlsAssociation::handshakeTimeout);
    connect(&m_socket, &QAbstractSocket::connected, this, &DtlsAssociation::udpSocketConnected);
    connect(&m_socket, &QUdpSocket::readyRead, this, &DtlsAssociation::readyRead);
    connect(&m_ping, &QTimer::timeout, this, &DtlsAssociation::pingTimeout);
    m_ping.setInterval(5000);
    m_socket.connectToHost(address.toString(), port);
}

DtlsAssociation::~DtlsAssociation()
{
    if (m_crypto.isConnectionEncrypted())
        m_crypto.shutdown(&m_socket);
}

void DtlsAssociation::startHandshake()
{
    if (m_socket.state() != QAbstractSocket::ConnectedState)
        return;
    if (!m_crypto.doHandshake(&m_socket))
        emit errorMessage(m_crypto.dtlsErrorString());
}

void DtlsAssociation::udpSocketConnected()
{
    startHandshake();
}

void DtlsAssociation::readyRead()
{
    if (m_socket.pendingDatagramSize() <= 0)
        return;
    QByteArray datagram(static_cast<int>(m_socket.pendingDatagramSize()), Qt::Uninitialized);
    const qint64 read = m_socket.readDatagram(datagram.data(), datagram.size());
    if (read <= 0)
        return;
    datagram.resize(static_cast<int>(read));
    if (m_crypto.isConnectionEncrypted()) {
        const QByteArray plain = m_crypto.decryptDatagram(&m_socket, datagram);
        if (plain.size()) {
            emit serverResponse(plain);
            return;
        }
        if (m_crypto.dtlsError() == QDtlsError::RemoteClosedConnectionError) {
            m_ping.stop();
            return;
        }
        emit errorMessage(m_crypto.dtlsErrorString());
    } else if (!m_crypto.doHandshake(&m_socket, datagram)) {
        emit errorMessage(m_crypto.dtlsErrorString());
    } else if (m_crypto.isConnectionEncrypted()) {
        m_ping.start();
        pingTimeout();
    }
}

void DtlsAssociation::handshakeTimeout()
{
    if (!m_crypto.handleTimeout(&m_socket))
        emit errorMessage(m_crypto.dtlsErrorString());
}

void DtlsAssociation::pingTimeout()
{
    const QByteArray message = "I am " + QByteArray::number(m_count++);
    if (m_crypto.writeDatagramEncrypted(&m_socket, message) <= 0) {
        emit errorMessage(m_crypto.dtlsErrorString());
        m_ping.stop();
    }
}
