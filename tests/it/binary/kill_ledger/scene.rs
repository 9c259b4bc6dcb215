//! What an installation lives through, step by step, and who must be told what about it.

use std::sync::Arc;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::{AccountId, millis};
use reconnectd::ports::Clock as _;
use reconnectd::simulator::SimulatorOptions;

use super::ledger::{Due, Tally};
use crate::binary::setup::Setup;
use crate::directory::product::Dialect;
use crate::support::smtp_faults::FaultySmtp;

/// Users whose own accounts break, each for a reason of its own; the first two have a second one.
const USERS: usize = 8;
/// The last of those reconnect before they are reminded.
const RECONNECT: usize = 3;
/// Users of the two toolkits whose auth configs fail; more than [`USERS`], so that the guard tells them apart.
const IN_A_STORM: usize = 9;
/// The first reminder is due three days after the notice before it.
const DAYS_LATER: i64 = 4;

/// One product, its state, its sinks, and what happened to its runs.
pub(super) struct Installation {
    pub(super) setup: Setup,
    pub(super) mail: FaultySmtp,
    /// Who must have been told what by now, on which channel.
    pub(super) due: Vec<Due>,
    pub(super) tally: Tally,
}

impl Installation {
    /// Everybody's accounts work, but for two users who broke long ago.
    pub(super) async fn new(state: Dialect) -> Self {
        let mut setup = Setup::over(state, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await;
        let mail = FaultySmtp::start(&[]).await;
        setup.mail_to(&format!("smtp://{}?tls=none", mail.address()));
        for rate in ["max_per_minute", "max_per_domain_per_minute", "ramp_up_from"] {
            setup.set(&format!("email.{rate}"), "100000");
        }
        setup.text("policy.first_run", "baseline");
        setup.set("policy.recovered_mail", "true");
        setup.set("storm.min", &IN_A_STORM.to_string());
        setup.set("directory.page_size", "3");
        for (user, toolkits) in users() {
            setup.user(&user).await;
            for toolkit in toolkits {
                setup.works(&user, toolkit);
            }
        }
        setup.broken_user("old1").await;
        setup.broken_user("old2").await;
        Self { setup, mail, due: Vec::new(), tally: Tally { installations: 1, ..Tally::default() } }
    }

    /// Everybody's own accounts break; so do all of two toolkits, whose users are not told; the old breakages are
    /// to be told.
    pub(super) async fn bad_day(&mut self) {
        for (user, toolkits) in users() {
            for toolkit in &toolkits {
                self.setup.breaks(&account(&user, toolkit));
            }
            if !in_a_storm(&user) {
                let about: Vec<String> = toolkits.iter().map(|toolkit| format!("{toolkit} 0")).collect();
                self.tell(&user, "reconnect.requested", &about.join(", "));
            }
        }
        for toolkit in ["linear", "notion"] {
            self.post("", "storm.held", &format!("ac_{toolkit}"));
        }
        let at = millis(SystemClock.now());
        let order = format!(r#"{{"per_day":5,"by":"test","at_ms":{at}}}"#);
        self.setup.on_state(&format!("INSERT INTO meta (key, value) VALUES ('baseline_release', '{order}')")).await;
        for user in ["old1", "old2"] {
            self.tell(user, "reconnect.requested", "slack 0");
        }
    }

    /// Days later some have reconnected, the others are reminded, and an operator lets one storm go.
    pub(super) async fn days_later(&mut self) {
        let ms = DAYS_LATER * 24 * 3_600_000;
        self.setup
            .on_state(&format!(
                "UPDATE deliveries SET settled_at = settled_at - {ms}; \
                 UPDATE notifications SET created_at = created_at - {ms}; \
                 UPDATE storms SET state = 'released', decided_by = 'test', decided_at = {} WHERE subject = 'ac_linear'",
                millis(SystemClock.now())
            ))
            .await;
        for number in 1..=USERS {
            let user = user(number);
            let second = if number <= 2 { "gmail 1, slack 1" } else { "slack 1" };
            if number + RECONNECT > USERS {
                self.heals(&user, "slack");
                self.tell(&user, "reconnect.recovered", "slack");
            } else {
                self.tell(&user, "reconnect.requested", second);
            }
        }
        for user in ["old1", "old2"] {
            self.tell(user, "reconnect.requested", "slack 1");
        }
        for number in 1..=IN_A_STORM {
            self.tell(&storm_user(number), "reconnect.requested", "linear 0");
        }
        // Nobody told this user; the product knows from the storm's event, and hears of the end.
        self.heals(&storm_user(1), "notion");
        self.post(&storm_user(1), "reconnect.recovered", "notion");
    }

    fn heals(&self, user: &str, toolkit: &str) {
        assert!(self.setup.simulator.world().set_status(&account(user, toolkit), "ACTIVE", None));
    }

    fn tell(&mut self, user: &str, kind: &'static str, about: &str) {
        for channel in ["email", "webhook:product"] {
            self.due.push(Due::new(channel, user, kind, about));
        }
    }

    fn post(&mut self, user: &str, kind: &'static str, about: &str) {
        self.due.push(Due::new("webhook:product", user, kind, about));
    }
}

/// Everybody whose accounts work at first.
fn users() -> Vec<(String, Vec<&'static str>)> {
    let own =
        (1..=USERS).map(|number| (user(number), if number <= 2 { vec!["gmail", "slack"] } else { vec!["slack"] }));
    let in_a_storm = (1..=IN_A_STORM).map(|number| (storm_user(number), vec!["linear", "notion"]));
    own.chain(in_a_storm).collect()
}

fn user(number: usize) -> String {
    format!("u{number:02}")
}

fn storm_user(number: usize) -> String {
    format!("s{number:02}")
}

fn in_a_storm(user: &str) -> bool {
    user.starts_with('s')
}

fn account(user: &str, toolkit: &str) -> AccountId {
    AccountId::new(format!("ca_{user}_{toolkit}"))
}
