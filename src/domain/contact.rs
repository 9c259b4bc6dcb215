//! How a person is reached, read from the directory at the moment a mail is sent and never stored.

use std::fmt;

/// An e-mail address that masks itself whenever it is shown. [`EmailAddress::expose`] is the one way
/// to the text, so that every place that could leak it can be found by name.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// No tag is longer that means something here (RFC 5646, section 4.4.1).
const MAX_TAG_BYTES: usize = 35;

/// The text is no address a mail could be sent to. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address (expected local@domain without spaces or control characters)")]
pub struct EmailAddressError;

impl EmailAddress {
    /// Takes an address as the directory holds it, surrounding blanks removed. The full grammar is the
    /// mail library's business; this refuses what could only be a mistake or an injection.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let text = text.trim();
        let well_formed = text.len() <= 254 // RFC 5321, section 4.5.3.1.3 less the angle brackets
            && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '<' || c == '>')
            && text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        if well_formed { Ok(Self(text.to_owned())) } else { Err(EmailAddressError) }
    }

    /// What stands behind the `@`: whose mail server takes it. As much a secret as the address.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The address in clear, for the SMTP envelope and the `To` header only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::redact::mask_address(&self.0))
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({self})")
    }
}

/// What the directory knows of one user beyond the id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// Where mail goes; none where the directory has no such column, no value, or no usable one.
    pub email: Option<EmailAddress>,
    /// The person's name, as the product holds it; untrusted text.
    pub name: Option<String>,
    /// A BCP 47 language tag, as the product holds it.
    pub locale: Option<String>,
    /// An IANA time zone, as the product holds it.
    pub timezone: Option<String>,
}

impl Contact {
    /// The language a person reads, as a tag (BCP 47) that may stand in a link: `de-AT` of `de_AT.UTF-8`; none where the
    /// locale is none, or none that is known to be one.
    pub fn language_tag(&self) -> Option<String> {
        let tag = self.locale.as_deref()?.trim().split(['.', '@']).next()?.replace('_', "-");
        let mut subtags = tag.split('-');
        let primary = subtags.next().is_some_and(|subtag| {
            (2..=3).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        // RFC 5646, section 2.1: letters and digits, at most eight each.
        let rest =
            |subtag: &str| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (primary && tag.len() <= MAX_TAG_BYTES && subtags.all(rest)).then_some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_names_a_language() {
        for (locale, expected) in [
            (Some("de"), Some("de")),
            (Some(" DE-at"), Some("DE-at")),
            (Some("de_CH.UTF-8"), Some("de-CH")),
            (Some("de_DE@euro"), Some("de-DE")),
            (Some("fil-PH"), Some("fil-PH")),
            (Some("zh-Hant-TW"), Some("zh-Hant-TW")),
            (Some("de-"), None),
            (Some("de-A&B"), None),
            (Some("de-123456789"), None),
            (Some("de-aa-bb-cc-dd-ee-ff-gg-hh-ii-jj-kk-ll"), None),
            (Some(""), None),
            (Some("German"), None),
            (Some("d&x"), None),
            (None, None),
        ] {
            let contact = Contact { locale: locale.map(str::to_owned), ..Contact::default() };
            assert_eq!(contact.language_tag().as_deref(), expected, "{locale:?}");
        }
    }

    #[test]
    fn addresses_mask_themselves_and_refuse_injection() {
        let ok = EmailAddress::parse(" mary@example.com ").unwrap();
        assert_eq!((ok.to_string().as_str(), ok.expose()), ("m***@example.com", "mary@example.com"));
        assert_eq!(format!("{ok:?}"), "EmailAddress(m***@example.com)");
        for bad in ["", "mary", "@x", "x@", "a b@x", "a@x\r\nBcc: z@x", "<a@x>", &"a".repeat(260)] {
            assert_eq!(EmailAddress::parse(bad), Err(EmailAddressError), "{bad:?}");
        }
    }
}
