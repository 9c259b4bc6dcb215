//! The reconnect report: which accounts break, for how many people, and whether telling them brings them back.
//!
//! ```text
//! [state database] ─▶ sums (src/store/report_*.rs) ─▶ ReconnectReport ─▶ text, JSON, CSV, HTML with charts
//!                                                                    ├▶ mail: a letter with pictures
//!                                                                    └▶ job: files, the event report.ready
//! ```
//!
//! Computed in SQL over history, in bounded memory. Every form is made from the one [`ReconnectReport`], which holds no
//! address and no user's id; the list for support ([`users_csv`]), which is asked for by name, holds ids. Nothing here
//! writes but the job: files that appear whole or not at all, and one event per occurrence.

mod auth_configs;
mod charts;
mod compute;
mod files;
mod html;
mod job;
mod mail;
mod model;
mod period;
mod spelled;
mod table;
mod text;
mod trend;
mod trend_forms;
mod users;
mod word;
mod wording;

pub use auth_configs::STANDS_OUT_FROM;
pub use charts::{Chart, ChartError, charts};
pub use compute::{ReportError, reconnect_report};
pub use files::{FILE_KINDS, ReportFileError};
pub use html::{Frame, HtmlError, Nav, NavGroup, NavLink, content_security_policy, html, trend_html, words_html};
pub use job::{ReportDone, ReportJob, ReportJobError, ReportSettings};
pub use mail::{LetterError, MailedReports, PictureError, StateSlot, letter};
pub use model::{
    AuthConfigRate, Breakage, BroughtBack, CameBack, ChannelHealth, Cohort, Coverage, CurvePoint, Funnel, Headline,
    OpenByAge, Period, REPORT_VERSION, ReconnectReport, ReconnectTimes, RepeatBreakers, Times, ToolkitRate, TrendPoint,
};
pub use period::{LONGEST, PeriodError, REPEAT_WITHIN, ReportScope, followed_since, history_needed, same_before};
pub use spelled::{instant, length};
pub use table::{csv, safe_cell};
pub use text::text;
pub use trend::{MOST_STEPS, Step, TREND_WEEKS, Trend, TrendAsked, trend};
pub use users::{UsersError, users_csv};

impl ReconnectReport {
    /// The report as JSON, indented, one line end at the end.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}
