//! Made-up users: the same every time, the same in the directory file, and what the product's judgement
//! makes of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{Account, AccountId, Condition, History, ReasonHint, Status, UserId, judge};
use reconnectd::simulator::{
    Population, SimAccount, SimulateArgs, SimulatorError, Situation, run, serve, write_directory,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};
use tokio::time::Instant;

use super::{Bench, ids_of, start_time};

fn people(users: u64, seed: u64) -> Population {
    Population::new(users, seed, start_time())
}

/// The account as the product's own client would read it.
fn read(account: &SimAccount) -> Account {
    Account {
        id: account.id.clone(),
        user: account.user_id.clone(),
        toolkit: account.toolkit.clone(),
        auth_config: account.auth_config_id.clone(),
        auth_config_disabled: account.auth_config_disabled,
        auth_scheme: Some(account.auth_scheme.clone()),
        status: Status::parse(&account.status),
        reason: ReasonHint::parse(account.status_reason.as_deref()),
        is_disabled: account.is_disabled,
        shared: account.shared,
        alias: account.alias.clone(),
        word_id: account.word_id.clone(),
        created_at: Some(account.created_at),
        updated_at: Some(account.updated_at),
    }
}

#[test]
fn every_situation_occurs_and_is_judged_as_its_answer_book_says() {
    let population = Population { broken_share: 0.4, quiet_share: 0.5, ..people(2000, 3) };
    let mut seen: HashMap<Situation, u32> = HashMap::new();
    for index in 0..population.users {
        let situations = population.situations_of(index);
        let expected: Vec<Condition> =
            situations.iter().flat_map(|(_, situation)| situation.conditions()).copied().collect();
        let accounts = population.accounts_of(index);
        let judged = judge(accounts.iter().map(read).collect(), |_| History::default(), start_time());
        let conditions: Vec<Condition> = judged.iter().map(|judged| judged.condition).collect();
        assert_eq!(conditions, expected, "{situations:?}");
        for (_, situation) in situations {
            *seen.entry(situation).or_default() += 1;
        }
    }
    for situation in Situation::ALL {
        assert!(seen.contains_key(&situation), "{situation:?} never occurs");
    }
}

#[test]
fn users_follow_from_the_seed_and_shares_hold() {
    let (one, again, other) = (people(100_000, 5), people(100_000, 5), people(100_000, 6));
    let of = |population: &Population| (0..500).map(|n| population.accounts_of(n)).collect::<Vec<_>>();
    assert_eq!(of(&one), of(&again));
    assert_ne!(of(&one), of(&other));
    for (id, index) in [
        ("user_00000000", Some(0)),
        ("user_00099999", Some(99_999)),
        ("user_00100000", None),
        ("user_42", None),
        ("user_+0000042", None),
        ("USER_00000042", None),
        ("", None),
    ] {
        assert_eq!(one.index_of(id), index, "{id}");
    }
    let toolkits: Vec<Situation> =
        (0..20_000).flat_map(|n| one.situations_of(n)).map(|(_, situation)| situation).collect();
    let per_mille =
        |group: &[Situation]| 1000 * toolkits.iter().filter(|one| group.contains(one)).count() / toolkits.len();
    let (broken, quiet) = (per_mille(&Situation::BROKEN), per_mille(&Situation::QUIET));
    assert!((25..35).contains(&broken) && (110..130).contains(&quiet), "{broken} {quiet}");
}

