//! Answers as they are sent: a page, JSON, CSV or text, with the headers that keep them private.
//!
//! Guarantees: nothing is loaded from anywhere else and no script runs; every text is escaped; no browser or proxy keeps
//! the answer, no other page frames it or fetches it.

use std::time::Duration;

use axum::Json;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use minijinja::{AutoEscape, Environment, context};
use url::form_urlencoded;

use super::access::Refused;
use super::asked::{Asked, Form, Given, View, Wrong};
use super::making::{Made, NotMade};
use crate::domain::Colour;
use crate::http::Brand;
use crate::report::reconnect::{
    self, Frame, HtmlError, Nav, NavGroup, NavLink, ReconnectReport, Trend, content_security_policy,
};

const ASK: (&str, &str) = ("ask.html", include_str!("ask.html"));

/// Periods offered as links; the form takes any.
const PERIODS: [&str; 4] = ["7d", "30d", "90d", "365d"];

/// Toolkits offered as links; the form takes any.
const MOST_TOOLKITS: usize = 12;

/// The pages of one product.
pub(super) struct Pages {
    templates: Environment<'static>,
    product: String,
    colour: Colour,
    /// How long a report is where nobody says so.
    usual: String,
}

impl Pages {
    pub(super) fn new(product: &str, brand: &Brand, usual: Duration) -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.add_template(ASK.0, ASK.1)?;
        let usual = humantime::format_duration(usual).to_string().replace("days", "d").replace("day", "d");
        let pages = Self { templates, product: product.to_owned(), colour: brand.colour, usual };
        pages.nav(View::Report, &Given::default(), &[])?;
        Ok(pages)
    }

    /// An answer in its form.
    pub(super) fn show(&self, made: &Made, asked: &Asked, form: Form) -> Response {
        let shown = match made {
            Made::Report(report) => self.report(report, &asked.given, form),
            Made::Trend(trend) => self.trend(trend, &asked.given, form),
        };
        // It was computed and cannot be written: memory running out, or a defect.
        shown.unwrap_or_else(|| plain(StatusCode::INTERNAL_SERVER_ERROR, "The report could not be written.\n"))
    }

    fn report(&self, report: &ReconnectReport, given: &Given, form: Form) -> Option<Response> {
        let name = format!("report-{}", report.period.to.date_naive());
        match form {
            Form::Json => Some(file("application/json", &name, "json", report.json().ok()?)),
            Form::Csv => {
                Some(file("text/csv; charset=utf-8; header=present", &name, "csv", reconnect::csv(report).ok()?))
            }
            Form::Text => Some(plain(StatusCode::OK, &reconnect::text(report))),
            Form::Html => {
                let toolkits: Vec<&str> = report.toolkits.iter().map(|of| of.toolkit.as_str()).collect();
                let frame = self.frame(View::Report, given, &toolkits).ok()?;
                page(StatusCode::OK, reconnect::html(report, &frame), &frame)
            }
        }
    }

    fn trend(&self, trend: &Trend, given: &Given, form: Form) -> Option<Response> {
        let name = format!("trend-{}", trend.to.date_naive());
        match form {
            Form::Csv => Some(file("text/csv; charset=utf-8; header=present", &name, "csv", trend.csv().ok()?)),
            Form::Html => {
                let frame = self.frame(View::Trend, given, &[]).ok()?;
                page(StatusCode::OK, reconnect::trend_html(trend, &frame), &frame)
            }
            Form::Json => Some(file("application/json", &name, "json", trend.json().ok()?)),
            Form::Text => Some(plain(StatusCode::OK, &trend.text())),
        }
    }

    /// 400, naming the parameter and the remedy.
    pub(super) fn wrong(&self, wrong: &Wrong, view: View, form: Form) -> Response {
        let words = format!("The parameter {} cannot be used: {}.", wrong.parameter, wrong.remedy);
        self.problem(StatusCode::BAD_REQUEST, view, form, words)
    }

    /// 503 where another time may do, 400 where another question must.
    pub(super) fn not_made(&self, error: &NotMade, view: View, form: Form) -> Response {
        if error.is_theirs() {
            return self.problem(StatusCode::BAD_REQUEST, view, form, format!("This cannot be answered: {error}."));
        }
        let (words, after) = match error {
            NotMade::Busy => ("Another report is being made. Please try again in a moment.", "5"),
            NotMade::Stopping => ("The server is being restarted. Please try again in a moment.", "5"),
            NotMade::Slow => (
                "This report takes longer than a page may wait. It is still being made: please try again in a minute. Or \
                 ask for a shorter period, or have it made as a file: reconnectd report --output FILE.",
                "30",
            ),
            _ => ("The report cannot be made just now; the log says why.", "60"),
        };
        let mut answer = self.problem(StatusCode::SERVICE_UNAVAILABLE, view, form, words.to_owned());
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(after));
        answer
    }

    fn problem(&self, status: StatusCode, view: View, form: Form, words: String) -> Response {
        match form {
            Form::Json => {
                private(status, "application/json", Json(serde_json::json!({ "error": words })).into_response())
            }
            Form::Csv | Form::Text => plain(status, &(words + "\n")),
            Form::Html => {
                let heading = if status.is_client_error() { "That question has no answer" } else { "Not just now" };
                // The form shows the way back: it is empty again.
                let frame = self.frame(view, &Given::default(), &[]);
                let shown =
                    frame.ok().and_then(|frame| page(status, reconnect::words_html(heading, &words, &frame), &frame));
                shown.unwrap_or_else(|| plain(status, &(words + "\n")))
            }
        }
    }

    /// What is around a page: whose it is, and where one goes from it.
    fn frame(&self, view: View, given: &Given, toolkits: &[&str]) -> Result<Frame, minijinja::Error> {
        let nav = Some(self.nav(view, given, toolkits)?);
        Ok(Frame { product: self.product.clone(), colour: self.colour, nav })
    }

    /// The links to other views of what was asked for, and the form that asks for another. `toolkits` are those it names.
    fn nav(&self, view: View, given: &Given, toolkits: &[&str]) -> Result<Nav, minijinja::Error> {
        let (up, name) = match view {
            View::Report => ("", "report"),
            View::Trend => ("../", "report/trend"),
        };
        let without_step = Given { step: None, ..given.clone() };
        let of_view = if view == View::Report { &without_step } else { given };
        let link = |label: &str, name: &str, asked: &Given, current| NavLink {
            to: to(up, name, asked),
            label: label.to_owned(),
            current,
        };
        let group = |label: &str, links| NavGroup { label: label.to_owned(), links };
        let views = vec![
            link("Report", "report", &without_step, view == View::Report),
            link("Trend", "report/trend", given, view == View::Trend),
        ];
        let periods = PERIODS.iter().map(|period| {
            let asked = Given { period: Some((*period).to_owned()), from: None, to: None, ..of_view.clone() };
            link(period, name, &asked, given.period.as_deref() == Some(*period))
        });
        let chosen = given.toolkit.as_deref().filter(|toolkit| !toolkit.is_empty());
        let mut listed: Vec<&str> = toolkits.iter().copied().take(MOST_TOOLKITS).collect();
        listed.extend(chosen.filter(|chosen| !listed.contains(chosen)));
        let all = link("all", name, &Given { toolkit: None, ..of_view.clone() }, chosen.is_none());
        let toolkits = std::iter::once(all).chain(listed.iter().map(|toolkit| {
            let asked = Given { toolkit: Some((*toolkit).to_owned()), ..of_view.clone() };
            link(toolkit, name, &asked, chosen == Some(*toolkit))
        }));
        let forms: &[(&str, &str)] = match view {
            View::Report => &[("JSON", "report.json"), ("CSV", "report.csv"), ("Text", "report.txt")],
            View::Trend => &[("JSON", "report/trend.json"), ("CSV", "report/trend.csv"), ("Text", "report/trend.txt")],
        };
        let forms = forms.iter().map(|(label, name)| link(label, name, of_view, false)).collect();
        let groups = vec![
            group("View", views),
            group("Period", periods.collect()),
            group("Toolkit", toolkits.collect()),
            group("As", forms),
        ];
        Ok(Nav { groups, form: self.ask(view, given)? })
    }

    /// The form.
    fn ask(&self, view: View, given: &Given) -> Result<String, minijinja::Error> {
        let steps: &[&str] = if view == View::Trend { &["day", "week", "month"] } else { &[] };
        let step = given.step.as_deref().filter(|step| !step.is_empty()).unwrap_or("week");
        self.templates.get_template(ASK.0)?.render(context! {
            steps => steps,
            usual => if view == View::Trend { "182d" } else { &self.usual },
            given => context! {
                period => given.period.as_deref().unwrap_or_default(),
                from => given.from.as_deref().unwrap_or_default(),
                to => given.to.as_deref().unwrap_or_default(),
                toolkit => given.toolkit.as_deref().unwrap_or_default(),
                step => step,
            },
        })
    }
}

