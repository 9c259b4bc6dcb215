//! `reconnectd check`: the configuration validated, and everything it names reached; nothing is sent.

use std::path::Path;

use futures_util::future::join_all;

use super::explain::when;
use super::{Exit, output, setup};
use crate::app::{App, AppError};
use crate::config::{ReconnectMode, ReportAuth};
use crate::domain::{EventKind, KeyUse, key_remedy};
use crate::ports::{Channel, DirectoryError, Provider, ProviderError, carrying};
use crate::store::ChannelState;

/// One line of the result.
struct Finding {
    what: String,
    outcome: Result<String, (String, Exit)>,
    /// Nothing is wrong, and somebody should know all the same.
    warns: bool,
}

impl Finding {
    fn new(what: impl Into<String>, outcome: Result<String, (String, Exit)>) -> Self {
        Self { what: what.into(), outcome, warns: false }
    }
}

pub(super) async fn run(config: Option<&Path>) -> Exit {
    let process = match setup::start(config) {
        Ok(process) => process,
        Err(exit) => return exit,
    };
    let app = &process.app;
    let mut findings = vec![Finding::new("configuration", Ok("valid".into()))];
    // At once: what does not answer costs the longest wait, not the sum of all.
    let (state, directory, provider, channels) =
        tokio::join!(Box::pin(state(app)), Box::pin(directory(app)), Box::pin(provider(app)), Box::pin(channels(app)));
    let (state, known) = state;
    findings.extend([state, directory, provider]);
    findings.extend(channels);
    findings.extend(report(app));
    findings.extend(warnings(app, &known));
    let mut exit = Exit::Done;
    for finding in &findings {
        let (mark, words) = match &finding.outcome {
            Err((words, worse)) => {
                exit = exit.max(*worse);
                ("FAILED", words)
            }
            Ok(words) if finding.warns => ("WARN  ", words),
            Ok(words) => ("ok    ", words),
        };
        output::result(&format!("{mark} {:<16} {words}", finding.what));
    }
    exit
}

/// The state database, and what is known there against channels.
async fn state(app: &App) -> (Finding, Vec<ChannelState>) {
    let mut known = Vec::new();
    let outcome = match app.store().await {
        Ok(store) => {
            // A key that does not fit the suppressed addresses would stop every mail.
            let key = app.address_key(&store).await;
            let key = match (key, app.reconnect_links(&store, false).await) {
                (Ok(_), Err(error)) | (Err(error), _) => Err(error),
                (Ok(_), Ok(_)) => Ok(()),
            };
            let place = store.place();
            let states = async { store.begin_read().await?.channel_states().await }.await;
            store.close().await;
            match key.and_then(|()| Ok(states?)) {
                Ok(states) => {
                    known = states;
                    Ok(format!("reached, schema up to date ({place})"))
                }
                Err(error) => Err((crate::domain::causes(&error), state_exit(&error))),
            }
        }
        Err(error) => Err((crate::domain::causes(&error), state_exit(&error))),
    };
    (Finding::new("state", outcome), known)
}

async fn directory(app: &App) -> Finding {
    let outcome = match app.directory().await {
        Ok(directory) => {
            let counted = async { Ok((directory.count().await?, directory.count_blank().await?)) };
            match counted.await {
                Ok((users, 0)) => Ok(format!("reached, {users} users")),
                Ok((users, blank)) => Ok(format!("reached, {users} users, and {blank} rows without an id")),
                Err(error) => {
                    let configuration = matches!(error, DirectoryError::Misconfigured { .. });
                    Err((crate::domain::causes(&error), exit_of(configuration)))
                }
            }
        }
        Err(error) => Err((crate::domain::causes(&error), exit_of(error.is_configuration()))),
    };
    Finding::new("directory", outcome)
}

async fn provider(app: &App) -> Finding {
    let page = app.config.reconnect.mode == ReconnectMode::Page;
    let outcome = match app.provider() {
        Ok(provider) => match provider.check().await {
            Ok(()) if page => may_write(provider.as_ref()).await,
            Ok(()) => Ok("reached, the key is accepted".to_owned()),
            Err(error) => Err(refused(&error, KeyUse::Read)),
        },
        Err(error) => Err((crate::domain::causes(&error), Exit::BadConfiguration)),
    };
    Finding::new("provider", outcome)
}

/// The reconnect page makes the provider's pages, which a key that may only read cannot.
async fn may_write(provider: &dyn Provider) -> Result<String, (String, Exit)> {
    match provider.check_link().await {
        Ok(()) => Ok("reached, the key is accepted and may make connect pages".to_owned()),
        Err(error) => Err(refused(&error, KeyUse::Link)),
    }
}

