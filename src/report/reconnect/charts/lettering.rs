//! How much room a text takes where no font can be asked, and texts made short enough.
//!
//! An estimate from above: the widths are those of `DejaVu Sans`, which is wider than the fonts systems come with.

/// The width of a text in a font of this size, both in the same unit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred, never below nothing")]
pub(super) fn width_of(text: &str, size: f64) -> u32 {
    let width: f64 = text.chars().map(of_one).sum();
    (width * size).ceil() as u32
}

/// In hundredths of nothing less than what a wide font takes: shares of its size.
fn of_one(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '\u{202f}' | '\u{a0}' | '!' => 0.36,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 1.0,
        'A'..='Z' => 0.77,
        // Chinese, Japanese, Korean, emoji: as wide as high.
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 1.1,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ffe6}' | '\u{1f000}'..='\u{3ffff}' => 1.3,
        _ => 0.64,
    }
}

/// A name in at most this width, cut where it is longer; the tables have it whole.
pub(super) fn short(name: &str, size: f64, width: u32) -> String {
    if width_of(name, size) <= width {
        return name.to_owned();
    }
    let mut cut = String::new();
    for c in name.chars() {
        if width_of(&format!("{cut}{c}…"), size) > width {
            break;
        }
        cut.push(c);
    }
    cut.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_widths_grow_with_texts() {
        assert_eq!(short("Google Calendar", 13.0, 150), "Google Calendar");
        for name in ["ä".repeat(40), "日本".repeat(30), "😀".repeat(30), "W".repeat(30), "i".repeat(90)] {
            let cut = short(&name, 13.0, 150);
            assert!(cut.ends_with('…') && width_of(&cut, 13.0) <= 150 && cut.chars().count() > 7, "{cut}");
        }
        assert!(width_of("Slack", 12.0) < width_of("Slacks", 12.0));
        assert_eq!(width_of("", 12.0), 0);
        assert!(width_of("日本", 10.0) >= 20);
    }
}
