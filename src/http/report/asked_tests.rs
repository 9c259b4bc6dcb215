//! Queries and what they ask for.

use axum::http::HeaderValue;

use super::*;

const WEEK: Duration = Duration::from_hours(24 * 7);

fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn period(view: View, query: &str) -> Result<String, Wrong> {
    let asked = Asked::read(view, query, WEEK, now())?;
    let period = asked.question.period(now()).unwrap();
    Ok(format!("{} {}", period.from.format("%F %R"), period.to.format("%F %R")))
}

#[test]
fn a_query_is_about_a_time() {
    for (query, expected) in [
        ("", "2026-11-16 08:00 2026-11-23 08:00"),
        ("period=30d", "2026-10-24 08:00 2026-11-23 08:00"),
        ("period=12h&toolkit=slack", "2026-11-22 20:00 2026-11-23 08:00"),
        ("from=2026-11-01", "2026-11-01 00:00 2026-11-23 08:00"),
        ("from=2026-11-01&to=2026-11-08", "2026-11-01 00:00 2026-11-08 00:00"),
        ("to=2026-11-08", "2026-11-01 00:00 2026-11-08 00:00"),
        ("period=1d&to=2026-11-08T12:30:00Z", "2026-11-07 12:30 2026-11-08 12:30"),
        ("period=&from=&to=&toolkit=", "2026-11-16 08:00 2026-11-23 08:00"),
        ("period=+7d+", "2026-11-16 08:00 2026-11-23 08:00"),
    ] {
        assert_eq!(period(View::Report, query).as_deref(), Ok(expected), "{query}");
    }
    assert_eq!(period(View::Trend, "").as_deref(), Ok("2026-05-25 08:00 2026-11-23 08:00"));
}

#[test]
fn what_cannot_be_answered_names_the_parameter_and_the_remedy() {
    for (view, query, parameter, remedy) in [
        (View::Report, "period=week", "period", "write a number and a unit, such as 7d or 12h"),
        (View::Report, "period=0s", "period", "the period must end after it begins"),
        (View::Report, "period=9999d", "period", "at most 3660d"),
        (View::Report, "period=7d&from=2026-11-01", "period", "either a period or from"),
        (View::Report, "from=yesterday", "from", "write a day, such as 2026-11-16"),
        (View::Report, "from=2026-11-08&to=2026-11-01", "from", "the period must end after it begins"),
        (View::Report, "from=2026-11-08&to=2027-01-01", "from", "must not end in the future"),
        (View::Report, "to=never", "to", "write a day"),
        (View::Report, "toolkit=Slack!", "toolkit", "as Composio calls it, such as slack"),
        (View::Report, "step=day", "step", "no such parameter here; there are period, from, to, toolkit"),
        (View::Report, "peroid=7d", "peroid", "no such parameter"),
        (View::Report, "period=7d&period=30d", "period", "it is there twice"),
        (View::Trend, "step=hour", "step", "write day, week or month"),
    ] {
        let found = Asked::read(view, query, WEEK, now()).unwrap_err();
        assert_eq!(found.parameter, parameter, "{query}");
        assert!(found.remedy.contains(remedy), "{query}: {}", found.remedy);
    }
    let long = format!("toolkit={}", "a".repeat(MAX_VALUE_CHARS + 1));
    assert!(Asked::read(View::Report, &long, WEEK, now()).unwrap_err().remedy.contains("at most 100"));
}

#[test]
fn the_same_question_a_moment_later_is_the_same() {
    let ask = |query: &str, at: Timestamp| Asked::read(View::Report, query, WEEK, at).unwrap().question;
    let later = now() + TimeDelta::seconds(30);
    assert_eq!(ask("", now()), ask("period=7d", later));
    assert_eq!(ask("toolkit=", now()), ask("", later));
    assert_ne!(ask("toolkit=slack", now()), ask("", now()));
    assert_ne!(ask("period=8d", now()), ask("", now()));
}

#[test]
fn the_reader_says_which_form_it_likes() {
    for (accept, expected) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", Form::Html),
        ("*/*", Form::Html),
        ("application/json", Form::Json),
        ("image/png, text/csv;q=0.9", Form::Csv),
        ("text/plain", Form::Text),
        ("image/png", Form::Html),
        ("", Form::Html),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(Form::accepted(&headers), expected, "{accept}");
    }
}
