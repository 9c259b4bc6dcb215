//! How much of what worked broke by auth config, and which of them stands out so that the product's own OAuth app is the
//! first thing to look at.

use super::compute::Worked;
use super::model::{AuthConfigRate, Headline};
use crate::domain::ratio;
use crate::store::AuthConfigBreakages;

/// With fewer breakages than this a share of them says nothing.
pub const STANDS_OUT_FROM: u64 = 10;

/// Of the auth configs of which most broke, what worked when the period began, and both as shares of the headline's.
pub(super) fn auth_config_rates(
    found: &[AuthConfigBreakages],
    worked: &[Worked],
    headline: &Headline,
) -> Vec<AuthConfigRate> {
    let rate = |of: &AuthConfigBreakages| {
        let same = |other: &&Worked| other.auth_config == of.auth_config && other.toolkit == of.toolkit;
        let active_at_start = worked.iter().find(same).map_or(0, |found| found.accounts);
        AuthConfigRate {
            auth_config: of.auth_config.clone(),
            toolkit: of.toolkit.clone(),
            active_at_start,
            newly_broken: of.newly_broken,
            share_of_breakages: ratio(of.newly_broken, headline.newly_broken),
            share_of_active: ratio(active_at_start, headline.active_at_start),
            stands_out: stands_out(of.newly_broken, active_at_start, headline),
        }
    };
    found.iter().map(rate).collect()
}

/// Enough broke, and at least twice the share of it that the auth config has of what worked. Where nothing worked at the
/// start, as in the first report of all, there is no such share, and what breaks most may be what there is most of.
/// In whole numbers: "just twice" must not depend on how a quotient is rounded.
fn stands_out(newly_broken: u64, active_at_start: u64, headline: &Headline) -> bool {
    let product = |one: u64, other: u64| u128::from(one) * u128::from(other);
    newly_broken >= STANDS_OUT_FROM
        && headline.active_at_start > 0
        && product(newly_broken, headline.active_at_start) >= 2 * product(active_at_start, headline.newly_broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auth_config_stands_out_with_ten_breakages_and_twice_its_share_of_what_worked() {
        for (newly_broken, of_all, active, of_all_active, expected, why) in [
            (9, 9, 1, 100, false, "nine are too few"),
            (10, 10, 1, 100, true, "ten are enough"),
            (10, 100, 50, 1_000, true, "a tenth of the breakages and a twentieth of what worked: just twice"),
            (10, 100, 51, 1_000, false, "not quite twice"),
            (99, 100, 1_000, 1_000, false, "it is all there was"),
            (40, 40, 0, 1_000, true, "none of its accounts worked before"),
            (40, 40, 0, 0, false, "nothing worked at the start: there are no shares"),
            (21, 63, 7, 42, true, "a third and a sixth, which no binary fraction is"),
        ] {
            let headline = Headline { newly_broken: of_all, active_at_start: of_all_active, ..Headline::default() };
            let (auth_config, toolkit) = ("ac".to_owned(), "slack".to_owned());
            let found = AuthConfigBreakages { auth_config, toolkit, newly_broken };
            let of = |auth_config: &str, toolkit: &str, accounts| Worked {
                toolkit: toolkit.to_owned(),
                auth_config: auth_config.to_owned(),
                accounts,
            };
            let worked = [of("", "slack", 7), of("ac", "gmail", 7), of("ac", "slack", active)];
            let rates = auth_config_rates(&[found], &worked, &headline);
            assert_eq!((rates[0].stands_out, rates[0].active_at_start), (expected, active), "{why}");
        }
    }
}
