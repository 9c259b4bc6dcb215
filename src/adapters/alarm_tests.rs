//! The real scheduler under real time: instants a second or two ahead.

use tokio::time::Instant;

use super::*;
use crate::adapters::clock::{ManualClock, SystemClock};

async fn alarm() -> CronAlarm {
    CronAlarm::start(Arc::new(SystemClock)).await.unwrap()
}

/// How many jobs the scheduler holds.
async fn armed(alarm: &CronAlarm) -> usize {
    let storage = alarm.scheduler.context().metadata_storage.clone();
    let mut storage = storage.write().await;
    storage.list_next_ticks().await.unwrap().len()
}

/// Waits until the scheduler holds no job: what is removed is removed by a task.
async fn all_gone(alarm: &CronAlarm) {
    let gone = async {
        while armed(alarm).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("a job stayed in the scheduler");
}

#[tokio::test]
async fn it_rings_at_the_instant_or_soon_after_and_never_before() {
    let alarm = alarm().await;
    for ahead in [300, 1000, 1700] {
        let at = SystemClock.now() + TimeDelta::milliseconds(ahead);
        let begun = Instant::now();
        alarm.ring(at).await;
        let now = SystemClock.now();
        assert!(now >= at, "{ahead} ms ahead: {now} is before {at}");
        // Up to a whole second cut off, half a second between looks; the rest is a busy machine's.
        assert!(begun.elapsed() < Duration::from_secs(20), "{ahead} ms ahead took {:?}", begun.elapsed());
    }
    all_gone(&alarm).await;
}

#[tokio::test]
async fn an_instant_that_has_passed_rings_at_once() {
    let alarm = alarm().await;
    for ago in [0, 1, 5000, 3_600_000] {
        alarm.ring(SystemClock.now() - TimeDelta::milliseconds(ago)).await;
    }
    assert_eq!(armed(&alarm).await, 0);
}

#[tokio::test]
async fn setting_it_anew_500_times_and_dropping_it_leaves_nothing_behind() {
    let alarm = alarm().await;
    for days in 0..500 {
        let far = SystemClock.now() + TimeDelta::days(1 + days % 300);
        // Polled until there is a job in the scheduler, then dropped.
        tokio::select! {
            biased;
            () = alarm.ring(far) => panic!("it rang for {far}"),
            () = async { while armed(&alarm).await == 0 { tokio::task::yield_now().await } } => {}
        }
        if days % 50 == 0 {
            all_gone(&alarm).await;
        }
    }
    all_gone(&alarm).await;
}

#[tokio::test(start_paused = true)]
async fn it_returns_within_a_minute_when_the_clock_goes_back() {
    // The system's clock does not move while tokio's is paused: to the alarm it seems to stand still.
    let alarm = alarm().await;
    let begun = Instant::now();
    alarm.ring(SystemClock.now() + TimeDelta::hours(5)).await;
    assert_eq!(begun.elapsed().as_secs(), LOOK_AGAIN.as_secs());
}

#[tokio::test]
async fn one_that_goes_by_another_clock_returns_after_a_minute_of_it() {
    let start = SystemClock.now();
    let clock = Arc::new(ManualClock::new(start));
    let alarm = ClockAlarm::new(Arc::clone(&clock) as Arc<dyn Clock>);
    alarm.ring(start - TimeDelta::seconds(1)).await;
    assert_eq!(clock.now(), start);
    alarm.ring(start + TimeDelta::seconds(5)).await;
    assert_eq!(clock.now(), start + TimeDelta::seconds(5));
    alarm.ring(start + TimeDelta::hours(5)).await;
    assert_eq!(clock.now(), start + TimeDelta::seconds(65));
}
