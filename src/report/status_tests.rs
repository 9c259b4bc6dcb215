//! The page from situations made by hand: all well, everything at once, and each thing that needs a hand by itself.

use chrono::TimeDelta;

use super::*;
use crate::domain::{
    AuthConfigId, ConnectRefusal, ReasonHint, RunCounters, RunId, SilenceId, SilenceScope, SuppressionCause,
    from_millis,
};
use crate::store::{KnownRefusal, OpenIncidents, OutboxStanding, RunRow, Storm};

fn now() -> Timestamp {
    from_millis(1_793_610_000_000)
}

fn before(length: TimeDelta) -> Timestamp {
    now() - length
}

fn run(state: &str, counters: RunCounters) -> RunRow {
    RunRow {
        id: RunId::new("01995f3e-1111-7222-8333-444455556666"),
        state: state.into(),
        started_at: before(TimeDelta::minutes(44)),
        updated_at: before(TimeDelta::minutes(30)),
        finished_at: Some(before(TimeDelta::minutes(30))),
        baseline: false,
        scan_done: true,
        cursor: None,
        resumed_from: None,
        holder: "host:1".into(),
        counters,
        detail: None,
    }
}

fn job(job: JobName) -> JobRow {
    JobRow {
        job,
        started_at: Some(before(TimeDelta::minutes(44))),
        succeeded_at: Some(before(TimeDelta::minutes(30))),
        failed_at: None,
        failures: 0,
        duration: Some(Duration::from_secs(14 * 60 + 3)),
        error: None,
        run: None,
    }
}

/// An installation that has nothing to complain about.
fn well() -> Situation {
    let counters = RunCounters { users_scanned: 12_345, ..RunCounters::default() };
    let channel = ChannelName::new("email");
    Situation {
        standing: Standing {
            read_at: now(),
            jobs: vec![job(JobName::Audit), job(JobName::Deliver)],
            newest_run: Some(run("finished", counters.clone())),
            last_audit: Some(run("finished", counters)),
            incidents: Vec::new(),
            decisions: BTreeMap::new(),
            outbox: vec![OutboxStanding {
                channel: channel.clone(),
                pending: 3,
                dead: 1,
                first_due_at: Some(now() + TimeDelta::hours(9)),
            }],
            storms_held: Vec::new(),
            channels: Vec::new(),
            suppressions: BTreeMap::new(),
            accounts_unknown_status: 0,
            key_refused_at: None,
        },
        key_refused_at: None,
        connect_refusals: Vec::new(),
        running: None,
        silences: Vec::new(),
        dead_lately: BTreeMap::new(),
        configured: vec![channel, ChannelName::new("webhook:product")],
        planned: BTreeMap::from([
            (JobName::Audit, planned(16, 60)),
            (JobName::Deliver, planned(2, 5)),
            (JobName::Report, planned(3 * 24 * 60, 7 * 24 * 60)),
        ]),
        daemon: true,
    }
}

fn planned(minutes: i64, gap: u64) -> Planned {
    Planned { next_at: Some(now() + TimeDelta::minutes(minutes)), gap: Some(Duration::from_mins(gap)) }
}

fn state(channel: &str, of: fn(&mut ChannelState)) -> ChannelState {
    let mut state = ChannelState {
        channel: ChannelName::new(channel),
        failing_since: Some(before(TimeDelta::days(2))),
        stopped_at: None,
        disabled_at: None,
        detail: Some("hooks.crm.example: HTTP 410".into()),
        changed_by: None,
    };
    of(&mut state);
    state
}

fn storm() -> Storm {
    Storm {
        id: "01995f3e-1111-7222-8333-444455557777".into(),
        scope: "auth_config".into(),
        subject: "ac_3kXfL2".into(),
        opened_at: before(TimeDelta::hours(5)),
        broken: 412,
        active: 498,
    }
}

fn refusal(reason: ConnectRefusal) -> KnownRefusal {
    let auth_config = (reason == ConnectRefusal::AuthConfig).then(|| AuthConfigId::new("ac_3kXfL2"));
    KnownRefusal { reason, auth_config, noted_at: before(TimeDelta::hours(26)) }
}

fn hands(situation: &Situation) -> Vec<&'static str> {
    Status::of(situation).hands.iter().map(|hand| hand.what).collect()
}

#[test]
fn where_all_is_well_the_page_says_so_first() {
    let status = Status::of(&well());
    assert!(status.well);
    insta::assert_snapshot!("well", status.text());
}

