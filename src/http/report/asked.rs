//! What a request asks for: which view of which time and toolkit, in which form.
//!
//! Turns a path and a query into a question that has an answer, or into what is wrong with it, which names the
//! parameter and the remedy. A parameter nobody knows, or given twice, is refused: an answer to another question than
//! the one that was meant would look right.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use chrono::TimeDelta;
use url::form_urlencoded;

use crate::domain::Timestamp;
use crate::report::reconnect::{Period, PeriodError, Step, TREND_WEEKS, instant, length};

/// Longer texts are no values of ours; they are shown again in the form.
const MAX_VALUE_CHARS: usize = 100;

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum View {
    Report,
    Trend,
}

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
    Csv,
    Text,
}

/// A question; equal ones have one answer for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Report { span: Span, toolkit: Option<String> },
    Trend { span: Span, step: Step, toolkit: Option<String> },
}

/// Which time, as it was asked: what lasts up to now is the same question a second later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// So long, up to now.
    Last(Duration),
    /// From an instant on, up to another or to now.
    From(Timestamp, Option<Timestamp>),
}

/// A question, and its words, for the form that asks the next one.
#[derive(Debug)]
pub(super) struct Asked {
    pub question: Question,
    pub given: Given,
}

/// The parameters as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given {
    pub period: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub toolkit: Option<String>,
    pub step: Option<String>,
}

/// A question that cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The parameter at fault; shown as text only.
    pub parameter: String,
    /// What to write instead.
    pub remedy: String,
}

impl View {
    pub(super) const ALL: [Self; 2] = [Self::Report, Self::Trend];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Trend => "trend",
        }
    }

    /// Its paths, and the form each gives; none where the reader says which.
    pub(super) fn paths(self) -> &'static [(&'static str, Option<Form>)] {
        match self {
            Self::Report => &[
                ("/report", None),
                ("/report.json", Some(Form::Json)),
                ("/report.csv", Some(Form::Csv)),
                ("/report.txt", Some(Form::Text)),
            ],
            Self::Trend => &[
                ("/report/trend", None),
                ("/report/trend.json", Some(Form::Json)),
                ("/report/trend.csv", Some(Form::Csv)),
                ("/report/trend.txt", Some(Form::Text)),
            ],
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Report => &["period", "from", "to", "toolkit"],
            Self::Trend => &["period", "from", "to", "toolkit", "step"],
        }
    }
}

impl Form {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Text => "text",
        }
    }

    /// What the reader would like: the first kind it names that there is; a page where it names none.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = |part: &str| match part.split(';').next().unwrap_or_default().trim() {
            "application/json" => Some(Self::Json),
            "text/csv" => Some(Self::Csv),
            "text/plain" => Some(Self::Text),
            "text/html" | "*/*" | "text/*" => Some(Self::Html),
            _ => None,
        };
        accept.split(',').find_map(kind).unwrap_or(Self::Html)
    }
}

impl Question {
    pub(super) fn view(&self) -> View {
        match self {
            Self::Report { .. } => View::Report,
            Self::Trend { .. } => View::Trend,
        }
    }

    /// Which time it is about, for the log: `7d`, or instants.
    pub(super) fn words(&self) -> String {
        let (Self::Report { span, .. } | Self::Trend { span, .. }) = self;
        match span {
            Span::Last(length) => humantime::format_duration(*length).to_string(),
            Span::From(from, to) => {
                format!("{} to {}", from.to_rfc3339(), to.map_or_else(|| "now".to_owned(), |to| to.to_rfc3339()))
            }
        }
    }

    pub(super) fn toolkit(&self) -> Option<&str> {
        match self {
            Self::Report { toolkit, .. } | Self::Trend { toolkit, .. } => toolkit.as_deref(),
        }
    }

    /// The time it is about, as of `now`.
    pub(super) fn period(&self, now: Timestamp) -> Result<Period, PeriodError> {
        let (Self::Report { span, .. } | Self::Trend { span, .. }) = self;
        span.period(now)
    }
}

