//! Turns what a mail server answered, and at which step, into a failure class.
//!
//! | Reply | Class | Because |
//! |---|---|---|
//! | 4xx anywhere, 421 included | transient | the server says so (RFC 5321, section 4.2.1) |
//! | x.2.2, x.4.4, 552 at RCPT | transient | mailbox full, routing: may mend (RFC 3463; RFC 5321, 4.5.3.1.10) |
//! | x.1.7, x.1.8, x.7.20 to x.7.29, 530, 535, 538 | channel broken | our sender or login is refused, at whatever step |
//! | any 5xx at RCPT that blames our sender: "sender address rejected", HELO, SPF, "relay access denied", our address … | channel broken | Postfix and Exim say only there what they have against a sender |
//! | the same in words that may be about the recipient too | content refused | a second one tells |
//! | x.1.1, x.1.2, x.1.6, x.1.10, x.2.1 at RCPT, or words like "no such user" | recipient refused | there is no such mailbox, or it is closed |
//! | other x.1.x, x.2.x, words about a mailbox | refused | this address or mailbox, now or as it is written |
//! | "client host", "blocked", "listed", "reputation" …, other 554 at RCPT | channel broken | block lists are often looked up only at RCPT |
//! | 500 to 504, x.3.x to x.7.x, "policy" … at RCPT | content refused | a rule for this recipient, or for all of ours: a second one tells |
//! | other 5xx at RCPT | refused | this recipient |
//! | other 5xx to the content | content refused | this mail, or all of ours: a second one tells |
//! | other 5xx | channel broken | our login or sender: every other mail would meet the same |
//! | no reply, or nonsense, before the content | transient | nothing was sent |
//! | the same after the content | outcome unknown | the server may have taken it |
//!
//! A recipient refused is never mailed again, so only a reply that speaks of the mailbox itself has that class.
//! Wrongly calling a refusal of ours a refusal of the recipient would burn the list; the other way round
//! only pauses the channel. So doubt falls on the channel, and else on this one mail.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;

use super::blame::{Parties, Words};
use crate::domain::{FailureClass, scrub};
use crate::ports::SendError;

/// The longest reply that is stored.
const MAX_DETAIL_CHARS: usize = 200;

/// How far an exchange got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Resolving, connecting, the greeting, EHLO.
    Connect,
    /// STARTTLS, the TLS handshake and the EHLO after it.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, before the content.
    Data,
    /// The content and the final reply.
    Content,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL FROM",
            Self::Rcpt => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the final reply",
        }
    }

    /// What it means when the exchange breaks off here without a verdict.
    fn broken_off(self) -> FailureClass {
        if self == Self::Content { FailureClass::OutcomeUnknown } else { FailureClass::Transient }
    }
}

/// Decides on an error of the mail library. A reply may repeat the addresses of the mail it is about.
pub(super) fn of_error(step: Step, error: &SmtpError, parties: Parties<'_>) -> SendError {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    if let Some(code) = error.status().map(u16::from) {
        // What a server says to a login could hold parts of it.
        let shown = if step == Step::Auth { "" } else { text.as_str() };
        return failed(step, class_of(step, code, &text, parties), &format!("{code} {shown}"));
    }
    if certificate_refused(error) {
        return failed(step, FailureClass::ChannelBroken, &text);
    }
    let class =
        if error.is_client() && step != Step::Content { FailureClass::ChannelBroken } else { step.broken_off() };
    failed(step, class, &text)
}

/// Decides on an error before the greeting was read, and names the server: `host:port`, never the login.
pub(super) fn of_connect_error(place: &str, error: &SmtpError) -> SendError {
    let refused = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let mut decided = of_error(Step::Connect, error, Parties::default());
    if let Some(kind) = refused.filter(|kind| SYSTEM_REFUSALS.contains(kind)) {
        decided.detail = format!("{}: {kind}", Step::Connect.name());
    }
    named(place, &decided)
}

/// Nothing came of connecting within the time limit.
pub(super) fn no_connection(place: &str, after: Duration) -> SendError {
    named(place, &stalled(Step::Connect, after))
}

/// What the system says of a connection, better said without its error number.
const SYSTEM_REFUSALS: [io::ErrorKind; 5] = [
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::NetworkUnreachable,
    io::ErrorKind::TimedOut,
];

/// `connecting: …` becomes `connecting to host:port: …`.
fn named(place: &str, error: &SendError) -> SendError {
    let step = Step::Connect.name();
    let rest = error.detail.strip_prefix(step).unwrap_or(&error.detail);
    SendError { class: error.class, detail: format!("{step} to {place}{rest}") }
}

