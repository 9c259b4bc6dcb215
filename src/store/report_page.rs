//! Who opened the link in a notice and began to reconnect on the page of ours behind it.
//!
//! A link counts as opened when a browser said that a person sent it there, or when a reconnect was begun behind it: at
//! least as many opened theirs as are counted here. As of the end of the stretch, like all figures of the report.

use std::collections::BTreeMap;

use super::report_breakages::{Stretch, count};
use super::{StoreError, Value, Work, chunks, sql};
use crate::domain::{LinkId, Timestamp};

/// How far people came on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageFigures {
    /// Their link was opened.
    pub link_opened: u64,
    /// A reconnect was begun.
    pub attempt_started: u64,
}

impl Work {
    /// Of the incidents that were first told in the stretch and of which a notice was accepted: how far people came on our
    /// page; of one toolkit, or of all. None where none of those first told had a link to it by the end of the stretch.
    pub async fn report_page(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
    ) -> Result<Option<PageFigures>, StoreError> {
        // Most installations without a page are spared the question.
        let any = sql("SELECT created_at FROM reconnect_links WHERE created_at < $1 LIMIT 1").bind(stretch.to);
        if self.session.fetch(any).await?.is_empty() {
            return Ok(None);
        }
        let select = sql("SELECT count(CASE WHEN linked = 1 THEN 1 END) AS linked, \
             count(CASE WHEN (opened = 1 OR begun = 1) AND accepted = 1 THEN 1 END) AS opened, \
             count(CASE WHEN begun = 1 AND accepted = 1 THEN 1 END) AS begun FROM (SELECT \
             CASE WHEN EXISTS (SELECT 1 FROM reconnect_links l WHERE l.incident_id = i.incident_id \
             AND l.created_at < $2) THEN 1 ELSE 0 END AS linked, \
             CASE WHEN EXISTS (SELECT 1 FROM reconnect_links l WHERE l.incident_id = i.incident_id \
             AND l.opened_at < $2) THEN 1 ELSE 0 END AS opened, \
             CASE WHEN EXISTS (SELECT 1 FROM reconnect_attempts t WHERE t.incident_id = i.incident_id \
             AND t.created_at < $2) THEN 1 ELSE 0 END AS begun, \
             CASE WHEN EXISTS (SELECT 1 FROM notification_items items JOIN deliveries d \
             ON d.notification_id = items.notification_id WHERE items.incident_id = i.incident_id AND items.number >= 0 \
             AND items.spent = 1 AND d.state = 'delivered' AND d.settled_at < $2 \
             AND (d.said IS NULL OR d.said LIKE '%' || items.incident_id || '%')) THEN 1 ELSE 0 END AS accepted \
             FROM notifications f JOIN notification_items fi ON fi.notification_id = f.notification_id AND fi.number = 0 \
             JOIN incidents i ON i.incident_id = fi.incident_id \
             WHERE f.created_at >= $1 AND f.created_at < $2 AND ($3 IS NULL OR i.toolkit = $3)) told");
        let rows = self.session.fetch(select.bind(stretch.from).bind(stretch.to).bind(toolkit)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let figures = PageFigures { link_opened: count(row, "opened")?, attempt_started: count(row, "begun")? };
        Ok((count(row, "linked")? > 0).then_some(figures))
    }

    /// Writes down since when links have been opened; what is written down already stays. Says how many are new.
    pub async fn links_opened(&mut self, opened: &BTreeMap<LinkId, Timestamp>) -> Result<u64, StoreError> {
        let row = |(id, at): (&LinkId, &Timestamp)| -> Vec<Value> { vec![id.to_hex().into(), (*at).into()] };
        let mut new = 0;
        for chunk in chunks(opened.iter().map(row).collect()) {
            // Both databases call the columns of VALUES so.
            let update = sql("UPDATE reconnect_links SET opened_at = seen.column2 FROM (VALUES {values}) AS seen \
                 WHERE reconnect_links.link_id = seen.column1 AND reconnect_links.opened_at IS NULL");
            new += self.session.execute(update.values(chunk)).await?;
        }
        Ok(new)
    }
}
