//! Joining users into requests changes the number of requests and nothing else.

use std::collections::HashMap;

use proptest::prelude::*;
use reconnectd::domain::{Observation, UserId};
use reconnectd::scan::ScanOptions;

use super::fakes::{Fault, Users, World, auto, fixed, flat, scan_all};

/// Below the number of failures that ends a scan, so that both ways of asking reach the end.
const MOST_FAULTS: usize = 19;

#[derive(Debug, Clone)]
struct Case {
    people: Vec<(String, usize, Option<Fault>)>,
    rejects_above: usize,
    times_out_above: usize,
    accounts_per_page: usize,
    owner_missing: bool,
    page_size: usize,
    options: ScanOptions,
}

impl Case {
    fn directory(&self) -> Users {
        Users::new(self.people.iter().map(|(id, ..)| id.as_str()), self.page_size)
    }

    fn provider(&self) -> World {
        let people = self.people.iter().map(|(id, accounts, _)| (UserId::new(id.as_str()), *accounts));
        let faults =
            self.people.iter().filter_map(|(id, _, fault)| fault.map(|fault| (UserId::new(id.as_str()), fault)));
        World {
            accounts: people.collect(),
            faults: faults.take(MOST_FAULTS).collect::<HashMap<_, _>>(),
            rejects_above: self.rejects_above,
            times_out_above: self.times_out_above,
            accounts_per_page: self.accounts_per_page,
            owner_missing: self.owner_missing,
            ..World::default()
        }
    }
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "u[0-9]{1,3}",
        1 => "[a-c],[a-c]",
        1 => "[ uU]{1,3}",
        1 => "[é/%&+#=?\"\\\\]{1,4}",
        1 => "[a-z]{1,5}@[a-z]{1,5}\\.com",
        1 => "é{300,700}",
    ]
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        10 => Just(None),
        1 => Just(Some(Fault::Rejected)),
        1 => Just(Some(Fault::TooManyPages)),
        1 => Just(Some(Fault::Malformed)),
        1 => Just(Some(Fault::Unavailable)),
        1 => Just(Some(Fault::TimedOut)),
    ]
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![Just(usize::MAX), 1..40_usize]
}

fn case() -> impl Strategy<Value = Case> {
    let people = prop::collection::vec((id(), 0..=5_usize, fault()), 0..60);
    let options = (1..6_usize, prop_oneof![Just(None), (1..70_u32).prop_map(Some)])
        .prop_map(|(concurrency, users)| users.map_or(auto(concurrency), |users| fixed(concurrency, users)));
    (people, limit(), limit(), 1..30_usize, prop::bool::weighted(0.2), 1..70_usize, options).prop_map(
        |(people, rejects_above, times_out_above, accounts_per_page, owner_missing, page_size, options)| Case {
            people,
            rejects_above,
            times_out_above,
            accounts_per_page,
            owner_missing,
            page_size,
            options,
        },
    )
}

fn observed(case: &Case, options: ScanOptions) -> Vec<(String, Observation)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (pages, result) = runtime.block_on(scan_all(&case.directory(), &case.provider(), options, None));
    result.expect("too few faults to end the scan");
    flat(pages)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_way_of_asking_learns_what_one_request_per_user_learns(case in case()) {
        let one_by_one = observed(&case, fixed(1, 1));
        let ids: Vec<_> = one_by_one.iter().map(|(id, _)| id.clone()).collect();
        let expected: Vec<_> = case.people.iter().map(|(id, ..)| id.clone()).collect();
        prop_assert_eq!(ids, expected, "every user once, in the directory's order");
        prop_assert_eq!(observed(&case, case.options), one_by_one);
    }
}

#[test]
fn each_kind_of_user_is_observed_as_what_it_is() {
    use reconnectd::domain::UnknownReason::{Malformed, Rejected, TooManyPages, Unavailable};
    let people = [
        ("whole", 2, None, None),
        ("none", 0, None, None),
        ("a,b", 3, None, None),
        ("Whole", 1, None, None),
        ("refused", 1, Some(Fault::Rejected), Some(Rejected)),
        ("endless", 1, Some(Fault::TooManyPages), Some(TooManyPages)),
        ("garbled", 1, Some(Fault::Malformed), Some(Malformed)),
        ("down", 1, Some(Fault::Unavailable), Some(Unavailable)),
        ("slow", 1, Some(Fault::TimedOut), Some(Unavailable)),
        ("whole", 2, None, None),
    ];
    let case = Case {
        people: people.iter().map(|(id, accounts, fault, _)| ((*id).to_owned(), *accounts, *fault)).collect(),
        rejects_above: usize::MAX,
        times_out_above: usize::MAX,
        accounts_per_page: 100,
        owner_missing: false,
        page_size: 100,
        options: auto(3),
    };
    let expected = people.map(|(id, accounts, _, reason)| {
        let own = (0..accounts).map(|n| super::fakes::account(&UserId::new(id), n)).collect();
        let observation = reason.map_or(Observation::Complete(own), Observation::Unknown);
        (id.to_owned(), if id == "a,b" { Observation::Unqueryable } else { observation })
    });
    assert_eq!(observed(&case, case.options), expected);
}
