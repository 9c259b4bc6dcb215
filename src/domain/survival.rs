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
    /// The longest anybody was followed; none where nobody was.
    longest: Option<u64>,
}

impl Survival {
    /// Estimates from what was seen. The order does not matter, and a duration may come more than once.
    pub fn estimate(mut seen: Vec<Followed>) -> Self {
        seen.sort_unstable_by_key(|at| at.seconds);
        let longest = seen.last().map(|at| at.seconds);
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
        Self { steps, longest }
    }

    /// The duration after which the share `ended` (0 to 1) has ended, in seconds: the first at which at most the rest is
    /// left. None where so many were not seen to end.
    pub fn after(&self, ended: f64) -> Option<u64> {
        // What is left is a product of rounded numbers.
        let left = 1.0 - ended + 1e-9;
        self.steps.iter().find(|(_, share)| *share <= left).map(|(seconds, _)| *seconds)
    }

    /// The curve from 0 seconds to the longest anybody was followed: seconds, ascending, and the share that has not ended
    /// then, which holds until the next. Empty where nobody was followed. A curve of more than `finest` steps is thinned: of
    /// those, the first is kept that reaches each `finest`-th of all. So it has at most `finest + 2` points, each of them on
    /// the curve, between them it is never off by a `finest`-th or more, and it crosses each `finest`-th just where the
    /// whole curve does.
    pub fn course(&self, finest: u32) -> Vec<(u64, f64)> {
        let Some(longest) = self.longest else { return Vec::new() };
        let whole = self.steps.len() <= finest as usize;
        // The same tolerance as in `after`, so that a percentile is where the curve crosses it.
        let reached = |share: f64| ((1.0 - share + 1e-9) * f64::from(finest)).floor();
        let mut course = vec![(0, 1.0)];
        let mut before = 0.0;
        for (seconds, share) in &self.steps {
            if whole || reached(*share) > before {
                before = reached(*share);
                // What ended at once is where the curve begins.
                course.pop_if(|(at, _)| at == seconds);
                course.push((*seconds, *share));
            }
        }
        let left = self.steps.last().map_or(1.0, |(_, share)| *share);
        course.pop_if(|(at, _)| *at == longest);
        course.push((longest, left));
        course
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

    /// The published estimates again: every step of a short curve is drawn, and it goes on for as long as anybody was followed.
    #[test]
    fn a_short_curve_is_drawn_step_by_step() {
        let treated = of(&[6, 6, 6, 7, 10, 13, 16, 22, 23], &[6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
        let course = treated.course(190);
        let at: Vec<u64> = course.iter().map(|(weeks, _)| *weeks).collect();
        assert_eq!(at, [0, 6, 7, 10, 13, 16, 22, 23, 35]);
        assert!(course.iter().all(|(weeks, left)| (treated.share_after(*weeks) - left).abs() < 1e-12));
        assert_eq!(of(&[0, 5], &[]).course(190), [(0, 0.5), (5, 0.0)], "what ended at once is where it begins");
        assert_eq!(of(&[], &[7]).course(190), [(0, 1.0), (7, 1.0)]);
        assert_eq!((of(&[], &[]).course(190), of(&[0], &[]).course(190)), (vec![], vec![(0, 0.0)]));
    }

    /// Half of the people come back within a day, the others over a year, a tenth never: two shapes on one axis.
    #[test]
    fn a_long_curve_keeps_its_shape_in_a_few_points() {
        let ended = (0..5_000).map(|n| Followed { seconds: n * 17, ended: 1, censored: 0 });
        let slow =
            (0..4_000).map(|n| Followed { seconds: 86_400 + n * 7_561, ended: 1, censored: u64::from(n % 9 == 0) });
        let whole = Survival::estimate(ended.chain(slow).collect());
        let course = whole.course(190);
        assert!(course.len() <= 192 && course.len() > 150, "{}", course.len());
        assert!(course.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1));
        for (seconds, left) in &whole.steps {
            let drawn = course.iter().take_while(|(at, _)| at <= seconds).last().unwrap().1;
            assert!((drawn - left).abs() < 1.0 / 190.0, "{seconds}: {drawn} for {left}");
        }
        for ended in [0.5, 0.9] {
            let crossed = course.iter().find(|(_, left)| *left <= 1.0 - ended + 1e-9).map(|(at, _)| *at);
            assert_eq!(crossed, whole.after(ended), "{ended}");
        }
    }

    #[test]
    fn nothing_and_nothing_ended_have_no_median() {
        for curve in [of(&[], &[]), of(&[], &[5, 6])] {
            assert_eq!((curve.after(0.5), curve.share_after(100)), (None, 1.0));
        }
        assert_eq!(of(&[5], &[]).after(0.5), Some(5));
    }
}
