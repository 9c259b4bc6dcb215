//! Decides which addresses a webhook may be posted to, so that a URL cannot reach the operator's own
//! network (a metadata service, a database, an admin page).
//!
//! Two doors, because the HTTP client asks its resolver about names only (crates.md, finding 10): literal
//! hosts are checked in the URL, where `127.1`, `0x7f000001` and `2130706433` have become plain IPv4;
//! names are checked in the resolver, whose answer is exactly what is dialled, so a name that changes
//! between check and connect gains nothing. Of an answer that mixes addresses, only those within reach are dialled.
//!
//! The list is that of Svix (`server/svix-server/src/core/webhook_http_client.rs`, commit 0453fac) and more: Svix
//! leaves the IPv6 forms that carry an IPv4 address open (mapped ones are judged by what they carry), and IPv4
//! multicast, AS112, 6to4 relays, site-local, segment ids and the newer documentation range. Why ours is wider:
//! `docs/decisions/0010-where-a-webhook-may-go.md`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::adapters::answer::failed;
use crate::domain::FailureClass;
use crate::ports::SendError;

/// Where events may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The public internet; the default.
    PublicOnly,
    /// Any address: `allow_private = true`.
    Anywhere,
    /// This host: plain `http` with `allow_private = true`.
    LoopbackOnly,
}

/// Everything that is not a host on the public IPv4 internet (IANA IPv4 Special-Purpose Address Registry).
const CLOSED_V4: [([u8; 4], u8); 17] = [
    ([0, 0, 0, 0], 8),        // this network
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // carrier-grade NAT
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // public by number, but the host of every Azure machine answers on it
    ([169, 254, 0, 0], 16),   // link-local, cloud metadata
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // AS112
    ([192, 88, 99, 0], 24),   // 6to4 relays
    ([192, 168, 0, 0], 16),   // private
    ([192, 175, 48, 0], 24),  // AS112
    ([198, 18, 0, 0], 15),    // benchmarking
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 3),      // multicast, reserved, broadcast
];

/// The same for IPv6. Forms that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo) are closed
/// whatever they carry: no webhook endpoint needs them.
const CLOSED_V6: [([u16; 8], u8); 17] = [
    ([0, 0, 0, 0, 0, 0, 0, 0], 96),              // unspecified, loopback, IPv4-compatible
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),         // IPv4-mapped
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),         // IPv4-translated
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),      // NAT64
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),      // local NAT64
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64),          // discard
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),         // Teredo, ORCHID, benchmarking, protocol assignments
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),     // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),         // 6to4
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), // AS112
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16),         // former test network
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),         // documentation
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),         // SRv6 segment ids
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),          // unique local
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),         // link-local
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),         // site-local
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),          // multicast
];

impl Reach {
    /// Whether an address may be dialled.
    pub(super) fn permits(self, ip: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::LoopbackOnly => ip.to_canonical().is_loopback(),
            Self::PublicOnly => !is_closed(ip),
        }
    }
}

fn is_closed(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => CLOSED_V4
            .iter()
            .any(|&(net, length)| Ipv4Net::new(Ipv4Addr::from(net), length).is_ok_and(|net| net.contains(&ip))),
        IpAddr::V6(ip) => CLOSED_V6
            .iter()
            .any(|&(net, length)| Ipv6Net::new(Ipv6Addr::from(net), length).is_ok_and(|net| net.contains(&ip))),
    }
}

/// Refuses a URL whose host is a literal address outside `reach`; names pass, the resolver sees them.
pub(super) fn check_literal(url: &Url, reach: Reach) -> Result<(), SendError> {
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if reach.permits(ip) { Ok(()) } else { Err(failed(url, FailureClass::ChannelBroken, &Refused.to_string())) }
}

/// Turns a host name into addresses; a trait, so that a test can be a name server that changes its mind.
#[async_trait]
pub(super) trait Lookup: Send + Sync {
    /// Every address the name has now, with `port`.
    async fn addresses(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
pub(super) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, port)).await?.collect())
    }
}

/// The addresses of a URL's host that may be dialled, for `check`.
pub(super) async fn resolve_url(url: &Url, guard: &AddressGuard) -> Result<Vec<SocketAddr>, SendError> {
    check_literal(url, guard.reach)?;
    let port = url.port_or_known_default().unwrap_or(443);
    let host = match url.host() {
        Some(Host::Domain(name)) => name,
        Some(Host::Ipv4(ip)) => return Ok(vec![SocketAddr::from((ip, port))]),
        Some(Host::Ipv6(ip)) => return Ok(vec![SocketAddr::from((ip, port))]),
        None => "",
    };
    let found = guard.lookup.addresses(host, port).await;
    let found = found.map_err(|_| failed(url, FailureClass::Transient, "the host name does not resolve"))?;
    permitted(found, guard.reach).map_err(|refused| failed(url, FailureClass::ChannelBroken, &refused.to_string()))
}

/// A resolver that leaves out addresses outside its reach.
#[derive(Clone)]
pub(super) struct AddressGuard {
    pub(super) reach: Reach,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            // Port 0 means "the port of the URL" to the client.
            let found = guard.lookup.addresses(name.as_str(), 0).await?;
            Ok(Box::new(permitted(found, guard.reach)?.into_iter()) as Addrs)
        })
    }
}

/// Every address a name has is private: found again in the client's error by its type.
#[derive(Debug, thiserror::Error)]
#[error("the target is a private or reserved address; set allow_private = true if that is meant")]
pub(super) struct Refused;

/// A name without any address is no matter of permission: nothing is there to dial, and it may be mended.
/// The refusal an exchange failed with, if that is why it failed.
pub(super) fn refusal_in<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Refused> {
    std::iter::successors(error.source(), |cause| cause.source()).find_map(|cause| cause.downcast_ref())
}

fn permitted(found: Vec<SocketAddr>, reach: Reach) -> Result<Vec<SocketAddr>, Refused> {
    if found.is_empty() {
        return Ok(found);
    }
    let open: Vec<_> = found.into_iter().filter(|address| reach.permits(address.ip())).collect();
    if open.is_empty() { Err(Refused) } else { Ok(open) }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
