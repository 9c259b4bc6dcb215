//! Made-up users and what they have connected: a pure function of (seed, index), so that a hundred
//! thousand users cost no memory and no time until somebody asks about one of them.

use chrono::TimeDelta;

use super::SimulatorError;
use super::account::SimAccount;
use super::situation::{Row, Situation};
use crate::domain::{AccountId, AuthConfigId, Timestamp};

/// Toolkits of generated accounts; the auth config of `gmail` is `ac_gmail`.
pub(super) const TOOLKITS: [&str; 8] =
    ["gmail", "slack", "github", "notion", "googlecalendar", "hubspot", "linear", "salesforce"];

/// Digits of the number in a user id: enough for any run, and ids sort as their numbers do.
const ID_DIGITS: usize = 8;

/// No situation has more rows, so a toolkit's rows of one user take this many numbers.
const ROWS: usize = 2;

/// How many users there are and what is wrong with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// How many users.
    pub users: u64,
    /// The same seed gives every user the same accounts.
    pub seed: u64,
    /// Ids are this text and eight digits: `user_00000042`.
    pub id_prefix: String,
    /// The share, 0 to 1, of a user's toolkits that the user must reconnect.
    pub broken_share: f64,
    /// The share, 0 to 1, of a user's toolkits that look worrying and need no notice.
    pub quiet_share: f64,
    /// The share, 0 to 1, of users the directory marks as deleted.
    pub deleted_share: f64,
    /// The instant all ages count back from.
    pub as_of: Timestamp,
}

/// One generated account without its texts: small enough to make millions of them for a list of everybody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    pub index: u64,
    /// Position among the user's accounts: toolkit's position times two, plus the row's.
    pub slot: u8,
    pub toolkit: &'static str,
    pub row: &'static Row,
    pub created_at: Timestamp,
}

impl Population {
    /// `users` users with ids `user_…`, of whose toolkits 3 % are broken and 12 % look worrying.
    pub fn new(users: u64, seed: u64, as_of: Timestamp) -> Self {
        Self {
            users,
            seed,
            id_prefix: "user_".into(),
            broken_share: 0.03,
            quiet_share: 0.12,
            deleted_share: 0.0,
            as_of,
        }
    }