#[test]
fn everything_at_once_is_a_page_that_can_be_read() {
    let mut situation = well();
    let counters = RunCounters {
        users_scanned: 12_345,
        users_unknown: 300,
        users_unqueryable: 2,
        users_blank: 1,
        ..RunCounters::default()
    };
    let standing = &mut situation.standing;
    standing.last_audit = Some(run("finished", counters));
    standing.newest_run = Some(RunRow {
        state: "running".into(),
        counters: RunCounters { users_scanned: 500, ..RunCounters::default() },
        ..run("running", RunCounters::default())
    });
    standing.jobs[1] = JobRow {
        failures: 4,
        failed_at: Some(before(TimeDelta::minutes(5))),
        error: Some("asking the provider failed: HTTP 401 \u{1b}[31m".into()),
        ..job(JobName::Deliver)
    };
    standing.incidents = vec![
        OpenIncidents { toolkit: "gmail".into(), reason: ReasonHint::RefreshRefused, open: 3 },
        OpenIncidents { toolkit: "slack".into(), reason: ReasonHint::Other, open: 40 },
        OpenIncidents { toolkit: "slack".into(), reason: ReasonHint::RefreshRefused, open: 2 },
    ];
    standing.outbox[0].first_due_at = Some(before(TimeDelta::hours(7)));
    standing.storms_held = vec![storm()];
    standing.channels = vec![
        state("webhook:crm", |state| state.disabled_at = Some(before(TimeDelta::hours(30)))),
        state("webhook:gone", |state| state.disabled_at = Some(before(TimeDelta::hours(30)))),
        state("webhook:product", |state| state.stopped_at = Some(before(TimeDelta::minutes(12)))),
        state("slack", |state| {
            state.disabled_at = Some(before(TimeDelta::days(1)));
            state.changed_by = Some("kim on host".into());
        }),
    ];
    standing.suppressions = BTreeMap::from([(SuppressionCause::Unsubscribed, 7), (SuppressionCause::Refused, 1)]);
    standing.accounts_unknown_status = 2;
    situation.key_refused_at = Some(before(TimeDelta::minutes(90)));
    situation.connect_refusals = vec![
        refusal(ConnectRefusal::AuthConfig),
        refusal(ConnectRefusal::KeyMayNotLink),
        refusal(ConnectRefusal::Release),
    ];
    situation.running = Some("host:1".into());
    situation.dead_lately = BTreeMap::from([(ChannelName::new("email"), 1)]);
    situation.configured.extend(["webhook:crm", "slack"].map(ChannelName::new));
    let scope = SilenceScope::new(None, None, Some(AuthConfigId::new("ac_1"))).unwrap();
    let until = now() + TimeDelta::hours(4);
    let silence = OperatorSilence::new(SilenceId::new("s-1"), scope, until, ("maintenance", "kim on host"), now());
    situation.silences = vec![silence.unwrap()];
    let status = Status::of(&situation);
    assert!(!status.well);
    let text = status.text();
    assert!(!text.contains('\u{1b}'), "{text}");
    insta::assert_snapshot!("everything", text);
    insta::assert_snapshot!("everything_json", status.json().unwrap().replace(status.version, "VERSION"));
}

