//! How many requests one client may make.
//!
//! Turns a request's origin into "go on" or 429. No secret depends on it (a token cannot be guessed); it keeps one
//! client from keeping everybody else waiting. Guarantees: memory for a bounded number of clients. A restart
//! forgets everybody.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;

use super::Shared;
use super::subject::Subject;
use crate::domain::{AddressHash, AttemptId, LinkId};
use crate::languages::PageLanguage;

/// Mail services unsubscribe thousands of people from few addresses, so this is far above what a person does.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// How many at once, after a pause.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);

/// One link is one person's: more than this a second is a machine. A click costs the provider two requests.
const TOKEN_PER_SECOND: NonZeroU32 = NonZeroU32::MIN;

/// How often at once: a scanner of mail, a preview and a person with three tabs.
const TOKEN_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);

/// Tries of the report's token from one address, right or wrong: a person, or a page that shows it, makes fewer.
const TRIES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN;

/// How many at once.
const TRIES_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// Clients, and links, remembered, about 1 MB; those that came last share one allowance while it is full.
const MAX_CLIENTS: usize = 10_000;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub SocketAddr);

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// See the module.
pub(super) struct Rate {
    clients: Limiter<IpAddr>,
    /// By the ids of links and attempts that are ours, and the hashes of addresses in links by which people say what they
    /// want: whoever asks for one, from wherever.
    tokens: Limiter<[u8; 16]>,
    /// Who tries tokens of the report.
    tries: Limiter<IpAddr>,
    trusted: Vec<IpNet>,
}

impl Rate {
    /// Asks who asks of the proxies in these networks, and of nobody else.
    pub(super) fn believing(trusted: Vec<IpNet>) -> Self {
        let quota = Quota::per_second(PER_SECOND).allow_burst(BURST);
        let per_token = Quota::per_second(TOKEN_PER_SECOND).allow_burst(TOKEN_BURST);
        let per_try = Quota::per_second(TRIES_PER_SECOND).allow_burst(TRIES_BURST);
        Self {
            tries: RateLimiter::hashmap_with_clock(per_try, MonotonicClock),
            clients: RateLimiter::hashmap_with_clock(quota, MonotonicClock),
            tokens: RateLimiter::hashmap_with_clock(per_token, MonotonicClock),
            trusted,
        }
    }

    fn allows(&self, client: IpAddr) -> bool {
        allows(&self.clients, &client, &IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    }

    /// Whether this client may try a token of the report once more just now.
    pub(super) fn allows_try(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        allows(&self.tries, &client(&self.trusted, peer, headers), &IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    }

    /// Whether this link may be used once more just now.
    pub(super) fn allows_link(&self, link: &LinkId) -> bool {
        allows(&self.tokens, link.as_bytes(), &[0; 16])
    }

    /// Whether the link of this address's owner may be looked at once more just now.
    pub(super) fn allows_owner_to_look(&self, owner: &AddressHash) -> bool {
        // Half of a hash is as good as the whole to tell owners apart.
        allows(&self.tokens, owner.as_bytes().first_chunk().unwrap_or(&[0; 16]), &[0; 16])
    }

    /// Whether this address's owner may say once more what they want just now, however often their link was looked at: no
    /// scanner keeps anybody from unsubscribing.
    pub(super) fn allows_owner_to_choose(&self, owner: &AddressHash) -> bool {
        allows(&self.tokens, owner.as_bytes().last_chunk().unwrap_or(&[0; 16]), &[0; 16])
    }

    /// Whether this attempt may be asked about once more just now.
    pub(super) fn allows_attempt(&self, attempt: &AttemptId) -> bool {
        allows(&self.tokens, attempt.as_bytes(), &[0; 16])
    }
}

fn allows<K: Hash + Eq + Clone>(limiter: &Limiter<K>, key: &K, shared: &K) -> bool {
    if limiter.len() >= MAX_CLIENTS {
        // Forgets those that have their whole allowance again.
        limiter.retain_recent();
    }
    let full = limiter.len() >= MAX_CLIENTS;
    limiter.check_key(if full { shared } else { key }).is_ok()
}

/// Answers 429 to a client that asks too often; everybody else's request goes on.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if shared.rate.allows(client(&shared.rate.trusted, peer.ip(), request.headers())) {
        return next.run(request).await;
    }
    let language = shared.pages.language(None, super::unsubscribe::accept_language(request.headers()));
    slower(&shared, language)
}

