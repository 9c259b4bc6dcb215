//! `reconnectd status`: how things stand, and whether anything needs a person.
//!
//! Reads the configuration and the state database, in one transaction, and changes nothing; what runs is not disturbed,
//! and no state file is made. Nothing outside is asked.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use clap::Args;

use super::{Exit, output, setup};
use crate::app::App;
use crate::domain::{JobName, Timestamp};
use crate::pipeline::LEASE_NAME;
use crate::report::{DEAD_LATELY, Planned, Situation, Status};
use crate::store::{Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// As one JSON document; its keys are in docs/status.schema.json.
    #[arg(long)]
    json: bool,
    /// End with code 1 when something needs a hand; without it the code says only whether the page could be read.
    #[arg(long)]
    exit_code: bool,
}

pub(super) async fn run(config: Option<&Path>, args: &StatusArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let status = Status::of(&situation(app, store).await?);
        if args.json {
            match status.json() {
                Ok(json) => output::result(&json),
                Err(error) => {
                    output::complain(&format!("the page cannot be written: {error}"));
                    return Ok(Exit::Failed);
                }
            }
        } else {
            output::result(&status.text());
        }
        Ok::<_, StoreError>(if args.exit_code && !status.well { Exit::Failed } else { Exit::Done })
    })
    .await
}

async fn situation(app: &App, store: &Store) -> Result<Situation, StoreError> {
    let now = app.clock.now();
    let mut work = store.begin_read().await?;
    let situation = Situation {
        standing: work.standing(now).await?,
        key_refused_at: work.key_refused_at().await?,
        connect_refusals: work.connect_refusals(now).await?,
        running: work.lease_holder(LEASE_NAME).await?.map(|held| held.holder),
        silences: work.active_silences(now).await?,
        dead_lately: work.dead_since(now - TimeDelta::from_std(DEAD_LATELY).unwrap_or(TimeDelta::MAX)).await?,
        configured: app.channel_names(),
        planned: planned(app, now),
        daemon: !work.occurrences(JobName::Audit, now, 1).await?.is_empty(),
    };
    work.roll_back();
    Ok(situation)
}

fn planned(app: &App, now: Timestamp) -> BTreeMap<JobName, Planned> {
    let jobs = app.config.schedule.jobs.iter();
    jobs.map(|job| (job.job, Planned { next_at: job.next_after(now), gap: job.longest_gap(now) })).collect()
}
