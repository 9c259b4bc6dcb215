//! The product's colour, and what stands out on it: relative luminance and contrast as WCAG 2.2 defines them
//! (sections "relative luminance" and "contrast ratio").

/// What WCAG 2.2 asks of text (success criterion 1.4.3).
pub const LEAST_CONTRAST: f64 = 4.5;

/// An opaque colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// The text is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a colour (expected # and six hexadecimal digits, such as #1f4fa3)")]
pub struct ColourError;

impl Colour {
    /// The accent of pages where none is configured: a dark blue, 7.9 to 1 on white.
    pub const ACCENT: Self = Self { red: 0x1f, green: 0x4f, blue: 0xa3 };

    /// White paper.
    pub const WHITE: Self = Self { red: 0xff, green: 0xff, blue: 0xff };

    /// Reads `#rrggbb`, in any case.
    pub fn parse(text: &str) -> Result<Self, ColourError> {
        let digits = text.trim().strip_prefix('#').ok_or(ColourError)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ColourError);
        }
        let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| ColourError);
        Ok(Self { red: channel(0)?, green: channel(2)?, blue: channel(4)? })
    }

    /// `#rrggbb`.
    pub fn to_hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }

    /// How well one is read on the other, 1.0 to 21.0.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// This colour, mixed with as little white as gives it this contrast to a dark `ground`.
    #[must_use]
    pub fn lightened(self, ground: Self, contrast: f64) -> Self {
        (0..=100)
            .map(|percent| self.mixed_with_white(percent))
            .find(|mixed| mixed.contrast(ground) >= contrast)
            .unwrap_or(Self::WHITE)
    }

    fn mixed_with_white(self, percent: u16) -> Self {
        let mix = |channel: u8| {
            let mixed = (u16::from(channel) * (100 - percent) + 255 * percent) / 100;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self { red: mix(self.red), green: mix(self.green), blue: mix(self.blue) }
    }

    fn luminance(self) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(self.red) + 0.7152 * channel(self.green) + 0.0722 * channel(self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_recommendation() {
        for (one, other, expected) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#767676", "#ffffff", 4.54),
            ("#777777", "#ffffff", 4.48),
            ("#FF0000", "#ffffff", 4.0),
        ] {
            let (one, other) = (Colour::parse(one).unwrap(), Colour::parse(other).unwrap());
            assert!((one.contrast(other) - expected).abs() < 0.01, "{}", one.contrast(other));
        }
    }

    #[test]
    fn any_colour_becomes_readable_on_a_dark_ground() {
        let dark = Colour::parse("#16171b").unwrap();
        for text in ["#000000", "#1f4fa3", "#7a0000", "#005c00", "#ffffff", "#16171b"] {
            let found = Colour::parse(text).unwrap().lightened(dark, LEAST_CONTRAST);
            assert!(found.contrast(dark) >= LEAST_CONTRAST, "{text} {}", found.to_hex());
        }
        let light = Colour::parse("#a9c7ff").unwrap();
        assert_eq!(light.lightened(dark, LEAST_CONTRAST), light);
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!(Colour::parse(" #A9c7Ff ").unwrap().to_hex(), "#a9c7ff");
        for text in ["", "#fff", "1f4fa3", "#1f4fa", "#1f4fa3a", "#1f4fg3", "red", "#+f4fa3", "#é4fa3"] {
            assert_eq!(Colour::parse(text), Err(ColourError), "{text}");
        }
    }
}
