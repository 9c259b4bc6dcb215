//! The CLASS table of the contract (section 9) and the rows of section 8 that concern classification.

use super::*;
use crate::domain::{AuthConfigId, ToolkitSlug, UserId};

const NOW: i64 = 1_000_000;

/// Minutes on a made-up axis; NOW is far behind all of them.
fn at(minute: i64) -> Timestamp {
    crate::domain::from_millis(minute * 60_000)
}

fn account(id: &str, status: Status, created: i64, updated: i64) -> Account {
    Account {
        id: AccountId::new(id),
        user: UserId::new("u1"),
        toolkit: ToolkitSlug::new("slack"),
        auth_config: AuthConfigId::new("ac_1"),
        auth_config_disabled: false,
        auth_scheme: Some("OAUTH2".into()),
        status,
        reason: ReasonHint::RefreshRefused,
        is_disabled: false,
        shared: false,
        alias: None,
        word_id: None,
        created_at: Some(at(created)),
        updated_at: Some(at(updated)),
    }
}

const NEVER: History =
    History { last_active_at: None, broken_since: None, superseded: false, ended: false, attempt: false };

/// Judges `subject` beside `siblings`, with `own` history for the subject alone.
fn condition(subject: Account, own: History, siblings: &[Account]) -> Condition {
    let id = subject.id.clone();
    let mut all = vec![subject];
    all.extend_from_slice(siblings);
    let judged = judge(all, |asked| if *asked == id { own } else { NEVER }, at(NOW));
    judged.into_iter().find(|judged| judged.account.id == id).unwrap().condition
}

