//! From the link in a mail to an account that works again: audits over the real pipeline, the pages over real HTTP, the
//! simulator as the provider and its hosted page.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

mod abandoned;
mod again;
mod attacks;
mod bent;
mod claims;
mod headers;
mod in_time;
mod journey;
mod languages;
mod limits;
mod link_faults;
mod links;
pub mod opened;
mod refused;
mod revoked;
mod rotation;
mod said;
mod siblings;
mod standing;
mod together;
mod younger;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reconnectd::adapters::composio::{ComposioProvider, ComposioSettings};
use reconnectd::domain::{
    AccountId, EmailAddress, IdMint, LinkId, LinkKeys, ReconnectLinks, ReconnectUrl, RunId, Timestamp, TokenFor,
    ToolkitSlug, Unsubscribe, UserId,
};
use reconnectd::http::{Brand, ReconnectSite, Server, Site};
use reconnectd::ports::{Clock as _, Provider};
use reconnectd::reconnect::Reconnect;
use reconnectd::simulator::{DEFAULT_API_KEY, SimAccount, Simulator, SimulatorOptions};
use reconnectd::store::Store;
use reqwest::Client;
use secrecy::SecretString;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::support::databases::sqlite_path;
use crate::support::rig::Rig;

pub const PUBLIC: &str = "https://notices.acme.example";
pub const REFUSED: &str = "Permanent auth error during token refresh";
const DAY: Duration = Duration::from_hours(24);

pub fn keys(text: &str, former: &[&str]) -> LinkKeys {
    let secret = |text: &str| SecretString::from(text.repeat(4));
    let former: Vec<SecretString> = former.iter().map(|text| secret(text)).collect();
    LinkKeys::new(&secret(text), &former.iter().collect::<Vec<_>>()).unwrap()
}

/// Mary, whose Slack account stops working, and everything around her.
pub struct Place {
    pub rig: Rig,
    pub simulator: Simulator,
    pub links: ReconnectLinks,
    /// Goes when the place goes.
    folder: Option<tempfile::TempDir>,
}

impl Place {
    pub async fn new() -> Self {
        let (folder, path) = sqlite_path();
        let mut place = Self::over(&format!("sqlite://{}", path.display())).await;
        place.folder = Some(folder);
        place
    }

    pub async fn over(url: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut rig = Rig::over(url).await;
        let simulator = Simulator::start(SimulatorOptions::new(rig.clock.clone())).await.unwrap();
        let base = PUBLIC.parse().unwrap();
        let links = ReconnectLinks { base, keys: keys("the key!", &[]), life: 30 * DAY };
        rig.settings.delivery.links = Some(links.clone());
        let mut place = Self { rig, simulator, links, folder: None };
        place.rig.provider = Some(place.provider());
        place
    }

    /// A client of the simulator as a process has it.
    pub fn provider(&self) -> Arc<dyn Provider> {
        let settings = ComposioSettings {
            base_url: self.simulator.base_url(),
            api_key: SecretString::from(DEFAULT_API_KEY),
            requests_per_minute: 60_000,
            reserve: 0.0,
            max_attempts: 2,
            timeout_connect: Duration::from_secs(5),
            timeout_total: Duration::from_secs(20),
        };
        Arc::new(ComposioProvider::new(settings, self.rig.clock.clone(), 7).unwrap())
    }

    pub fn now(&self) -> Timestamp {
        self.rig.now()
    }

    /// An account of Mary's that has worked for 90 days.
    pub fn connect(&self, id: &str, toolkit: &str) {
        self.rig.world.user_at("mary", "mary@example.com", None);
        let account = SimAccount::new(id, "mary", toolkit, self.now() - 90 * DAY).alias(&format!("{toolkit} of {id}"));
        self.simulator.world().put(account);
    }

    /// Mary's Slack worked in one audit and is broken in the next; the link of her notice, as the mail has it.
    pub async fn notice(&self) -> String {
        self.connect("ca_1", "slack");
        self.rig.run().await;
        self.rig.later(DAY);
        self.break_account("ca_1");
        self.next_link().await
    }

    pub fn break_account(&self, id: &str) {
        assert!(self.simulator.world().set_status(&AccountId::new(id), "EXPIRED", Some(REFUSED)));
    }

    /// The link of the one mail the next audit sends.
    pub async fn next_link(&self) -> String {
        self.rig.run().await;
        let links = self.mailed();
        assert_eq!(links.len(), 1, "{links:?}");
        links.into_iter().next().unwrap()
    }