/// What needs a hand, each by itself and at its bound, and what does not.
#[test]
fn each_thing_needs_a_hand_by_itself() {
    type Change = fn(&mut Situation);
    let rows: &[(&[&str], Change)] = &[
        (&[], |_| {}),
        (&["key_refused"], |s| s.key_refused_at = Some(now())),
        (&["connect_refused"], |s| s.connect_refusals = vec![refusal(ConnectRefusal::KeyUnknown)]),
        (&["storm"], |s| s.standing.storms_held = vec![storm()]),
        (&[], |s| s.standing.jobs[1].failures = 2),
        (&["job_failing"], |s| s.standing.jobs[1].failures = 3),
        (&[], |s| s.standing.jobs[0].succeeded_at = Some(before(TimeDelta::minutes(120)))),
        (&["audit_late"], |s| s.standing.jobs[0].succeeded_at = Some(before(TimeDelta::minutes(121)))),
        // One that is under way is no good end.
        (&["audit_late"], |s| {
            s.standing.jobs[0].succeeded_at = Some(before(TimeDelta::minutes(121)));
            s.standing.newest_run = Some(run("running", RunCounters::default()));
            s.running = Some("host:1".into());
        }),
        // The very first is late when it takes too long.
        (&[], |s| first_audit_since(s, TimeDelta::minutes(120))),
        (&["audit_late"], |s| first_audit_since(s, TimeDelta::days(2))),
        // Its process died.
        (&["audit_late"], |s| {
            s.standing.jobs[0].succeeded_at = Some(before(TimeDelta::minutes(121)));
            s.standing.newest_run = Some(run("running", RunCounters::default()));
        }),
        // Without a daemon the schedule says nothing.
        (&[], |s| {
            s.daemon = false;
            s.standing.jobs[0].succeeded_at = Some(before(TimeDelta::days(8)));
        }),
        (&["audit_late"], |s| {
            s.daemon = false;
            s.standing.jobs[0].succeeded_at = Some(before(TimeDelta::days(8) + TimeDelta::seconds(1)));
        }),
        (&["audit_late"], |s| {
            s.standing.jobs.clear();
            s.standing.last_audit = None;
        }),
        (&[], |s| s.standing.channels = vec![state("email", |_| {})]),
        (&["channel_stopped"], |s| s.standing.channels = vec![state("email", |state| state.stopped_at = Some(now()))]),
        (&["channel_disabled"], |s| {
            s.standing.channels = vec![state("email", |state| state.disabled_at = Some(now()))];
        }),
        // By hand, or not configured any more.
        (&[], |s| {
            s.standing.channels = vec![state("email", |state| {
                state.disabled_at = Some(now());
                state.changed_by = Some("kim".into());
            })];
        }),
        (&[], |s| s.standing.channels = vec![state("webhook:old", |state| state.disabled_at = Some(now()))]),
        (&["dead_deliveries"], |s| s.dead_lately = BTreeMap::from([(ChannelName::new("email"), 1)])),
        (&[], |s| s.standing.outbox[0].first_due_at = Some(before(TimeDelta::hours(6)))),
        (&["overdue"], |s| s.standing.outbox[0].first_due_at = Some(before(TimeDelta::minutes(361)))),
        (&["unknown_status"], |s| s.standing.accounts_unknown_status = 1),
        (&[], |s| {
            s.standing.last_audit =
                Some(run("finished", RunCounters { users_scanned: 100, users_unknown: 1, ..RunCounters::default() }));
        }),
        (&["coverage"], |s| {
            s.standing.last_audit =
                Some(run("finished", RunCounters { users_scanned: 99, users_unknown: 1, ..RunCounters::default() }));
        }),
    ];
    for (number, (expected, change)) in rows.iter().enumerate() {
        let mut situation = well();
        change(&mut situation);
        assert_eq!(hands(&situation), *expected, "row {number}");
    }
}

/// The first audit has been at it for this long.
fn first_audit_since(situation: &mut Situation, age: TimeDelta) {
    situation.standing.jobs.clear();
    situation.standing.last_audit = None;
    situation.standing.newest_run = Some(RunRow { started_at: before(age), ..run("running", RunCounters::default()) });
    situation.running = Some("host:1".into());
}

/// A run of two days hides nothing: the last good end is what counts, and the page says how far it is.
#[test]
fn an_audit_that_never_ends_is_late() {
    let mut situation = well();
    situation.standing.jobs[0].succeeded_at = Some(before(TimeDelta::days(3)));
    let counters = RunCounters { users_scanned: 1_204, ..RunCounters::default() };
    situation.standing.newest_run = Some(RunRow { started_at: before(TimeDelta::days(2)), ..run("running", counters) });
    situation.running = Some("host:1".into());
    let late = Status::of(&situation).hands.into_iter().find(|hand| hand.what == "audit_late").unwrap();
    assert_eq!(
        late.words,
        format!(
            "The last audit that came to a good end did so {}. One has been running since {}, 1204 users done.",
            text::ago(before(TimeDelta::days(3)), now()),
            text::ago(before(TimeDelta::days(2)), now())
        )
    );
}

/// Every hand names a command of ours.
#[test]
fn every_hand_has_its_command() {
    let mut situation = well();
    situation.key_refused_at = Some(now());
    situation.standing.storms_held = vec![storm()];
    situation.connect_refusals = vec![refusal(ConnectRefusal::AuthConfig)];
    for hand in Status::of(&situation).hands {
        assert!(hand.command.starts_with("reconnectd "), "{hand:?}");
    }
}
