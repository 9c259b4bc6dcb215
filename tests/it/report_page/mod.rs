//! The report as a page, without a browser: whole, escaped, and saying what the report says.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

pub mod samples;

use std::path::Path;

use reconnectd::domain::Colour;
use reconnectd::report::reconnect::{Frame, html};

fn frame() -> Frame {
    Frame::file("Acme", Colour::ACCENT)
}

#[test]
fn pages_are_kept_to_be_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-output");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, report) in samples::all() {
        std::fs::write(folder.join(format!("report-{name}.html")), html(&report, &frame()).unwrap()).unwrap();
    }
}
