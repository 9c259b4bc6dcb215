//! A directory and a provider in memory that misbehave on demand and remember what they were asked.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::{
    Account, AccountId, AuthConfigId, Contact, Cursor, Observation, ReasonHint, ScannedPage, Status, ToolkitSlug,
    UserId, UserPage,
};
use reconnectd::ports::{
    AccountList, Directory, DirectoryError, HostedLink, LinkWanted, Provider, ProviderError, ProviderUsage,
};
use reconnectd::scan::{ScanError, ScanOptions, UsersPerRequest, scan};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Users in a fixed order; the cursor is the position of the next one.
pub struct Users {
    pub ids: Vec<UserId>,
    pub page_size: usize,
    /// Says that there is more after a full last page, and then has nothing.
    pub empty_last_page: bool,
    /// The cursor of the page at this position leads to that page again.
    pub stuck_at: Option<usize>,
    /// The position at which reading fails.
    pub fails_at: Option<usize>,
    pub asked: Mutex<Vec<Option<String>>>,
}

impl Users {
    pub fn new<T: Into<String>>(ids: impl IntoIterator<Item = T>, page_size: usize) -> Self {
        let ids = ids.into_iter().map(UserId::new).collect();
        Self { ids, page_size, empty_last_page: false, stuck_at: None, fails_at: None, asked: Mutex::default() }
    }

    /// `u0`, `u1` and so on.
    pub fn numbered(count: usize, page_size: usize) -> Self {
        Self::new((0..count).map(|n| format!("u{n}")), page_size)
    }

