//! Turns the words of a refusal into whom they blame: us, our host, the recipient's mailbox, or nobody.
//!
//! Guarantees: addresses, host names and what stands in brackets never count as words, so no recipient's name or
//! domain decides anything; whole words are compared, in any case and punctuation. What a server forwards of
//! somebody else's answer is read like its own.

/// Whom a mail is from and to, as the server was told: replies repeat them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parties<'a> {
    /// Our own address; empty before it was said.
    pub(super) from: &'a str,
    /// The recipient's; empty before it was said.
    pub(super) to: &'a str,
}

/// The words of one reply.
#[derive(Debug)]
pub(super) struct Words {
    /// Lower case, one blank around each word.
    text: String,
    names_us: bool,
    names_recipient: bool,
}

/// Our sender, login or right to relay, whatever else is said. Postfix delays these to RCPT
/// (`smtpd_delay_reject`), and Exim verifies the sender there (`acl_smtp_rcpt`).
const US: &[&str] = &[
    "sender address rejected",
    "sender address denied",
    "sender rejected",
    "sender denied",
    "sender verify",
    "sender verification",
    "sender domain",
    "sender unknown",
    "unknown sender",
    "invalid sender",
    "bad sender",
    "unauthenticated sender",
    "verification failed",
    "verify failed",
    "not owned by",
    "helo",
    "ehlo",
    "spf",
    "dkim",
    "dmarc",
    "sending quota",
    "sending limit",
    "sending rate",
    "sender quota",
    "sender limit",
    "authentication",
    "authenticate",
    "auth required",
    "relay access denied",
    "relaying denied",
    "unable to relay",
    "relay not permitted",
    "not permitted to relay",
    "relay limit",
];

/// Mostly us, but a closed group or a list of allowed senders says so too.
const PERHAPS_US: &[&str] = &["sender", "senders", "mail from", "from address", "authenticated"];

/// What Exim's sender callout forwards: `Response: 550 5.1.1 no such user`.
const CALLOUT: &[&str] = &["response 550", "response 551", "response 553", "response 554"];

/// These are about the recipient though a part of them alone is about us; Exim says the first of its recipient callout.
const NOT_US: &[&str] = &["callout verification failed", "recipient verification failed", "recipient verify failed"];

/// Our host, as block lists say it: `Client host [192.0.2.1] blocked using zen.example.org`.
const HOST: &[&str] =
    &["client host", "blocked", "blacklist", "blacklisted", "blocklist", "blocklisted", "listed", "reputation"];

/// There is no such mailbox.
const UNKNOWN: &[&str] = &[
    "no such user",
    "no such mailbox",
    "no such recipient",
    "user unknown",
    "unknown user",
    "user not found",
    "mailbox not found",
    "recipient not found",
];

/// This one mailbox, whatever is wrong with it.
const MAILBOX: &[&str] = &["recipient", "mailbox", "group", "malformed address", "invalid address", "bad address"];

/// A rule of the server's that may be about all we send.
const POLICY: &[&str] = &["policy", "prohibited", "prohibition", "spam", "limit", "quota exceeded"];

/// A mailbox that gets too much at the moment.
const FOR_NOW: &[&str] = &["rate", "too many", "too quickly", "try again", "temporary", "temporarily"];

impl Words {
    pub(super) fn of(text: &str, parties: Parties<'_>) -> Self {
        let mut text = text.to_owned();
        let names_recipient = take_out(&mut text, parties.to);
        let names_us = take_out(&mut text, parties.from);
        for address in [parties.to, parties.from] {
            take_out(&mut text, address.rsplit_once('@').map_or("", |(_, domain)| domain));
        }
        // The one page about a refusal that says nothing else.
        let text = text.replace("www.openspf.", " spf ");
        let text = without_brackets(&text);
        let plain = text.split_whitespace().filter(|word| !is_a_name(word)).collect::<Vec<_>>().join(" ");
        let plain = plain.to_ascii_lowercase();
        let words = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut text = format!(" {} ", words.collect::<Vec<_>>().join(" "));
        for phrase in NOT_US {
            text = text.replace(&format!(" {phrase} "), " recipient ");
        }
        // "User not listed in the address book" is about the recipient.
        let text = text.replace(" not listed ", " ");
        Self { text, names_us, names_recipient }
    }

