//! Sends one mail over one connection, step by step, so that a failure is known to be before or after the
//! moment the server may have taken the mail.
//!
//! Guarantees: every exchange ends within its limits, whatever the server does or leaves undone (the mail
//! library's own timeout covers connecting only); a connection carries one mail and is never used again,
//! so no mail can read another's reply (crates.md, findings 1 and 2); each step's reply must be of its own
//! kind, so a server that is out of step is noticed and not believed; a password goes only over an
//! encrypted connection or to this host.

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout_at};

use super::message::Mail;
use super::replies::{Step, failed, no_connection, of_connect_error, of_error, out_of_step, stalled};
use super::settings::{EmailLimits, Encryption, SmtpServer};
use crate::domain::{FailureClass, scrub};
use crate::ports::{Receipt, SendError};

/// How long a server may take to say goodbye once the outcome is known.
const QUIT_LIMIT: Duration = Duration::from_secs(2);

/// The longest reply that is stored.
const MAX_RECEIPT_CHARS: usize = 200;

/// Sends one mail.
pub(super) async fn send(server: &SmtpServer, limits: EmailLimits, mail: &Mail) -> Result<Receipt, SendError> {
    let start = Instant::now();
    let (before, end) = (start + limits.handshake.min(limits.total), start + limits.total);
    let mut connection = open(server, limits, before).await?;
    let mut step = Step::Mail;
    let Ok(envelope) = timeout_at(before, hand_over_envelope(&mut connection, mail, &mut step)).await else {
        return Err(stalled(step, limits.handshake));
    };
    let outcome = match envelope {
        Ok(()) => match timeout_at(end, connection.message(&mail.bytes)).await {
            Ok(reply) => expect(Step::Content, reply, 200..=299).map(|reply| receipt(&reply)),
            Err(_) => return Err(stalled(Step::Content, limits.total)),
        },
        Err(error) => Err(error),
    };
    close(connection, end).await;
    outcome
}

/// Connects, encrypts and logs in as configured, and hangs up.
pub(super) async fn check(server: &SmtpServer, limits: EmailLimits) -> Result<(), SendError> {
    let before = Instant::now() + limits.handshake.min(limits.total);
    let connection = open(server, limits, before).await?;
    close(connection, before).await;
    Ok(())
}

/// A connection that is ready for a mail.
async fn open(server: &SmtpServer, limits: EmailLimits, until: Instant) -> Result<AsyncSmtpConnection, SendError> {
    let mut step = Step::Connect;
    match timeout_at(until, connect(server, limits, &mut step)).await {
        Ok(opened) => opened,
        Err(_) if step == Step::Connect => Err(no_connection(&place(server), limits.handshake)),
        Err(_) => Err(stalled(step, limits.handshake)),
    }
}

/// Where the server is, without the login.
fn place(server: &SmtpServer) -> String {
    let host = server.host.trim_matches(['[', ']']);
    if host.contains(':') { format!("[{host}]:{}", server.port) } else { format!("{host}:{}", server.port) }
}

async fn connect(server: &SmtpServer, limits: EmailLimits, step: &mut Step) -> Result<AsyncSmtpConnection, SendError> {
    let hello = ClientId::default();
    let implicit = match &server.encryption {
        Encryption::Implicit(tls) => Some(tls.clone()),
        _ => None,
    };
    let address = (server.host.as_str(), server.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(limits.handshake), &hello, implicit, None)
        .await
        .map_err(|e| of_connect_error(&place(server), &e))?;
    *step = Step::StartTls;
    match &server.encryption {
        Encryption::Required(_) if !connection.can_starttls() => {
            let what = "the server offers no STARTTLS; use smtps://, or ?tls=opportunistic for a trusted network";
            return Err(failed(*step, FailureClass::ChannelBroken, what));
        }
        Encryption::Required(tls) => {
            connection.starttls(tls.clone(), &hello).await.map_err(|e| of_error(*step, &e))?;
        }
        Encryption::Opportunistic(tls) if connection.can_starttls() => {
            connection.starttls(tls.clone(), &hello).await.map_err(|e| of_error(*step, &e))?;
        }
        Encryption::Opportunistic(_) | Encryption::Implicit(_) | Encryption::None => {}
    }
    *step = Step::Auth;
    log_in(&mut connection, server).await?;
    Ok(connection)
}

async fn log_in(connection: &mut AsyncSmtpConnection, server: &SmtpServer) -> Result<(), SendError> {
    let Some((user, password)) = &server.login else { return Ok(()) };
    if !connection.is_encrypted() && !server.loopback {
        let what = "the connection is not encrypted, so the password is not sent";
        return Err(failed(Step::Auth, FailureClass::ChannelBroken, what));
    }
    let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
    let reply = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
    expect(Step::Auth, reply, 200..=299).map(drop)
}

/// MAIL, RCPT and DATA, each with its own reply.
async fn hand_over_envelope(
    connection: &mut AsyncSmtpConnection,
    mail: &Mail,
    step: &mut Step,
) -> Result<(), SendError> {
    *step = Step::Mail;
    let parameters = mail_parameters(connection, mail)?;
    let reply = connection.command(MailFrom::new(Some(mail.from.clone()), parameters)).await;
    expect(*step, reply, 200..=299)?;
    *step = Step::Rcpt;
    let reply = connection.command(Rcpt::new(mail.to.clone(), vec![])).await;
    expect(*step, reply, 200..=299)?;
    *step = Step::Data;
    let reply = connection.command(Data).await;
    expect(*step, reply, 300..=399).map(drop)
}

/// What the server must know beforehand: whether an address or the content is not ASCII (RFC 6531, RFC 6152).
fn mail_parameters(connection: &AsyncSmtpConnection, mail: &Mail) -> Result<Vec<MailParameter>, SendError> {
    let (from, to): (&Address, &Address) = (&mail.from, &mail.to);
    let mut parameters = Vec::new();
    if !AsRef::<str>::as_ref(from).is_ascii() || !AsRef::<str>::as_ref(to).is_ascii() {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let what = "the address is not ASCII and the server does not take such (SMTPUTF8)";
            return Err(failed(Step::Rcpt, FailureClass::Refused, what));
        }
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// A reply of the kind the step calls for.
fn expect(
    step: Step,
    reply: Result<Response, lettre::transport::smtp::Error>,
    codes: std::ops::RangeInclusive<u16>,
) -> Result<Response, SendError> {
    let reply = reply.map_err(|e| of_error(step, &e))?;
    let code = u16::from(reply.code());
    if codes.contains(&code) { Ok(reply) } else { Err(out_of_step(step, code)) }
}

fn receipt(reply: &Response) -> Receipt {
    let text: Vec<&str> = reply.message().collect();
    Receipt { detail: scrub(&format!("{} {}", reply.code(), text.join(" ")), MAX_RECEIPT_CHARS) }
}

/// Says goodbye where there is time for it; the outcome is known, so nothing that happens here matters.
/// After a time limit nobody does: half a command may be on its way, so the connection is just dropped.
async fn close(mut connection: AsyncSmtpConnection, end: Instant) {
    let until = end.min(Instant::now() + QUIT_LIMIT);
    drop(timeout_at(until, connection.quit()).await);
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::client::TlsParameters;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;

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
                write.write_all(b"250-mail.test\r\n250 AUTH PLAIN\r\n").await.unwrap();
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
