//! Days in the life of a daemon, in seconds: outages of everything it depends on, deaths, restarts, a clock that jumps.
//!
//! The real daemon (`daemon::run`) with its real adapters: Composio's simulator over HTTP, a directory in SQLite, mail
//! and webhooks over networks that are cut, a state database on PostgreSQL whose network is cut as well. Afterwards every
//! instant that was due is explained by its row, nothing was done twice, memory has not grown, no task is left, and
//! every event that was seen is in the catalogue.
//!
//! It runs in a process of its own, because memory and tasks are counted. `RECONNECTD_TEST_DAYS` asks for so many days,
//! `RECONNECTD_TEST_SEED` for another sequence of events; `RECONNECTD_TEST_SOAK_LOG` prints every line of the log.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a step that fails ends its test; the numbers are shown"
)]

mod assembly;
mod clock;
mod ending;
mod ledger;
mod life;
mod watch;

use std::process::Command;

use self::life::Life;

/// Days that are lived where nobody asks for more or less.
const DAYS: i64 = 10;
const SEED: i64 = 1;
/// In the environment of the process that does it.
const INSIDE: &str = "RECONNECTD_TEST_SOAK_INSIDE";

fn from_env(name: &str) -> Option<i64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn days_of_outages_deaths_and_clock_jumps_leave_everything_done_once_and_nothing_behind() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let name = "soak::days_of_outages_deaths_and_clock_jumps_leave_everything_done_once_and_nothing_behind";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

fn inside() {
    let days = from_env("RECONNECTD_TEST_DAYS").unwrap_or(DAYS);
    let seed = from_env("RECONNECTD_TEST_SEED").unwrap_or(SEED);
    let seed = u64::try_from(seed).unwrap();
    println!("soak: seed {seed}, {days} days");
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let watch = watch::Watch::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut life = Life::begin(seed, &watch).await;
        life.live(days).await;
        ending::draw_up(life, &watch).await;
    });
}
