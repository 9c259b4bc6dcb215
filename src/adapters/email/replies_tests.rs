//! Every reply has its class, and no address of a reply gets out.

use super::*;

#[test]
fn every_reply_has_its_class_at_every_step() {
    use FailureClass::{ChannelBroken, ContentRefused, RecipientRefused, Refused, Transient};
    for (step, code, text, class) in [
        (Step::Connect, 421, "4.3.2 shutting down", Transient),
        (Step::Connect, 554, "no SMTP service here", ChannelBroken),
        (Step::StartTls, 454, "TLS not available", Transient),
        (Step::StartTls, 502, "not implemented", ChannelBroken),
        (Step::Auth, 454, "4.7.0 temporary", Transient),
        (Step::Auth, 535, "5.7.8 credentials", ChannelBroken),
        (Step::Mail, 451, "later", Transient),
        (Step::Mail, 550, "5.7.1 sender refused", ChannelBroken),
        (Step::Mail, 530, "5.7.0 authentication required", ChannelBroken),
        (Step::Mail, 553, "5.1.8 sender domain unknown", ChannelBroken),
        (Step::Rcpt, 450, "4.2.0 greylisted", Transient),
        (Step::Rcpt, 452, "4.5.3 too many", Transient),
        (Step::Rcpt, 422, "mailbox full", Transient),
        (Step::Rcpt, 550, "no such user", RecipientRefused),
        (Step::Rcpt, 550, "5.1.1 no such user", RecipientRefused),
        (Step::Rcpt, 550, "5.1.2 no such domain", RecipientRefused),
        (Step::Rcpt, 550, "5.1.6 moved away", RecipientRefused),
        (Step::Rcpt, 556, "5.1.10 the domain takes no mail", RecipientRefused),
        (Step::Rcpt, 550, "5.1.0 address rejected", Refused),
        (Step::Rcpt, 550, "5.1.4 ambiguous", Refused),
        (Step::Rcpt, 550, "5.2.1 disabled", RecipientRefused),
        (Step::Rcpt, 550, "5.2.1 receiving mail at a rate that prevents more", Refused),
        (Step::Rcpt, 550, "5.2.0 mailbox", Refused),
        (Step::Rcpt, 550, "User unknown", RecipientRefused),
        (Step::Rcpt, 550, "requested action not taken", Refused),
        (Step::Rcpt, 551, "user not local", Refused),
        (Step::Rcpt, 553, "mailbox name not allowed", Refused),
        (Step::Rcpt, 550, "5.7.1 no such user here for you", Refused),
        (Step::Mail, 550, "5.1.1 no such user", ChannelBroken),
        (Step::Rcpt, 552, "5.2.2 full", Transient),
        (Step::Rcpt, 552, "too much", Transient),
        (Step::Rcpt, 550, "5.4.4 no route", Transient),
        (Step::Rcpt, 553, "5.1.3 bad syntax", Refused),
        (Step::Rcpt, 550, "5.7.1 not allowed to write to this group", Refused),
        (Step::Rcpt, 554, "5.7.1 <x@y>: Relay access denied", ChannelBroken),
        (Step::Rcpt, 550, "relaying denied", ChannelBroken),
        (Step::Rcpt, 550, "5.7.1 recipient not allowed", Refused),
        (Step::Rcpt, 554, "no", ChannelBroken),
        (Step::Rcpt, 554, "5.7.1 rejected", ChannelBroken),
        (Step::Rcpt, 554, "5.1.1 no such user", RecipientRefused),
        (Step::Rcpt, 554, "5.2.1 disabled", RecipientRefused),
        (Step::Rcpt, 554, "5.2.2 full", Transient),
        (Step::Rcpt, 550, "5.7.1 Service unavailable; Client host [192.0.2.1] denied", ChannelBroken),
        (Step::Rcpt, 550, "5.7.1 192.0.2.1 Blocked using zen.example.org", ChannelBroken),
        (Step::Rcpt, 550, "your IP is blacklisted", ChannelBroken),
        (Step::Rcpt, 550, "5.7.1 found on a blocklist", ChannelBroken),
        (Step::Rcpt, 553, "listed at bl.example.org", ChannelBroken),
        (Step::Rcpt, 550, "5.7.1 poor reputation", ChannelBroken),
        (Step::Rcpt, 550, "5.1.1 user blocked", Refused),
        (Step::Rcpt, 550, "user not listed in the address book", Refused),
        (Step::Rcpt, 550, "<blocked@example.com>: no such user", RecipientRefused),
        (Step::Rcpt, 550, "5.7.26 unauthenticated sender", ChannelBroken),
        (Step::Rcpt, 530, "5.7.0 authentication required", ChannelBroken),
        (Step::Rcpt, 550, "5.1.8 bad sender", ChannelBroken),
        (Step::Data, 554, "no valid recipients", ChannelBroken),
        (Step::Data, 550, "5.1.1 no such user", Refused),
        (Step::Content, 452, "4.3.1 disk full", Transient),
        (Step::Content, 554, "5.7.1 spam", ContentRefused),
        (Step::Content, 554, "5.6.0 content", ContentRefused),
        (Step::Content, 552, "5.2.2 full", Transient),
        (Step::Content, 550, "5.1.1 no such user", Refused),
        (Step::Content, 554, "rejected", ContentRefused),
    ] {
        assert_eq!(class_of(step, code, text), class, "{step:?} {code} {text}");
    }
}

#[test]
fn enhanced_codes_are_read_strictly() {
    for (text, code) in [
        ("5.2.2 full", Some((2, 2))),
        ("4.7.0", Some((7, 0))),
        ("5.2.2.1 x", None),
        ("5.2 x", None),
        ("10.0.0.1 blocked", None),
        ("9.1.1 x", None),
        ("", None),
    ] {
        assert_eq!(enhanced_code(text), code, "{text}");
    }
}

#[test]
fn addresses_in_replies_are_masked() {
    let error = failed(Step::Rcpt, FailureClass::Refused, "550 5.1.1 <bob@example.com>: unknown");
    assert_eq!(error.detail, "RCPT TO: 550 5.1.1 <address> unknown");
}
