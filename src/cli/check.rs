//! `reconnectd check`: the configuration validated, and everything it names reached; nothing is sent.

use std::path::Path;

use futures_util::future::join_all;

use super::{Exit, output, setup};
use crate::app::App;
use crate::ports::{Channel, DirectoryError, ProviderError};

/// One line of the result.
struct Finding {
    what: String,
    outcome: Result<String, (String, Exit)>,
}

pub(super) async fn run(config: Option<&Path>) -> Exit {
    let process = match setup::start(config) {
        Ok(process) => process,
        Err(exit) => return exit,
    };
    let app = &process.app;
    let mut findings = vec![Finding { what: "configuration".into(), outcome: Ok("valid".into()) }];
    // At once: what does not answer costs the longest wait, not the sum of all.
    let (state, directory, provider, channels) =
        tokio::join!(Box::pin(state(app)), Box::pin(directory(app)), Box::pin(provider(app)), Box::pin(channels(app)));
    findings.extend([state, directory, provider]);
    findings.extend(channels);
    let mut exit = Exit::Done;
    for finding in &findings {
        let (mark, words) = match &finding.outcome {
            Ok(words) => ("ok    ", words),
            Err((words, worse)) => {
                exit = exit.max(*worse);
                ("FAILED", words)
            }
        };
        output::result(&format!("{mark} {:<16} {words}", finding.what));
    }
    exit
}

async fn state(app: &App) -> Finding {
    let outcome = match app.store().await {
        Ok(store) => {
            // A key that does not fit the suppressed addresses would stop every mail.
            let key = app.address_key(&store).await;
            store.close().await;
            match key {
                Ok(_) => Ok("reached, schema up to date".to_owned()),
                Err(error) => Err((crate::domain::causes(&error), exit_of(error.is_configuration()))),
            }
        }
        Err(error) => Err((crate::domain::causes(&error), exit_of(error.is_configuration()))),
    };
    Finding { what: "state".into(), outcome }
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
    Finding { what: "directory".into(), outcome }
}

async fn provider(app: &App) -> Finding {
    let outcome = match app.provider() {
        Ok(provider) => match provider.check().await {
            Ok(()) => Ok("reached, the key is accepted".to_owned()),
            Err(error @ ProviderError::Unauthorized { .. }) => Err((crate::domain::causes(&error), Exit::KeyRefused)),
            Err(error) => Err((crate::domain::causes(&error), Exit::Failed)),
        },
        Err(error) => Err((crate::domain::causes(&error), Exit::BadConfiguration)),
    };
    Finding { what: "provider".into(), outcome }
}

async fn channels(app: &App) -> Vec<Finding> {
    let channels = match app.channels() {
        Ok(channels) if channels.is_empty() => {
            let words = "none configured: breakages are recorded and nobody is told".to_owned();
            return vec![Finding { what: "channels".into(), outcome: Ok(words) }];
        }
        Ok(channels) => channels,
        Err(error) => {
            let outcome = Err((crate::domain::causes(&error), Exit::BadConfiguration));
            return vec![Finding { what: "channels".into(), outcome }];
        }
    };
    join_all(channels.iter().map(|channel| reached(app, channel.as_ref()))).await
}

async fn reached(app: &App, channel: &dyn Channel) -> Finding {
    let outcome = match channel.check().await {
        // What receivers are given; the operator has only the other half.
        Ok(()) => Ok(app.public_key(channel.name()).map_or_else(
            || "reached, nothing sent".to_owned(),
            |key| format!("reached, nothing sent; its v1a signatures are verified with {key}"),
        )),
        Err(error) => Err((error.to_string(), Exit::Failed)),
    };
    Finding { what: channel.name().to_string(), outcome }
}

fn exit_of(configuration: bool) -> Exit {
    if configuration { Exit::BadConfiguration } else { Exit::Failed }
}
