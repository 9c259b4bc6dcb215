//! Who may read the report: whoever sends the token, or whom the operator's proxy has signed in.
//!
//! Guarantees: a token is compared in the same time whatever is wrong with it, and is in no log, error or answer; a name
//! is believed from the proxy's own addresses alone, and where there is exactly one; who tries tokens is slowed down.

use std::net::IpAddr;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::domain::UserId;
use crate::http::rate::Rate;

/// Sets these sums apart from every other use of the same text.
const LABEL: &[u8] = b"reconnectd report token, version 1";

/// Characters of a name: no directory has longer ones, and they are logged.
const MAX_NAME_CHARS: usize = 200;

/// Who may read.
pub enum Access {
    /// Whoever sends the token.
    Token(Bearer),
    /// Whoever asks from this host: for the demo, whose people are made up. No configuration leads here.
    ThisHost,
    /// Whom the proxy names.
    Proxy {
        /// In this header.
        header: HeaderName,
        /// From these networks, or from this host.
        from: Vec<IpNet>,
    },
}

/// The token, as something to compare with.
pub struct Bearer(Hmac<Sha256>);

/// Not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no token in the request.
    NoToken,
    /// There is another one.
    WrongToken,
    /// Too many tries from one address.
    TooOften,
    /// The request does not come from the proxy.
    NotTheProxy,
    /// The proxy names nobody, or more than one.
    NoName,
}

impl Refused {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
            Self::TooOften => "too_often",
            Self::NotTheProxy => "not_the_proxy",
            Self::NoName => "no_name",
        }
    }
}

impl Access {
    /// By the token.
    pub fn token(token: &SecretString) -> Option<Self> {
        Some(Self::Token(Bearer(sum(token.expose_secret().as_bytes())?)))
    }

    /// Who asks, as it may be logged.
    pub(super) fn reader(&self, peer: IpAddr, headers: &HeaderMap, rate: &Rate) -> Result<String, Refused> {
        match self {
            Self::Token(bearer) => {
                let given = given(headers).ok_or(Refused::NoToken)?;
                // Before the token is looked at, so that who guesses learns nothing from being slowed down.
                if !rate.allows_try(peer, headers) {
                    return Err(Refused::TooOften);
                }
                if bearer.is(given) { Ok("token".to_owned()) } else { Err(Refused::WrongToken) }
            }
            Self::ThisHost if peer.to_canonical().is_loopback() => Ok("this host".to_owned()),
            Self::ThisHost => Err(Refused::NotTheProxy),
            Self::Proxy { header, from } => {
                let peer = peer.to_canonical();
                if !peer.is_loopback() && !from.iter().any(|network| network.contains(&peer)) {
                    return Err(Refused::NotTheProxy);
                }
                name(header, headers).ok_or(Refused::NoName)
            }
        }
    }
}

impl Bearer {
    fn is(&self, given: &[u8]) -> bool {
        // Sums have one length, and `hmac` compares them in constant time.
        sum(given).is_some_and(|given| self.0.clone().verify(&given.finalize().into_bytes()).is_ok())
    }
}

fn sum(token: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(LABEL).ok()?;
    mac.update(token);
    Some(mac)
}

