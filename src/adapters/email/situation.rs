//! What a notice says, out of a closed set that chooses the phrases and names the mail in its headers.

use crate::domain::{CloseEvidence, Notice, NoticeItem, NoticeKind};

/// More reminders than this have one name together: header values stay a small set.
const MAX_NAMED_REMINDERS: u32 = 9;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    /// All of it is new to the person.
    First,
    /// All of it was said before, and will be said again if nothing changes.
    Reminder,
    /// All of it was said before, and none will be said again.
    Last,
    /// Some of it is new.
    Mixed,
    /// It works again.
    Recovered,
}

impl Situation {
    /// The situation of a notice, where an incident gets `notices` notices at most.
    pub(super) fn of(notice: &Notice, notices: u32) -> Self {
        let reminders = notice.items.iter().filter(|item| item.number > 0).count();
        match notice.kind {
            NoticeKind::Recovered => Self::Recovered,
            NoticeKind::Reconnect if reminders == 0 => Self::First,
            NoticeKind::Reconnect if reminders < notice.items.len() => Self::Mixed,
            NoticeKind::Reconnect if notice.items.iter().all(|item| is_last(item, notices)) => Self::Last,
            NoticeKind::Reconnect => Self::Reminder,
        }
    }

    /// The part of a phrase's name.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Reminder => "reminder",
            Self::Last => "last",
            Self::Mixed => "mixed",
            Self::Recovered => "recovered",
        }
    }

    /// What an item must be told apart by from its neighbours in the list: a phrase `item_…`.
    pub(super) fn remark(self, item: &NoticeItem, notices: u32) -> Option<&'static str> {
        match self {
            Self::Mixed | Self::Reminder if is_last(item, notices) => Some("last"),
            Self::Mixed if item.number > 0 => Some("reminder"),
            _ => None,
        }
    }

    /// The name of the notice among the mails of its kind: `first`, `reminder-2`, `mixed`, `recovered`.
    pub(super) fn feedback_code(self, notice: &Notice) -> String {
        let number = notice.items.iter().map(|item| item.number).max().unwrap_or_default();
        match self {
            Self::Reminder | Self::Last => format!("reminder-{}", number.min(MAX_NAMED_REMINDERS)),
            other => other.code().to_owned(),
        }
    }
}

/// Whether this is a reminder no other follows. A ladder of one notice does not end with a farewell.
fn is_last(item: &NoticeItem, notices: u32) -> bool {
    item.number > 0 && item.number.saturating_add(1) >= notices
}

/// Whether a mail may say that this works again.
pub(super) fn works_again(item: &NoticeItem) -> bool {
    let evidence = item.recovery.map(|recovery| recovery.evidence);
    matches!(evidence, Some(CloseEvidence::Active | CloseEvidence::Superseded))
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::{item, notice};
    use super::*;

    #[test]
    fn the_numbers_of_the_items_decide() {
        use Situation::{First, Last, Mixed, Reminder};
        for (numbers, notices, situation, feedback, remarks) in [
            (vec![0], 3, First, "first", vec![None]),
            (vec![0, 0], 1, First, "first", vec![None, None]),
            (vec![1], 3, Reminder, "reminder-1", vec![None]),
            (vec![2], 3, Last, "reminder-2", vec![None]),
            (vec![2, 2], 3, Last, "reminder-2", vec![None, None]),
            (vec![1, 2], 3, Reminder, "reminder-2", vec![None, Some("last")]),
            (vec![0, 1, 2], 3, Mixed, "mixed", vec![None, Some("reminder"), Some("last")]),
            (vec![40], 90, Reminder, "reminder-9", vec![None]),
            (vec![u32::MAX], u32::MAX, Last, "reminder-9", vec![None]),
        ] {
            let items = numbers.iter().map(|&number| NoticeItem { number, ..item("slack", None) });
            let notice = notice(items.collect());
            let found = Situation::of(&notice, notices);
            assert_eq!((found, found.feedback_code(&notice).as_str()), (situation, feedback), "{numbers:?}");
            let found: Vec<_> = notice.items.iter().map(|item| situation.remark(item, notices)).collect();
            assert_eq!(found, remarks, "{numbers:?}");
        }
    }
}
