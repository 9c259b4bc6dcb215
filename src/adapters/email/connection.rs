//! Turns one connection to a mail server into one mail's exchange, step by step, so that a failure is known to be
//! before or after the moment the server may have taken the mail.
//!
//! Guarantees: a [`Connection`] has one owner, and each step takes it and gives it back only with a reply of the
//! step's own kind; whoever fails, runs out of time or is dropped in between has no connection left that anybody
//! could use again. Before every command nothing may be waiting to be read: what a server says unasked belongs to
//! no question of ours, so it is never taken for an answer. A password goes only over an encrypted connection or
//! to this host. A crash closes the socket; the server then forgets what had no final dot.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::blame::Parties;
use super::message::Mail;
use super::replies::{Step, failed, no_connection, of_connect_error, of_error, out_of_step, stalled};
use super::settings::{EmailLimits, Encryption, SmtpServer};
use crate::domain::{FailureClass, scrub};
use crate::ports::{Receipt, SendError};

/// How long a server may take to say goodbye. Nobody's outcome waits for it.
pub(super) const QUIT_LIMIT: Duration = Duration::from_secs(2);

/// The longest reply that is stored.
const MAX_RECEIPT_CHARS: usize = 200;

/// A connection that is ready for a mail, or for the content of one whose envelope was taken.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    /// Mails the server took over it.
    mails: u32,
    goodbyes: TaskTracker,
}

impl Connection {
    /// Connects, encrypts and logs in as configured. Its goodbye will be said in `goodbyes`.
    pub(super) async fn open(
        server: &SmtpServer,
        limits: EmailLimits,
        until: Instant,
        goodbyes: &TaskTracker,
    ) -> Result<Self, SendError> {
        let mut step = Step::Connect;
        // The library panics on an EHLO reply with a line of blanks (ServerInfo::from_response, 0.11.23). What it
        // was working on is dropped with it.
        let connecting = AssertUnwindSafe(connect(server, limits, &mut step)).catch_unwind();
        match timeout_at(until, connecting).await {
            Ok(Ok(opened)) => Ok(Self { smtp: opened?, mails: 0, goodbyes: goodbyes.clone() }),
            Ok(Err(_)) => Err(failed(step, FailureClass::Transient, "the server's reply cannot be read")),
            Err(_) if step == Step::Connect => Err(no_connection(&place(server), limits.handshake)),
            Err(_) => Err(stalled(step, limits.handshake)),
        }
    }

    /// Mails the server took over it.
    pub(super) fn mails(&self) -> u32 {
        self.mails
    }

    /// The connection, where nothing waits to be read and the server has not hung up; as far as is known here.
    pub(super) fn quiet(mut self) -> Option<Self> {
        if nothing_unasked(&mut self.smtp, Step::Connect).is_ok() {
            Some(self)
        } else {
            self.leave();
            None
        }
    }

    /// The connection, where the server is still there and in step. EHLO starts a session anew as RSET does (RFC
    /// 5321, section 4.1.4), and its reply can be told from every other by the server's name at its start; a
    /// `250` left over from another command would pass for the reply to RSET or NOOP.
    pub(super) async fn in_step(mut self, until: Instant) -> Option<Self> {
        let hello = Ehlo::new(ClientId::default());
        let name = self.smtp.server_info().name().to_owned();
        match timeout_at(until, ask(&mut self.smtp, Step::Connect, hello, 250..=250, Parties::default())).await {
            Ok(Ok(reply)) if reply.first_word() == Some(name.as_str()) => Some(self),
            Ok(_) => {
                self.leave();
                None
            }
            // Half a command may be on its way: nothing more is said.
            Err(_) => None,
        }
    }

    /// MAIL, RCPT and DATA, each with its own reply. A failure means that nothing was sent.
    pub(super) async fn envelope(mut self, mail: &Mail, until: Instant, limit: Duration) -> Result<Self, SendError> {
        let mut step = Step::Mail;
        match timeout_at(until, hand_over_envelope(&mut self.smtp, mail, &mut step)).await {
            Ok(Ok(())) => Ok(self),
            Ok(Err(error)) => {
                self.leave();
                Err(error)
            }
            Err(_) => Err(stalled(step, limit)),
        }
    }

    /// The content and the final reply. The connection comes back with a clean 2xx only.
    pub(super) async fn content(
        mut self,
        mail: &Mail,
        until: Instant,
        limit: Duration,
    ) -> Result<(Self, Receipt), SendError> {
        let Ok(reply) = timeout_at(until, self.smtp.message(&mail.bytes)).await else {
            return Err(stalled(Step::Content, limit));
        };
        match expect(Step::Content, reply, 200..=299, mail.parties()) {
            Ok(reply) => {
                self.mails += 1;
                Ok((self, receipt(&reply)))
            }
            Err(error) => {
                self.leave();
                Err(error)
            }
        }
    }