/// Relative to where the page is, which may be below a path of the operator's.
fn to(up: &str, name: &str, asked: &Given) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let values = [
        ("period", &asked.period),
        ("from", &asked.from),
        ("to", &asked.to),
        ("toolkit", &asked.toolkit),
        ("step", &asked.step),
    ];
    for (name, value) in values {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { format!("{up}{name}") } else { format!("{up}{name}?{query}") }
}

/// Not let in. Says little.
pub(super) fn refused(refused: Refused) -> Response {
    let (status, words) = match refused {
        Refused::NoToken | Refused::WrongToken => {
            (StatusCode::UNAUTHORIZED, "This needs the token of [http] report_token: Authorization: Bearer …\n")
        }
        Refused::TooOften => (StatusCode::TOO_MANY_REQUESTS, "Too many tries; please wait a minute.\n"),
        Refused::NotTheProxy | Refused::NoName => {
            (StatusCode::FORBIDDEN, "This is for people the proxy in front has signed in.\n")
        }
    };
    let mut answer = plain(status, words);
    // RFC 6750, section 3.
    let challenge = match refused {
        Refused::NoToken => "Bearer realm=\"reconnectd report\"",
        Refused::WrongToken => "Bearer realm=\"reconnectd report\", error=\"invalid_token\"",
        Refused::TooOften => {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
            return answer;
        }
        _ => return answer,
    };
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}

/// 405.
pub(super) async fn wrong_method() -> Response {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "The report can only be read.\n");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

fn plain(status: StatusCode, text: &str) -> Response {
    private(status, "text/plain; charset=utf-8", text.to_owned().into_response())
}

fn file(kind: &'static str, name: &str, ending: &str, body: String) -> Response {
    let mut answer = private(StatusCode::OK, kind, body.into_response());
    let disposition = format!("inline; filename=\"{name}.{ending}\"");
    let disposition = HeaderValue::from_str(&disposition).ok();
    answer.headers_mut().extend(disposition.map(|value| (CONTENT_DISPOSITION, value)));
    answer
}

/// Under the page's own policy; none where it could not be put together.
fn page(status: StatusCode, html: Result<String, HtmlError>, frame: &Frame) -> Option<Response> {
    let mut answer = private(status, "text/html; charset=utf-8", html.ok()?.into_response());
    let policy = format!("{}; frame-ancestors 'none'", content_security_policy(frame));
    // Base64 and quotes are characters of a header.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    Some(answer)
}

fn private(status: StatusCode, kind: &'static str, mut answer: Response) -> Response {
    *answer.status_mut() = status;
    let headers: &mut HeaderMap = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (VARY, "Accept, Authorization"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
