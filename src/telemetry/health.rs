//! How whatever the process depends on fared when it was last used: the state database, the directory, the provider,
//! each channel.
//!
//! Turns the outcomes of calls into one state per dependency, which `/readyz`, `reconnectd status` and the gauge
//! `reconnectd_dependency_up` show. Nothing is asked for its own sake: a dependency that was never used counts as up
//! until its first failure. A crash forgets it, and the next calls tell it again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::{ChannelName, Timestamp, scrub};

/// Longest reason that is kept, in characters.
const MAX_REASON_CHARS: usize = 300;

/// Something outside the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency<'a> {
    /// The state database.
    State,
    /// Where users come from.
    Directory,
    /// Who knows about accounts.
    Provider,
    /// How people are told.
    Channel(&'a ChannelName),
}

impl Dependency<'_> {
    /// How it is named in answers and labels: `state`, `directory`, `provider`, or the channel's own name.
    pub fn name(&self) -> &str {
        match self {
            Self::State => "state",
            Self::Directory => "directory",
            Self::Provider => "provider",
            Self::Channel(channel) => channel.as_str(),
        }
    }
}

/// How a dependency fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyState {
    /// Whether its last use succeeded.
    pub up: bool,
    /// Since when it is up or down.
    pub since: Option<Timestamp>,
    /// When it was last used with success.
    pub last_success: Option<Timestamp>,
    /// When its use last failed.
    pub last_failure: Option<Timestamp>,
    /// Why it is down, scrubbed; empty while it is up.
    pub reason: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Dependencies(Mutex<BTreeMap<String, DependencyState>>);

impl Dependencies {
    /// Makes a dependency known before its first use.
    pub fn announce(&self, dependency: Dependency<'_>) {
        self.with(dependency, |_| ());
    }

    /// These are the channels there are: new ones become known, and others are forgotten.
    pub fn expect_channels(&self, channels: &[ChannelName]) {
        let fixed = [Dependency::State, Dependency::Directory, Dependency::Provider];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| {
            fixed.iter().any(|dependency| dependency.name() == name)
                || channels.iter().any(|channel| channel.as_str() == name)
        });
        for channel in channels {
            self.announce(Dependency::Channel(channel));
        }
    }

    /// It was used, and did its part.
    pub fn works(&self, dependency: Dependency<'_>, now: Timestamp) {
        self.with(dependency, |state| {
            if !state.up || state.since.is_none() {
                state.since = Some(now);
            }
            state.up = true;
            state.last_success = Some(now);
            state.reason.clear();
        });
    }

    /// It was used, and failed for a reason of its own. `reason` holds no secret and no address.
    pub fn fails(&self, dependency: Dependency<'_>, reason: &str, now: Timestamp) {
        self.with(dependency, |state| {
            if state.up {
                state.since = Some(now);
            }
            state.up = false;
            state.last_failure = Some(now);
            state.reason = scrub(reason, MAX_REASON_CHARS);
        });
    }

    /// What is known of one; none if it was never named.
    pub fn of(&self, dependency: Dependency<'_>) -> Option<DependencyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(dependency.name()).cloned()
    }

    /// All that were named, by name.
    pub fn all(&self) -> Vec<(String, DependencyState)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, state)| (name.clone(), state.clone())).collect()
    }

    fn with(&self, dependency: Dependency<'_>, change: impl FnOnce(&mut DependencyState)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(dependency.name()) {
            let unused = DependencyState {
                up: true,
                since: None,
                last_success: None,
                last_failure: None,
                reason: String::new(),
            };
            all.insert(dependency.name().to_owned(), unused);
        }
        if let Some(state) = all.get_mut(dependency.name()) {
            change(state);
        }
    }
}
