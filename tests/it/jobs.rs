//! Occurrences and jobs on both state databases: an instant is taken on once, a job never overlaps itself, and who lost
//! the lease settles nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::time::Duration;

use reconnectd::domain::{JobName, OccurrenceState, RunId, Timestamp, from_millis};
use reconnectd::store::{ClaimedOccurrence, JobEnd, OccurrenceClaim, Store, StoreError};

use crate::support::databases::on_both;
use crate::support::rig::START_MS;

const TTL: Duration = Duration::from_mins(1);

fn at(minutes: i64) -> Timestamp {
    from_millis(START_MS + minutes * 60_000)
}

async fn claim(store: &Store, job: JobName, minutes: i64, holder: &str, ttl: Duration) -> OccurrenceClaim {
    let mut work = store.begin().await.unwrap();
    let claim = work.claim_occurrence(job, at(minutes), holder, ttl, at(minutes)).await.unwrap();
    work.commit().await.unwrap();
    claim
}

async fn settle(store: &Store, claimed: &ClaimedOccurrence, state: OccurrenceState) -> Result<(), StoreError> {
    let mut work = store.begin().await.unwrap();
    work.settle_occurrence(claimed, state, Some(&RunId::new("run")), None, at(90)).await?;
    work.commit().await
}

fn claimed(claim: OccurrenceClaim) -> ClaimedOccurrence {
    match claim {
        OccurrenceClaim::Claimed(claimed) => claimed,
        other => panic!("not ours: {other:?}"),
    }
}

#[tokio::test]
async fn an_occurrence_is_taken_on_once_and_a_job_never_overlaps_itself() {
    on_both(async |store| {
        let mine = claimed(claim(&store, JobName::Audit, 0, "a", TTL).await);
        assert_eq!(mine.attempt, 1);
        for minutes in [0, 60] {
            let other = claim(&store, JobName::Audit, minutes, "b", TTL).await;
            assert!(matches!(other, OccurrenceClaim::Held(held) if held.holder == "a"), "minute {minutes}");
        }
        // Another job is nobody's business.
        let deliver = claimed(claim(&store, JobName::Deliver, 0, "b", TTL).await);
        settle(&store, &deliver, OccurrenceState::Done).await.unwrap();

        settle(&store, &mine, OccurrenceState::Done).await.unwrap();
        let again = claim(&store, JobName::Audit, 0, "b", TTL).await;
        assert_eq!(again, OccurrenceClaim::Settled(OccurrenceState::Done));
        // The lease is free again: asking about a settled one did not keep it.
        let next = claimed(claim(&store, JobName::Audit, 60, "b", TTL).await);
        settle(&store, &next, OccurrenceState::Failed).await.unwrap();

        let mut work = store.begin_read().await.unwrap();
        let rows = work.occurrences(JobName::Audit, at(59), 10).await.unwrap();
        assert_eq!(rows.len(), 1, "later ones are not asked for");
        assert_eq!((rows[0].state, rows[0].holder.as_str()), (OccurrenceState::Done, "a"));
        assert_eq!((rows[0].run.clone(), rows[0].finished_at), (Some(RunId::new("run")), Some(at(90))));
        let newest = work.occurrences(JobName::Audit, at(60), 1).await.unwrap();
        assert_eq!(newest[0].scheduled_at, at(60));
    })
    .await;
}

#[tokio::test]
async fn a_dead_process_s_occurrence_is_taken_on_again_and_its_late_word_is_refused() {
    on_both(async |store| {
        let dead = claimed(claim(&store, JobName::Report, 0, "dead", Duration::ZERO).await);
        let heir = claimed(claim(&store, JobName::Report, 0, "heir", TTL).await);
        assert_eq!(heir.attempt, 2);
        let late = settle(&store, &dead, OccurrenceState::Failed).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
        settle(&store, &heir, OccurrenceState::Done).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_left_out_is_remembered_and_overrules_nothing() {
    on_both(async |store| {
        let done = claimed(claim(&store, JobName::Retention, 0, "a", TTL).await);
        settle(&store, &done, OccurrenceState::Done).await.unwrap();
        let mut work = store.begin().await.unwrap();
        for minutes in [0, 5] {
            work.skip_occurrence(JobName::Retention, at(minutes), "a", "missed by too long", at(6)).await.unwrap();
        }
        let rows = work.occurrences(JobName::Retention, at(6), 10).await.unwrap();
        let states: Vec<_> = rows.iter().map(|row| (row.state, row.detail.as_deref())).collect();
        let skipped = (OccurrenceState::Skipped, Some("missed by too long"));
        assert_eq!(states, [skipped, (OccurrenceState::Done, None)]);
        work.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_job_s_row_says_how_it_last_went() {
    on_both(async |store| {
        let (run, took) = (RunId::new("r1"), Duration::from_millis(1500));
        let mut work = store.begin().await.unwrap();
        work.job_started(JobName::Audit, &run, at(0)).await.unwrap();
        for minute in [1, 2] {
            work.job_ended(JobName::Audit, &run, JobEnd::Failed("the directory is away"), took, at(minute))
                .await
                .unwrap();
        }
        let row = work.jobs().await.unwrap().remove(0);
        assert_eq!((row.failures, row.error.as_deref()), (2, Some("the directory is away")));
        assert_eq!((row.started_at, row.failed_at, row.succeeded_at), (Some(at(0)), Some(at(2)), None));
        work.job_ended(JobName::Audit, &RunId::new("r2"), JobEnd::Succeeded, took, at(3)).await.unwrap();
        work.job_ended(JobName::Deliver, &run, JobEnd::Succeeded, took, at(3)).await.unwrap();
        let rows = work.jobs().await.unwrap();
        assert_eq!(rows.iter().map(|row| row.job).collect::<Vec<_>>(), [JobName::Audit, JobName::Deliver]);
        assert_eq!((rows[0].failures, rows[0].error.clone(), rows[0].duration), (0, None, Some(took)));
        assert_eq!((rows[0].failed_at, rows[0].run.clone()), (Some(at(2)), Some(RunId::new("r2"))));
        work.commit().await.unwrap();
    })
    .await;
}