impl Span {
    fn period(self, now: Timestamp) -> Result<Period, PeriodError> {
        match self {
            Self::Last(length) => {
                let length = TimeDelta::from_std(length).map_err(|_| PeriodError::Long)?;
                Period::new(now.checked_sub_signed(length).ok_or(PeriodError::Long)?, now, now)
            }
            Self::From(from, to) => Period::new(from, to.unwrap_or(now), now),
        }
    }
}

impl Asked {
    /// Reads the parameters of a query; `usual` is how long a report is where nobody says so.
    pub(super) fn read(view: View, query: &str, usual: Duration, now: Timestamp) -> Result<Self, Wrong> {
        let given = Given::read(view, query)?;
        let usual = match view {
            View::Report => usual,
            View::Trend => Duration::from_hours(24 * 7) * TREND_WEEKS,
        };
        let span = given.span(usual)?;
        let toolkit = given.toolkit.clone().filter(|toolkit| !toolkit.is_empty());
        if let Some(toolkit) = &toolkit
            && !toolkit.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
        {
            return Err(wrong("toolkit", "write one as Composio calls it, such as slack, or leave it empty for all"));
        }
        let question = match view {
            View::Report => Question::Report { span, toolkit },
            View::Trend => Question::Trend { span, step: given.step()?, toolkit },
        };
        let parameter = if matches!(span, Span::Last(_)) { "period" } else { "from" };
        question.period(now).map_err(|error| wrong(parameter, error.to_string()))?;
        Ok(Self { question, given })
    }
}

impl Given {
    fn read(view: View, query: &str) -> Result<Self, Wrong> {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !view.parameters().contains(&name.as_ref()) {
                let known = view.parameters().join(", ");
                let name: String = name.chars().take(MAX_VALUE_CHARS).collect();
                return Err(wrong(&name, format!("there is no such parameter here; there are {known}")));
            }
            if value.chars().count() > MAX_VALUE_CHARS {
                return Err(wrong(&name, format!("write at most {MAX_VALUE_CHARS} characters")));
            }
            let place = match name.as_ref() {
                "period" => &mut given.period,
                "from" => &mut given.from,
                "to" => &mut given.to,
                "step" => &mut given.step,
                _ => &mut given.toolkit,
            };
            if place.replace(value.trim().to_owned()).is_some() {
                return Err(wrong(&name, "it is there twice; give it once"));
            }
        }
        Ok(given)
    }

    /// A form sends its empty fields, too.
    fn span(&self, usual: Duration) -> Result<Span, Wrong> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let at = |name: &str, text: String| instant(&text).map_err(|remedy| wrong(name, remedy));
        let to = filled(&self.to).map(|to| at("to", to)).transpose()?;
        match (filled(&self.period), filled(&self.from)) {
            (Some(_), Some(_)) => Err(wrong("period", "give either a period or from, not both")),
            (None, Some(from)) => Ok(Span::From(at("from", from)?, to)),
            (period, None) => {
                let length = period.map(|text| length(&text).map_err(|remedy| wrong("period", remedy)));
                let length = length.transpose()?.unwrap_or(usual);
                let Some(to) = to else { return Ok(Span::Last(length)) };
                let length = TimeDelta::from_std(length).map_err(|_| wrong("period", "write a shorter one"))?;
                let from = to.checked_sub_signed(length).ok_or_else(|| wrong("to", "write a later one"))?;
                Ok(Span::From(from, Some(to)))
            }
        }
    }

    fn step(&self) -> Result<Step, Wrong> {
        match self.step.as_deref().unwrap_or_default() {
            "day" => Ok(Step::Day),
            "" | "week" => Ok(Step::Week),
            "month" => Ok(Step::Month),
            _ => Err(wrong("step", "write day, week or month")),
        }
    }
}

fn wrong(parameter: &str, remedy: impl Into<String>) -> Wrong {
    Wrong { parameter: parameter.to_owned(), remedy: remedy.into() }
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
