//! Figures and names as people read them in every form of the report: numbers, shares, lengths of time, instants, and
//! words of others made harmless.

use crate::domain::{Timestamp, toolkit_name, visible};

/// Characters of a word of others; ids are shorter.
const LONGEST_WORD: usize = 120;

/// A toolkit as people know it: `Slack`.
pub(super) fn name(toolkit: &str) -> String {
    plain(&toolkit_name(toolkit).unwrap_or_else(|| toolkit.to_owned()))
}

/// What a report says where nothing did this: `Nothing broke`, or `No Slack account broke` in one about Slack alone.
pub(super) fn none_did(toolkit: Option<&str>, this: &str) -> String {
    toolkit.map_or_else(|| format!("Nothing {this}"), |toolkit| format!("No {} account {this}", name(toolkit)))
}

/// `12 accounts`, or `12 Slack accounts` in a report about Slack alone.
pub(super) fn accounts(count: u64, toolkit: Option<&str>) -> String {
    let of = toolkit.map_or_else(String::new, |toolkit| format!("{} ", name(toolkit)));
    format!("{} {of}account{}", number(count), if count == 1 { "" } else { "s" })
}

/// A word of others on one line, without what hides or reorders what stands around it, and without the characters that
/// XML knows none of (section 2.2). A question mark where nothing is left.
pub(super) fn plain(text: &str) -> String {
    let whole: String = text.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect();
    visible(&whole, LONGEST_WORD).unwrap_or_else(|| "?".to_owned())
}

/// `12,345`.
pub(super) fn number(of: u64) -> String {
    let digits = of.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `3.2 %`, from ten times the whole on `1,234 %`; a dash where there is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "above zero, and ends at the largest number"
)]
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        None => "–".to_owned(),
        Some(share) if share >= 10.0 => format!("{}\u{a0}%", number((share * 100.0).round() as u64)),
        Some(share) => format!("{:.1}\u{a0}%", share * 100.0),
    }
}

/// In one unit: `45 minutes`, `7 hours`, `2.5 days`, `12 days`; a dash where there is none.
pub(super) fn length(seconds: Option<u64>) -> String {
    let of = |count: u64, unit: &str| format!("{}\u{a0}{unit}{}", number(count), if count == 1 { "" } else { "s" });
    match seconds {
        None => "–".to_owned(),
        Some(seconds) if seconds < 2 * 3600 => of(seconds / 60, "minute"),
        Some(seconds) if seconds < 2 * 86_400 => of(seconds / 3600, "hour"),
        Some(seconds) if seconds < 10 * 86_400 && !tenths(seconds).is_multiple_of(10) => {
            format!("{}.{}\u{a0}days", tenths(seconds) / 10, tenths(seconds) % 10)
        }
        Some(seconds) => of(tenths(seconds) / 10, "day"),
    }
}

/// Tenths of a day, the broken ones left out: what is not over yet is not counted.
fn tenths(seconds: u64) -> u64 {
    seconds / 8_640
}

/// To the minute, UTC.
pub(super) fn instant(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        for (of, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(of), expected);
        }
        for (of, expected) in [(Some(0.0318), "3.2\u{a0}%"), (Some(123.456), "12,346\u{a0}%"), (None, "–")] {
            assert_eq!(percent(of), expected);
        }
        for (seconds, expected) in [
            (0, "0\u{a0}minutes"),
            (60, "1\u{a0}minute"),
            (7199, "119\u{a0}minutes"),
            (7200, "2\u{a0}hours"),
            (172_800, "2\u{a0}days"),
            (187_200, "2.1\u{a0}days"),
            (1_400_000, "16\u{a0}days"),
        ] {
            assert_eq!(length(Some(seconds)), expected);
        }
    }

    #[test]
    fn words_of_others_are_one_line_and_hide_nothing() {
        assert_eq!(plain("a\nb\u{202e}c\u{0}\u{feff}d\u{ffff}"), "a bc d");
        assert_eq!(plain("\u{200b}"), "?");
        assert_eq!((name("slack"), name("my_tool")), ("Slack".to_owned(), "My Tool".to_owned()));
    }
}
