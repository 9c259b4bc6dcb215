//! Suppressed addresses and operators' silences on both state databases.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use reconnectd::domain::{
    AddressHash, AddressKey, AuthConfigId, EmailAddress, OperatorSilence, SilenceId, SilenceScope, SuppressionCause,
    Timestamp, ToolkitSlug, UserId, from_millis,
};
use reconnectd::store::{MAX_ACTIVE_SILENCES, SilenceFilter, Store, StoreError, Suppression};
use secrecy::SecretString;

use crate::support::databases::on_both;
use crate::support::rig::START_MS;

fn at(seconds: i64) -> Timestamp {
    from_millis(START_MS + seconds * 1_000)
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.repeat(4))
}

fn hash(local: &str) -> AddressHash {
    let key = AddressKey::new(&secret("abcdefgh")).unwrap();
    key.hash(&EmailAddress::parse(&format!("{local}@example.com")).unwrap())
}

/// The check value of the key this process would use, or what it is told.
async fn key(store: &Store, configured: Option<&str>, fresh: &str) -> Result<String, String> {
    let mut work = store.begin().await.unwrap();
    let configured = configured.map(secret);
    match work.address_key(configured.as_ref(), &secret(fresh)).await {
        Ok(key) => {
            work.commit().await.unwrap();
            Ok(key.check_value().to_owned())
        }
        Err(error) => {
            assert!(matches!(error, StoreError::SuppressionKey(_)), "{error}");
            Err(error.to_string())
        }
    }
}

#[tokio::test]
async fn an_address_is_suppressed_once_and_its_owners_word_outranks_every_other() {
    use SuppressionCause::{Operator, Refused, Unsubscribed};
    on_both(async |store| {
        let mut work = store.begin().await.unwrap();
        assert!(!work.is_suppressed(&hash("mary")).await.unwrap());
        // In order: cause, by whom, whether it changes anything, and what stands then.
        for (n, (cause, author, changes, stands)) in [
            (Refused, None, true, (Refused, None, 0)),
            (Refused, None, false, (Refused, None, 0)),
            (Operator, Some("ann"), true, (Operator, Some("ann"), 2)),
            (Operator, Some("bob"), false, (Operator, Some("ann"), 2)),
            (Refused, None, false, (Operator, Some("ann"), 2)),
            (Unsubscribed, None, true, (Unsubscribed, None, 5)),
            (Unsubscribed, None, false, (Unsubscribed, None, 5)),
            (Operator, Some("bob"), false, (Unsubscribed, None, 5)),
            (Refused, None, false, (Unsubscribed, None, 5)),
        ]
        .into_iter()
        .enumerate()
        {
            let now = at(i64::try_from(n).unwrap());
            assert_eq!(work.suppress(&hash("mary"), cause, author, now).await.unwrap(), changes, "{n}");
            let found = work.suppression(&hash("mary")).await.unwrap();
            let (cause, author, since) = stands;
            let author = author.map(str::to_owned);
            let expected = Suppression { hash: hash("mary"), cause, author, created_at: at(since) };
            assert_eq!(found, Some(expected), "{n}");
        }
        assert!(!work.is_suppressed(&hash("bob")).await.unwrap());
        assert!(!work.unsuppress(&hash("mary"), false).await.unwrap(), "its owner did not ask for it");
        assert!(work.is_suppressed(&hash("mary")).await.unwrap());
        assert!(work.unsuppress(&hash("mary"), true).await.unwrap());
        assert!(!work.unsuppress(&hash("mary"), true).await.unwrap());
        assert!(!work.is_suppressed(&hash("mary")).await.unwrap());
        // What the server said gives way to the owner's word, and both others can be taken back without it.
        for (cause, author) in [(Refused, None), (Operator, Some("ann"))] {
            work.suppress(&hash("paul"), cause, author, at(0)).await.unwrap();
            assert!(work.unsuppress(&hash("paul"), false).await.unwrap(), "{cause:?}");
        }
        work.suppress(&hash("paul"), Refused, None, at(0)).await.unwrap();
        assert!(work.suppress(&hash("paul"), Unsubscribed, None, at(1)).await.unwrap());
        assert_eq!(work.suppression(&hash("paul")).await.unwrap().unwrap().cause, Unsubscribed);
    })
    .await;
}

#[tokio::test]
async fn the_list_is_paged_newest_first_without_gaps() {
    on_both(async |store| {
        let mut work = store.begin().await.unwrap();
        for n in 0..23 {
            // Several in one moment: the hash decides their order.
            let now = at(n / 4);
            assert!(work.suppress(&hash(&format!("u{n}")), SuppressionCause::Refused, None, now).await.unwrap());
        }
        assert_eq!(work.count_suppressions().await.unwrap(), 23);
        let (mut before, mut found) = (None, Vec::new());
        loop {
            let page = work.suppressions(before, 5).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some((last.created_at, last.hash));
            found.extend(page.into_iter().map(|row| (row.created_at, row.hash)));
        }
        let mut sorted = found.clone();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.reverse();
        assert_eq!((found.len(), &found), (23, &sorted));
    })
    .await;
}

