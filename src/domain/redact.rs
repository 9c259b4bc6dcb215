//! Makes text from outside safe to log and to store: addresses masked, control characters gone,
//! length bounded.

/// `mary@example.com` becomes `m***@example.com`; text without an `@` between two parts stays.
pub(super) fn mask_address(text: &str) -> String {
    match text.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => {
            let first: String = local.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        _ => text.to_owned(),
    }
}

/// Text of somebody else's making (an SMTP reply, an error body) as it may be logged and stored:
/// every word that looks like an address masked, control characters turned into spaces, at most
/// `max_chars` characters.
pub fn scrub(text: &str, max_chars: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut out = clean.split(' ').filter(|word| !word.is_empty()).map(mask_word).collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = out.char_indices().nth(max_chars) {
        out.truncate(end);
        out.push('…');
    }
    out
}

/// An error and its causes in one line, from the outermost to the innermost; not scrubbed.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        words.push_str(": ");
        words.push_str(&next.to_string());
        cause = next.source();
    }
    words
}

fn mask_word(word: &str) -> String {
    if word.contains('@') { "<address>".to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrubbing_masks_addresses_and_bounds_length() {
        assert_eq!(scrub("550 5.1.1 <bob@example.com>:\r\nunknown", 80), "550 5.1.1 <address> unknown");
        assert_eq!(scrub("mailto:bob@example.com,carol@example.com no", 80), "<address> no");
        assert_eq!(scrub("żółć żółć", 4), "żółć…");
    }
}
