//! The dead man's switch: what it is told of each job, in which order, and that no job waits for it or fails with it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use reconnectd::adapters::ping::{HttpPinger, MAX_BODY_BYTES, PingSettings};
use reconnectd::domain::{JobName, RunId, UserId};
use reconnectd::pipeline::{Pipeline, RunOutcome, Watch};
use reconnectd::ports::{PingSignal, ProviderError};
use reconnectd::telemetry::Metrics;
use reconnectd::telemetry::metrics::Value;
use tokio::time::{Instant, timeout};

use crate::support::rig::{Hang, Rig};
use crate::support::sink::Sink;
use crate::walks::{break_slack, seen_working};

/// Long enough for two loaded cores, for tests in which the limit should not matter.
const PATIENT: Duration = Duration::from_mins(1);

fn watch(url: &str, limit: Duration) -> Watch {
    // Another test may have installed it first; either way it is there.
    drop(rustls::crypto::ring::default_provider().install_default());
    let secrets = vec!["the-planted-secret".into()];
    let pinger = HttpPinger::new(PingSettings { url: url.into(), limit, secrets }).unwrap();
    Watch::new(Arc::new(pinger), Arc::new(Metrics::new()))
}

/// A pipeline that pings here, for every job.
fn pinging(rig: &Rig, sink: &Sink) -> Pipeline {
    let mut pipeline = rig.pipeline();
    pipeline.watch = watch(&format!("{}-{{job}}", sink.url()), PATIENT);
    pipeline
}

/// The paths so far, the run's id as `RUN`.
fn paths(sink: &Sink, run: &RunId) -> Vec<String> {
    sink.received().iter().map(|request| request.path.replace(run.as_str(), "RUN")).collect()
}

fn unauthorized() -> ProviderError {
    ProviderError::Unauthorized { status: 401, detail: " [invalid_api_key]".into() }
}

#[tokio::test]
async fn a_run_tells_its_beginning_and_its_end_under_one_id() {
    let (rig, sink) = (seen_working(&["u1"]).await, Sink::start().await);
    break_slack(&rig, "u1");
    let pipeline = pinging(&rig, &sink);
    pipeline.run_once().await.unwrap();
    pipeline.watch.settle().await;
    assert_eq!(paths(&sink, &pipeline.run_id), ["/hook-audit/start?rid=RUN", "/hook-audit?rid=RUN"]);
    let received = sink.received();
    assert!(received[0].body.is_empty());
    let words = String::from_utf8(received[1].body.clone()).unwrap();
    assert!(words.contains("users scanned 1\n") && words.contains("deliveries sent 2\n"), "{words}");
    assert!(uuid::Uuid::parse_str(pipeline.run_id.as_str()).is_ok(), "Healthchecks takes a UUID and nothing else");

    // Delivering by itself is a job of its own.
    let pipeline = pinging(&rig, &sink);
    pipeline.deliver_only().await.unwrap();
    pipeline.watch.settle().await;
    let told = paths(&sink, &pipeline.run_id);
    assert_eq!(told[2..], ["/hook-deliver/start?rid=RUN", "/hook-deliver?rid=RUN"]);
}

#[tokio::test]
async fn without_the_job_in_its_url_audits_alone_ping() {
    let (rig, sink) = (seen_working(&["u1"]).await, Sink::start().await);
    let mut pipeline = rig.pipeline();
    pipeline.watch = watch(&sink.url(), PATIENT);
    pipeline.deliver_only().await.unwrap();
    pipeline.watch.settle().await;
    assert_eq!(sink.received().len(), 0);
    pipeline.run_once().await.unwrap();
    pipeline.watch.settle().await;
    assert_eq!(paths(&sink, &pipeline.run_id), ["/hook/start?rid=RUN", "/hook?rid=RUN"]);
}

