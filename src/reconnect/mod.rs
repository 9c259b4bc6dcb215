//! What happens behind the link in a mail: a person looks, begins to reconnect, and comes back.
//!
//! ```text
//! look    token ─▶ what is on record                                              reads only
//! start   token ─▶ ask the provider ─▶ record ─▶ claim ─▶ make its page ─▶ store ─▶ where to send the person
//! finish  token ─▶ ask the provider ─▶ record, end the attempt ─▶ whether it works
//! ```
//!
//! Guarantees: looking changes nothing and asks nobody. Nothing a browser brings is believed but a signature of ours;
//! an account is healthy when the provider says so about this user, and an incident closes by the rules of recording.
//! At most one page of the provider is handed out per incident while it works, over any number of processes, unless an
//! operator revoked the link it began behind; and the account it made is stored before anybody is sent there, so that its
//! end is known for an attempt's end; that is done though the person goes away or their time is up. No transaction is open
//! while the network is used.
//!
//! What a crash leaves: before the provider was asked, a claim that lapses; after that, an account of the provider that
//! nobody here knows. It expires within the provider's 10 minutes with a reason that says so, and was never connected.

mod finish;
mod look;
mod observe;
mod refused;
mod start;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::domain::{IdMint, ReconnectLinks, RunId};
use crate::ports::{Channel, Clock, Provider};
use crate::store::Store;

pub use finish::Finished;
pub use look::{PageView, Seen, Standing};
pub use start::Started;

/// How long asking the provider about a person's accounts may take while that person waits.
const ASK_LIMIT: Duration = Duration::from_secs(10);

/// How long making the provider's page may take. With [`ASK_LIMIT`] below the 24 s in which a request is answered (`http`).
const LINK_LIMIT: Duration = Duration::from_secs(12);

/// Everything this needs.
#[derive(Clone)]
pub struct Reconnect {
    /// Where links, attempts and incidents are.
    pub store: Store,
    /// Who is asked, and makes the page.
    pub provider: Arc<dyn Provider>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub mint: Arc<IdMint>,
    /// Opens and makes links.
    pub links: ReconnectLinks,
    /// What changes are counted to, as those of a run are.
    pub run: RunId,
    /// Who is told what a person cannot mend.
    pub channels: Vec<Arc<dyn Channel>>,
    /// What must come to its end though nobody waits for it any more: whoever stops the process waits for it.
    pub tasks: TaskTracker,
}