    /// The links of the mails sent since this was last asked.
    pub fn mailed(&self) -> Vec<String> {
        let sent = self.rig.world.take_sent();
        let mails = sent.into_iter().filter(|(channel, _)| channel.as_str() == "email");
        mails.flat_map(|(_, notice)| notice.items).map(|item| item.reconnect_url).collect()
    }

    /// From now on, links lead here.
    pub fn move_to(&mut self, base: &str) {
        self.links.base = base.parse().unwrap();
        self.rig.settings.delivery.links = Some(self.links.clone());
    }

    /// A process that serves the pages at this address.
    pub async fn serve_at(&self, address: SocketAddr, brand: Brand) -> Served {
        let store = Store::open(&self.rig.url).await.unwrap();
        let links = self.links.clone();
        Served::at(address, store, self.provider(), links, brand, (&self.rig, &self.simulator)).await
    }

    /// The link in Mary's mails by which she chooses what is in them.
    pub fn unsubscribe_link(&self, about: &[&str]) -> String {
        let about: Vec<ToolkitSlug> = about.iter().map(|slug| ToolkitSlug::new(*slug)).collect();
        self.unsubscribe().link(&EmailAddress::parse("mary@example.com").unwrap(), &about)
    }

    fn unsubscribe(&self) -> Unsubscribe {
        Unsubscribe { base: self.links.base.clone(), key: self.rig.settings.delivery.address_key.clone() }
    }

    /// A process that serves the pages.
    pub async fn serve(&self) -> Served {
        self.serve_with(self.provider(), self.links.clone()).await
    }

    pub async fn serve_with(&self, provider: Arc<dyn Provider>, links: ReconnectLinks) -> Served {
        let store = Store::open(&self.rig.url).await.unwrap();
        let around = (&self.rig, &self.simulator);
        Served::at("127.0.0.1:0".parse().unwrap(), store, provider, links, Brand::default(), around).await
    }

    /// Mary's accounts at the provider, as `id STATUS`.
    pub fn accounts(&self) -> Vec<String> {
        let accounts = self.simulator.world().accounts_of(&UserId::new("mary"));
        accounts.iter().map(|account| format!("{} {}", account.id, account.status)).collect()
    }

    /// Requests to the provider that were no GET.
    pub fn writes(&self) -> usize {
        self.simulator.requests().iter().filter(|request| request.method != "GET").count()
    }

    /// Mary's incidents, as `toolkit open` or `toolkit EVIDENCE`.
    pub async fn incidents(&self) -> Vec<String> {
        let story = self.rig.story("mary").await;
        let how = |closed: &Option<(Timestamp, String)>| closed.as_ref().map_or("open".to_owned(), |end| end.1.clone());
        story.incidents.iter().map(|incident| format!("{} {}", incident.toolkit, how(&incident.closed))).collect()
    }

    /// The link behind a mail's address.
    pub fn link_id(&self, link: &str) -> LinkId {
        let token = link.rsplit_once('/').unwrap().1;
        LinkId::from_bytes(self.links.keys.open(TokenFor::Link, token).unwrap())
    }

    /// When the link of a mail was opened, as it is written down.
    pub async fn opened_at(&self, link: &str) -> Option<Timestamp> {
        let mut database = SqliteConnection::connect(&self.rig.url).await.unwrap();
        let select = sqlx::query_scalar("SELECT opened_at FROM reconnect_links WHERE link_id = $1");
        let at: Option<i64> = select.bind(self.link_id(link).to_hex()).fetch_one(&mut database).await.unwrap();
        at.map(reconnectd::domain::from_millis)
    }

    /// The account of the attempt that is under way.
    pub fn attempt_account(&self) -> AccountId {
        let made = self.accounts().into_iter().find(|account| account.ends_with(" INITIATED"));
        AccountId::new(made.unwrap().split(' ').next().unwrap())
    }

    /// Where the provider would send a person back to.
    pub async fn callback_of(&self, account: &AccountId) -> String {
        let mut work = self.rig.store.begin_read().await.unwrap();
        let incident = work.open_incidents_of(&[UserId::new("mary")]).await.unwrap();
        let mut found = None;
        for row in incident {
            let attempt = work.open_attempt(&row.incident.id).await.unwrap();
            found = found.or(attempt.filter(|attempt| attempt.account.as_ref() == Some(account)));
        }
        self.links.callback(&found.unwrap().id)
    }

    /// Time passes for the database's own clock: whoever asked the provider is taken for dead.
    pub async fn lapse(&self) {
        let mut database = SqliteConnection::connect(&self.rig.url).await.unwrap();
        sqlx::query("UPDATE reconnect_attempts SET claimed_until = 0").execute(&mut database).await.unwrap();
    }
}

