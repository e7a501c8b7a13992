// An SMTP client of Qt that begins in the clear and goes on encrypted, or not at all.

#include <QtCore/QByteArray>
#include <QtCore/QObject>
#include <QtNetwork/QSslSocket>

class Mailer
{
public:
    bool open(const QString &host);
    bool send(const QByteArray &mail);

private:
    bool command(const QByteArray &line, int expected);

    QSslSocket m_socket;
};

bool Mailer::command(const QByteArray &line, int expected)
{
    if (!line.isEmpty())
        m_socket.write(line + "\r\n");
    if (!m_socket.waitForReadyRead(5000))
        return false;
    const QByteArray answer = m_socket.readLine(512);
    return answer.left(3).toInt() == expected;
}

bool Mailer::open(const QString &host)
{
    m_socket.setProtocol(QSsl::TlsV1_2OrLater);
    m_socket.setPeerVerifyMode(QSslSocket::VerifyPeer);
    m_socket.setPeerVerifyName(host);
    m_socket.connectToHost(host, 587);
    if (!m_socket.waitForConnected(5000) || !command(QByteArray(), 220))
        return false;
    if (!command("EHLO client", 250) || !command("STARTTLS", 220))
        return false;
    m_socket.startClientEncryption();
    if (!m_socket.waitForEncrypted(5000))
        return false;
    return command("EHLO client", 250);
}

bool Mailer::send(const QByteArray &mail)
{
    if (!m_socket.isEncrypted())
        return false;
    m_socket.write(mail);
    return m_socket.waitForBytesWritten(5000);
}