/// A positive reply of the wrong kind: the server and we are out of step, so nothing it says counts.
pub(super) fn out_of_step(step: Step, code: u16) -> SendError {
    failed(step, step.broken_off(), &format!("unexpected reply {code}, out of step"))
}

/// The time limit ended at this step.
pub(super) fn stalled(step: Step, after: Duration) -> SendError {
    failed(step, step.broken_off(), &format!("no reply within {after:?}"))
}

/// A failure in words of ours or the server's; addresses in them are masked.
pub(super) fn failed(step: Step, class: FailureClass, what: &str) -> SendError {
    SendError { class, detail: scrub(&format!("{}: {what}", step.name()), MAX_DETAIL_CHARS) }
}

fn class_of(step: Step, code: u16, text: &str, parties: Parties<'_>) -> FailureClass {
    if code < 500 {
        return FailureClass::Transient;
    }
    let enhanced = enhanced_code(text);
    match enhanced {
        Some((2, 2) | (4, 4)) => return FailureClass::Transient,
        Some((1, 7 | 8) | (7, 20..=29)) => return FailureClass::ChannelBroken,
        _ if matches!(code, 530 | 535 | 538) => return FailureClass::ChannelBroken,
        _ => {}
    }
    let words = Words::of(text, parties);
    let may_blame_us = words.blame_us() || words.may_blame_us();
    match (step, enhanced) {
        (Step::Rcpt, _) => class_at_rcpt(code, enhanced, &words),
        (Step::Data | Step::Content, Some((1, _))) if !may_blame_us => FailureClass::Refused,
        (Step::Content, _) => FailureClass::ContentRefused,
        _ => FailureClass::ChannelBroken,
    }
}

/// A refusal for good at RCPT, where servers also say what they have against the sender.
fn class_at_rcpt(code: u16, enhanced: Option<(u16, u16)>, words: &Words) -> FailureClass {
    let about_address = matches!(enhanced, Some((1, 1 | 2 | 3 | 4 | 6 | 10) | (2, _)));
    if words.blame_us() {
        return FailureClass::ChannelBroken;
    }
    if words.may_blame_us() {
        let perhaps_not = about_address || words.speak_of_the_recipient();
        return if perhaps_not { FailureClass::ContentRefused } else { FailureClass::ChannelBroken };
    }
    if code == 552 {
        return FailureClass::Transient;
    }
    if words.blame_our_host() {
        return match enhanced {
            Some(_) if about_address => FailureClass::Refused,
            Some((1, _)) => FailureClass::ContentRefused,
            _ => FailureClass::ChannelBroken,
        };
    }
    match enhanced {
        _ if mailbox_is_gone(enhanced, words) => FailureClass::RecipientRefused,
        Some((1 | 2, _)) => FailureClass::Refused,
        _ if words.speak_of_policy() => FailureClass::ContentRefused,
        _ if words.speak_of_a_mailbox() => FailureClass::Refused,
        Some((3..=7, _)) => FailureClass::ContentRefused,
        _ if (500..=504).contains(&code) => FailureClass::ContentRefused,
        _ if code == 554 => FailureClass::ChannelBroken,
        _ => FailureClass::Refused,
    }
}

/// Whether a reply for good to RCPT says that there is no such mailbox, or that it is closed (RFC 3463, sections 3.2
/// and 3.3; x.1.10 is RFC 7505). Not here: x.1.0, which also means senders; x.1.3 and x.1.4, an address as it is
/// written; 550, 551 and 553 alone, which may be policy (RFC 5321, section 4.2.3).
fn mailbox_is_gone(enhanced: Option<(u16, u16)>, words: &Words) -> bool {
    match enhanced {
        Some((1, 1 | 2 | 6 | 10)) => true,
        // Gmail says 5.2.1 also of a mailbox that gets too much at the moment.
        Some((2, 1)) => !words.are_for_now(),
        Some(_) => false,
        None => words.know_no_mailbox(),
    }
}

/// Subject and detail of an enhanced status code at the start of a reply (RFC 2034): `5.2.2 full` is (2, 2).
fn enhanced_code(text: &str) -> Option<(u16, u16)> {
    let mut parts = text.split_whitespace().next()?.split('.');
    let class: u16 = parts.next()?.parse().ok()?;
    let (subject, detail) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (matches!(class, 2 | 4 | 5) && parts.next().is_none()).then_some((subject, detail))
}

/// Whether the TLS handshake failed because of the server's certificate: the configuration must change,
/// trying again will not help.
fn certificate_refused(error: &SmtpError) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        let io = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = io.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(_)) = tls.or_else(|| cause.downcast_ref()) {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
#[path = "replies_tests.rs"]
mod tests;
