//! How many requests a scan costs: growing, shrinking, bisection, the length of a request, the fallback.

use reconnectd::domain::{Observation, UnknownReason, UserId};

use super::fakes::{Fault, Users, World, auto, fixed, flat, scan_all};
use crate::support::log::Log;

async fn sizes(users: usize, provider: &World, options: reconnectd::scan::ScanOptions) -> Vec<usize> {
    let (pages, ended) = scan_all(&Users::numbered(users, 1_000), provider, options, None).await;
    ended.unwrap();
    assert_eq!(flat(pages).len(), users);
    provider.sizes()
}

#[tokio::test]
async fn batches_grow_to_the_cap_while_answers_fit_one_page() {
    let grown = sizes(1_000, &World::default(), auto(1)).await;
    assert_eq!(grown[..7], [10, 15, 23, 35, 53, 80, 100]);
    assert_eq!(grown[7..], [100, 100, 100, 100, 100, 100, 84]);
    // Batches in flight together grow it once per answer at the current size, and what was learned outlives a page.
    let later = sizes(10_000, &World::default(), auto(8)).await;
    assert!(later.len() < 130 && later.iter().max() == Some(&100), "{} requests", later.len());
}

#[tokio::test]
async fn a_fixed_number_stays_fixed() {
    assert_eq!(sizes(50, &World::default(), fixed(1, 20)).await, [20, 20, 10]);
    let paged = World { accounts: (0..50).map(|n| (UserId::new(format!("u{n}")), 9)).collect(), ..World::default() };
    assert_eq!(sizes(50, &paged, fixed(1, 20)).await, [20, 20, 10]);
}

#[tokio::test]
async fn one_bad_id_costs_two_requests_per_halving() {
    for bad in 0..64 {
        let provider = World::with_faults([(format!("u{bad}"), Fault::Rejected)]);
        let (pages, ended) = scan_all(&Users::numbered(64, 64), &provider, fixed(1, 64), None).await;
        ended.unwrap();
        assert_eq!(provider.sizes().len(), 1 + 2 * 6, "u{bad}");
        let unknown: Vec<_> =
            flat(pages).into_iter().filter(|(_, seen)| !matches!(seen, Observation::Complete(_))).collect();
        assert_eq!(unknown, [(format!("u{bad}"), Observation::Unknown(UnknownReason::Rejected))]);
    }
}

#[tokio::test]
async fn isolating_a_bad_id_halves_the_size_once() {
    // u250 is in the first batch of 100; its parts must not push the size down to one user.
    let provider = World::with_faults([("u250", Fault::Rejected)]);
    let sent = sizes(1_000, &provider, auto(1)).await;
    let failed = sent.iter().position(|&size| size == 100).unwrap();
    let after: Vec<_> = sent[failed + 1..].iter().copied().filter(|&size| size >= 50).collect();
    // Its halves, then four new batches before the size grows again.
    assert_eq!(after[..7], [50, 50, 50, 50, 50, 50, 75], "{sent:?}");
}

#[tokio::test]
async fn answers_of_several_pages_are_used_and_shrink_the_next_batch() {
    let people = (0..1_000).map(|n| (UserId::new(format!("u{n}")), 5));
    let provider = World { accounts: people.collect(), ..World::default() };
    let sent = sizes(1_000, &provider, auto(1)).await;
    assert_eq!(sent.iter().sum::<usize>(), 1_000, "nobody is asked about twice");
    assert_eq!(sent[..5], [10, 15, 23, 11, 11], "23 users have 115 accounts, over one page of 100");
}

#[tokio::test]
async fn a_limit_of_the_provider_is_met_with_few_failures() {
    for limit in [1, 3, 20, 60] {
        for (rejects_above, times_out_above) in [(limit, usize::MAX), (usize::MAX, limit)] {
            let provider = World { rejects_above, times_out_above, ..World::default() };
            let sent = sizes(6_000, &provider, auto(1)).await;
            let good = sent.iter().filter(|&&size| size <= limit).count();
            let wasted = sent.len() - good;
            assert!(wasted * 4 <= sent.len(), "limit {limit}: {wasted} of {} requests failed", sent.len());
            assert!(good * limit <= 6_000 * 2, "limit {limit}: {good} requests, half full on average at least");
        }
    }
}

#[tokio::test]
async fn joined_ids_stay_below_the_length_of_a_request() {
    let long = |n: usize| format!("{n:03}{}", "é".repeat(100));
    let huge = "x".repeat(7_000);
    let ids = (0..300).map(long).chain([huge.clone()]).chain((300..310).map(long));
    let provider = World::default();
    let (_, ended) = scan_all(&Users::new(ids, 500), &provider, fixed(2, 100), None).await;
    ended.unwrap();
    let requests = provider.requests.lock().unwrap();
    // 603 bytes each encoded, and 3 for each comma: 9 fit into 6,000.
    assert_eq!(requests.iter().map(Vec::len).max(), Some(9));
    for request in requests.iter() {
        let alone = request.len() == 1 && request[0].as_str() == huge;
        assert!(alone || request.iter().all(|id| id.as_str() != huge), "the overlong id goes alone");
    }
}

#[tokio::test]
async fn without_owners_every_user_is_asked_about_alone_from_then_on() {
    let people = (0..100).map(|n| (UserId::new(format!("u{n}")), usize::from(n >= 20)));
    let provider = World { accounts: people.collect(), owner_missing: true, ..World::default() };
    let log = Log::default();
    let guard = log.collect();
    let (pages, ended) = scan_all(&Users::numbered(100, 50), &provider, fixed(3, 10), None).await;
    drop(guard);
    ended.unwrap();
    let complete = |seen: &Observation, n| matches!(seen, Observation::Complete(own) if own.len() == n);
    assert!(flat(pages).iter().enumerate().all(|(n, (_, seen))| complete(seen, usize::from(n >= 20))));
    // Two batches of users without accounts say nothing; the third fails, with up to 2 more in flight behind it.
    let sent = provider.sizes();
    let joined = sent.iter().filter(|&&size| size > 1).count();
    assert!((3..=5).contains(&joined), "{sent:?}");
    assert!(sent[joined..].iter().all(|&size| size == 1), "{sent:?}");
    assert_eq!(sent.len() - joined, 80, "each user of a failed batch is asked about alone once");
    assert_eq!(log.lines("scan.batch_changed").len(), 1, "said once");
    assert!(log.lines("scan.batch_changed")[0].contains("WARN"));
}

#[tokio::test]
async fn a_user_nothing_is_known_of_is_logged_once_with_the_reason_and_without_an_address() {
    let provider = World::with_faults([("mary@example.com", Fault::Rejected)]);
    let log = Log::default();
    let guard = log.collect();
    let (_, ended) = scan_all(&Users::new(["a", "mary@example.com", "b,c"], 9), &provider, auto(1), None).await;
    drop(guard);
    ended.unwrap();
    let [line] = &log.lines("scan.user_unknown")[..] else { panic!("one line, not {log:?}") };
    for part in ["WARN", "reason=\"rejected\"", "user=m***@example.com", "HTTP 400"] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
    assert_eq!(log.lines("scan.user_unqueryable").len(), 1);
}
