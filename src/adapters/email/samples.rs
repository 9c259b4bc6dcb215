//! Made-up notices, one for each thing a mail can say: for previews, and to try templates out.

use chrono::TimeDelta;

use crate::domain::{
    AccountId, CloseEvidence, Contact, DeliveryId, EmailAddress, IncidentId, Notice, NoticeItem, NoticeKind,
    NotificationId, ReconnectUrl, Recovery, Timestamp, ToolkitSlug, UserId,
};

/// Samples are written as if an incident got this many notices.
pub(super) const SAMPLE_NOTICES: u32 = 3;

/// What a sample says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// The first notice about one account.
    First,
    /// The first notice about several.
    Several,
    /// One of two accounts of a toolkit broke.
    SecondAccount,
    /// A reminder.
    Reminder,
    /// The last reminder.
    Last,
    /// First notices and reminders in one mail.
    Digest,
    /// It works again.
    Recovered,
}

impl Sample {
    /// All samples and their names on the command line.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::First, "first"),
        (Self::Several, "several"),
        (Self::SecondAccount, "second-account"),
        (Self::Reminder, "reminder"),
        (Self::Last, "last"),
        (Self::Digest, "digest"),
        (Self::Recovered, "recovered"),
    ];

    /// Toolkit, label and how often it was spoken of.
    fn accounts(self) -> &'static [(&'static str, Option<&'static str>, u32)] {
        match self {
            Self::First => &[("slack", Some("work"), 0)],
            Self::Several => &[("googlecalendar", None, 0), ("slack", Some("work"), 0), ("github", None, 0)],
            Self::SecondAccount => &[("gmail", Some("team"), 0)],
            Self::Reminder => &[("slack", Some("work"), 1)],
            Self::Last | Self::Recovered => &[("slack", Some("work"), 2)],
            Self::Digest => &[("notion", None, 0), ("slack", Some("work"), 1), ("gmail", Some("team"), 2)],
        }
    }

    /// The notice, sent at `now` under `domain`, to somebody who reads `locale`.
    pub(super) fn notice(self, links: &ReconnectUrl, domain: &str, locale: Option<&str>, now: Timestamp) -> Notice {
        let recovered = self == Self::Recovered;
        let item = |(at, &(toolkit, label, number)): (usize, &(&str, Option<&str>, u32))| {
            let toolkit = ToolkitSlug::new(toolkit);
            NoticeItem {
                incident: IncidentId::new(format!("00000000-0000-7000-8000-00000000000{at}")),
                number,
                account: AccountId::new("ca_sample"),
                label: label.map(str::to_owned),
                second_account: self == Self::SecondAccount,
                broke_at: now - TimeDelta::days(i64::from(number) * 5 + 1),
                reconnect_url: links.for_toolkit(&toolkit),
                recovery: recovered.then_some(Recovery { at: now, evidence: CloseEvidence::Active }),
                toolkit,
            }
        };
        Notice {
            delivery: DeliveryId::new("sample"),
            notification: NotificationId::new("sample"),
            outside_id: format!("<00000000-0000-7000-8000-sample@{domain}>"),
            kind: if recovered { NoticeKind::Recovered } else { NoticeKind::Reconnect },
            user: UserId::new("sample"),
            contact: Contact {
                email: EmailAddress::parse("mary@example.com").ok(),
                name: Some("Mary".to_owned()),
                locale: locale.map(str::to_owned),
                timezone: None,
            },
            unsubscribe: Some(format!("https://{domain}/u/sample")),
            items: self.accounts().iter().enumerate().map(item).collect(),
            created_at: now,
            now,
        }
    }
}