    /// Says goodbye on the side. The outcome of every mail is known by now, so nothing that happens here matters
    /// and nobody waits for it.
    pub(super) fn leave(mut self) {
        let goodbyes = self.goodbyes.clone();
        goodbyes.spawn(async move { drop(timeout(QUIT_LIMIT, self.smtp.quit()).await) });
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
    let mut smtp = AsyncSmtpConnection::connect_tokio1(address, Some(limits.handshake), &hello, implicit, None)
        .await
        .map_err(|e| of_connect_error(&place(server), &e))?;
    *step = Step::StartTls;
    let upgrade = match &server.encryption {
        Encryption::Required(_) if !smtp.can_starttls() => {
            let what = "the server offers no STARTTLS; use smtps://, or ?tls=opportunistic for a trusted network";
            return Err(failed(*step, FailureClass::ChannelBroken, what));
        }
        Encryption::Required(tls) => Some(tls),
        Encryption::Opportunistic(tls) if smtp.can_starttls() => Some(tls),
        Encryption::Opportunistic(_) | Encryption::Implicit(_) | Encryption::None => None,
    };
    if let Some(tls) = upgrade {
        nothing_unasked(&mut smtp, *step)?;
        smtp.starttls(tls.clone(), &hello).await.map_err(|e| of_error(*step, &e, Parties::default()))?;
        // The library keeps what was read before the encryption: anybody on the way could have put it there.
        nothing_unasked(&mut smtp, *step)?;
    }
    *step = Step::Auth;
    log_in(&mut smtp, server).await?;
    Ok(smtp)
}

async fn log_in(smtp: &mut AsyncSmtpConnection, server: &SmtpServer) -> Result<(), SendError> {
    let Some((user, password)) = &server.login else { return Ok(()) };
    if !smtp.is_encrypted() && !server.loopback {
        let what = "the connection is not encrypted, so the password is not sent";
        return Err(failed(Step::Auth, FailureClass::ChannelBroken, what));
    }
    nothing_unasked(smtp, Step::Auth)?;
    let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
    let reply = smtp.auth(DEFAULT_MECHANISMS, &credentials).await;
    expect(Step::Auth, reply, 235..=235, Parties::default()).map(drop) // RFC 4954, section 6
}

async fn hand_over_envelope(smtp: &mut AsyncSmtpConnection, mail: &Mail, step: &mut Step) -> Result<(), SendError> {
    *step = Step::Mail;
    let parameters = mail_parameters(smtp, mail)?;
    ask(smtp, *step, MailFrom::new(Some(mail.from.clone()), parameters), 200..=299, mail.parties()).await?;
    *step = Step::Rcpt;
    ask(smtp, *step, Rcpt::new(mail.to.clone(), vec![]), 200..=299, mail.parties()).await?;
    *step = Step::Data;
    ask(smtp, *step, Data, 300..=399, mail.parties()).await?;
    nothing_unasked(smtp, *step)
}

/// What the server must know beforehand: whether an address or the content is not ASCII (RFC 6531, RFC 6152).
fn mail_parameters(smtp: &AsyncSmtpConnection, mail: &Mail) -> Result<Vec<MailParameter>, SendError> {
    let (from, to): (&Address, &Address) = (&mail.from, &mail.to);
    let mut parameters = Vec::new();
    if !AsRef::<str>::as_ref(from).is_ascii() || !AsRef::<str>::as_ref(to).is_ascii() {
        if !smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
            let what = "the address is not ASCII and the server does not take such (SMTPUTF8)";
            return Err(failed(Step::Rcpt, FailureClass::Refused, what));
        }
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// One command and its reply, which must be of the kind the step calls for.
async fn ask(
    smtp: &mut AsyncSmtpConnection,
    step: Step,
    command: impl Display,
    codes: RangeInclusive<u16>,
    parties: Parties<'_>,
) -> Result<Response, SendError> {
    nothing_unasked(smtp, step)?;
    expect(step, smtp.command(command).await, codes, parties)
}

/// Fails where something can be read before anything was asked: a reply too many, or the end of the connection.
/// It sees what has arrived by now and waits for nothing.
fn nothing_unasked(smtp: &mut AsyncSmtpConnection, step: Step) -> Result<(), SendError> {
    match smtp.read_response().now_or_never() {
        None => Ok(()),
        Some(Ok(reply)) => Err(out_of_step(step, u16::from(reply.code()))),
        Some(Err(error)) => Err(match error.status() {
            Some(code) => out_of_step(step, u16::from(code)),
            None => of_error(step, &error, Parties::default()),
        }),
    }
}

/// A reply of the kind the step calls for.
fn expect(
    step: Step,
    reply: Result<Response, SmtpError>,
    codes: RangeInclusive<u16>,
    parties: Parties<'_>,
) -> Result<Response, SendError> {
    let reply = reply.map_err(|e| of_error(step, &e, parties))?;
    let code = u16::from(reply.code());
    if codes.contains(&code) { Ok(reply) } else { Err(out_of_step(step, code)) }
}

fn receipt(reply: &Response) -> Receipt {
    let text: Vec<&str> = reply.message().collect();
    Receipt { detail: scrub(&format!("{} {}", reply.code(), text.join(" ")), MAX_RECEIPT_CHARS) }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
