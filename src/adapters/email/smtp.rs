//! Sends one mail, over a connection that waited for it or over a new one, within its time limits.
//!
//! Guarantees: every exchange ends within its limits, whatever the server does or leaves undone (the mail library's
//! own timeout covers connecting only). A connection is kept for the next mail only after its mail was taken and
//! the reply to it read: it is moved into the exchange and back as the last step, so a failure, a time limit or a
//! cancellation, at whatever step, leaves nothing to put back. What a kept connection says before the content
//! decides nothing: the mail is then tried once on a new connection, and that one's word counts. From the first
//! byte of the content on nothing is tried again in here: the outcome is told, or unknown.

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::idle::IdleConnections;
use super::message::Mail;
use super::settings::{EmailLimits, SmtpServer};
use crate::ports::{Receipt, SendError};

/// Sends one mail.
pub(super) async fn send(
    server: &SmtpServer,
    limits: EmailLimits,
    idle: &IdleConnections,
    mail: &Mail,
) -> Result<Receipt, SendError> {
    let start = Instant::now();
    let handshake = limits.handshake.min(limits.total);
    let (before, end) = (start + handshake, start + limits.total);
    // Half of the time before the content, so that the other half is left for a new connection.
    let kept = over_a_kept_one(limits, idle, mail, start + handshake / 2).await;
    let ready = if let Some(ready) = kept {
        ready
    } else {
        let new = Connection::open(server, limits, before, idle.goodbyes()).await?;
        new.envelope(mail, before, limits.handshake).await?
    };
    let (connection, receipt) = ready.content(mail, end, limits.total).await?;
    idle.put_back(connection);
    Ok(receipt)
}

/// A kept connection that took the envelope. None where there is none, or where it failed in any way: it may have
/// been closed, have come to a limit of its own, or answer something else than was asked. Nothing was sent.
async fn over_a_kept_one(
    limits: EmailLimits,
    idle: &IdleConnections,
    mail: &Mail,
    until: Instant,
) -> Option<Connection> {
    let connection = idle.take()?.in_step(until).await?;
    connection.envelope(mail, until, limits.handshake).await.ok()
}

/// Connects, encrypts and logs in as configured, and hangs up.
pub(super) async fn check(server: &SmtpServer, limits: EmailLimits) -> Result<(), SendError> {
    let (before, goodbyes) = (Instant::now() + limits.handshake.min(limits.total), TaskTracker::new());
    Connection::open(server, limits, before, &goodbyes).await?.leave();
    goodbyes.close();
    goodbyes.wait().await; // at most its own limit
    Ok(())
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::client::TlsParameters;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::adapters::email::settings::Encryption;
    use crate::domain::FailureClass;

    /// Logs in to a server without STARTTLS; gives the result and the commands the server saw.
    async fn log_in_unencrypted(loopback: bool) -> (Result<(), SendError>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = SmtpServer {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            encryption: Encryption::Opportunistic(TlsParameters::new("mail.example.com".to_owned()).unwrap()),
            login: Some(("mailer".to_owned(), "hunter2".into())),
            loopback,
        };
        let talk = async {
            let (read, mut write) = listener.accept().await.unwrap().0.into_split();
            let mut lines = BufReader::new(read).lines();
            let mut seen = Vec::new();
            write.write_all(b"220 mail.test\r\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                let reply = match &line[..4] {
                    "AUTH" => "235 2.7.0 ok\r\n",
                    _ => "250-mail.test\r\n250 AUTH PLAIN\r\n",
                };
                write.write_all(reply.as_bytes()).await.unwrap();
                seen.push(line);
            }
            seen
        };
        tokio::join!(check(&server, EmailLimits::default()), talk)
    }

    #[tokio::test]
    async fn a_password_leaves_this_host_encrypted_or_not_at_all() {
        let (refused, seen) = log_in_unencrypted(false).await;
        assert_eq!(refused.unwrap_err().class, FailureClass::ChannelBroken);
        assert!(!seen.iter().any(|line| line.starts_with("AUTH")), "{seen:?}");
        let (accepted, seen) = log_in_unencrypted(true).await;
        accepted.unwrap();
        assert!(seen.iter().any(|line| line.starts_with("AUTH PLAIN")), "{seen:?}");
    }
}
