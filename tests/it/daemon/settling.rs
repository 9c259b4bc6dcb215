//! What was done is written down, also where the state database is away just then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use reconnectd::daemon::{Body, Call, End, Finish};
use reconnectd::domain::JobName;

use super::stage::{DONE, Running};
use crate::support::databases::postgres_database;
use crate::support::proxy::Proxy;
use crate::support::rig::Rig;

/// Does it, and then the network to the state database is gone.
struct CutAfterwards {
    network: Arc<Proxy>,
    calls: AtomicU32,
}

#[async_trait]
impl Body for CutAfterwards {
    fn job(&self) -> JobName {
        JobName::Audit
    }

    fn keeps_its_row(&self) -> bool {
        true // So that nothing but the settlement is written when it has ended.
    }

    async fn run(&self, _: Call) -> Finish {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.network.cut();
        Finish::Done
    }
}

#[tokio::test]
async fn what_was_done_while_the_state_database_went_away_is_settled_when_it_is_back_and_not_done_again() {
    let mut url: url::Url = postgres_database().await.parse().unwrap();
    let server = SocketAddr::from(([127, 0, 0, 1], url.port().unwrap_or(5432)));
    let network = Arc::new(Proxy::to(server).await);
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(network.address().port())).unwrap();
    let rig = Rig::over(url.as_str()).await;
    let body = Arc::new(CutAfterwards { network: Arc::clone(&network), calls: AtomicU32::new(0) });
    let running = Running::start(&rig, Arc::clone(&body) as Arc<dyn Body>, vec![None]);
    running.follows().await;
    running.clock.set(60);
    // It has tried to write that, and pauses.
    while running.clock.1.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    network.restore();
    running.clock.set(61);
    let rows = running.until(&[(60, DONE)]).await;
    assert_eq!((rows[0].attempts, body.calls.load(Ordering::SeqCst)), (1, 1), "{rows:?}");
    assert_eq!(running.stop().await, End::Stopped);
}
