//! Asks a `reconnectd` that runs beside us whether it is well.
//!
//! Turns one GET to its monitor listener into a verdict. Bounded in time and in what is read; no proxy, no redirect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// What is kept of an answer: reasons per dependency, which are far shorter.
const MAX_ANSWER_BYTES: usize = 4 * 1024;

/// Why it is not well, as far as that can be told from here.
#[derive(Debug, thiserror::Error)]
pub enum NotWell {
    /// Nobody answers in time.
    #[error("{address} does not answer")]
    Silent {
        /// Who was asked.
        address: SocketAddr,
        /// Why not.
        source: reqwest::Error,
    },
    /// It says so itself.
    #[error("{address}{path} answered {status}: {words}")]
    Said {
        /// Who was asked.
        address: SocketAddr,
        /// What was asked for.
        path: &'static str,
        /// The status of the answer.
        status: u16,
        /// The beginning of the answer.
        words: String,
    },
}

/// Asks the listener at `listen` for `path`, for `limit` at most. An address that stands for all of this host's is
/// asked by loopback.
pub async fn ask(listen: SocketAddr, path: &'static str, limit: Duration) -> Result<(), NotWell> {
    let address = reachable(listen);
    let silent = |source| NotWell::Silent { address, source };
    let client = reqwest::Client::builder()
        .timeout(limit)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(silent)?;
    let mut answer = client.get(format!("http://{address}{path}")).send().await.map_err(silent)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let mut words = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await
        && words.len() < MAX_ANSWER_BYTES
    {
        words.extend_from_slice(&piece);
    }
    words.truncate(MAX_ANSWER_BYTES);
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    Err(NotWell::Said { address, path, status: status.as_u16(), words })
}

fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_by_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8481", "127.0.0.1:8481"),
            ("[::]:8481", "[::1]:8481"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.7:1", "192.0.2.7:1"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
