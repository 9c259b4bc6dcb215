//! The edges of the product as traits: where users come from, who knows about accounts, how people are
//! reached, and what time it is. Each has at least two implementations (`src/adapters/`, the
//! simulator and the tests).
//!
//! Guarantees expected of every implementation: bounded time and bounded memory per call, no panic on
//! what comes back, no secret and no address in an error. Nothing here touches the state database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::domain::{
    Account, AccountId, AuthConfigId, ChannelName, Contact, Cursor, EmailAddress, EventKind, FailureClass, JobName,
    Notice, OperatorNotice, RunId, Timestamp, UnknownReason, UserId, UserPage,
};

/// The users of the product's database; read-only.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The page of at most `page_size` users that follows `after`, or the first page.
    /// Null and empty ids are left out; [`Directory::count_blank`] counts them.
    async fn page(&self, after: Option<&Cursor>) -> Result<UserPage, DirectoryError>;

    /// How a user is reached, read now; none when the user is no longer in the directory.
    async fn contact(&self, user: &UserId) -> Result<Option<Contact>, DirectoryError>;

    /// How many users there are, for the progress bar and the coverage figure; blank ids not counted.
    async fn count(&self) -> Result<u64, DirectoryError>;

    /// How many rows have a null or empty id: people we can never ask about.
    async fn count_blank(&self) -> Result<u64, DirectoryError>;
}

/// The directory could not be read. Says what was tried; holds no address and no password.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Unreachable, timed out, out of connections: may work later.
    #[error("{doing} failed, may work later")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// The database's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table, a column, the filter or the login is wrong: the configuration must change.
    #[error("{doing} was refused; {remedy}")]
    Misconfigured {
        /// What was being done.
        doing: &'static str,
        /// Which configuration key to look at.
        remedy: String,
        /// The database's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A list of accounts, read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountList {
    /// Every account of the users asked about, each once; every one belongs to one of them.
    pub accounts: Vec<Account>,
    /// How many requests' worth of pages the list had.
    pub pages: u32,
}

/// The API asked about accounts.
#[async_trait]
pub trait Provider: Send + Sync {
    /// All accounts of all `users`, every page read, under the rate limit, with retries. `users` holds at
    /// least one id and only queryable ones. With one user, items without an owner are that user's.
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError>;

    /// The accounts with these ids, all of `user`: for accounts a user's list lacks, before anybody
    /// concludes that they are gone. `ids` holds 1 to 100 ids; what does not come back does not exist.
    async fn accounts_by_id(&self, user: &UserId, ids: &[AccountId]) -> Result<Vec<Account>, ProviderError>;

    /// Makes a page on which `wanted.user` connects an account anew, and that account. Sent once and never repeated: a
    /// request whose outcome is unknown may have made an account, and a second would make another.
    async fn link(&self, wanted: &LinkWanted) -> Result<HostedLink, ProviderError>;

    /// One cheap authenticated request, for `check`.
    async fn check(&self) -> Result<(), ProviderError>;

    /// Whether [`Provider::link`] is allowed, for `check`; makes nothing.
    async fn check_link(&self) -> Result<(), ProviderError>;

    /// What has been sent so far.
    fn usage(&self) -> ProviderUsage;
}

/// A page to connect an account on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkWanted {
    /// What the account is to be made with.
    pub auth_config: AuthConfigId,
    /// Whose it is to be.
    pub user: UserId,
    /// Where the person is sent back to. A secret: not to be logged.
    pub callback: String,
}

/// A page that was made. Who has its address can connect an account to this user, so nothing shows it.
#[derive(Debug, Clone)]
pub struct HostedLink {
    /// The account made with it; it works once the person has finished there.
    pub account: AccountId,
    /// Where the page is: https, or http on this host where the provider itself is there.
    pub address: SecretString,
    /// Until when it can be used, where the provider says so readably.
    pub expires_at: Option<Timestamp>,
}