    pub fn pages_read(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Directory for Users {
    async fn page(&self, after: Option<&Cursor>) -> Result<UserPage, DirectoryError> {
        self.asked.lock().unwrap().push(after.map(|cursor| cursor.0.clone()));
        assert!(self.pages_read() < 1_000, "the scan reads for ever");
        let start = after.map_or(0, |cursor| cursor.0.parse().expect("a cursor of this directory"));
        if self.fails_at == Some(start) {
            return Err(DirectoryError::Unavailable { doing: "reading a page", source: "gone away".into() });
        }
        if self.stuck_at == Some(start) {
            return Ok(UserPage { users: Vec::new(), next: after.cloned() });
        }
        let end = (start + self.page_size).min(self.ids.len());
        let full = end - start == self.page_size;
        let more = end < self.ids.len() || (self.empty_last_page && full);
        Ok(UserPage { users: self.ids[start..end].to_vec(), next: more.then(|| Cursor(end.to_string())) })
    }

    async fn contact(&self, _: &UserId) -> Result<Option<Contact>, DirectoryError> {
        unreachable!("a scan reads no addresses")
    }

    async fn count(&self) -> Result<u64, DirectoryError> {
        unreachable!("a scan does not count")
    }

    async fn count_blank(&self) -> Result<u64, DirectoryError> {
        unreachable!("a scan does not count")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Rejected,
    TooManyPages,
    Malformed,
    Unavailable,
    TimedOut,
    Unauthorized,
    Gone,
    /// The answer holds somebody else's account.
    Foreign,
    /// The answer holds an account that came back for others before.
    Shared,
    /// The answer never comes.
    Hangs,
}

/// The provider. By default it knows no accounts and answers everything with one page.
pub struct World {
    pub accounts: HashMap<UserId, usize>,
    pub faults: HashMap<UserId, Fault>,
    pub fault_of_all: Option<Fault>,
    pub rejects_above: usize,
    pub times_out_above: usize,
    pub accounts_per_page: usize,
    pub owner_missing: bool,
    /// Each answer takes a permit when there is a gate.
    pub gate: Option<Semaphore>,
    /// Every request, the probe included, takes its turn at a door that opens slowly when there is one.
    pub door: Option<tokio::sync::Mutex<()>>,
    /// The users of each request, in the order they came.
    pub requests: Mutex<Vec<Vec<UserId>>>,
    pub in_flight: AtomicUsize,
    pub most_in_flight: AtomicUsize,
}

impl Default for World {
    fn default() -> Self {
        Self {
            accounts: HashMap::new(),
            faults: HashMap::new(),
            fault_of_all: None,
            rejects_above: usize::MAX,
            times_out_above: usize::MAX,
            accounts_per_page: 100,
            owner_missing: false,
            gate: None,
            door: None,
            requests: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        }
    }
}

impl World {
    pub fn with_faults<T: Into<String>>(faults: impl IntoIterator<Item = (T, Fault)>) -> Self {
        let faults = faults.into_iter().map(|(id, fault)| (UserId::new(id), fault)).collect();
        Self { faults, ..Self::default() }
    }

    pub fn closed() -> Self {
        Self { gate: Some(Semaphore::new(0)), ..Self::default() }
    }

    pub fn sizes(&self) -> Vec<usize> {
        self.requests.lock().unwrap().iter().map(Vec::len).collect()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    async fn pass_the_door(&self) {
        if let Some(door) = &self.door {
            let _turn = door.lock().await;
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn answer(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        let mut accounts: Vec<_> = users.iter().flat_map(|user| self.accounts_of_one(user)).collect();
        if users.len() > self.rejects_above {
            return Err(rejected(414));
        }
        if users.len() > self.times_out_above {
            return Err(ProviderError::TimedOut(Duration::from_mins(1)));
        }
        let fault = self.fault_of_all.or_else(|| users.iter().find_map(|user| self.faults.get(user)).copied());
        match fault {
            Some(Fault::Rejected) => return Err(rejected(400)),
            Some(Fault::TooManyPages) => return Err(ProviderError::TooManyPages(50)),
            Some(Fault::Malformed) => return Err(ProviderError::Malformed("no items".into())),
            Some(Fault::Unavailable) => {
                return Err(ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() });
            }
            Some(Fault::TimedOut) => return Err(ProviderError::TimedOut(Duration::from_mins(1))),
            Some(Fault::Unauthorized) => {
                return Err(ProviderError::Unauthorized { status: 401, detail: String::new() });
            }
            Some(Fault::Gone) => return Err(ProviderError::Gone),
            Some(Fault::Foreign) => accounts.push(account(&UserId::new("somebody-else"), 0)),
            Some(Fault::Shared) => {
                accounts.push(Account { user: users[0].clone(), ..account(&UserId::new("somebody-else"), 0) });
            }
            Some(Fault::Hangs) | None => {}
        }
        if self.owner_missing && users.len() > 1 && !accounts.is_empty() {
            return Err(ProviderError::OwnerMissing);
        }
        let pages = accounts.len().div_ceil(self.accounts_per_page).max(1);
        Ok(AccountList { accounts, pages: u32::try_from(pages).unwrap() })
    }

    fn accounts_of_one(&self, user: &UserId) -> Vec<Account> {
        (0..self.accounts.get(user).copied().unwrap_or(0)).map(|n| account(user, n)).collect()
    }
}

#[async_trait]
impl Provider for World {
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        assert!(!users.is_empty(), "asked about nobody");
        assert!(users.iter().all(UserId::is_queryable), "asked about an id that cannot be asked for: {users:?}");
        self.requests.lock().unwrap().push(users.to_vec());
        let _in_flight = InFlight::enter(self);
        if users.iter().any(|user| self.faults.get(user) == Some(&Fault::Hangs)) {
            std::future::pending::<()>().await;
        }
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("the gate is never closed for good").forget();
        }
        self.pass_the_door().await;
        // Answers overtake each other.
        for _ in 0..users[0].as_str().bytes().map(usize::from).sum::<usize>() % 5 {
            tokio::task::yield_now().await;
        }
        self.answer(users)
    }

    async fn accounts_by_id(&self, _: &UserId, _: &[AccountId]) -> Result<Vec<Account>, ProviderError> {
        Err(ProviderError::Malformed("a scan reads whole lists only".into()))
    }

    async fn link(&self, _: &LinkWanted) -> Result<HostedLink, ProviderError> {
        Err(ProviderError::Malformed("a scan makes no links".into()))
    }

    async fn check_link(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), ProviderError> {
        self.pass_the_door().await;
        // In these worlds, twenty silent users in a row are an outage.
        Err(ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() })
    }

    fn usage(&self) -> ProviderUsage {
        ProviderUsage::default()
    }
}

struct InFlight<'a>(&'a World);

impl<'a> InFlight<'a> {
    fn enter(world: &'a World) -> Self {
        let now = world.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        world.most_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(world)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

fn rejected(status: u16) -> ProviderError {
    ProviderError::Rejected { status, detail: String::new() }
}

/// The `n`th account of the user.
pub fn account(user: &UserId, n: usize) -> Account {
    Account {
        id: AccountId::new(format!("ca_{}_{n}", user.as_str())),
        user: user.clone(),
        toolkit: ToolkitSlug::new("gmail"),
        auth_config: AuthConfigId::new("ac_1"),
        auth_config_disabled: false,
        auth_scheme: None,
        status: Status::Active,
        reason: ReasonHint::None,
        is_disabled: false,
        shared: false,
        alias: None,
        word_id: None,
        created_at: None,
        updated_at: None,
    }
}

pub fn auto(concurrency: usize) -> ScanOptions {
    ScanOptions { concurrency, users_per_request: UsersPerRequest::Auto }
}

pub fn fixed(concurrency: usize, users: u32) -> ScanOptions {
    let users = NonZeroU32::new(users).expect("at least one user per request");
    ScanOptions { concurrency, users_per_request: UsersPerRequest::Fixed(users) }
}

/// Scans to the end with a consumer that takes every page at once.
pub async fn scan_all(
    directory: &Users,
    provider: &World,
    options: ScanOptions,
    from: Option<Cursor>,
) -> (Vec<ScannedPage>, Result<(), ScanError>) {
    let (out, mut pages) = mpsc::channel(1);
    let collect = async {
        let mut taken = Vec::new();
        while let Some(page) = pages.recv().await {
            taken.push(page);
        }
        taken
    };
    let (result, taken) =
        tokio::join!(scan(directory, provider, options, from, out, never_stops(), &SystemClock), collect);
    (taken, result)
}

/// The id and observation of every user, over all pages.
pub fn flat(pages: Vec<ScannedPage>) -> Vec<(String, Observation)> {
    let users = pages.into_iter().flat_map(|page| page.users);
    users.map(|entry| (entry.user.as_str().to_owned(), entry.observation)).collect()
}

/// Polls the future until everything it can do without the test's help is done. Far more rounds than any fake
/// has steps, so no time is involved.
pub async fn drive<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    for _ in 0..2_000 {
        if let Poll::Ready(output) = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// For scans that nobody stops.
pub fn never_stops() -> &'static CancellationToken {
    Box::leak(Box::default())
}