/// 429.
pub(super) fn slower(shared: &Shared, language: &PageLanguage) -> Response {
    let mut answer = shared.pages.answer(StatusCode::TOO_MANY_REQUESTS, language, Subject::Slower);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

/// Who asks. Every proxy appends who asked it to `X-Forwarded-For`: the last of that chain that is no trusted proxy is who
/// asked the first of ours. What stands before is their own invention, as is anybody else's header. An IPv6 network of
/// one customer counts as one.
fn client(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let mut chain = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')).map(address);
    let mut client = peer.to_canonical();
    while is_trusted(&client) {
        // What cannot be read, or is not there, leaves the proxy itself as the client.
        let Some(Some(before)) = chain.next() else { break };
        client = before;
    }
    match client {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// One entry of the chain. Some proxies (Azure's Application Gateway) add the port.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let ip = entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|from| from.ip()));
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trusted_proxies_say_who_asks_and_nobody_else_does() {
        let trusted = ["127.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "173.245.48.0/20"];
        let trusted = trusted.map(|network| network.parse().unwrap());
        for (peer, forwarded, expected) in [
            ("127.0.0.1", None, "127.0.0.1"),
            ("127.0.0.1", Some("203.0.113.9"), "203.0.113.9"),
            ("127.0.0.1", Some("198.51.100.1, 203.0.113.9"), "203.0.113.9"),
            ("10.1.2.3", Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::"),
            ("::ffff:10.1.2.3", Some("203.0.113.9"), "203.0.113.9"),
            ("127.0.0.1", Some("198.51.100.1, 203.0.113.9:40312"), "203.0.113.9"),
            ("127.0.0.1", Some("[2001:db8:1:2:3:4:5:6]:40312"), "2001:db8:1:2::"),
            ("127.0.0.1", Some("nonsense"), "127.0.0.1"),
            ("198.51.100.7", Some("203.0.113.9"), "198.51.100.7"),
            // A pod, a cloud's edge before the proxy, and an edge alone; what the client wrote itself is not read.
            ("100.64.3.4", Some("203.0.113.9"), "203.0.113.9"),
            ("127.0.0.1", Some("203.0.113.9, 173.245.48.7"), "203.0.113.9"),
            ("127.0.0.1", Some("8.8.8.8, 203.0.113.9, 173.245.48.7, 10.0.0.1"), "203.0.113.9"),
            ("173.245.48.7", Some("203.0.113.9"), "203.0.113.9"),
            ("127.0.0.1", Some("nonsense, 173.245.48.7"), "173.245.48.7"),
            ("127.0.0.1", Some("10.0.0.9"), "10.0.0.9"),
            ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(forwarded) = forwarded {
                headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
            }
            assert_eq!(client(&trusted, peer.parse().unwrap(), &headers).to_string(), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn one_client_is_slowed_down_and_the_others_are_not() {
        let rate = Rate::believing(Vec::new());
        let (greedy, other) = (IpAddr::from([203, 0, 113, 9]), IpAddr::from([203, 0, 113, 10]));
        let allowed = (0..5_000).take_while(|_| rate.allows(greedy)).count();
        assert!((200..1_000).contains(&allowed), "{allowed}");
        assert!(rate.allows(other));
    }

    #[test]
    fn memory_is_bounded_however_many_clients_come() {
        let rate = Rate::believing(Vec::new());
        for n in 0..30_000_u32 {
            rate.allows(IpAddr::from(n.to_be_bytes()));
        }
        assert!(rate.clients.len() <= MAX_CLIENTS + 1, "{}", rate.clients.len());
    }
}