/// Requests sent since start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProviderUsage {
    /// HTTP requests, retries included.
    pub requests: u64,
    /// How many of them repeated a failed one.
    pub retries: u64,
    /// How many were answered as asked, which shows that the key is taken.
    pub accepted: u64,
}

/// Why the provider gave no list.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// 401 or 403: the key is refused; what mends it depends on what was asked for, see
    /// [`key_remedy`](crate::domain::key_remedy). Stops the run; exit code 3.
    #[error("the provider refused the API key (HTTP {status}{detail})")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// The provider's error slug in brackets, or empty.
        detail: String,
    },
    /// 410: this API version was removed. Stops the run.
    #[error("the provider no longer serves this API version (HTTP 410); upgrade reconnectd")]
    Gone,
    /// An item belongs to a user who was not asked about. Stops the run: the filter is not being honoured,
    /// and going on could tell one person about another's account.
    #[error(
        "the provider answered with account {account} of user {owner}, who was not asked about; the run stops so that nobody is told about another's account"
    )]
    ForeignAccount {
        /// The account that should not have come back.
        account: AccountId,
        /// The user the provider says it belongs to.
        owner: UserId,
    },
    /// Several users were asked about and an item names no owner: ask for one user at a time.
    #[error("the provider no longer names the owner of an account; several users cannot be asked about at once")]
    OwnerMissing,
    /// The request as it was cannot be answered: 400, 413, 414, 422. Fewer users may work.
    #[error("the provider rejected the request (HTTP {status}{detail})")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The provider's error slug in brackets, or empty.
        detail: String,
    },
    /// No whole answer within the time limit. Fewer users may work.
    #[error("the provider did not answer within {0:?}")]
    TimedOut(Duration),
    /// More pages than the cap. Fewer users may work.
    #[error("the list has more than {0} pages")]
    TooManyPages(u32),
    /// Still failing after the last attempt.
    #[error("the provider is unavailable after {attempts} attempts ({last})")]
    Unavailable {
        /// Attempts made.
        attempts: u32,
        /// The last failure in a few words; no body, no secret.
        last: String,
    },
    /// An answer that is no list: HTML, missing `items`, a repeated cursor.
    #[error("the provider's answer cannot be read ({0})")]
    Malformed(String),
}

impl ProviderError {
    /// Whether the whole run must stop and mail nobody.
    pub fn stops_the_run(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::Gone | Self::ForeignAccount { .. })
    }

    /// What a single user's failed fetch is recorded as; none for errors that stop the run.
    pub fn as_unknown(&self) -> Option<UnknownReason> {
        match self {
            Self::Unauthorized { .. } | Self::Gone | Self::ForeignAccount { .. } => None,
            Self::Rejected { .. } => Some(UnknownReason::Rejected),
            Self::TooManyPages(_) => Some(UnknownReason::TooManyPages),
            Self::Malformed(_) | Self::OwnerMissing => Some(UnknownReason::Malformed),
            Self::TimedOut(_) | Self::Unavailable { .. } => Some(UnknownReason::Unavailable),
        }
    }
}

/// A way to tell a user something.
#[async_trait]
pub trait Channel: Send + Sync {
    /// The name deliveries are stored under.
    fn name(&self) -> &ChannelName;

    /// Whether this channel cannot work without an e-mail address.
    fn needs_address(&self) -> bool;

    /// The tag of the language (BCP 47) it speaks to somebody with this locale; none where it speaks to machines.
    fn language(&self, _locale: Option<&str>) -> Option<String> {
        None
    }

    /// The id the outside will see, made once from a new UUID and stored before the first attempt.
    fn outside_id(&self, uuid: &str) -> String;

    /// Whether events of this kind go out here.
    fn carries(&self, kind: EventKind) -> bool;

    /// The addresses of the operator's that this channel writes to, each its own copy of what it carries; empty where
    /// all of it goes to one place.
    fn readers(&self) -> &[EmailAddress] {
        &[]
    }

