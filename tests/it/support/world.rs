//! The outside world of a rig, in memory: users, accounts, what they come to, what is sent, and the ports onto it.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use reconnectd::domain::{
    Account, AccountId, AuthConfigId, ChannelName, Contact, Cursor, EmailAddress, EventKind, FailureClass, Notice,
    OperatorNotice, ReasonHint, Status, Timestamp, ToolkitSlug, UserId, UserPage, from_millis,
};
use reconnectd::ports::{
    AccountList, Channel, Directory, DirectoryError, HostedLink, LinkWanted, Provider, ProviderError, ProviderUsage,
    Receipt, SendError,
};

/// The instant every rig starts at: 2026-11-02 09:00 UTC, a Monday.
pub const START_MS: i64 = 1_793_610_000_000;

/// What comes of asking the fake provider about a user.
type Hook = Box<dyn Fn(&UserId) -> Option<ProviderError> + Send + Sync>;

/// What happens when an address is read.
type ContactHook = Box<dyn Fn(&World, &UserId) + Send + Sync>;

/// What a send to this user (none: to the operator) comes to, unless it succeeds.
type SendHook = Box<dyn Fn(&ChannelName, Option<&UserId>) -> Option<SendError> + Send + Sync>;

/// The outside world, in memory.
#[derive(Default)]
pub struct World {
    accounts: Mutex<HashMap<UserId, Vec<Account>>>,
    users: Mutex<BTreeMap<UserId, Contact>>,
    provider_fails: Mutex<Option<Hook>>,
    requests: Mutex<u64>,
    accepted: Mutex<u64>,
    sent: Mutex<Vec<(ChannelName, Notice)>>,
    send_results: Mutex<VecDeque<Result<Receipt, SendError>>>,
    send_results_on: Mutex<HashMap<String, VecDeque<Result<Receipt, SendError>>>>,
    failing_on: Mutex<HashMap<String, FailureClass>>,
    events: Mutex<Vec<(ChannelName, OperatorNotice)>>,
    sends_fail: Mutex<Option<SendHook>>,
    at_contact: Mutex<Option<ContactHook>>,
    hang: Mutex<Option<Hang>>,
    /// Whether no address can be read.
    pub directory_away: AtomicBool,
    /// Told when somebody hangs where [`World::hang`] said.
    pub hanging: tokio::sync::Notify,
    /// Told whenever something is sent, or tried.
    pub sending: tokio::sync::Notify,
    asked: Mutex<Vec<UserId>>,
    hidden: Mutex<Vec<Account>>,
}

/// Where the outside world stops answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hang {
    /// When the provider is asked about this user.
    Asking(UserId),
    /// When something is sent.
    Sending,
    /// On this channel.
    SendingOn(ChannelName),
}

impl World {
    /// Adds a user with an address.
    pub fn user(&self, id: &str) {
        let email = EmailAddress::parse(&format!("{}@example.com", id.replace([' ', ',', '@'], "_"))).ok();
        self.users.lock().unwrap().insert(UserId::new(id), Contact { email, ..Contact::default() });
    }

    /// Adds a user without an address.
    pub fn user_without_address(&self, id: &str) {
        self.users.lock().unwrap().insert(UserId::new(id), Contact::default());
    }

    /// Says where a user is.
    pub fn zone(&self, id: &str, zone: &str) {
        self.users.lock().unwrap().get_mut(&UserId::new(id)).unwrap().timezone = Some(zone.to_owned());
    }

    /// Deletes a user from the product's database.
    pub fn forget(&self, id: &str) {
        self.users.lock().unwrap().remove(&UserId::new(id));
    }

    /// Adds an account to its user's list, or replaces it.
    pub fn put(&self, account: Account) {
        let mut accounts = self.accounts.lock().unwrap();
        let list = accounts.entry(account.user.clone()).or_default();
        list.retain(|known| known.id != account.id);
        list.push(account);
    }

    /// Removes an account from its user's list.
    pub fn remove(&self, user: &str, id: &str) {
        if let Some(list) = self.accounts.lock().unwrap().get_mut(&UserId::new(user)) {
            list.retain(|account| account.id != AccountId::new(id));
        }
    }

    /// Leaves an account out of its user's list; asked for by its id, it is still there.
    pub fn hide(&self, user: &str, id: &str) {
        let mut accounts = self.accounts.lock().unwrap();
        let list = accounts.get_mut(&UserId::new(user)).unwrap();
        self.hidden.lock().unwrap().extend(list.extract_if(.., |account| account.id == AccountId::new(id)));
    }

    /// Puts hidden accounts back into their users' lists.
    pub fn unhide(&self) {
        for account in std::mem::take(&mut *self.hidden.lock().unwrap()) {
            self.put(account);
        }
    }

    /// Makes the provider list this account of `user` as somebody else's.
    pub fn misplace(&self, user: &str, id: &str, owner: &str) {
        self.change(user, id, |account| account.user = UserId::new(owner));
    }

