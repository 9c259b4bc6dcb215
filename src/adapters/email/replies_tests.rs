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
        assert_eq!(class_of(step, code, text, PARTIES), class, "{step:?} {code} {text}");
    }
}

const PARTIES: Parties<'_> = Parties { from: "no-reply@acme.example", to: "mary@example.com" };

#[test]
fn a_rule_at_rcpt_may_be_about_all_of_ours_and_a_mailbox_is_one_recipients() {
    use FailureClass::{ContentRefused, RecipientRefused, Refused};
    for (code, text, class) in [
        (550, "5.4.1 Recipient address rejected: Access denied", Refused),
        (550, "5.7.1 rejected", ContentRefused),
        (554, "5.7.1 rejected", ContentRefused),
        (550, "Administrative prohibition", ContentRefused),
        (501, "syntax error in parameters", ContentRefused),
        (503, "5.5.1 bad sequence", ContentRefused),
        (550, "5.4.6 loop", ContentRefused),
        (500, "5.1.1 no such user", RecipientRefused),
        (550, "5.1.0 blocked using zen.example.org", ContentRefused),
    ] {
        assert_eq!(class_of(Step::Rcpt, code, text, PARTIES), class, "{code} {text}");
    }
}

#[test]
fn what_is_said_against_our_sender_at_rcpt_burns_no_recipient() {
    use FailureClass::{ChannelBroken, ContentRefused, RecipientRefused};
    for (code, text, class) in [
        (
            550,
            "Verification failed for <no-reply@acme.example>\nNo Such User Here\nSender verify failed",
            ChannelBroken,
        ),
        (550, "5.1.1 <no-reply@acme.example>: Sender address rejected: User unknown", ChannelBroken),
        (550, "5.1.1 <No-Reply@ACME.example>: User unknown", ChannelBroken),
        (550, "Called: 192.0.2.1\nSent: RCPT TO:<x@y>\nResponse: 550 5.1.1 no such user", ChannelBroken),
        (550, "5.1.1 Response: 550 5.1.1 no such user", ChannelBroken),
        (553, "5.7.1 Sender address rejected: not owned by user", ChannelBroken),
        (550, "5.1.0 Sender address rejected", ChannelBroken),
        (550, "5.7.1 sender not welcome", ChannelBroken),
        (504, "5.5.2 Helo command rejected: need fully-qualified hostname", ChannelBroken),
        (550, "5.7.1 SPF MAIL FROM check failed", ChannelBroken),
        (550, "5.7.1 <mary@example.com>: Recipient address rejected: http://www.openspf.org/Why", ChannelBroken),
        (550, "5.7.1 (DKIM) signature missing", ChannelBroken),
        (550, "5.7.1 DMARC: rejected", ChannelBroken),
        (550, "5.4.5 Daily user sending quota exceeded", ChannelBroken),
        (503, "5.5.1 authentication required", ChannelBroken),
        (552, "sending limit exceeded", ChannelBroken),
        // Both are named, or a mailbox is spoken of: a second one tells.
        (550, "5.1.1 <mary@example.com>: no mail from <no-reply@acme.example>", ContentRefused),
        (550, "5.1.1 the sender should look the address up", ContentRefused),
        (550, "5.7.1 the group takes mail of authenticated senders only", ContentRefused),
        (550, "5.1.1 <mary@example.com>: host said: Response: 550 no such user", ContentRefused),
        // And these are the recipient's after all.
        (550, "Callout verification failed:\n550 5.1.1 no such user", RecipientRefused),
        (550, "5.1.1 <mary@example.com>: Recipient address rejected: undeliverable address", RecipientRefused),
        (550, "5.1.1 <sender@spf.example>: User unknown", RecipientRefused),
    ] {
        assert_eq!(class_of(Step::Rcpt, code, text, PARTIES), class, "{code} {text}");
    }
    let text = "5.1.0 <no-reply@acme.example>: Sender address rejected";
    assert_eq!(class_of(Step::Content, 550, text, PARTIES), ContentRefused);
    assert_eq!(class_of(Step::Data, 550, text, PARTIES), ChannelBroken);
    let ourselves = Parties { to: PARTIES.from, ..PARTIES };
    let text = "5.1.1 <no-reply@acme.example>: User unknown";
    assert_eq!(class_of(Step::Rcpt, 550, text, ourselves), RecipientRefused, "a mail to ourselves");
}

#[test]
fn a_refused_relay_stops_the_channel_and_an_address_with_that_word_does_not() {
    use FailureClass::{ChannelBroken, RecipientRefused};
    for (code, text, class) in [
        (550, "5.1.1 <abc@privaterelay.appleid.com>: user does not exist", RecipientRefused),
        (550, "5.1.1 abc@relay.example: unable", RecipientRefused),
        (550, "5.1.1 <mary@example.com>: User unknown in relay recipient table", RecipientRefused),
        (550, "User unknown in relay recipient table", RecipientRefused),
        (550, "no such user (relay.example.com)", RecipientRefused),
        (554, "5.7.1 <mary@example.com>: Relay access denied", ChannelBroken),
        (550, "5.7.1 Unable to relay for mary@example.com", ChannelBroken),
        (550, "5.7.1 Relaying denied. IP name lookup failed", ChannelBroken),
        (550, "relay not permitted", ChannelBroken),
        (550, "192.0.2.1 is not permitted to relay through this server", ChannelBroken),
        (550, "5.7.1 relay limit reached", ChannelBroken),
    ] {
        assert_eq!(class_of(Step::Rcpt, code, text, PARTIES), class, "{code} {text}");
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
