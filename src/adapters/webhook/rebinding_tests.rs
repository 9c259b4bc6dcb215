//! A name server that changes its mind: whatever it said before, what it says at the connect decides.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Mutex, PoisonError};

use reqwest::dns::Resolve as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::target::{AddressGuard, Reach, resolve_url};
use super::*;
use crate::domain::{DeliveryId, NotificationId, OperatorEvent, from_millis};

/// Gives its answers one after the other, the last one for ever.
struct Fickle(Mutex<VecDeque<Vec<IpAddr>>>);

impl Fickle {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parsed).collect())))
    }
}

#[async_trait]
impl Lookup for Fickle {
    async fn addresses(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Ok(answer.unwrap_or_default().into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

fn channel(url: &str, allow_private: bool, lookup: Arc<dyn Lookup>) -> WebhookChannel {
    // Another test may have installed it first; either way it is there.
    drop(rustls::crypto::ring::default_provider().install_default());
    let settings = WebhookSettings {
        name: "product".to_owned(),
        url: url.to_owned(),
        secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".into(),
        secret_previous: None,
        signing_key: None,
        events: vec![EventKind::ChannelStopped],
        allow_private,
        limits: WebhookLimits { connect: Duration::from_secs(20), total: Duration::from_mins(1) },
    };
    WebhookChannel::with_lookup(settings, lookup).unwrap()
}

fn event() -> OperatorNotice {
    OperatorNotice {
        to: None,
        delivery: DeliveryId::new("del-1"),
        notification: NotificationId::new("not-1"),
        outside_id: "msg_1".to_owned(),
        event: OperatorEvent::ChannelStopped { channel: ChannelName::new("email"), detail: "535 no".to_owned() },
        created_at: from_millis(0),
        now: from_millis(0),
    }
}

const PUBLIC: &str = "93.184.215.14";

#[tokio::test]
async fn a_name_that_was_public_when_checked_and_is_private_at_the_connect_is_not_reached() {
    for private in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://hooks.example.com:{}/hook", listener.local_addr().unwrap().port());
        let fickle = Fickle::new(&[&[PUBLIC], &[private]]);
        let channel = channel(&url, false, Arc::clone(&fickle) as Arc<dyn Lookup>);
        // The check of the address, without the dialling: nothing of a test leaves the machine.
        let guard = AddressGuard { reach: Reach::PublicOnly, lookup: fickle };
        let checked = resolve_url(&Url::parse(&url).unwrap(), &guard).await.unwrap();
        assert_eq!(checked[0].ip().to_string(), PUBLIC);

        for error in [channel.send_event(&event()).await.unwrap_err(), channel.check().await.unwrap_err()] {
            assert_eq!(error.class, FailureClass::ChannelBroken, "{private}: {error}");
            assert!(error.detail.contains("hooks.example.com: the target is a private"), "{private}: {error}");
        }
        drop(channel);
        let nobody = timeout(Duration::ZERO, listener.accept()).await;
        assert!(nobody.is_err(), "{private}: the private listener was reached");
    }
}

#[tokio::test]
async fn of_mixed_answers_only_what_is_within_reach_is_dialled() {
    let resolve = async |answer: &[&str], reach| {
        let guard = AddressGuard { reach, lookup: Fickle::new(&[answer]) };
        let found = guard.resolve("hooks.example.com".parse().unwrap()).await;
        found.map(|found| found.map(|address| address.ip().to_string()).collect::<Vec<_>>())
    };
    let mixed = ["10.0.0.1", PUBLIC, "127.0.0.1", "fd00:ec2::254", "2606:4700::1111", "::ffff:10.0.0.1"];
    assert_eq!(resolve(&mixed, Reach::PublicOnly).await.unwrap(), [PUBLIC, "2606:4700::1111"]);
    assert_eq!(resolve(&mixed, Reach::LoopbackOnly).await.unwrap(), ["127.0.0.1"]);
    assert_eq!(resolve(&mixed, Reach::Anywhere).await.unwrap(), mixed);
    assert!(resolve(&["10.0.0.1", "169.254.169.254"], Reach::PublicOnly).await.is_err());
}

/// The whole way, with loopback for the public internet: `http` with `allow_private` reaches this host alone.
#[tokio::test]
async fn a_mixed_answer_is_delivered_to_the_address_within_reach() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/hook", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 16_384];
        let mut read = 0;
        while !String::from_utf8_lossy(&request[..read]).ends_with("}}") {
            read += stream.read(&mut request[read..]).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    });
    let channel = channel(&url, true, Fickle::new(&[&["169.254.169.254", "127.0.0.1"], &["169.254.169.254"]]));
    assert_eq!(channel.send_event(&event()).await.unwrap().detail, "HTTP 204");
    server.await.unwrap();
    assert_eq!(channel.check().await.unwrap_err().class, FailureClass::ChannelBroken, "the next answer has none");
}

#[tokio::test]
async fn a_link_local_address_with_a_scope_is_closed_and_a_name_without_addresses_may_be_mended() {
    let scoped = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse::<Ipv6Addr>().unwrap(), 443, 0, 2));
    assert!(!Reach::PublicOnly.permits(scoped.ip()));
    let channel = channel("https://hooks.example.com/hook", false, Fickle::new(&[&[]]));
    for error in [channel.send_event(&event()).await.unwrap_err(), channel.check().await.unwrap_err()] {
        assert_eq!(error.class, FailureClass::Transient, "{error}");
    }
}
