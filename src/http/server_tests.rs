//! The stop, in virtual time: what it waits for, and when it gives up.

use std::future::{pending, ready};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::tally::tally;
use super::*;
use crate::domain::{LinkId, Timestamp};
use crate::store::Store;

async fn server() -> Server {
    Server::over(TcpListener::bind("127.0.0.1:0").await.unwrap(), Router::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_stop_waits_for_what_goes_on_without_its_request() {
    let server = server().await;
    let (tell, told) = oneshot::channel::<()>();
    server.finishing.spawn(told);
    let begun = Instant::now();
    let mut run = pin!(server.run(ready(())));
    assert!(timeout(Duration::from_secs(20), run.as_mut()).await.is_err(), "it did not wait");
    tell.send(()).unwrap();
    run.await;
    assert_eq!(begun.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn the_stop_gives_up_what_does_not_end() {
    let server = server().await;
    server.finishing.spawn(pending::<()>());
    let begun = Instant::now();
    server.run(ready(())).await;
    assert_eq!(begun.elapsed(), MAX_DRAIN_TIME);
}

/// A connection that says nothing, a task that does not end, and a state database that somebody else is writing to.
#[tokio::test]
async fn the_stop_ends_within_its_limit_whatever_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("state.db").display());
    let store = Store::open(&url).await.unwrap();
    let busy = Store::open(&url).await.unwrap();
    // A transaction that may write begins by locking the database.
    let held = busy.begin().await.unwrap();
    let (tally, writer) = tally(store);
    let server = Server { tally: Some(writer), ..server().await };
    server.finishing.spawn(pending::<()>());
    let _silent = TcpStream::connect(server.address()).await.unwrap();
    let (tell, told) = oneshot::channel::<()>();
    tokio::time::pause();
    tally.note(LinkId::from_bytes([7; 16]), Timestamp::default());
    let run = tokio::spawn(server.run(async move { told.await.unwrap_or(()) }));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    tell.send(()).unwrap();
    run.await.unwrap();
    let took = begun.elapsed();
    // The timer is as fine as a millisecond.
    assert!(took > MAX_DRAIN_TIME && took <= STOP_LIMIT + Duration::from_millis(2), "{took:?}");
    held.roll_back();
}
