//! `reconnectd migrate`: the state database's schema, brought up to date.

use std::path::Path;

use super::{Exit, output, setup};

pub(super) async fn run(config: Option<&Path>) -> Exit {
    let process = match setup::start(config) {
        Ok(process) => process,
        Err(exit) => return exit,
    };
    match process.store_or_new().await {
        Ok(store) => {
            let place = store.place();
            store.close().await;
            output::result(&format!("the state database is up to date: {place}"));
            Exit::Done
        }
        Err(exit) => exit,
    }
}
