//! The parts about telling: who was not told and what each reason means, and what became of the notices.

use super::super::model::ReconnectReport;
use super::super::wording::{number, plain};
use super::figures::share_of;
use super::page::{Part, Section, Table, figure, words};
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
    let table = Table::whole("Broken and not told of, by reason", &columns, rows.collect());
    Section {
        id: "silences",
        heading: "Who was not told, and why",
        parts: vec![Part::new(None, Some(table))],
        notes: vec!["As the last audit of the period counted; of all toolkits."],
        ..Section::default()
    }
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
    Section {
        id: "deliveries",
        heading: "Were the notices accepted?",
        parts: vec![Part::new(None, Some(table))],
        notes: vec![
            "Of all toolkits. Accepted: by the mail server or the webhook's receiver. Given up: every attempt failed, or the receiver refused for good.",
        ],
        ..Section::default()
    }
}