#[tokio::test]
async fn a_run_that_is_not_whole_tells_what_a_process_exits_with() {
    let (rig, sink) = (seen_working(&["u1", "u2"]).await, Sink::start().await);
    let down = |user: &UserId| {
        (user.as_str() == "u1").then(|| ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() })
    };
    rig.world.provider_fails(down);
    let pipeline = pinging(&rig, &sink);
    assert!(matches!(pipeline.run_once().await, Ok(RunOutcome::Ran(summary)) if !summary.complete));
    pipeline.watch.settle().await;
    assert_eq!(paths(&sink, &pipeline.run_id), ["/hook-audit/start?rid=RUN", "/hook-audit/1?rid=RUN"]);

    rig.world.provider_fails(|_| Some(unauthorized()));
    let pipeline = pinging(&rig, &sink);
    assert!(pipeline.run_once().await.is_err());
    pipeline.watch.settle().await;
    assert_eq!(paths(&sink, &pipeline.run_id)[2..], ["/hook-audit/start?rid=RUN", "/hook-audit/3?rid=RUN"]);
    let words = String::from_utf8(sink.received()[3].body.clone()).unwrap();
    assert!(words.contains("the provider refused the API key (HTTP 401 [invalid_api_key])"), "{words}");
}

/// The row of the job, the metric, the ping and the summary behind the exit code say one thing.
#[tokio::test]
async fn an_audit_that_learned_too_little_has_failed_for_everybody() {
    for (unknown, users, failed) in [(2_u32, 199_u32, true), (2, 200, false)] {
        let (rig, sink) = (Rig::new().await, Sink::start().await);
        for user in 0..users {
            rig.world.user(&format!("u{user:03}"));
        }
        rig.world.provider_fails(move |user| {
            let number: u32 = user.as_str()[1..].parse().unwrap();
            (number < unknown).then(|| ProviderError::Unavailable { attempts: 5, last: "HTTP 502".into() })
        });
        let pipeline = pinging(&rig, &sink);
        let outcome = pipeline.run_once().await.unwrap();
        pipeline.watch.settle().await;
        let RunOutcome::Ran(summary) = outcome else { panic!("it ran") };
        let words = failed.then(|| "incomplete: 2 of 199 users unknown".to_owned());
        assert_eq!((summary.complete, summary.shortfall()), (false, words.clone()));
        let mut work = rig.store.begin_read().await.unwrap();
        let (job, run) = (work.jobs().await.unwrap().remove(0), work.latest_runs(1).await.unwrap().remove(0));
        assert_eq!((job.failures, job.error, job.succeeded_at.is_none()), (u64::from(failed), words, failed));
        assert_eq!(run.state, "finished", "it went over all users");
        let ends = ends(&rig);
        assert_eq!((ends("failed"), ends("done")), if failed { (1.0, 0.0) } else { (0.0, 1.0) });
        // Whatever is not known is worth a look: exit code 1 both times.
        assert_eq!(paths(&sink, &pipeline.run_id)[1], "/hook-audit/1?rid=RUN");
    }
}

/// How many audits ended so in this process.
fn ends(rig: &Rig) -> impl Fn(&str) -> f64 {
    let all = rig.metrics.samples();
    move |outcome| {
        let ends = all.iter().find(|family| family.family.name == "reconnectd_job_ends").unwrap();
        let sample = ends.samples.iter().find(|sample| sample.labels == ["audit", outcome]).unwrap();
        let Value::Number(number) = sample.value else { panic!("a counter is a number") };
        number
    }
}

#[tokio::test]
async fn a_run_that_is_cut_short_tells_that_it_failed() {
    let (rig, sink) = (seen_working(&["u1"]).await, Sink::start().await);
    rig.world.hang(Some(Hang::Asking(UserId::new("u1"))));
    let pipeline = pinging(&rig, &sink);
    tokio::select! {
        _ = Box::pin(pipeline.run_once()) => panic!("it hangs"),
        () = rig.world.hanging.notified() => {}
    }
    pipeline.watch.settle().await;
    assert_eq!(paths(&sink, &pipeline.run_id), ["/hook-audit/start?rid=RUN", "/hook-audit/fail?rid=RUN"]);
}