/// The pages, served.
pub struct Served {
    pub address: SocketAddr,
    client: Client,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub policy: String,
    /// `referrer-policy` and `cache-control`.
    pub kept: (String, String),
    pub body: String,
}

impl Answer {
    /// The value the page's form carries.
    pub fn form(&self) -> String {
        form_in(&self.body)
    }

    pub fn heading(&self) -> &str {
        self.body.split_once("<h1>").unwrap_or_else(|| panic!("no page: {}", self.body)).1.split('<').next().unwrap()
    }
}

/// Two processes mint different ids.
static SEED: AtomicU64 = AtomicU64::new(1_000);

/// The value the form of a page carries.
pub fn form_in(page: &str) -> String {
    let field = page.split_once("name=\"form\" value=\"");
    field.unwrap_or_else(|| panic!("no form: {page}")).1.split('"').next().unwrap().to_owned()
}

impl Served {
    pub async fn at(
        address: SocketAddr,
        store: Store,
        provider: Arc<dyn Provider>,
        links: ReconnectLinks,
        brand: Brand,
        (rig, simulator): (&Rig, &Simulator),
    ) -> Self {
        Self::of(address, Self::site(store, provider, links, brand, (rig, simulator))).await
    }

    pub fn site(
        store: Store,
        provider: Arc<dyn Provider>,
        links: ReconnectLinks,
        brand: Brand,
        (rig, simulator): (&Rig, &Simulator),
    ) -> Site {
        let clock = rig.clock.clone();
        Site {
            product: "Acme".to_owned(),
            key: rig.settings.delivery.address_key.clone(),
            store: store.clone(),
            now: Arc::new(move || clock.now()),
            languages: Arc::clone(&rig.languages),
            brand,
            public_url: Some(links.base.clone()),
            settings_url: ReconnectUrl::parse("https://app.example.com/settings/{toolkit}").unwrap(),
            trusted_proxies: ["127.0.0.0/8".parse().unwrap()].into(),
            reconnect: Some(ReconnectSite {
                reconnect: Reconnect {
                    store,
                    provider,
                    clock: rig.clock.clone(),
                    mint: Arc::new(IdMint::new(SEED.fetch_add(1, Ordering::Relaxed))),
                    links,
                    run: RunId::new("serve"),
                    channels: rig.fake_channels(),
                    tasks: TaskTracker::new(),
                },
                return_url: ReconnectUrl::parse("https://app.example.com/welcome?from={toolkit}").unwrap(),
                hosted: format!("https: {}", simulator.base_url().origin().ascii_serialization()),
            }),
            report: None,
        }
    }

    pub async fn of(address: SocketAddr, site: Site) -> Self {
        let server = Server::bind(address, site).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let address = server.address();
        let ended = tokio::spawn(server.run(async {
            stopped.await.ok();
        }));
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { address, client, stop, ended }
    }

    /// Told to stop; everything it had to write down is written.
    pub async fn end(self) {
        drop(self.stop);
        self.ended.await.unwrap();
    }

    /// The same page here: links lead to the public address.
    fn here(&self, link: &str) -> String {
        match link.strip_prefix(PUBLIC) {
            Some(path) => format!("http://{}{path}", self.address),
            None if link.starts_with('/') => format!("http://{}{link}", self.address),
            None => link.to_owned(),
        }
    }

    pub async fn get(&self, link: &str) -> Answer {
        self.send(self.client.get(self.here(link))).await
    }

    pub async fn post(&self, link: &str, form: &str) -> Answer {
        self.post_with(link, form, &[]).await
    }

    pub async fn post_with(&self, link: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("form", form).finish();
        let mut request = self.client.post(self.here(link)).body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Looks at the page and presses its button.
    pub async fn press(&self, link: &str) -> Answer {
        let page = self.get(link).await;
        assert_eq!(page.status, 200, "{}", page.body);
        self.post(link, &page.form()).await
    }

    /// Decides on the provider's page; where it sends the person back to.
    pub async fn decide(&self, hosted: &str, decision: &str) -> String {
        let body = format!("decision={decision}");
        let request = self.client.post(hosted).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = self.send(request).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.location.unwrap()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, location) = (answer.status().as_u16(), header("location"));
        let policy = header("content-security-policy").unwrap_or_default();
        let kept = (header("referrer-policy").unwrap_or_default(), header("cache-control").unwrap_or_default());
        // The templates escape slashes, too.
        let body = answer.text().await.unwrap().replace("&#x2f;", "/");
        Answer { status, location, policy, kept, body }
    }
}

/// The provider's page, as the answer to a pressed button names it.
pub fn hosted(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let location = answer.location.clone().unwrap();
    assert!(Url::parse(&location).unwrap().path().starts_with("/link/"), "{location}");
    location
}
