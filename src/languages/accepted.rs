//! What a browser asks for, and what that is called here.
//!
//! Turns an `Accept-Language` header (RFC 9110, section 12.5.4) and tags as databases hold them into one of the
//! languages there are. What cannot be read is passed over.

/// A header of more ranges than this is no person's browser; the rest is not read.
const MAX_RANGES: usize = 32;

/// The longest language tag looked at; RFC 5646 (section 4.4.1) needs 35 characters.
const MAX_TAG_CHARS: usize = 64;

/// What `find` finds for the range that the client likes best of those it finds something for.
pub(super) fn preferred<T>(accept_language: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut best = (0, None);
    for range in accept_language.split(',').take(MAX_RANGES) {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = thousandths(parameters);
        // Of equals the first is the one that is liked better, as people write it.
        if weight > best.0
            && let Some(found) = find(tag.trim())
        {
            best = (weight, Some(found));
        }
    }
    best.1
}

/// The tag as it is, then less and less of it (RFC 4647, section 3.4): what `find` finds first. Tolerates what
/// databases hold: `de_AT`, `DE`, `de_DE.UTF-8`, nothing, garbage.
pub(super) fn lookup<T>(tag: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    let asked: String = tag.trim().chars().take(MAX_TAG_CHARS).collect();
    let asked = asked.split(['.', '@']).next().unwrap_or_default().replace('_', "-");
    let mut range = asked.as_str();
    loop {
        if let Some(found) = find(range) {
            return Some(found);
        }
        range = range.rsplit_once('-')?.0;
    }
}

/// The weight `q` in thousandths; 1000 where there is none, 0 where it cannot be read.
fn thousandths(parameters: &str) -> u32 {
    let given = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    let Some(text) = given else { return 1_000 };
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    match (whole, format!("{fraction:0<3}").parse::<u32>()) {
        ("1", Ok(0)) => 1_000,
        ("0", Ok(thousandths)) if fraction.len() <= 3 => thousandths,
        _ => 0,
    }
}
