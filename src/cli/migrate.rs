//! `reconnectd migrate`: the state database's schema, brought up to date.

use std::path::Path;

use super::{Exit, output, setup};

pub(super) async fn run(config: Option<&Path>) -> Exit {
    let process = match setup::start(config) {
        Ok(process) => process,
        Err(exit) => return exit,
    };
    match process.store().await {
        Ok(store) => {
            store.close().await;
            output::result("the state database is up to date");
            Exit::Done
        }
        Err(exit) => exit,
    }
}