/// What the provider answered, with what mends a key that it refused.
fn refused(error: &ProviderError, used: KeyUse) -> (String, Exit) {
    let causes = crate::domain::causes(error);
    match error {
        ProviderError::Unauthorized { status, .. } => {
            (format!("{causes}. {}", key_remedy(*status, used)), Exit::KeyRefused)
        }
        _ => (causes, Exit::Failed),
    }
}

async fn channels(app: &App) -> Vec<Finding> {
    let channels = match app.channels() {
        Ok(channels) if channels.is_empty() => {
            let words = "none configured: breakages are recorded and nobody is told".to_owned();
            return vec![Finding::new("channels", Ok(words))];
        }
        Ok(channels) => channels,
        Err(error) => {
            let outcome = Err((crate::domain::causes(&error), Exit::BadConfiguration));
            return vec![Finding::new("channels", outcome)];
        }
    };
    join_all(channels.iter().map(|channel| reached(app, channel.as_ref()))).await
}

async fn reached(app: &App, channel: &dyn Channel) -> Finding {
    let outcome = match channel.check().await {
        Ok(()) if !channel.readers().is_empty() => {
            let readers = channel.readers().len();
            let addresses = if readers == 1 { "address" } else { "addresses" };
            Ok(format!("reached, nothing sent; the scheduled report goes to {readers} {addresses}"))
        }
        // What receivers are given; the operator has only the other half.
        Ok(()) => Ok(app.public_key(channel.name()).map_or_else(
            || "reached, nothing sent".to_owned(),
            |key| format!("reached, nothing sent; its v1a signatures are verified with {key}"),
        )),
        Err(error) => Err((error.to_string(), Exit::Failed)),
    };
    Finding::new(channel.name().to_string(), outcome)
}

/// Who may read the report on the web; nothing where nobody may. What is not safe was refused with the configuration.
fn report(app: &App) -> Option<Finding> {
    let http = &app.config.http;
    let words = match &http.report_auth {
        ReportAuth::Off => return None,
        ReportAuth::Token(_) => "served under /report to whoever sends the token".to_owned(),
        ReportAuth::Proxy { header, from } => {
            let mut places = vec!["this host".to_owned()];
            places.extend(from.iter().map(ToString::to_string));
            format!("served under /report to whom the proxy names in {header}, from {}", places.join(", "))
        }
    };
    Some(Finding::new("report", Ok(words)))
}

/// What works and is not as it should be, with the remedy.
fn warnings(app: &App, known: &[ChannelState]) -> Vec<Finding> {
    let mut warnings = Vec::new();
    let mut warn = |what: &str, words: String| {
        warnings.push(Finding { what: what.to_owned(), outcome: Ok(words), warns: true });
    };
    let configured = app.channel_names();
    for state in known.iter().filter(|state| configured.contains(&state.channel)) {
        let channel = state.channel.as_str();
        if let Some(at) = state.disabled_at {
            let remedy = format!("`reconnectd channel enable {channel}` uses it again");
            warn(channel, format!("disabled {}: what is for it waits; {remedy}", when(at)));
        }
        if let Some(at) = state.stopped_at {
            let remedy = "`reconnectd channel list` says why; it is tried again by itself once that is mended";
            warn(channel, format!("refuses us since {}: what is for it waits; {remedy}", when(at)));
        }
    }
    // What is wrong with a catalogue, the channel that writes with it says.
    let english = app.languages().map(|languages| languages.without_pages().join(", ")).unwrap_or_default();
    if !english.is_empty() && app.config.http.public_url.is_some() {
        let remedy = "add [pages] to the catalogues in the folder of [email] templates";
        warn("pages", format!("in English for readers of mails in {english}; {remedy}"));
    }
    let deaf = |channels: Vec<_>| carrying(&channels, EventKind::ConnectRefused).next().is_none();
    // Channels that cannot be made were said before.
    if app.config.reconnect.mode == ReconnectMode::Page && app.channels().is_ok_and(deaf) {
        let words = "no channel carries connect.refused: that people cannot reconnect is in the log and in `reconnectd \
                     status` alone; set [operator], or add it to the events of a [[webhook]]";
        warn("reconnect", words.to_owned());
    }
    if app.config.email.is_some() && app.config.http.public_url.is_none() {
        let remedy = "set [http] public_url and run `reconnectd serve`";
        warn("email", format!("mails carry no unsubscribe link; {remedy}"));
    }
    warnings
}

fn exit_of(configuration: bool) -> Exit {
    if configuration { Exit::BadConfiguration } else { Exit::Failed }
}

fn state_exit(error: &AppError) -> Exit {
    if error.is_state_unusable() { Exit::StateUnusable } else { exit_of(error.is_configuration()) }
}