#[tokio::test]
async fn a_rehearsal_and_a_run_that_somebody_else_does_tell_nothing() {
    let (mut rig, sink) = (seen_working(&["u1"]).await, Sink::start().await);
    let counted = ends(&rig)("done");
    rig.settings.dry_run = true;
    let pipeline = pinging(&rig, &sink);
    pipeline.run_once().await.unwrap();
    assert_eq!(ends(&rig)("done").to_string(), counted.to_string(), "nor is a rehearsal counted");
    rig.settings.dry_run = false;

    rig.world.hang(Some(Hang::Asking(UserId::new("u1"))));
    let (first, second) = (rig.pipeline(), pinging(&rig, &sink));
    let while_it_hangs = async {
        rig.world.hanging.notified().await;
        second.run_once().await
    };
    tokio::select! {
        _ = Box::pin(first.run_once()) => panic!("it hangs"),
        held = Box::pin(while_it_hangs) => assert!(matches!(held, Ok(RunOutcome::HeldElsewhere(_)))),
    }
    second.watch.settle().await;
    assert_eq!(sink.received().len(), 0);
}

#[tokio::test]
async fn a_switch_that_hangs_delays_no_run_and_its_end_by_one_limit_at_most() {
    let (rig, sink) = (seen_working(&["u1"]).await, Sink::start().await);
    // Whatever it is asked.
    sink.stall_next(1_000);
    let mut pipeline = rig.pipeline();
    pipeline.watch = watch(&sink.url(), PATIENT);
    // Far less than one ping may take.
    let ran = timeout(PATIENT / 3, pipeline.run_once()).await.unwrap().unwrap();
    assert!(matches!(ran, RunOutcome::Ran(summary) if summary.complete));

    let limit = Duration::from_secs(1);
    let mut pipeline = rig.pipeline();
    pipeline.watch = watch(&sink.url(), limit);
    pipeline.run_once().await.unwrap();
    let before = Instant::now();
    pipeline.watch.settle().await;
    let waited = before.elapsed();
    assert!(waited >= limit / 2 && waited < limit * 5, "{waited:?}");
}

#[tokio::test]
async fn a_switch_that_is_away_for_a_moment_is_told_once_more_and_no_oftener() {
    let sink = Sink::start().await;
    let run = RunId::new("019a2b3c-0000-7000-8000-000000000001");
    for (replies, requests) in [(vec![503], 2), (vec![503, 503], 2), (vec![404], 1), (vec![301], 1)] {
        let before = sink.received().len();
        sink.reply_with(replies.clone());
        let watch = watch(&sink.url(), Duration::from_secs(10));
        watch.job(JobName::Audit, &run).ended(PingSignal::Succeeded, "the-planted-secret and words".into());
        watch.settle().await;
        let received = sink.received();
        assert_eq!(received.len() - before, requests, "{replies:?}");
        assert_eq!(received.last().unwrap().body, b"<secret> and words");
    }
    let watch = watch(&sink.url(), PATIENT);
    watch.job(JobName::Audit, &run).ended(PingSignal::Exited(1), "ż".repeat(100_000));
    watch.settle().await;
    assert!(sink.received().last().unwrap().body.len() <= MAX_BODY_BYTES);
}

#[tokio::test]
async fn a_state_database_that_is_away_is_a_failure_that_is_told() {
    let (rig, sink) = (seen_working(&["u1"]).await, Sink::start().await);
    rig.world.directory_away.store(true, Relaxed);
    let pipeline = pinging(&rig, &sink);
    rig.store.close().await;
    assert!(pipeline.run_once().await.is_err());
    pipeline.watch.settle().await;
    assert_eq!(paths(&sink, &pipeline.run_id), ["/hook-audit/1?rid=RUN"], "it never began");
}
