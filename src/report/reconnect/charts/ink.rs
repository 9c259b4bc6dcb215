//! The colours of charts, by what they mean: a closed set, so that a drawing can be shown in light and in dark.
//!
//! Guarantees, kept by the tests below: what carries meaning reaches the 3 to 1 of WCAG 2.2 (1.4.11) and text the 4.5 to 1
//! (1.4.3) on the paper of both modes. Blue and orange are told apart with any kind of colour blindness (Okabe and Ito,
//! "Color Universal Design"); no chart rests on that alone.

use plotters::style::RGBColor;

/// What a stroke or an area is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    Quiet,
    Axis,
    Grid,
    First,
    Second,
    Paper,
}

type Rgb = (u8, u8, u8);

impl Ink {
    /// Every ink, its class in the drawing, and its colour on light and on dark paper.
    const TABLE: [(Self, &'static str, Rgb, Rgb); 7] = [
        (Self::Text, "text", (0x1b, 0x1b, 0x1f), (0xf1, 0xf1, 0xf4)),
        (Self::Quiet, "quiet", (0x55, 0x55, 0x5e), (0xb4, 0xb5, 0xbf)),
        (Self::Axis, "axis", (0x76, 0x76, 0x80), (0x8d, 0x8f, 0x9b)),
        // Lines to read along; what they say is said by the labels beside them.
        (Self::Grid, "grid", (0xe1, 0xe3, 0xe9), (0x36, 0x38, 0x42)),
        (Self::First, "first", (0x1f, 0x5f, 0xa8), (0x6f, 0xb1, 0xff)),
        (Self::Second, "second", (0xb3, 0x48, 0x0c), (0xff, 0x9f, 0x5a)),
        (Self::Paper, "paper", (0xff, 0xff, 0xff), (0x1d, 0x1e, 0x23)),
    ];

    fn row(self) -> (&'static str, Rgb, Rgb) {
        let found = Self::TABLE.iter().find(|(ink, ..)| *ink == self);
        found.map_or(("text", (0, 0, 0), (0xff, 0xff, 0xff)), |(_, class, light, dark)| (class, *light, *dark))
    }

    pub(super) fn class(self) -> &'static str {
        self.row().0
    }

    /// As plotters carries it: the colour on light paper, by which it is known again.
    pub(super) fn colour(self) -> RGBColor {
        let (red, green, blue) = self.row().1;
        RGBColor(red, green, blue)
    }

    pub(super) fn known(rgb: Rgb) -> Option<Self> {
        Self::TABLE.iter().find(|(_, _, light, _)| *light == rgb).map(|(ink, ..)| *ink)
    }

    /// On light paper, as `#rrggbb`.
    pub(super) fn light(self) -> String {
        hex(self.row().1)
    }
}

/// The style that turns charts dark: rules by class win over the colours that are attributes of the drawing.
pub(crate) fn dark_style() -> String {
    let rule = |(_, class, _, dark): &(Ink, &str, Rgb, Rgb)| {
        let dark = hex(*dark);
        format!(".chart .f-{class} {{ fill: {dark}; }} .chart .s-{class} {{ stroke: {dark}; }}\n")
    };
    Ink::TABLE.iter().map(rule).collect()
}

fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Colour;

    #[test]
    fn inks_are_told_apart_from_both_papers() {
        let colour = |rgb| Colour::parse(&hex(rgb)).unwrap();
        let (_, light_paper, dark_paper) = Ink::Paper.row();
        for (ink, least) in
            [(Ink::Text, 7.0), (Ink::Quiet, 4.5), (Ink::Axis, 3.0), (Ink::First, 4.5), (Ink::Second, 4.5)]
        {
            let (_, light, dark) = ink.row();
            for (one, paper) in [(light, light_paper), (dark, dark_paper)] {
                let found = colour(one).contrast(colour(paper));
                assert!(found >= least, "{ink:?} {found}");
            }
        }
    }

    #[test]
    fn every_ink_is_known_again_and_has_a_rule_for_the_dark() {
        let style = dark_style();
        for (ink, class, light, _) in Ink::TABLE {
            assert_eq!(Ink::known(light), Some(ink), "two inks of one colour");
            assert!(style.contains(&format!(".f-{class} {{")) && style.contains(&format!(".s-{class} {{")), "{class}");
        }
    }
}