    /// Changes an account.
    pub fn change(&self, user: &str, id: &str, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.accounts.lock().unwrap();
        let list = accounts.get_mut(&UserId::new(user)).unwrap();
        change(list.iter_mut().find(|account| account.id == AccountId::new(id)).unwrap());
    }

    /// From now on, asking about a user fails where `hook` says so.
    pub fn provider_fails(&self, hook: impl Fn(&UserId) -> Option<ProviderError> + Send + Sync + 'static) {
        *self.provider_fails.lock().unwrap() = Some(Box::new(hook));
    }

    /// The provider answers again.
    pub fn provider_recovers(&self) {
        *self.provider_fails.lock().unwrap() = None;
    }

    /// What the next sends come to; after that they succeed.
    pub fn next_sends(&self, results: impl IntoIterator<Item = Result<Receipt, SendError>>) {
        self.send_results.lock().unwrap().extend(results);
    }

    /// What the next sends and events on this channel come to.
    pub fn next_on(&self, channel: &str, results: impl IntoIterator<Item = Result<Receipt, SendError>>) {
        let mut scripts = self.send_results_on.lock().unwrap();
        scripts.entry(channel.to_owned()).or_default().extend(results);
    }

    /// From now on, a send fails where `hook` says so.
    pub fn sends_fail(
        &self,
        hook: impl Fn(&ChannelName, Option<&UserId>) -> Option<SendError> + Send + Sync + 'static,
    ) {
        *self.sends_fail.lock().unwrap() = Some(Box::new(hook));
    }

    /// What the operator was told on which channel (or tried to be), taken out.
    pub fn take_events(&self) -> Vec<(ChannelName, OperatorNotice)> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// From now on, whatever is sent on this channel fails like this; or works again.
    pub fn failing_on(&self, channel: &str, class: Option<FailureClass>) {
        let mut failing = self.failing_on.lock().unwrap();
        failing.remove(channel);
        failing.extend(class.map(|class| (channel.to_owned(), class)));
    }

    fn scripted(&self, channel: &ChannelName, user: Option<&UserId>) -> Result<Receipt, SendError> {
        if let Some(class) = self.failing_on.lock().unwrap().get(channel.as_str()) {
            return Err(SendError { class: *class, detail: "scripted".into() });
        }
        if let Some(error) = self.sends_fail.lock().unwrap().as_ref().and_then(|hook| hook(channel, user)) {
            return Err(error);
        }
        let own = self.send_results_on.lock().unwrap().get_mut(channel.as_str()).and_then(VecDeque::pop_front);
        let scripted = own.or_else(|| self.send_results.lock().unwrap().pop_front());
        scripted.unwrap_or_else(|| Ok(Receipt { detail: "250 ok".into() }))
    }

    /// Gives a user this address and time zone.
    pub fn user_at(&self, id: &str, address: &str, timezone: Option<&str>) {
        let contact = Contact {
            email: EmailAddress::parse(address).ok(),
            timezone: timezone.map(str::to_owned),
            ..Contact::default()
        };
        self.users.lock().unwrap().insert(UserId::new(id), contact);
    }

    /// What the product says a user reads; who has no address here is not known.
    pub fn reads(&self, id: &str, locale: &str) {
        let mut users = self.users.lock().unwrap();
        users.get_mut(&UserId::new(id)).unwrap().locale = Some(locale.to_owned());
    }

    /// Runs when an address is read, which is just before the provider is asked once more.
    pub fn at_contact(&self, hook: impl Fn(&World, &UserId) + Send + Sync + 'static) {
        *self.at_contact.lock().unwrap() = Some(Box::new(hook));
    }

    /// Stops answering at this point, or nowhere. Who waits for `hanging` after this hears of this point only: what
    /// hung before and was not waited for (the second of two sends at once) is forgotten.
    pub fn hang(&self, point: Option<Hang>) {
        let _ = self.hanging.notified().now_or_never();
        *self.hang.lock().unwrap() = point;
    }

    async fn hang_at(&self, here: Hang) {
        let any = matches!(here, Hang::SendingOn(_)).then_some(Hang::Sending);
        let hangs = self.hang.lock().unwrap().as_ref().is_some_and(|at| *at == here || Some(at) == any.as_ref());
        if hangs {
            self.hanging.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Who the provider was asked about, in order, taken out.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap()).iter().map(|user| user.as_str().to_owned()).collect()
    }

