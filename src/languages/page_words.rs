//! The words of the pages: which there are, and what a catalogue's `[pages]` must hold.
//!
//! Turns the tables below `[pages]` into fields with names. Guarantees: words that were made from a catalogue are whole;
//! each can be filled in with what the English one is filled in with; what no page says is refused, so that a
//! misspelt key is found.

use std::collections::BTreeMap;

use super::error::PackError;
use super::phrase::{Phrase, must_fill_alike};

/// What a catalogue holds below `[pages]`, by `table.key`, with the line each stands in.
#[derive(Debug, Clone)]
pub(super) struct PageTexts {
    file: String,
    texts: BTreeMap<String, (usize, Phrase)>,
}

impl PageTexts {
    pub(super) fn new(file: &str, texts: BTreeMap<String, (usize, Phrase)>) -> Self {
        Self { file: file.to_owned(), texts }
    }

    /// Whether every text of `english` is here, can be filled in with the same, and there is no other.
    pub(super) fn compare(&self, english: &Self) -> Result<(), PackError> {
        for (key, (line, _)) in &self.texts {
            if !english.texts.contains_key(key) {
                let what = format!("no page says pages.{key}");
                return Err(PackError::new(
                    &self.file,
                    Some(*line),
                    what,
                    format!("the keys are those of {}", english.file),
                ));
            }
        }
        for (key, (_, theirs)) in &english.texts {
            let Some((line, ours)) = self.texts.get(key) else {
                let (table, word) = key.split_once('.').unwrap_or(("", key));
                let what = format!("pages.{key} is missing, which {} has", english.file);
                return Err(PackError::new(&self.file, None, what, format!("add {word} under [pages.{table}]")));
            };
            let wrong = |(what, remedy): (String, String)| PackError::new(&self.file, Some(*line), what, remedy);
            must_fill_alike(&format!("pages.{key}"), ours, theirs, &english.file).map_err(wrong)?;
        }
        Ok(())
    }

    fn take(&mut self, table: &str, key: &str) -> Result<Phrase, PackError> {
        let full = format!("{table}.{key}");
        let missing = || PackError::new(&self.file, None, format!("pages.{full} is missing"), "add it");
        self.texts.remove(&full).map(|(_, phrase)| phrase).ok_or_else(missing)
    }

    /// All of them by name.
    pub(super) fn words(mut self) -> Result<PageWords, PackError> {
        let words = PageWords::take(&mut self)?;
        match self.texts.pop_first() {
            None => Ok(words),
            Some((key, (line, _))) => {
                Err(PackError::new(&self.file, Some(line), format!("no page says pages.{key}"), "remove it"))
            }
        }
    }
}

/// One struct per table below `[pages]`, with a field per key, and one of them all.
macro_rules! page_words {
    ($($(#[$about:meta])* $table:ident: $name:ident { $($word:ident),* $(,)? })*) => {
        $(
            $(#[$about])*
            #[derive(Debug)]
            pub struct $name {
                $(#[doc = concat!("`pages.", stringify!($table), ".", stringify!($word), "`")] pub $word: Phrase,)*
            }

            impl $name {
                fn take(texts: &mut PageTexts) -> Result<Self, PackError> {
                    Ok(Self { $($word: texts.take(stringify!($table), stringify!($word))?,)* })
                }
            }
        )*

        /// Everything pages say in one language.
        #[derive(Debug)]
        pub struct PageWords {
            $(#[doc = concat!("`[pages.", stringify!($table), "]`")] pub $table: $name,)*
        }

        impl PageWords {
            fn take(texts: &mut PageTexts) -> Result<Self, PackError> {
                Ok(Self { $($table: $name::take(texts)?,)* })
            }
        }
    };
}

page_words! {
    /// The page behind a reconnect link.
    reconnect: ReconnectWords {
        open, open_text, open_note, open_yours, open_button, account, since, why, second_account, others,
        siblings, siblings_left,
        why_refused, why_failures, why_transient, why_unknown,
        good, good_text, removed_text, team, team_text, switched_off, switched_off_text,
        expired, expired_text, expired_unknown_text, revoked, revoked_text, retired_text,
        busy, busy_text, later, later_text, foreign, foreign_text,
        again, to_page, to_settings, to_product,
    }
    /// The way back from the provider.
    callback: CallbackWords {
        works, works_text, waiting, waiting_text, look_again,
        not_done, not_done_text, step_account, step_allow, step_in_time,
        unseen, unseen_text, unseen_unknown_text,
    }
    /// What somebody wants to be written to about.
    preferences: PreferenceWords {
        heading, text, legend, save, saved, saved_text, stop_all, none, none_text, again, ask_support,
        ask, ask_text, ask_button, done, done_text,
    }
    /// What went wrong, the same for everybody.
    errors: ErrorWords {
        nothing_here, nothing_here_text, not_understood, not_understood_text, slower, slower_text, later, later_text,
    }
}
