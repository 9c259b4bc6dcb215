//! The fields of a schedule, checked for what Unix cron means by them and written in numbers.
//!
//! Turns one field into the same in numbers, or says what is wrong and what to write instead.

use super::cron::{CronFault, fault};

/// A field of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

impl Field {
    /// All of them, in the order they are written in.
    pub(super) const ALL: [Self; 6] =
        [Self::Second, Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        }
    }

    /// The least and the greatest value.
    fn bounds(self) -> (u16, u16) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    /// The names of its values, the first of which stands for the least.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
            Self::DayOfWeek => &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
            _ => &[],
        }
    }

    fn fault(self, what: &str, remedy: impl Into<String>) -> CronFault {
        fault(format!("the field {} {what}", self.name()), remedy)
    }
}

/// A lower-case field in numbers, its lists, ranges and steps as they were.
pub(super) fn check_field(field: Field, word: &str) -> Result<String, CronFault> {
    let items: Result<Vec<String>, CronFault> = word.split(',').map(|item| check_item(field, item)).collect();
    let items = items?;
    if items.len() > 1 && items.iter().any(|item| item == "*") {
        return Err(field.fault("lists more beside \"*\"", "write \"*\" alone"));
    }
    Ok(items.join(","))
}

fn check_item(field: Field, item: &str) -> Result<String, CronFault> {
    let (min, max) = field.bounds();
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let (text, length) = if range == "*" {
        let length = if field == Field::DayOfWeek { 7 } else { max - min + 1 };
        ("*".to_owned(), length)
    } else if let Some((from, to)) = range.split_once('-') {
        let (from, to) = (value(field, from)?, value(field, to)?);
        // Saturday to Sunday: the name of Sunday stands for 7 at the end of a range.
        let to = if field == Field::DayOfWeek && to == 0 && from > 0 { 7 } else { to };
        if from > to {
            return Err(field.fault("has a range that runs backwards", "write it as two, with a comma"));
        }
        (format!("{from}-{to}"), to - from + 1)
    } else {
        let value = value(field, range)?;
        if step.is_some() {
            return Err(
                field.fault("has a step from a single value", format!("write a range, such as {value}-{max}/2"))
            );
        }
        (value.to_string(), 1)
    };
    let Some(step) = step else { return Ok(text) };
    let step = number(step).filter(|step| *step > 0 && *step < length.max(2));
    let remedy = || format!("write a step from 1 to {}", length.max(2) - 1);
    let step = step.ok_or_else(|| field.fault("has a step that leads nowhere", remedy()))?;
    // A step of one is every value.
    Ok(if step == 1 { text } else { format!("{text}/{step}") })
}

fn value(field: Field, word: &str) -> Result<u16, CronFault> {
    let (min, max) = field.bounds();
    let named = field.names().iter().position(|name| *name == word);
    let named = named.and_then(|at| u16::try_from(at).ok()).map(|at| at + min);
    named.or_else(|| number(word)).filter(|value| (min..=max).contains(value)).ok_or_else(|| refusal(field, word))
}

/// A few digits, and nothing but digits.
fn number(word: &str) -> Option<u16> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

fn refusal(field: Field, word: &str) -> CronFault {
    let (min, max) = field.bounds();
    let quartz =
        word.contains(['l', 'w', '#', '?', '+']) && !word.chars().any(|c| "abcdefghijkmnopqrstuvxyz".contains(c));
    if quartz && matches!(field, Field::DayOfMonth | Field::DayOfWeek) {
        return field.fault("uses L, W, #, ? or +, which Unix cron does not know", "write \"*\" or numbers");
    }
    let names = field.names();
    let or_names = names.first().map_or_else(String::new, |first| format!(", or names such as {first}"));
    field.fault("holds what it cannot", format!("write numbers from {min} to {max}{or_names}"))
}
