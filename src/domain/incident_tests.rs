//! When an incident opens, moves, stays and closes.

use super::*;
use crate::domain::{Account, AuthConfigId, ReasonHint, Status, ToolkitSlug, UserId, from_millis};

fn judged(id: &str, created: i64, condition: Condition) -> Judged {
    let account = Account {
        id: AccountId::new(id),
        user: UserId::new("u1"),
        toolkit: ToolkitSlug::new("slack"),
        auth_config: AuthConfigId::new("ac_1"),
        auth_config_disabled: false,
        auth_scheme: None,
        status: Status::Expired,
        reason: ReasonHint::None,
        is_disabled: false,
        shared: false,
        alias: None,
        word_id: None,
        created_at: Some(from_millis(created)),
        updated_at: None,
    };
    Judged { account, condition, broke_at: None, newer_active: false, seen_active: false, ended: false }
}

fn service(judged: Judged) -> Judged {
    Judged { account: Account { auth_scheme: Some("GOOGLE_SERVICE_ACCOUNT".into()), ..judged.account }, ..judged }
}

fn superseded(id: &str, condition: Condition) -> Judged {
    Judged { newer_active: true, ..judged(id, 1, condition) }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, one row per case")]
fn incidents_open_once_move_quietly_and_close_on_evidence_only() {
    use Condition as C;
    use IncidentChange as I;
    let about = |anchor: &str, baseline| {
        Some(OpenIncident { id: IncidentId::new("i"), anchor: AccountId::new(anchor), baseline })
    };
    let open = |anchor: &str| about(anchor, false);
    let id = AccountId::new;
    let news = |judged: Judged| Judged { seen_active: true, ..judged };
    let mismatch = |judged: Judged| Judged {
        account: Account { reason: ReasonHint::IdentityMismatch, ..judged.account },
        ..judged
    };
    let ended = |judged: Judged| Judged { ended: true, ..judged };
    let cases: Vec<(&str, Option<OpenIncident>, Vec<Judged>, IncidentChange)> = vec![
        ("what ended before opens nothing", None, vec![ended(judged("a", 1, C::Broken))], I::None),
        (
            "beside it, something new does",
            None,
            vec![ended(judged("a", 9, C::Broken)), judged("b", 1, C::Broken)],
            I::Open(id("b")),
        ),
        ("old news stays old", about("a", true), vec![judged("a", 1, C::Broken), judged("b", 2, C::Broken)], I::None),
        (
            "old news gives way to what broke on our watch",
            about("a", true),
            vec![judged("a", 9, C::Broken), news(judged("b", 2, C::Broken))],
            I::Renew(id("b")),
        ),
        (
            "news is news once",
            about("b", false),
            vec![judged("a", 9, C::Broken), news(judged("b", 2, C::Broken))],
            I::None,
        ),
        ("nothing known", None, vec![], I::None),
        ("healthy", None, vec![judged("a", 1, C::Healthy)], I::None),
        ("abandoned attempts open nothing", None, vec![judged("a", 1, C::NeverConnected)], I::None),
        (
            "many dead rows, one incident for the newest",
            None,
            vec![judged("a", 1, C::Broken), judged("b", 3, C::Broken), judged("c", 2, C::Broken)],
            I::Open(id("b")),
        ),
        (
            "the user's own before a service credential",
            None,
            vec![judged("a", 1, C::Broken), service(judged("b", 3, C::Broken))],
            I::Open(id("a")),
        ),
        (
            "a second account opens too",
            None,
            vec![judged("a", 1, C::Healthy), judged("b", 2, C::SecondAccount)],
            I::Open(id("b")),
        ),
        (
            "a security matter gives way to what the user can mend",
            None,
            vec![mismatch(judged("a", 9, C::Broken)), judged("b", 1, C::Broken)],
            I::Open(id("b")),
        ),
        ("still broken", open("a"), vec![judged("a", 1, C::Broken)], I::None),
        (
            "another one breaks: same period",
            open("a"),
            vec![judged("a", 1, C::Broken), judged("b", 2, C::Broken)],
            I::None,
        ),
        (
            "an abandoned reconnect changes nothing",
            open("a"),
            vec![judged("a", 1, C::Broken), judged("b", 2, C::NeverConnected)],
            I::None,
        ),
        ("active again", open("a"), vec![judged("a", 1, C::Healthy)], I::Close(CloseEvidence::Active)),
        (
            "reconnected as a new account",
            open("a"),
            vec![superseded("a", C::Superseded), judged("b", 9, C::Healthy)],
            I::Close(CloseEvidence::Superseded),
        ),
        (
            "revoked, and reconnected as a new account",
            open("a"),
            vec![superseded("a", C::Intentional), judged("b", 9, C::Healthy)],
            I::Close(CloseEvidence::Superseded),
        ),
        ("gone", open("a"), vec![], I::Close(CloseEvidence::Gone)),
        ("gone, another healthy", open("a"), vec![judged("b", 1, C::Healthy)], I::Close(CloseEvidence::Gone)),
        ("gone, another still broken", open("a"), vec![judged("b", 1, C::Broken)], I::Move(id("b"))),
        (
            "one of two healed",
            open("a"),
            vec![judged("a", 1, C::Healthy), judged("b", 2, C::SecondAccount)],
            I::Move(id("b")),
        ),
        ("disabled is no evidence", open("a"), vec![judged("a", 1, C::Intentional)], I::None),
        ("a new attempt in place is no evidence", open("a"), vec![judged("a", 1, C::Pending)], I::None),
        ("an unknown word is no evidence", open("a"), vec![judged("a", 1, C::Unknown)], I::None),
        (
            "a service credential gives way to the user's own",
            open("s"),
            vec![service(judged("s", 9, C::Broken)), judged("a", 1, C::Broken)],
            I::Move(id("a")),
        ),
        ("a service credential alone stays", open("s"), vec![service(judged("s", 9, C::Broken))], I::None),
    ];
    for (name, open, group, expected) in cases {
        let group: Vec<&Judged> = group.iter().collect();
        assert_eq!(next_incident(open.as_ref(), &group), expected, "{name}");
    }
}
