//! What overlaps, and how far the scan may run ahead. No clock: the scan is polled until it can do nothing more.

use std::pin::pin;
use std::sync::atomic::Ordering;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::ScannedPage;
use reconnectd::scan::{ScanError, scan};
use tokio::sync::mpsc;

use super::fakes::{Users, World, auto, drive, fixed, never_stops};

#[tokio::test]
async fn without_a_consumer_it_stops_two_pages_beyond_the_channel() {
    for capacity in [1, 2, 5] {
        let (directory, provider) = (Users::numbered(100, 1), World::default());
        let (out, mut pages) = mpsc::channel::<ScannedPage>(capacity);
        let mut running = pin!(scan(&directory, &provider, auto(4), None, out, never_stops(), &SystemClock));
        assert!(drive(running.as_mut()).await.is_none());
        assert_eq!(directory.pages_read(), capacity + 2);
        assert_eq!(provider.sizes().len(), capacity + 1, "the last page read is not asked about yet");
        for taken in 1..=10 {
            pages.try_recv().expect("a page is ready");
            assert!(drive(running.as_mut()).await.is_none());
            assert_eq!(directory.pages_read(), capacity + 2 + taken, "one page taken, one page read");
        }
    }
}

#[tokio::test]
async fn the_next_page_is_fetched_while_one_is_recorded() {
    let (directory, provider) = (Users::numbered(3, 1), World::closed());
    let gate = provider.gate.as_ref().unwrap();
    let (out, mut pages) = mpsc::channel::<ScannedPage>(1);
    let mut running = pin!(scan(&directory, &provider, auto(4), None, out, never_stops(), &SystemClock));

    assert!(drive(running.as_mut()).await.is_none());
    assert_eq!(provider.in_flight(), 1);
    assert_eq!(directory.pages_read(), 2, "page 2 is read while the provider is asked about page 1");

    gate.add_permits(1);
    assert!(drive(running.as_mut()).await.is_none());
    let recording = pages.try_recv().expect("page 1 is ready while page 2 is not");
    assert_eq!(recording.users[0].user.as_str(), "u0");
    assert_eq!(provider.in_flight(), 1, "page 2 is asked about");
    assert_eq!(provider.requests.lock().unwrap()[1][0].as_str(), "u1");

    gate.add_permits(2);
    assert!(matches!(drive(running.as_mut()).await, None | Some(Ok(()))));
    assert_eq!(pages.try_recv().unwrap().users[0].user.as_str(), "u1");
}

#[tokio::test]
async fn as_many_requests_as_allowed_are_in_flight_and_no_more() {
    for (concurrency, expected) in [(0, 1), (1, 1), (4, 4), (50, 20)] {
        let (directory, provider) = (Users::numbered(40, 20), World::closed());
        let (out, _pages) = mpsc::channel::<ScannedPage>(9);
        let mut running =
            pin!(scan(&directory, &provider, fixed(concurrency, 1), None, out, never_stops(), &SystemClock));
        assert!(drive(running.as_mut()).await.is_none());
        assert_eq!(provider.in_flight(), expected);
        provider.gate.as_ref().unwrap().add_permits(7);
        assert!(drive(running.as_mut()).await.is_none());
        assert_eq!(provider.in_flight(), expected.min(13), "a finished request makes room for the next");
        provider.gate.as_ref().unwrap().add_permits(33);
        drive(running.as_mut()).await.expect("every answer has come").unwrap();
        assert_eq!(provider.most_in_flight.load(Ordering::SeqCst), expected);
        assert_eq!(provider.sizes().len(), 40);
    }
}

#[tokio::test]
async fn it_ends_when_nobody_records_any_more() {
    let (directory, provider) = (Users::numbered(10, 5), World::closed());
    let (out, pages) = mpsc::channel::<ScannedPage>(1);
    let mut running = pin!(scan(&directory, &provider, fixed(3, 1), None, out, never_stops(), &SystemClock));
    assert!(drive(running.as_mut()).await.is_none());
    assert_eq!(provider.in_flight(), 3);
    drop(pages);
    let ended = drive(running.as_mut()).await.expect("the scan must end");
    assert!(matches!(ended, Err(ScanError::ConsumerGone)));
    assert_eq!(provider.in_flight(), 0, "the requests in flight were dropped");
}

#[tokio::test]
async fn the_scan_can_be_moved_to_another_thread() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let (directory, provider) = (Users::numbered(1, 1), World::default());
    let (out, mut pages) = mpsc::channel::<ScannedPage>(1);
    assert_send(scan(&directory, &provider, auto(1), None, out, never_stops(), &SystemClock)).await.unwrap();
    assert!(pages.recv().await.is_some());
}