    /// What was sent (or tried), taken out.
    pub fn take_sent(&self) -> Vec<(ChannelName, Notice)> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// Who was told on which channel about which toolkits, sorted and taken out.
    pub fn take_told(&self) -> Vec<String> {
        let told = self.take_sent().into_iter().map(|(channel, notice)| {
            let toolkits: Vec<&str> = notice.items.iter().map(|item| item.toolkit.as_str()).collect();
            format!("{channel} {}: {}", notice.user.as_str(), toolkits.join(" "))
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }
}

/// An account of `user` connected 90 days before [`START_MS`] that works.
pub fn works(user: &str, id: &str, toolkit: &str) -> Account {
    let created = from_millis(START_MS - 90 * 86_400_000);
    Account {
        id: AccountId::new(id),
        user: UserId::new(user),
        toolkit: ToolkitSlug::new(toolkit),
        auth_config: AuthConfigId::new(format!("ac_{toolkit}")),
        auth_config_disabled: false,
        auth_scheme: Some("OAUTH2".into()),
        status: Status::Active,
        reason: ReasonHint::None,
        is_disabled: false,
        shared: false,
        alias: None,
        word_id: None,
        created_at: Some(created),
        updated_at: Some(created),
    }
}

/// The same account after its grant was refused at `at`.
pub fn broken(account: Account, at: Timestamp) -> Account {
    Account { status: Status::Expired, reason: ReasonHint::RefreshRefused, updated_at: Some(at), ..account }
}

pub struct FakeDirectory(pub Arc<World>, pub usize);

#[async_trait]
impl Directory for FakeDirectory {
    async fn page(&self, after: Option<&Cursor>) -> Result<UserPage, DirectoryError> {
        let users = self.0.users.lock().unwrap();
        let later = users.keys().filter(|id| after.is_none_or(|after| id.as_str() > after.0.as_str()));
        let page: Vec<UserId> = later.take(self.1 + 1).cloned().collect();
        let next = (page.len() > self.1).then(|| Cursor(page[self.1 - 1].as_str().to_owned()));
        Ok(UserPage { users: page.into_iter().take(self.1).collect(), next })
    }

    async fn contact(&self, user: &UserId) -> Result<Option<Contact>, DirectoryError> {
        if let Some(hook) = self.0.at_contact.lock().unwrap().as_ref() {
            hook(&self.0, user);
        }
        if self.0.directory_away.load(Relaxed) {
            return Err(DirectoryError::Unavailable { doing: "reading an address", source: "away".into() });
        }
        Ok(self.0.users.lock().unwrap().get(user).cloned())
    }

    async fn count(&self) -> Result<u64, DirectoryError> {
        Ok(self.0.users.lock().unwrap().len() as u64)
    }

    async fn count_blank(&self) -> Result<u64, DirectoryError> {
        Ok(0)
    }
}

pub struct FakeProvider(pub Arc<World>);

#[async_trait]
impl Provider for FakeProvider {
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        *self.0.requests.lock().unwrap() += 1;
        for user in users {
            self.0.hang_at(Hang::Asking(user.clone())).await;
            self.0.asked.lock().unwrap().push(user.clone());
            if let Some(error) = self.0.provider_fails.lock().unwrap().as_ref().and_then(|hook| hook(user)) {
                return Err(error);
            }
        }
        let accounts = self.0.accounts.lock().unwrap();
        let listed = users.iter().flat_map(|user| accounts.get(user).cloned().unwrap_or_default()).collect();
        *self.0.accepted.lock().unwrap() += 1;
        Ok(AccountList { accounts: listed, pages: 1 })
    }

    async fn accounts_by_id(&self, user: &UserId, ids: &[AccountId]) -> Result<Vec<Account>, ProviderError> {
        let accounts = self.0.accounts.lock().unwrap();
        let hidden = self.0.hidden.lock().unwrap();
        let listed = accounts.get(user).into_iter().flatten().chain(hidden.iter());
        Ok(listed.filter(|account| account.user == *user && ids.contains(&account.id)).cloned().collect())
    }

    async fn link(&self, _: &LinkWanted) -> Result<HostedLink, ProviderError> {
        Err(ProviderError::Malformed("an audit makes no links".into()))
    }

    async fn check_link(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    fn usage(&self) -> ProviderUsage {
        let (requests, accepted) = (*self.0.requests.lock().unwrap(), *self.0.accepted.lock().unwrap());
        ProviderUsage { requests, retries: 0, accepted }
    }
}

pub(super) struct FakeChannel(pub(super) Arc<World>, pub(super) ChannelName, pub(super) Vec<EventKind>);

#[async_trait]
impl Channel for FakeChannel {
    fn name(&self) -> &ChannelName {
        &self.1
    }

    fn needs_address(&self) -> bool {
        self.1.as_str() == "email"
    }

    fn outside_id(&self, uuid: &str) -> String {
        format!("<{uuid}@{}>", self.1.as_str())
    }

    fn carries(&self, kind: EventKind) -> bool {
        self.2.contains(&kind)
    }

    async fn send_event(&self, event: &OperatorNotice) -> Result<Receipt, SendError> {
        assert!(self.carries(event.event.kind()), "{} does not carry {event:?}", self.1);
        self.0.events.lock().unwrap().push((self.1.clone(), event.clone()));
        self.0.scripted(&self.1, None)
    }

    async fn send(&self, notice: &Notice) -> Result<Receipt, SendError> {
        self.0.sent.lock().unwrap().push((self.1.clone(), notice.clone()));
        self.0.sending.notify_one();
        self.0.hang_at(Hang::SendingOn(self.1.clone())).await;
        self.0.scripted(&self.1, Some(&notice.user))
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}
