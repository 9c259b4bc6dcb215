//! Word of a report as blocks: its figures beside those of the period before, what broke most, and a warning where they
//! rest on too little. The same in words for chats that know no blocks.
//!
//! Words from outside are toolkits alone; what would format them is taken out here, and what would mention or link is
//! escaped where the text is written.

use super::message::{Block, mrkdwn};
use crate::domain::{ReportCoverage, ReportHeadline, ReportToolkit, ratio, scrub, toolkit_name};

/// A toolkit's name.
const MAX_NAME_CHARS: usize = 60;

/// What is told of a report.
pub(super) struct Told<'a> {
    pub(super) headline: &'a ReportHeadline,
    pub(super) previous: Option<&'a ReportHeadline>,
    pub(super) toolkits: &'a [ReportToolkit],
    pub(super) coverage: Option<&'a ReportCoverage>,
}

impl Told<'_> {
    /// Between the message's header and what to do: the warning first, because it is about all of the others.
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        if let Some(warning) = self.warning() {
            blocks.push(Block::section(mrkdwn(&format!(":warning: *Read with care.* {warning}"))));
        }
        let fields = self.figures().into_iter().map(|(name, now, change)| mrkdwn(&format!("*{name}*\n{now}{change}")));
        blocks.push(Block::fields(fields.collect()));
        if !self.toolkits.is_empty() {
            let lines: Vec<String> = self.toolkits.iter().map(|of| format!("• {}", line(of))).collect();
            blocks.push(Block::section(mrkdwn(&format!("*What broke most*\n{}", lines.join("\n")))));
        }
        blocks
    }

    /// The same in plain words.
    pub(super) fn words(&self) -> String {
        let mut lines: Vec<String> = self.warning().into_iter().collect();
        lines.extend(self.figures().into_iter().map(|(name, now, change)| format!("{name}: {now}{change}")));
        if !self.toolkits.is_empty() {
            let all: Vec<String> = self.toolkits.iter().map(line).collect();
            lines.push(format!("What broke most: {}", all.join("; ")));
        }
        lines.join("\n")
    }

    fn warning(&self) -> Option<String> {
        self.coverage.and_then(ReportCoverage::warning)
    }

    /// Name, figure, and the change against the period before.
    fn figures(&self) -> Vec<(&'static str, String, String)> {
        let (now, before) = (self.headline, self.previous);
        let of = |name, figure: fn(&ReportHeadline) -> u64| {
            let now = figure(now);
            (name, now.to_string(), before.map_or_else(String::new, |before| change(now, figure(before))))
        };
        let rate = before.map_or_else(String::new, |before| format!(" ({} before)", share(before)));
        vec![
            of("Newly broken", |of| of.newly_broken),
            ("Break rate", share(now), rate),
            of("Back again", |of| of.recovered),
            of("Broken at the end", |of| of.open),
            of("First told", |of| of.notified),
            of("Of them, works again", |of| of.active_again),
        ]
    }
}

/// ` (+12)`, with a real minus sign.
fn change(now: u64, before: u64) -> String {
    match now.cmp(&before) {
        std::cmp::Ordering::Greater => format!(" (+{})", now - before),
        std::cmp::Ordering::Less => format!(" (\u{2212}{})", before - now),
        std::cmp::Ordering::Equal => " (as before)".to_owned(),
    }
}

fn share(of: &ReportHeadline) -> String {
    match of.active_at_start {
        0 => "–".to_owned(),
        active => format!("{:.1} %", ratio(of.newly_broken, active) * 100.0),
    }
}

fn line(of: &ReportToolkit) -> String {
    let name = toolkit_name(&of.toolkit).unwrap_or_else(|| of.toolkit.clone());
    let name = scrub(&name, MAX_NAME_CHARS).replace(['*', '_', '~', '`'], " ");
    format!("{}: {} newly broken, {} broken at the end", name.trim(), of.newly_broken, of.open)
}