fn seen_active(minute: i64) -> History {
    History { last_active_at: Some(at(minute)), ..NEVER }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, one row per case")]
fn every_row_of_the_class_table() {
    use Condition as C;
    use Status as S;
    let expired = || account("a", S::Expired, 0, 5000);
    let failed = || account("a", S::Failed, 0, 5);
    let reason = |account: Account, reason| Account { reason, ..account };
    let cases: Vec<(&str, Account, History, Vec<Account>, Condition)> = vec![
        // ORPHAN comes before everything, even before ACTIVE (8.7)
        (
            "default user",
            Account { user: UserId::new("default"), ..account("a", S::Active, 0, 0) },
            NEVER,
            vec![],
            C::Orphan,
        ),
        ("blank user", Account { user: UserId::new(" "), ..expired() }, NEVER, vec![], C::Orphan),
        // HEALTHY
        ("active", account("a", S::Active, 0, 0), NEVER, vec![], C::Healthy),
        (
            "active, auth config off",
            Account { auth_config_disabled: true, ..account("a", S::Active, 0, 0) },
            NEVER,
            vec![],
            C::Healthy,
        ),
        // INTENTIONAL (8.5)
        (
            "active but disabled",
            Account { is_disabled: true, ..account("a", S::Active, 0, 0) },
            NEVER,
            vec![],
            C::Intentional,
        ),
        ("expired and disabled", Account { is_disabled: true, ..expired() }, seen_active(10), vec![], C::Intentional),
        ("inactive", account("a", S::Inactive, 0, 5000), seen_active(10), vec![], C::Intentional),
        ("revoked", account("a", S::Revoked, 0, 5000), seen_active(10), vec![], C::Intentional),
        (
            "expired, auth config off",
            Account { auth_config_disabled: true, ..expired() },
            seen_active(10),
            vec![],
            C::Intentional,
        ),
        // PENDING
        ("initializing", account("a", S::Initializing, 0, 0), NEVER, vec![], C::Pending),
        (
            "initiated again after a refresh in place",
            account("a", S::Initiated, 0, 5000),
            seen_active(10),
            vec![],
            C::Pending,
        ),
        // SUPERSEDED (8.4)
        ("newer active sibling", expired(), NEVER, vec![account("b", S::Active, 6000, 6000)], C::Superseded),
        ("sibling born at the very moment", expired(), NEVER, vec![account("b", S::Active, 5000, 5000)], C::Superseded),
        ("failed, newer active sibling", failed(), NEVER, vec![account("b", S::Active, 6000, 6000)], C::Superseded),
        (
            "sibling of unreadable age",
            expired(),
            NEVER,
            vec![Account { created_at: None, ..account("b", S::Active, 0, 0) }],
            C::Superseded,
        ),
        // our first sight of the breakage counts where it is earlier than updated_at
        (
            "touched after the reconnect",
            account("a", S::Expired, 0, 9000),
            History { last_active_at: Some(at(10)), broken_since: Some(at(5000)), ..NEVER },
            vec![account("b", S::Active, 6000, 6000)],
            C::Superseded,
        ),
        (
            "superseded before; the newer account is gone again",
            expired(),
            History { superseded: true, ..NEVER },
            vec![],
            C::Superseded,
        ),
        // NEVER_CONNECTED (8.1)
        (
            "abandoned, by reason",
            reason(account("a", S::Expired, 0, 10), ReasonHint::NeverCompleted),
            NEVER,
            vec![],
            C::NeverConnected,
        ),
        ("abandoned, by reason, old", reason(expired(), ReasonHint::NeverCompleted), NEVER, vec![], C::NeverConnected),
        (
            "no reason, 15 minutes",
            reason(account("a", S::Expired, 0, 15), ReasonHint::None),
            NEVER,
            vec![],
            C::NeverConnected,
        ),
        (
            "no reason, unreadable age",
            Account { updated_at: None, ..reason(expired(), ReasonHint::None) },
            NEVER,
            vec![],
            C::NeverConnected,
        ),
        // own history outranks the reason text
        (
            "abandoned by its reason, but once seen active",
            reason(account("a", S::Expired, 0, 10), ReasonHint::NeverCompleted),
            seen_active(5),
            vec![],
            C::Broken,
        ),
        ("no reason, 16 minutes", reason(account("a", S::Expired, 0, 16), ReasonHint::None), NEVER, vec![], C::Broken),
        ("a real reason within minutes", account("a", S::Expired, 0, 5), NEVER, vec![], C::Broken),
        // an attempt behind our own link is known for one, whatever the provider calls its end
        ("an attempt of ours, any reason", expired(), History { attempt: true, ..NEVER }, vec![], C::NeverConnected),
        ("an attempt of ours that worked", expired(), History { attempt: true, ..seen_active(5) }, vec![], C::Broken),
        // SETUP_FAILED (8.2)
        ("failed at once", failed(), NEVER, vec![], C::SetupFailed),
        ("failed, 23 h 59", account("a", S::Failed, 0, 24 * 60 - 1), NEVER, vec![], C::SetupFailed),
        (
            "failed a day after creation: a refresh in place",
            account("a", S::Failed, 0, 24 * 60),
            NEVER,
            vec![],
            C::Broken,
        ),
        ("failed, once active", failed(), seen_active(3), vec![], C::Broken),
        (
            "failed beside a working older account",
            account("a", S::Failed, 100, 105),
            NEVER,
            vec![account("b", S::Active, 0, 0)],
            C::SetupFailed,
        ),
        // SECOND_ACCOUNT (8.4)
        (
            "older active sibling",
            account("a", S::Expired, 100, 5000),
            NEVER,
            vec![account("b", S::Active, 0, 0)],
            C::SecondAccount,
        ),
        // a provider that leaves updated_at alone must not turn the second account into a reconnect
        (
            "stale updated_at, seen active later",
            account("a", S::Expired, 0, 0),
            seen_active(8000),
            vec![account("b", S::Active, 6000, 6000)],
            C::SecondAccount,
        ),
        // BROKEN
        ("expired", expired(), NEVER, vec![], C::Broken),
        (
            "a disabled sibling proves nothing",
            expired(),
            NEVER,
            vec![Account { is_disabled: true, ..account("b", S::Active, 6000, 6000) }],
            C::Broken,
        ),
        (
            "another toolkit's account proves nothing",
            expired(),
            NEVER,
            vec![Account { toolkit: ToolkitSlug::new("gmail"), ..account("b", S::Active, 6000, 6000) }],
            C::Broken,
        ),
        ("an expired sibling proves nothing", expired(), NEVER, vec![account("b", S::Expired, 6000, 7000)], C::Broken),
        ("shared account", Account { shared: true, ..expired() }, NEVER, vec![], C::Broken),
        // UNKNOWN
        ("a new word", account("a", S::Other("PAUSED".into()), 0, 0), seen_active(10), vec![], C::Unknown),
    ];
    for (name, subject, own, siblings, expected) in cases {
        assert_eq!(condition(subject, own, &siblings), expected, "{name}");
    }
}

#[test]
fn breakage_is_dated_by_the_earliest_evidence_but_not_before_it_last_worked() {
    let broke = |updated: Option<i64>, own: History| {
        let subject = Account { updated_at: updated.map(at), ..account("a", Status::Expired, 0, 0) };
        judge(vec![subject], |_| own, at(NOW))[0].broke_at.unwrap()
    };
    for (updated, last_active, since, expected) in [
        (Some(500), None, None, 500),
        (Some(500), None, Some(400), 400),
        (Some(300), None, Some(400), 300),
        (None, None, Some(400), 400),
        (None, None, None, NOW),
        (Some(0), Some(350), Some(400), 350),
        (Some(0), Some(350), None, 350),
    ] {
        let own = History { last_active_at: last_active.map(at), broken_since: since.map(at), ..NEVER };
        assert_eq!(broke(updated, own), at(expected), "{updated:?} {last_active:?} {since:?}");
    }
}