    pub(super) fn validate(&self) -> Result<(), SimulatorError> {
        let shares = [
            ("broken_share", self.broken_share),
            ("quiet_share", self.quiet_share),
            ("deleted_share", self.deleted_share),
        ];
        for (name, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(SimulatorError::OutOfRange { name, value });
            }
        }
        Ok(())
    }

    /// The id of the user with this number, from 0.
    pub fn user_id(&self, index: u64) -> String {
        format!("{}{index:0ID_DIGITS$}", self.id_prefix)
    }

    /// The number of the user with this id; none for an id of nobody here.
    pub fn index_of(&self, user_id: &str) -> Option<u64> {
        let digits = user_id.strip_prefix(self.id_prefix.as_str())?;
        let index = whole_number(digits)?;
        (index < self.users && self.user_id(index) == user_id).then_some(index)
    }

    /// What the user has, one situation for each of its toolkits (none to three).
    pub fn situations_of(&self, index: u64) -> Vec<(&'static str, Situation)> {
        let mut dice = self.dice(index, 0);
        let how_many = match dice.u8(0..100) {
            0..10 => 0,
            10..60 => 1,
            60..85 => 2,
            _ => 3,
        };
        let first = dice.usize(0..TOOLKITS.len());
        let step = [1, 3, 5, 7][dice.usize(0..4)]; // odd, so the toolkits of one user differ
        (0..how_many).map(|nth| (TOOLKITS[(first + nth * step) % TOOLKITS.len()], self.situation(&mut dice))).collect()
    }

    /// The user's accounts at the instant the population describes, oldest first within a toolkit.
    pub fn accounts_of(&self, index: u64) -> Vec<SimAccount> {
        self.made_by(index).map(|made| self.account(&made)).collect()
    }

    /// Whether the directory marks the user as deleted. The provider keeps its accounts.
    pub fn is_deleted(&self, index: u64) -> bool {
        self.dice(index, 2).f64() < self.deleted_share
    }

    /// A source of numbers for this user, one per `purpose`.
    pub(super) fn dice(&self, index: u64, purpose: u64) -> fastrand::Rng {
        // The finisher of splitmix64: neighbouring indexes get unrelated numbers.
        let mut mixed =
            self.seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        fastrand::Rng::with_seed(mixed ^ (mixed >> 31))
    }

    pub(super) fn made_by(&self, index: u64) -> impl Iterator<Item = Made> {
        let mut dice = self.dice(index, 1);
        let as_of = self.as_of;
        self.situations_of(index).into_iter().enumerate().flat_map(move |(nth, (toolkit, situation))| {
            // Up to a day older than the table says, the same for all rows of a toolkit; never for an
            // attempt that lives ten minutes.
            let jitter_s = if situation == Situation::Pending { 0 } else { dice.i64(0..86_400) };
            situation.rows().iter().enumerate().map(move |(row_nth, row)| Made {
                index,
                slot: u8::try_from(nth * ROWS + row_nth).unwrap_or(u8::MAX),
                toolkit,
                row,
                created_at: as_of - TimeDelta::minutes(row.age_min.into()) - TimeDelta::seconds(jitter_s),
            })
        })
    }

    /// A generated account in full.
    pub(super) fn account(&self, made: &Made) -> SimAccount {
        let Made { index, slot, toolkit, row, created_at } = *made;
        let mut account = SimAccount::new(&account_id(index, slot), &self.user_id(index), toolkit, created_at)
            .status(row.status, row.reason, made.updated_at())
            .scheme(row.scheme);
        account.is_disabled = row.is_disabled;
        account.auth_config_disabled = row.auth_config_disabled;
        if row.auth_config_disabled {
            account = account.auth_config(made.auth_config());
        }
        account.shared = row.shared;
        account.word_id = Some(format!("{toolkit}_{}-{slot}", WORDS[usize::from(slot) % WORDS.len()]));
        account
    }

    /// The generated account with this id.
    pub(super) fn find(&self, id: &AccountId) -> Option<Made> {
        let (index, slot) = parse_account_id(id)?;
        if index >= self.users {
            return None;
        }
        self.made_by(index).find(|made| made.slot == slot)
    }

    /// The toolkit a working generated auth config is for.
    #[expect(clippy::unused_self, reason = "only a world with a population knows these auth configs")]
    pub(super) fn toolkit_of(&self, id: &AuthConfigId) -> Option<&'static str> {
        TOOLKITS.into_iter().find(|toolkit| auth_config_of(toolkit, false) == id.as_str())
    }

    fn situation(&self, dice: &mut fastrand::Rng) -> Situation {
        let throw = dice.f64();
        let choose = |dice: &mut fastrand::Rng, from: &[Situation]| from[dice.usize(0..from.len())];
        if throw < self.broken_share {
            choose(dice, &Situation::BROKEN)
        } else if throw < self.broken_share + self.quiet_share {
            choose(dice, &Situation::QUIET)
        } else {
            Situation::Healthy
        }
    }
}

const WORDS: [&str; 6] = ["red-castle", "blue-river", "green-hill", "old-bridge", "quiet-lake", "tall-tower"];

impl Made {
    pub(super) fn updated_at(&self) -> Timestamp {
        self.created_at + TimeDelta::minutes(self.row.lived_min.into())
    }

    pub(super) fn auth_config(&self) -> &'static str {
        auth_config_of(self.toolkit, self.row.auth_config_disabled)
    }
}

/// The auth config of a generated toolkit; the switched-off one is another than the working one.
fn auth_config_of(toolkit: &str, disabled: bool) -> &'static str {
    const WORKING: [&str; 8] = [
        "ac_gmail",
        "ac_slack",
        "ac_github",
        "ac_notion",
        "ac_googlecalendar",
        "ac_hubspot",
        "ac_linear",
        "ac_salesforce",
    ];
    const OFF: [&str; 8] = [
        "ac_gmail_off",
        "ac_slack_off",
        "ac_github_off",
        "ac_notion_off",
        "ac_googlecalendar_off",
        "ac_hubspot_off",
        "ac_linear_off",
        "ac_salesforce_off",
    ];
    let at = TOOLKITS.iter().position(|known| *known == toolkit).unwrap_or(0);
    if disabled { OFF[at] } else { WORKING[at] }
}

/// `ca_`, the user's number and a letter for the slot: the id says where the account comes from.
fn account_id(index: u64, slot: u8) -> String {
    format!("ca_{index:0ID_DIGITS$}{}", char::from(b'a' + slot.min(25)))
}

pub(super) fn parse_account_id(id: &AccountId) -> Option<(u64, u8)> {
    let rest = id.as_str().strip_prefix("ca_")?;
    let letter = rest.chars().next_back().filter(char::is_ascii_lowercase)?;
    let index = whole_number(rest.strip_suffix(letter)?)?;
    let slot = u8::try_from(letter).ok()? - b'a';
    (account_id(index, slot) == id.as_str()).then_some((index, slot))
}

/// `parse` alone would also read a sign.
fn whole_number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