    fn say(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.text.contains(&format!(" {phrase} ")))
    }

    /// Whether they are about our sender or login.
    pub(super) fn blame_us(&self) -> bool {
        let unnamed = !self.names_recipient;
        self.say(US) || (unnamed && (self.names_us || self.say(CALLOUT)))
    }

    /// Whether they may be.
    pub(super) fn may_blame_us(&self) -> bool {
        self.names_us || self.say(PERHAPS_US) || self.say(CALLOUT)
    }

    /// Whether they are about the host that sends.
    pub(super) fn blame_our_host(&self) -> bool {
        self.say(HOST)
    }

    /// Whether they name the recipient or speak of a mailbox.
    pub(super) fn speak_of_the_recipient(&self) -> bool {
        self.names_recipient || self.speak_of_a_mailbox()
    }

    /// Whether something is wrong with this one mailbox.
    pub(super) fn speak_of_a_mailbox(&self) -> bool {
        self.say(UNKNOWN) || self.say(MAILBOX)
    }

    /// Whether there is no such mailbox.
    pub(super) fn know_no_mailbox(&self) -> bool {
        self.say(UNKNOWN)
    }

    /// Whether a rule is the reason.
    pub(super) fn speak_of_policy(&self) -> bool {
        self.say(POLICY)
    }

    /// Whether it may pass.
    pub(super) fn are_for_now(&self) -> bool {
        self.say(FOR_NOW)
    }
}

/// Takes every mention of `name`, an address or a domain, out of `text`, and says whether there was one. A longer
/// name that holds it is another.
fn take_out(text: &mut String, name: &str) -> bool {
    let (name, mut from, mut found) = (name.to_ascii_lowercase(), 0, false);
    if name.is_empty() {
        return false;
    }
    // ASCII lower case keeps every position.
    while let Some(at) = text.to_ascii_lowercase().get(from..).and_then(|rest| rest.find(&name)) {
        let (start, end) = (from + at, from + at + name.len());
        let inside = |c: char| c.is_alphanumeric() || "._+-=".contains(c);
        let mut after = text[end..].chars();
        let goes_on = match after.next() {
            Some('.') => after.next().is_some_and(char::is_alphanumeric),
            Some(next) => next.is_alphanumeric() || next == '-',
            None => false,
        };
        if goes_on || text[..start].chars().next_back().is_some_and(inside) {
            from = end;
        } else {
            text.replace_range(start..end, " ");
            (from, found) = (start, true);
        }
    }
    found
}

/// `<…>` and `[…]` hold addresses and hosts.
fn without_brackets(text: &str) -> String {
    let mut left = text.to_owned();
    for (open, close) in [('<', '>'), ('[', ']')] {
        while let Some(start) = left.find(open)
            && let Some(length) = left[start..].find(close)
        {
            left.replace_range(start..=start + length, " ");
        }
    }
    left
}

/// An address, a link or a host name. A sentence without a blank after its stop goes on with a capital.
fn is_a_name(word: &str) -> bool {
    let host = word.trim_matches(|c: char| !c.is_alphanumeric());
    let last = host.rsplit_once('.').map_or("", |(_, last)| last);
    let is_host = last.len() > 1 && last.chars().all(|c| c.is_ascii_lowercase());
    word.contains('@') || word.contains("://") || is_host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_words() {
        let parties = Parties { from: "no-reply@acme.example", to: "spf@Sender.example" };
        for (text, words, us, recipient) in [
            ("5.1.1 <SPF@sender.example>: User unknown", " 5 1 1 user unknown ", false, true),
            ("no-reply@acme.example.", " ", true, false),
            ("nobody-no-reply@acme.example no", " no ", false, false),
            ("no-reply@acme.example.org no", " no ", false, false),
            ("sender.example: [helo.example] <dkim> gone", " gone ", false, false),
            ("at mx.spf.example http://dkim.example/x unknown.Please", " at unknown please ", false, false),
            ("<unclosed żółć", " unclosed żółć ", false, false),
            (">< ][ <a> <", " ", false, false),
        ] {
            let found = Words::of(text, parties);
            assert_eq!(
                (found.text.trim(), found.names_us, found.names_recipient),
                (words.trim(), us, recipient),
                "{text}"
            );
        }
    }
}