/// The token in the request: `Authorization: Bearer …` (RFC 6750, section 2.1), the scheme in any case (RFC 9110,
/// section 11.1).
fn given(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Whom the proxy names. Two headers are a proxy's and somebody's own: nobody knows which.
fn name(header: &HeaderName, headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let name = std::str::from_utf8(value.as_bytes()).ok()?.trim();
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME_CHARS && !name.chars().any(char::is_control);
    // Masked where it is an address, as ids are.
    fits.then(|| UserId::new(name).to_string())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn the_token_opens_and_nothing_else_does() {
        let access = Access::token(&SecretString::from(TOKEN)).unwrap();
        let (good, other) = (format!("Bearer {TOKEN}"), format!("Bearer {TOKEN}0"));
        for (lines, expected) in [
            (&[("authorization", good.as_str())][..], Ok("token".to_owned())),
            (&[("authorization", &format!("bEARER  {TOKEN} "))], Ok("token".to_owned())),
            (&[], Err(Refused::NoToken)),
            (&[("authorization", TOKEN)], Err(Refused::NoToken)),
            (&[("authorization", &format!("Basic {TOKEN}"))], Err(Refused::NoToken)),
            (&[("authorization", "Bearer ")], Err(Refused::WrongToken)),
            (&[("authorization", &other)], Err(Refused::WrongToken)),
            (&[("authorization", &good[..good.len() - 1])], Err(Refused::WrongToken)),
            (&[("authorization", &good.to_uppercase())], Err(Refused::WrongToken)),
            (&[("authorization", "Bearer é")], Err(Refused::WrongToken)),
            (&[("authorization", &good), ("authorization", &other)], Err(Refused::NoToken)),
            (&[("x-forwarded-user", "kim"), ("cookie", TOKEN)], Err(Refused::NoToken)),
        ] {
            let peer = IpAddr::from([127, 0, 0, 1]);
            assert_eq!(access.reader(peer, &headers(lines), &Rate::believing(Vec::new())), expected, "{lines:?}");
        }
    }

    #[test]
    fn tries_are_slowed_down_for_one_address_whether_right_or_wrong() {
        let access = Access::token(&SecretString::from(TOKEN)).unwrap();
        let (rate, wrong, right) = (Rate::believing(Vec::new()), "Bearer guess", format!("Bearer {TOKEN}"));
        let ask = |last: u8, token: &str| {
            access.reader(IpAddr::from([203, 0, 113, last]), &headers(&[("authorization", token)]), &rate)
        };
        let tries = (0..1_000).take_while(|_| ask(9, wrong) == Err(Refused::WrongToken)).count();
        assert!((30..100).contains(&tries), "{tries}");
        assert_eq!(ask(9, &right), Err(Refused::TooOften));
        assert_eq!(ask(10, &right), Ok("token".to_owned()), "everybody else");
    }

    #[test]
    fn a_name_is_believed_from_the_proxy_alone() {
        let header = HeaderName::from_static("x-forwarded-user");
        let access = Access::Proxy { header, from: vec!["10.42.0.0/16".parse().unwrap()] };
        let long = "a".repeat(MAX_NAME_CHARS + 1);
        let kim = &[("x-forwarded-user", "kim")][..];
        for (peer, lines, expected) in [
            ("127.0.0.1", kim, Ok("kim")),
            ("::1", kim, Ok("kim")),
            ("10.42.7.9", kim, Ok("kim")),
            ("::ffff:10.42.7.9", kim, Ok("kim")),
            ("10.43.0.1", kim, Err(Refused::NotTheProxy)),
            ("203.0.113.9", kim, Err(Refused::NotTheProxy)),
            (
                "203.0.113.9",
                &[("x-forwarded-user", "kim"), ("x-forwarded-for", "127.0.0.1")],
                Err(Refused::NotTheProxy),
            ),
            ("10.42.7.9", &[], Err(Refused::NoName)),
            ("10.42.7.9", &[("x-forwarded-user", "")], Err(Refused::NoName)),
            ("10.42.7.9", &[("x-forwarded-user", " ")], Err(Refused::NoName)),
            ("10.42.7.9", &[("x-forwarded-user", &long)], Err(Refused::NoName)),
            ("10.42.7.9", &[("x-forwarded-user", "kim"), ("x-forwarded-user", "root")], Err(Refused::NoName)),
            ("10.42.7.9", &[("x-forwarded-email", "kim")], Err(Refused::NoName)),
            ("10.42.7.9", &[("x-forwarded-user", "kim@acme.example")], Ok("k***@acme.example")),
        ] {
            let found = access.reader(peer.parse().unwrap(), &headers(lines), &Rate::believing(Vec::new()));
            assert_eq!(found, expected.map(str::to_owned), "{peer} {lines:?}");
        }
    }
}
