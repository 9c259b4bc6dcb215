//! Where an axis ends and what is written along it: from zero, in steps of 1, 2 or 5, to at least what is shown.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use super::super::wording::number;

/// Marks along an axis, zero not counted.
const MOST_MARKS: f64 = 5.0;

/// An axis from zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// Its end; above zero.
    pub(super) top: f64,
    /// Where something is written, from zero to its end.
    pub(super) marks: Vec<f64>,
    /// Decimals of what is written.
    decimals: usize,
}

impl Scale {
    /// An axis for values up to `most`, with marks at least `least_step` apart.
    pub(super) fn to(most: f64, least_step: f64) -> Self {
        let most = if most.is_finite() { most.max(least_step) } else { least_step };
        let mut step = 10_f64.powf((most / MOST_MARKS).log10().floor());
        for times in [2.0, 2.5, 2.0] {
            if most / step > MOST_MARKS {
                step *= times;
            }
        }
        let step = step.max(least_step);
        let count = (most / step).ceil().clamp(1.0, MOST_MARKS + 1.0);
        let decimals = usize::from(step < 0.95);
        let mut marks = vec![0.0];
        while let Some(last) = marks.last().copied().filter(|last| last + step / 2.0 < count * step) {
            marks.push(last + step);
        }
        Self { top: count * step, marks, decimals }
    }

    /// What is written at a mark.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "marks are whole and not below zero")]
    pub(super) fn label(&self, mark: f64) -> String {
        if self.decimals > 0 { format!("{mark:.1}") } else { number(mark.round() as u64) }
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a place between the ends of the axis")]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (f64::from(to - from) * (value / self.top).clamp(0.0, 1.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_begin_at_zero_hold_everything_and_are_read_easily() {
        for (most, least, expected) in [
            (0.0, 1.0, "0 1"),
            (1.0, 1.0, "0 1"),
            (3.0, 1.0, "0 1 2 3"),
            (5.0, 1.0, "0 1 2 3 4 5"),
            (6.0, 1.0, "0 2 4 6"),
            (41.0, 1.0, "0 10 20 30 40 50"),
            (99.0, 1.0, "0 20 40 60 80 100"),
            (1234.0, 1.0, "0 500 1,000 1,500"),
            (0.32, 0.1, "0.0 0.1 0.2 0.3 0.4"),
            (3.2, 0.1, "0 1 2 3 4"),
            (100.0, 0.1, "0 20 40 60 80 100"),
        ] {
            let scale = Scale::to(most, least);
            let labels: Vec<String> = scale.marks.iter().map(|mark| scale.label(*mark)).collect();
            assert_eq!(labels.join(" "), expected, "{most}");
            assert!(scale.top >= most);
        }
    }

    #[test]
    fn no_number_is_too_strange() {
        for most in [f64::NAN, f64::INFINITY, -1.0, 1e-300, 1e18, 1.844e19, f64::MAX] {
            let scale = Scale::to(most, 1.0);
            assert!(scale.top > 0.0 && (2..=7).contains(&scale.marks.len()), "{most}: {scale:?}");
        }
    }
}
