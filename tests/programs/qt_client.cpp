// A TLS client of Qt: everything happens in slots.

#include <QtCore/QByteArray>
#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QSslError>
#include <QtNetwork/QSslSocket>

class Client : public QObject
{
    Q_OBJECT

public:
    explicit Client(QObject *parent = nullptr);
    void open(const QString &host, quint16 port);

signals:
    void received(const QByteArray &data);
    void failed(const QString &reason);

private slots:
    void onEncrypted();
    void onReadyRead();
    void onSslErrors(const QList<QSslError> &errors);

private:
    QSslSocket m_socket;
    QByteArray m_greeting;
};

Client::Client(QObject *parent)
    : QObject(parent), m_greeting("hello\n")
{
    connect(&m_socket, &QSslSocket::encrypted, this, &Client::onEncrypted);
    connect(&m_socket, &QSslSocket::readyRead, this, &Client::onReadyRead);
    connect(&m_socket, &QSslSocket::sslErrors, this, &Client::onSslErrors);
    connect(&m_socket, &QSslSocket::errorOccurred, this, [this] { emit failed(m_socket.errorString()); });
}

void Client::open(const QString &host, quint16 port)
{
    QSslConfiguration configuration = QSslConfiguration::defaultConfiguration();
    configuration.setProtocol(QSsl::TlsV1_2OrLater);
    configuration.setPeerVerifyMode(QSslSocket::VerifyPeer);
    m_socket.setSslConfiguration(configuration);
    m_socket.connectToHostEncrypted(host, port);
}

void Client::onEncrypted()
{
    m_socket.write(m_greeting);
}

void Client::onReadyRead()
{
    emit received(m_socket.readAll());
}

void Client::onSslErrors(const QList<QSslError> &errors)
{
    for (const QSslError &error : errors)
        emit failed(error.errorString());
}
