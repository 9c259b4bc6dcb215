//! What the pages say that are the same for everybody, out of the reader's catalogue.

use crate::languages::{PageLanguage, Phrase};

/// What a page says, before it is filled in.
pub(super) struct Words<'a> {
    pub heading: &'a Phrase,
    pub text: &'a Phrase,
    /// On the page's button, where it has one.
    pub button: Option<&'a Phrase>,
}

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// Whether the person wants no more mail.
    Ask,
    /// They get none any more.
    Done,
    /// A link of ours that is too old to be on record.
    Expired,
    /// Links are not used any more: mails lead to the product's own page now.
    Retired,
    /// No such page, or no such token: the same words for both.
    NothingHere,
    /// The POST is not the one that unsubscribes.
    NotUnderstood,
    /// Too many requests.
    Slower,
    /// It did not work, and may later.
    Later,
    /// Whether it worked could not be seen.
    Unseen,
}

impl Subject {
    /// What the page about it says.
    pub(super) fn words(self, language: &PageLanguage) -> Words<'_> {
        let words = language.words();
        let (reconnect, callback) = (&words.reconnect, &words.callback);
        let (preferences, errors) = (&words.preferences, &words.errors);
        let (heading, text) = match self {
            Self::Ask => (&preferences.ask, &preferences.ask_text),
            Self::Done => (&preferences.done, &preferences.done_text),
            Self::Expired => (&reconnect.expired, &reconnect.expired_unknown_text),
            Self::Retired => (&reconnect.revoked, &reconnect.retired_text),
            Self::NothingHere => (&errors.nothing_here, &errors.nothing_here_text),
            Self::NotUnderstood => (&errors.not_understood, &errors.not_understood_text),
            Self::Slower => (&errors.slower, &errors.slower_text),
            Self::Later => (&errors.later, &errors.later_text),
            Self::Unseen => (&callback.unseen, &callback.unseen_unknown_text),
        };
        Words { heading, text, button: (self == Self::Ask).then_some(&preferences.ask_button) }
    }
}