#[tokio::test]
async fn the_key_is_made_once_and_another_is_refused_while_addresses_depend_on_it() {
    on_both(async |store| {
        let made = key(&store, None, "freshone").await.unwrap();
        assert_eq!(key(&store, None, "freshtwo").await, Ok(made.clone()), "made once");
        let configured = key(&store, Some("confone1"), "freshtwo").await.unwrap();
        assert_ne!(configured, made, "nobody is suppressed yet: a configured key takes over");
        let mut work = store.begin().await.unwrap();
        work.suppress(&hash("mary"), SuppressionCause::Unsubscribed, None, at(0)).await.unwrap();
        work.commit().await.unwrap();
        assert_eq!(key(&store, Some("confone1"), "freshtwo").await, Ok(configured));
        let refused = key(&store, Some("conftwo2"), "freshtwo").await.unwrap_err();
        assert!(refused.starts_with("[suppression] key is not the one under which 1 addresses"), "{refused}");
        assert!(refused.contains("put the former key back") && !refused.contains("conftwo2"), "{refused}");
        let missing = key(&store, None, "freshtwo").await.unwrap_err();
        assert!(missing.starts_with("[suppression] key is missing"), "{missing}");
        let mut work = store.begin().await.unwrap();
        assert!(work.unsuppress(&hash("mary"), true).await.unwrap());
        work.commit().await.unwrap();
        assert!(key(&store, Some("conftwo2"), "freshtwo").await.is_ok(), "nothing depends on it any more");
    })
    .await;
}

#[tokio::test]
async fn a_key_never_seen_here_is_not_made_up_beside_a_configured_one() {
    on_both(async |store| {
        key(&store, Some("confone1"), "freshone").await.unwrap();
        let mut work = store.begin().await.unwrap();
        work.suppress(&hash("mary"), SuppressionCause::Unsubscribed, None, at(0)).await.unwrap();
        work.commit().await.unwrap();
        assert!(key(&store, None, "freshone").await.unwrap_err().contains("put it back"));
        assert_eq!(store.begin_read().await.unwrap().meta("suppression_key").await.unwrap(), None);
        let short = store.begin().await.unwrap().address_key(Some(&"short".into()), &secret("freshone")).await;
        assert!(short.err().unwrap().to_string().contains("at least 32 characters"));
    })
    .await;
}

#[tokio::test]
async fn two_processes_that_start_at_once_have_one_key() {
    on_both(async |store| {
        let (one, other) = tokio::join!(key(&store, None, "freshone"), key(&store, None, "freshtwo"));
        assert_eq!(one.unwrap(), other.unwrap());
    })
    .await;
}

fn silence(id: &str, user: &str, until: Timestamp, now: Timestamp) -> OperatorSilence {
    let scope = SilenceScope::new(Some(UserId::new(user)), None, None).unwrap();
    OperatorSilence::new(SilenceId::new(id), scope, until, ("asked for it", "ann"), now).unwrap()
}

#[tokio::test]
async fn a_silence_is_kept_whole_ends_once_and_stays_readable() {
    on_both(async |store| {
        let mut work = store.begin().await.unwrap();
        let scope = SilenceScope::new(
            Some(UserId::new("u é")),
            Some(ToolkitSlug::new("slack")),
            Some(AuthConfigId::new("ac_1")),
        );
        let whole = OperatorSilence::new(SilenceId::new("s1"), scope.unwrap(), at(100), ("why", "ann"), at(0)).unwrap();
        assert!(work.add_silence(&whole, at(0)).await.unwrap());
        assert!(work.add_silence(&silence("s2", "v", at(50), at(1)), at(1)).await.unwrap());
        assert_eq!(work.silence(&whole.id).await.unwrap(), Some(whole.clone()));
        assert_eq!(work.silence(&SilenceId::new("s9")).await.unwrap(), None);
        let ids = async |work: &mut reconnectd::store::Work, filter, now| {
            let found = work.silences(filter, now, 10).await.unwrap();
            found.iter().map(|silence| silence.id.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&mut work, SilenceFilter::Active, at(2)).await, ["s2", "s1"]);
        assert_eq!(ids(&mut work, SilenceFilter::Active, at(50)).await, ["s1"], "s2 is over");
        assert!(!work.end_silence(&SilenceId::new("s2"), "bob", at(50)).await.unwrap(), "over already");
        assert!(work.end_silence(&whole.id, "bob", at(60)).await.unwrap());
        assert!(!work.end_silence(&whole.id, "eve", at(61)).await.unwrap(), "ended once");
        assert!(work.active_silences(at(61)).await.unwrap().is_empty());
        assert_eq!(ids(&mut work, SilenceFilter::All, at(61)).await, ["s2", "s1"]);
        let ended = work.silence(&whole.id).await.unwrap().unwrap();
        assert_eq!(ended.ended, Some((at(60), "bob".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn silences_are_bounded_by_how_many_hold() {
    on_both(async |store| {
        let mut work = store.begin().await.unwrap();
        for n in 0..MAX_ACTIVE_SILENCES {
            assert!(work.add_silence(&silence(&format!("s{n}"), "u", at(100), at(0)), at(0)).await.unwrap());
        }
        let one_more = silence("more", "u", at(200), at(1));
        assert!(!work.add_silence(&one_more, at(1)).await.unwrap());
        assert_eq!(work.active_silences(at(1)).await.unwrap().len(), 1_000);
        assert!(work.end_silence(&SilenceId::new("s7"), "ann", at(2)).await.unwrap());
        assert!(work.add_silence(&one_more, at(2)).await.unwrap(), "room again");
        assert_eq!(work.active_silences(at(100)).await.unwrap(), [one_more], "the others are over");
    })
    .await;
}
