//! How long something takes where some of it has not ended yet: the Kaplan-Meier estimate.
//!
//! Dropping what is still open would count the fast alone. The estimate of Kaplan and Meier ("Nonparametric Estimation
//! from Incomplete Observations", Journal of the American Statistical Association 53, 1958, pages 457-481) keeps everybody
//! in the count for as long as they were followed: the share that has not ended after `t` is the product, over all
//! durations up to `t` at which something ended, of `1 - ended / still followed`.

/// What was seen at one duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// How long, in seconds.
    pub seconds: u64,
    /// How many ended after just so long.
    pub ended: u64,
    /// How many were followed for just so long and had not ended: censored. They count as followed at `seconds` itself.
    pub censored: u64,
}

/// The estimated course: after how long which share has not ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survival {
    /// Each duration at which something ended, and the share that has not ended then; ascending.
    steps: Vec<(u64, f64)>,
}

impl Survival {
    /// Estimates from what was seen. The order does not matter, and a duration may come more than once.
    pub fn estimate(mut seen: Vec<Followed>) -> Self {
        seen.sort_unstable_by_key(|at| at.seconds);
        let mut at_risk: u64 = seen.iter().map(|at| at.ended + at.censored).sum();
        let mut share = 1.0;
        let mut steps: Vec<(u64, f64)> = Vec::new();
        for same in seen.chunk_by(|a, b| a.seconds == b.seconds) {
            let ended: u64 = same.iter().map(|at| at.ended).sum();
            let censored: u64 = same.iter().map(|at| at.censored).sum();
            if ended > 0 {
                share *= 1.0 - ratio(ended, at_risk);
                steps.extend(same.first().map(|at| (at.seconds, share)));
            }
            at_risk -= ended + censored;
        }
        Self { steps }
    }

    /// The duration after which the share `ended` (0 to 1) has ended, in seconds: the first at which at most the rest is
    /// left. None where so many were not seen to end.
    pub fn after(&self, ended: f64) -> Option<u64> {
        // What is left is a product of rounded numbers.
        let left = 1.0 - ended + 1e-9;
        self.steps.iter().find(|(_, share)| *share <= left).map(|(seconds, _)| *seconds)
    }

    /// The share that has not ended after so many seconds.
    pub fn share_after(&self, seconds: u64) -> f64 {
        self.steps.iter().take_while(|(at, _)| *at <= seconds).last().map_or(1.0, |(_, share)| *share)
    }
}

/// `part / whole`; 0 of nothing.
pub fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ended: &[u64], censored: &[u64]) -> Survival {
        let ended = ended.iter().map(|seconds| Followed { seconds: *seconds, ended: 1, censored: 0 });
        let censored = censored.iter().map(|seconds| Followed { seconds: *seconds, ended: 0, censored: 1 });
        // The censored first: the order must not matter.
        Survival::estimate(censored.chain(ended).collect())
    }

    /// The remission times in weeks of 42 children with leukaemia (Freireich and others, Blood 21, 1963, pages 699-716),
    /// as worked through in Kleinbaum and Klein, "Survival Analysis", 3rd edition, 2012, chapter 2: the estimates of
    /// both groups and their medians, 23 and 8 weeks.
    #[test]
    fn the_published_example_of_the_remission_times_comes_out() {
        let treated = of(&[6, 6, 6, 7, 10, 13, 16, 22, 23], &[6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
        let published =
            [(6, 0.8571), (7, 0.8067), (10, 0.7529), (13, 0.6902), (16, 0.6275), (22, 0.5378), (23, 0.4482)];
        for (weeks, share) in published {
            assert!((treated.share_after(weeks) - share).abs() < 5e-5, "{weeks}: {}", treated.share_after(weeks));
        }
        assert_eq!((treated.after(0.5), treated.after(0.9)), (Some(23), None), "too few ended to say when most had");
        assert!((treated.share_after(5) - 1.0).abs() < 1e-12 && treated.share_after(99) > 0.448);

        let placebo = of(&[1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], &[]);
        let published = [
            (1, 0.9048),
            (2, 0.8095),
            (3, 0.7619),
            (4, 0.6667),
            (5, 0.5714),
            (8, 0.3810),
            (11, 0.2857),
            (12, 0.1905),
            (15, 0.1429),
            (17, 0.0952),
            (22, 0.0476),
            (23, 0.0),
        ];
        for (weeks, share) in published {
            assert!((placebo.share_after(weeks) - share).abs() < 5e-5, "{weeks}: {}", placebo.share_after(weeks));
        }
        assert_eq!((placebo.after(0.5), placebo.after(0.9)), (Some(8), Some(17)));
    }

    #[test]
    fn nothing_and_nothing_ended_have_no_median() {
        for curve in [of(&[], &[]), of(&[], &[5, 6])] {
            assert_eq!((curve.after(0.5), curve.share_after(100)), (None, 1.0));
        }
        assert_eq!(of(&[5], &[]).after(0.5), Some(5));
    }
}