    /// One attempt to tell the operator something; only for kinds this channel carries. With [`Channel::readers`] the
    /// notice names one of them.
    async fn send_event(&self, event: &OperatorNotice) -> Result<Receipt, SendError>;

    /// One attempt. Cancelling it loses the connection, never the bookkeeping: the caller counted the
    /// attempt before.
    async fn send(&self, notice: &Notice) -> Result<Receipt, SendError>;

    /// Reaches the other side without sending anything, for `check`.
    async fn check(&self) -> Result<(), SendError>;

    /// Says goodbye where something is kept open between sends; a few seconds at most. Sending opens it anew.
    /// Dropping the channel does the same less politely.
    async fn close(&self) {}
}

/// The channels that events of this kind go out on, each with what makes the ids the outside sees.
pub fn carrying(
    channels: &[Arc<dyn Channel>],
    kind: EventKind,
) -> impl Iterator<Item = (&ChannelName, impl Fn(&str) -> String)> {
    let carrying = channels.iter().filter(move |channel| channel.carries(kind));
    carrying.map(|channel| (channel.name(), |uuid: &str| channel.outside_id(uuid)))
}

/// Where the report of a period comes from, ready to be written to somebody.
#[async_trait]
pub trait Letters: Send + Sync {
    /// The report from `from` to `to` as a letter, as it was made at `at`: the same words and figures however often and
    /// wherever it is asked for. Holds no address and no user's id.
    async fn letter(&self, from: Timestamp, to: Timestamp, at: Timestamp) -> Result<Arc<Letter>, SendError>;
}

/// A report as a mail program shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// What stands alone where no HTML is shown.
    pub text: String,
    /// The same with pictures: `cid:` and the id of each in [`Letter::pictures`].
    pub html: String,
    /// PNG files, each with the left half of its Content-ID: letters, digits and `-`.
    pub pictures: Vec<(String, Vec<u8>)>,
    /// What comes along: file name, media type, bytes.
    pub files: Vec<(String, &'static str, Vec<u8>)>,
}

/// The other side took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The other side's answer in a few words, scrubbed: `250 2.0.0 queued as …`, `HTTP 204`.
    pub detail: String,
}

/// An attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SendError {
    /// What happens next.
    pub class: FailureClass,
    /// What happened in a few words, scrubbed: no address, no secret, no body.
    pub detail: String,
}

/// A dead man's switch: somebody outside who notices that a job was not done.
#[async_trait]
pub trait Pinger: Send + Sync {
    /// Whether it wants to hear of this job.
    fn watches(&self, job: JobName) -> bool;

    /// Tells it once, a repetition included, within [`Pinger::limit`].
    async fn ping(&self, ping: &Ping) -> Result<(), PingError>;

    /// The longest that one ping takes.
    fn limit(&self) -> Duration;
}

/// What a dead man's switch is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Which job.
    pub job: JobName,
    /// Which of its runs; ties its beginning to its end.
    pub run: RunId,
    /// How it stands.
    pub signal: PingSignal,
    /// In words, for whoever looks; no address, no secret.
    pub words: String,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingSignal {
    /// It began.
    Started,
    /// It did what it is for.
    Succeeded,
    /// It did not: what a process that does it alone exits with, never 0.
    Exited(u8),
    /// It ended without a word.
    Failed,
    /// It was stopped on request and goes on later: neither good nor bad.
    Stopped,
}

/// A dead man's switch could not be told. Holds nothing of its URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PingError(pub String);

/// What time it is, and waiting.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present instant, in whole milliseconds.
    fn now(&self) -> Timestamp;

    /// Waits this long on this clock.
    async fn sleep(&self, duration: Duration);
}

/// What wakes the schedule.
#[async_trait]
pub trait Alarm: Send + Sync {
    /// Returns at `at` by the wall clock, never before it, unless a minute has passed: then it returns too, because
    /// only a look at the clock tells whether it was moved meanwhile. At once where `at` has come. The caller looks
    /// at the clock and the schedule again whenever it returns. Dropping the future disarms it.
    async fn ring(&self, at: Timestamp);
}
