//! The known name a mistyped one was probably meant to be.

/// Names further apart than a third of their letters are no typing mistakes.
const LETTERS_PER_MISTAKE: usize = 3;

/// What to offer in place of a name that is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// This one is close.
    Nearest(String),
    /// None is close: these are all.
    AllOf(Vec<String>),
}

impl Offer {
    /// As a sentence; `what` is what the names are, in the plural.
    pub(super) fn remedy(&self, what: &str) -> String {
        match self {
            Self::Nearest(name) => format!("did you mean {name}?"),
            Self::AllOf(names) => format!("known {what}: {}", names.join(", ")),
        }
    }
}

/// The member of `known` nearest to `name`, if any is near.
pub(super) fn nearest(name: &str, known: &[&str]) -> Offer {
    let name = name.to_lowercase();
    let best = known.iter().map(|candidate| (distance(&name, &candidate.to_lowercase()), candidate)).min();
    match best {
        Some((mistakes, candidate)) if mistakes <= (candidate.len() / LETTERS_PER_MISTAKE).max(1) => {
            Offer::Nearest((*candidate).to_owned())
        }
        _ => {
            let mut names: Vec<String> = known.iter().map(|known| (*known).to_owned()).collect();
            names.dedup();
            Offer::AllOf(names)
        }
    }
}

/// Typing mistakes between two names: letters put in, left out, replaced, or two neighbours swapped. Over the
/// first 64 characters: no known name is longer.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_find_their_key_and_others_get_the_list() {
        let known = ["url", "api_key", "requests_per_minute"];
        for (name, meant) in
            [("ur", "url"), ("ulr", "url"), ("apikey", "api_key"), ("Requests_Per_Minutes", "requests_per_minute")]
        {
            assert_eq!(nearest(name, &known), Offer::Nearest(meant.to_owned()), "{name}");
        }
        assert_eq!(nearest("frobnicate", &known).remedy("keys"), "known keys: url, api_key, requests_per_minute",);
    }
}