#[tokio::test]
async fn a_population_is_served_and_can_be_changed() {
    let bench = Bench::with(|options| options.population = Some(people(300, 5))).await;
    let population = people(300, 5);
    let all: Vec<SimAccount> = (0..300).flat_map(|n| population.accounts_of(n)).collect();
    for index in [0, 7, 299] {
        let user = population.user_id(index);
        let mut expected: Vec<String> =
            population.accounts_of(index).iter().map(|account| account.id.as_str().to_owned()).collect();
        let mut ids = bench.ids(&format!("user_ids={user}&account_type=ALL&limit=100")).await;
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{user}");
    }

    // Everybody, page by page, each once, by age.
    let (mut ids, mut query) = (Vec::new(), "order_direction=asc&account_type=ALL&limit=100".to_owned());
    loop {
        let page = bench.list(&query).await;
        assert_eq!(page["total_items"], all.len());
        ids.extend(ids_of(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("order_direction=asc&account_type=ALL&cursor={}", cursor.replace('=', "%3D"));
    }
    let mut expected: Vec<&SimAccount> = all.iter().collect();
    expected.sort_by_key(|account| account.created_at);
    assert_eq!(ids, expected.iter().map(|account| account.id.as_str()).collect::<Vec<_>>());

    // Changing, deleting and connecting generated accounts.
    let world = bench.simulator.world();
    let healthy: Vec<&SimAccount> =
        all.iter().filter(|account| account.status == "ACTIVE" && !account.shared).collect();
    let (changed, removed) = (&healthy[0].id, &healthy[1].id);
    assert!(world.set_status(changed, "EXPIRED", Some("OAuth refresh token expired")) && world.remove(removed));
    assert_eq!(bench.account(changed.as_str()).await.1["status"], "EXPIRED");
    assert_eq!(bench.account(removed.as_str()).await.0, 404);
    assert_eq!(world.users(), [healthy[0].user_id.clone()]);
    let query = format!("connected_account_ids={},{}&account_type=ALL", changed.as_str(), removed.as_str());
    assert_eq!(bench.ids(&query).await, [changed.as_str()]);
    let rest = bench.list("account_type=ALL").await;
    assert_eq!(rest["total_items"], all.len() - 1);
    assert!(!world.remove(removed) && !world.set_status(&AccountId::new("ca_99999999a"), "ACTIVE", None));
    let body = serde_json::json!({"auth_config_id": "ac_gmail", "user_id": population.user_id(3)});
    let made = bench.post("/api/v3.1/connected_accounts/link", &body).send().await.unwrap();
    assert_eq!(made.status(), 201);
    assert_eq!(world.accounts_of(&UserId::new(population.user_id(3))).len(), population.accounts_of(3).len() + 1);
}

#[tokio::test]
async fn generated_attempts_expire_too() {
    let population = Population { broken_share: 0.0, quiet_share: 1.0, ..people(200, 5) };
    let bench = Bench::with(|options| options.population = Some(population.clone())).await;
    let pending = bench.list("statuses=INITIATED&limit=500").await["total_items"].as_u64().unwrap();
    let expired = bench.list("statuses=EXPIRED&limit=500").await["total_items"].as_u64().unwrap();
    assert!(pending > 5, "{pending}");
    let id = bench.ids("statuses=INITIATED&limit=1").await.remove(0);
    bench.clock.advance(Duration::from_mins(5));
    let after = bench.list("statuses=EXPIRED&limit=500").await["total_items"].as_u64().unwrap();
    assert_eq!((after, bench.ids("statuses=INITIATED").await.len()), (expired + pending, 0));
    assert_eq!(bench.account(&id).await.1["updated_at"], "2026-01-10T00:05:00.000Z");
}

#[tokio::test]
async fn the_directory_file_holds_the_same_users() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("product.db");
    let population = Population { deleted_share: 0.1, ..people(1203, 5) };
    for _ in 0..2 {
        // The second time replaces the first file.
        assert_eq!(write_directory(&path, &population).await.unwrap(), 1203);
    }
    let mut db = SqliteConnectOptions::new().filename(&path).read_only(true).connect().await.unwrap();
    let rows = sqlx::query("SELECT id, email, name, locale, timezone, deleted_at FROM users ORDER BY id")
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1203);
    for (row, index) in rows.iter().zip(0..) {
        let id: String = row.get("id");
        assert_eq!(id, population.user_id(index));
        assert_eq!(row.get::<String, _>("email"), format!("{id}@example.com"));
        assert!(!row.get::<String, _>("name").is_empty() && row.get::<String, _>("timezone").contains('/'));
        assert_eq!(row.get::<Option<String>, _>("deleted_at").is_some(), population.is_deleted(index), "{id}");
    }
    let deleted = (0..1203).filter(|index| population.is_deleted(*index)).count();
    assert!((80..170).contains(&deleted), "{deleted}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    for foreign in ["not a database", ""] {
        let foreign_path = folder.path().join("foreign.db");
        std::fs::write(&foreign_path, foreign).unwrap();
        let refused = write_directory(&foreign_path, &population).await.unwrap_err();
        assert!(matches!(refused, SimulatorError::NotOurs { .. }), "{refused}");
        assert_eq!(std::fs::read_to_string(&foreign_path).unwrap(), foreign);
    }
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    simulate: SimulateArgs,
}

#[tokio::test]
async fn the_command_line_describes_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("product.db");
    let clock = Arc::new(ManualClock::new(start_time()));
    let parse = |words: &[&str]| Cli::try_parse_from(std::iter::once(&"simulate").chain(words)).map(|cli| cli.simulate);
    let words =
        ["--port", "0", "--users", "40", "--seed", "9", "--id-prefix", "p-", "--api-key", "", "--org-limit", "7"];
    let more = ["--rate-429", "0.5", "--rate-5xx", "0.25", "--slow-for", "80ms", "--as-of", "2026-01-10T00:00:00Z"];
    let file = ["--directory-file", path.to_str().unwrap(), "--omit-user-id"];
    let args = parse(&[&words[..], &more, &file].concat()).unwrap();
    let simulator = serve(&args, clock.clone()).await.unwrap();
    let settings = simulator.settings();
    assert_eq!((settings.api_key, settings.org_limit_per_minute, settings.omit_user_id), (None, Some(7), true));
    assert_eq!((settings.faults.rate_429_with_headers, settings.faults.rate_5xx), (0.5, 0.25));
    assert_eq!(settings.faults.slow_for, Duration::from_millis(80));
    let population = simulator.world().population().unwrap();
    assert_eq!((population.user_id(0).as_str(), population.as_of), ("p-00000000", start_time()));
    assert_eq!((population.users, population.seed, path.exists()), (40, 9, true));

    for bad in [&["--users", "many"][..], &["--latency", "5"], &["--as-of", "yesterday"]] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
    let args = parse(&["--port", "0", "--broken-share", "2"]).unwrap();
    assert!(matches!(serve(&args, clock.clone()).await, Err(SimulatorError::OutOfRange { name: "broken_share", .. })));

    let args = parse(&["--port", "0"]).unwrap();
    let mut url = None;
    run(&args, clock, |simulator| url = Some(simulator.base_url()), async {}).await.unwrap();
    super::client().get(url.unwrap()).send().await.expect_err("it was told to stop");
}

#[tokio::test]
async fn fifty_users_of_a_hundred_thousand_are_found_quickly() {
    let bench = Bench::with(|options| options.population = Some(people(100_000, 5))).await;
    let users: Vec<String> = (0..50).map(|n| format!("user_{:08}", n * 1999)).collect();
    let query = format!("user_ids={}&account_type=ALL&limit=100", users.join(","));
    bench.list(&query).await;
    let begun = Instant::now();
    for _ in 0..50 {
        assert!(bench.ask(&query).await.bytes().await.unwrap().len() > 20_000);
    }
    // An unoptimised build on a busy machine; a search through everybody would take a hundred times longer.
    let each = begun.elapsed() / 50;
    assert!(each < Duration::from_millis(50), "{each:?}");
    println!("one request about 50 users: {each:?}");
}
