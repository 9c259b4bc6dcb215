//! Values of who may read the report, and of who is believed about who asks: a header no browser sends by itself, the
//! networks of proxies.

use std::net::IpAddr;

use axum::http::HeaderName;
use ipnet::IpNet;

use crate::config::errors::{Fault, fault};

/// Proxies stand in few networks; a longer list is no list of proxies.
const MAX_NETWORKS: usize = 64;

/// What every client may send, so that it names nobody. `authorization` would name whoever wrote it.
const SENT_BY_ALL: [&str; 14] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "connection",
    "content-type",
    "cookie",
    "from",
    "host",
    "origin",
    "referer",
    "user-agent",
    "via",
    "x-forwarded-for",
];

/// The kinds of `report_auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    Off,
    Token,
    Proxy,
}

/// As they are written.
pub(in crate::config) const KINDS: [(&str, Kind); 3] =
    [("off", Kind::Off), ("token", Kind::Token), ("proxy", Kind::Proxy)];

/// The header in which the proxy says who asks, in lower case.
pub(in crate::config) fn proxy_header(text: &str) -> Result<String, Fault> {
    let remedy = "name the header your proxy sets and clears, such as X-Forwarded-User";
    let name = HeaderName::try_from(text).map_err(|_| fault("not the name of a header", remedy))?;
    let name = name.as_str().to_owned();
    let theirs = SENT_BY_ALL.contains(&name.as_str()) || name.starts_with("sec-");
    if theirs { Err(fault("is a header that clients send themselves", remedy)) } else { Ok(name) }
}

/// Where the proxy asks from: addresses, or networks as CIDR.
pub(in crate::config) fn proxy_from(texts: Vec<String>) -> Result<Vec<IpNet>, Fault> {
    let remedy = "list the proxy's addresses or networks, such as [\"10.0.3.7\", \"10.42.0.0/16\"]";
    if texts.is_empty() {
        return Err(fault("is empty", format!("{remedy}, or leave the key out for this host alone")));
    }
    if texts.len() > MAX_NETWORKS {
        return Err(fault("has too many entries", format!("list at most {MAX_NETWORKS}")));
    }
    texts.into_iter().map(|text| network(&text, "lets in everybody", remedy)).collect()
}

/// Where TLS proxies usually stand: this host, private networks (RFC 1918, RFC 4193), and the shared address space that
/// clusters use for pods (RFC 6598).
pub(in crate::config) const NEAR: [&str; 7] =
    ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "100.64.0.0/10"];

/// Whose word is taken on who asks: addresses, or networks as CIDR; nobody's where there are none.
pub(in crate::config) fn trusted_proxies(texts: Vec<String>) -> Result<Vec<IpNet>, Fault> {
    let remedy = "list the networks of every proxy in front, such as [\"127.0.0.1\", \"173.245.48.0/20\"]";
    if texts.len() > MAX_NETWORKS {
        return Err(fault("has too many entries", format!("list at most {MAX_NETWORKS}")));
    }
    texts.into_iter().map(|text| network(&text, "believes everybody", remedy)).collect()
}

fn network(text: &str, of_all: &'static str, remedy: &'static str) -> Result<IpNet, Fault> {
    match text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
        Ok(network) if network.prefix_len() > 0 => Ok(network.trunc()),
        Ok(_) => Err(fault(of_all, remedy)),
        Err(_) => Err(fault("holds what is no address or network", remedy)),
    }
}
