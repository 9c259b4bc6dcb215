//! Shares and times once more: how many had come back after how long, one person at a time.

use std::collections::BTreeSet;

use super::history::{DAY_MS, HOUR_MS};

pub fn share(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Seconds in whole minutes below a day, in whole hours above.
pub fn steps(ms: i64) -> i64 {
    if ms < DAY_MS { ms / 60_000 * 60 } else { ms / HOUR_MS * 3600 }
}

/// The first moment at which at most `1 - ended` have not ended.
pub fn after(seen: &[(i64, bool)], ended: f64) -> Option<u64> {
    let reached = survival(seen).into_iter().find(|(_, left)| *left <= 1.0 - ended + 1e-9);
    reached.map(|(moment, _)| u64::try_from(moment).unwrap())
}

/// Kaplan-Meier, one person at a time: every moment at which somebody ended, and how many have not then.
pub fn survival(seen: &[(i64, bool)]) -> Vec<(i64, f64)> {
    let moments: BTreeSet<i64> = seen.iter().filter(|(_, ended)| *ended).map(|(at, _)| *at).collect();
    let mut left = 1.0;
    let after = |moment: i64| {
        let followed = seen.iter().filter(|(at, _)| *at >= moment).count() as u64;
        let now = seen.iter().filter(|(at, ended)| *at == moment && *ended).count() as u64;
        left *= 1.0 - share(now, followed).unwrap();
        (moment, left)
    };
    moments.into_iter().map(after).collect()
}
