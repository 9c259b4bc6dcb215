//! Incidents that are dropped become daily sums, in the transaction that drops them.
//!
//! Guarantees: what is added to `report_days` is exactly what this transaction deleted, so that nothing is added twice or
//! lost, whatever the number of processes that drop; a crash undoes both. Each thing is counted on the UTC day on which
//! a trend would have counted it (`report_trend`). A sum names no user and no account.

use std::collections::{BTreeMap, HashSet};

use super::report_trend::DAY_MS;
use super::{Row, StoreError, Value, Work, chunks, sql};

/// Day, toolkit and reason of one sum.
type Key = (i64, String, String);

/// What is counted of a day, in the order of the columns.
#[derive(Clone, Copy)]
enum Counted {
    NewlyBroken,
    Released,
    Recovered,
    Gone,
    Notified,
}

/// How many things are counted.
const COUNTED: usize = 5;

impl Work {
    /// Drops these incidents with what notices said of them, adds them to the daily sums, and says how many there were.
    pub(super) async fn fold_incidents(&mut self, picked: &[Value]) -> Result<u64, StoreError> {
        let ids = || picked.iter().map(|id| vec![id.clone()]).collect::<Vec<_>>();
        // The first notice is looked for from the incident on; a join from all notifications would be a look at all.
        let select = sql("SELECT i.incident_id, i.toolkit, COALESCE(i.reason, 'other') AS reason, i.opened_at, \
             i.baseline, i.released_at, i.closed_at, i.close_evidence, (SELECT min(n.created_at) \
             FROM notification_items items JOIN notifications n ON n.notification_id = items.notification_id \
             WHERE items.incident_id = i.incident_id AND items.number = 0) AS told_at FROM incidents i \
             WHERE i.incident_id IN ({values})");
        let rows = self.session.fetch(select.values(ids())).await?;
        let items = sql("DELETE FROM notification_items WHERE incident_id IN ({values})");
        self.session.execute(items.values(ids())).await?;
        // Another process may have dropped some since they were read: it counted those.
        let delete = sql("DELETE FROM incidents WHERE incident_id IN ({values}) RETURNING incident_id");
        let mut ours = HashSet::new();
        for row in &self.session.fetch(delete.values(ids())).await? {
            ours.insert(row.text("incident_id")?);
        }
        let mut sums: BTreeMap<Key, [i64; COUNTED]> = BTreeMap::new();
        for row in &rows {
            if ours.contains(&row.text("incident_id")?) {
                add(&mut sums, row)?;
            }
        }
        self.add_to_days(sums).await?;
        Ok(ours.len() as u64)
    }

    /// In the order of their keys, so that two processes never wait for each other.
    async fn add_to_days(&mut self, sums: BTreeMap<Key, [i64; COUNTED]>) -> Result<(), StoreError> {
        let row = |((day, toolkit, reason), counts): (Key, [i64; COUNTED])| {
            let mut row: Vec<Value> = vec![day.into(), toolkit.into(), reason.into()];
            row.extend(counts.map(Value::from));
            row
        };
        for chunk in chunks(sums.into_iter().map(row).collect()) {
            let upsert =
                sql("INSERT INTO report_days (day, toolkit, reason, newly_broken, released, recovered, gone, \
                 notified) VALUES {values} ON CONFLICT (day, toolkit, reason) DO UPDATE SET \
                 newly_broken = report_days.newly_broken + excluded.newly_broken, \
                 released = report_days.released + excluded.released, \
                 recovered = report_days.recovered + excluded.recovered, gone = report_days.gone + excluded.gone, \
                 notified = report_days.notified + excluded.notified");
            self.session.execute(upsert.values(chunk)).await?;
        }
        Ok(())
    }
}

/// Counts what happened to one incident. Old news that was never released is told to nobody and is in no trend.
fn add(sums: &mut BTreeMap<Key, [i64; COUNTED]>, row: &Row) -> Result<(), StoreError> {
    let (toolkit, reason) = (row.text("toolkit")?, row.text("reason")?);
    let mut count = |at_ms: i64, what: Counted| {
        let key = (at_ms.div_euclid(DAY_MS), toolkit.clone(), reason.clone());
        sums.entry(key).or_default()[what as usize] += 1;
    };
    if let Some(told_at) = row.opt_int("told_at")? {
        count(told_at, Counted::Notified);
    }
    if row.flag("baseline")? {
        return Ok(());
    }
    match row.opt_int("released_at")? {
        Some(released_at) => count(released_at, Counted::Released),
        None => count(row.int("opened_at")?, Counted::NewlyBroken),
    }
    let ended = if row.text("close_evidence")? == "gone" { Counted::Gone } else { Counted::Recovered };
    count(row.int("closed_at")?, ended);
    Ok(())
}
