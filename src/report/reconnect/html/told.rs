//! The parts about telling: who was sent nothing and what each reason means, and what became of the notices.

use super::super::model::ReconnectReport;
use super::super::wording::{number, plain};
use super::figures::share_of;
use super::page::{Section, Table, figure, words};
use crate::domain::Silence;

pub(super) fn silences(report: &ReconnectReport) -> Section {
    let mut found: Vec<_> = report.silenced.iter().collect();
    found.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
    let rows = found.iter().map(|(reason, count)| {
        let means = Silence::from_code(reason).map_or("a reason this version does not know", Silence::words);
        vec![words(plain(reason)), words(means), figure(number(**count))]
    });
    let columns = ["reason", "what it means", "#accounts"];
    // The reasons are a closed set; all of them fit.
    let table =
        Table::whole("Broken and sent nothing by the last audit of the period, by reason", &columns, rows.collect());
    let note = "Of all toolkits. Whoever was told before, and is not due to be told again, is among them.";
    Section::of_table("silences", "Who was sent nothing in the last audit, and why", table, note)
}

pub(super) fn deliveries(report: &ReconnectReport) -> Section {
    let rows = report.deliveries.iter().map(|of| {
        let figures = [of.planned, of.delivered, of.dead, of.cancelled, of.pending];
        let mut row = vec![words(plain(&of.channel))];
        row.extend(figures.map(|of| figure(number(of))));
        row.push(figure(share_of(of.delivered, of.planned)));
        row
    });
    let columns =
        ["channel", "#decided", "#accepted", "#given up", "#called off", "#on their way", "#accepted of decided"];
    let table = Table::new("Notices decided in the period, by channel", &columns, rows.collect());
    let note = "Of all toolkits. Accepted: by the mail server or the webhook's receiver. Given up: every attempt failed, or \
                the receiver refused for good.";
    Section::of_table("deliveries", "Were the notices accepted?", table, note)
}
