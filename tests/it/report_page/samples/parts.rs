//! Rows of a report that follow from a few figures: what broke by toolkit and reason, a week and who came back, how soon
//! people do, a channel.

use chrono::NaiveDate;
use reconnectd::domain::ratio;
use reconnectd::report::reconnect::{Breakage, CameBack, ChannelHealth, Cohort, CurvePoint, OpenByAge, ToolkitRate};

use super::monday;

pub fn rate(toolkit: &str, newly_broken: u64, active_at_start: u64) -> ToolkitRate {
    let break_rate = (active_at_start > 0).then(|| ratio(newly_broken, active_at_start));
    ToolkitRate { toolkit: toolkit.to_owned(), active_at_start, newly_broken, break_rate }
}

pub fn breakage(toolkit: &str, reason: &str, newly_broken: u64, open: [u64; 4]) -> Breakage {
    let [under_1_day, under_7_days, under_30_days, older] = open;
    Breakage {
        toolkit: toolkit.to_owned(),
        reason: reason.to_owned(),
        newly_broken,
        recovered: newly_broken * 2 / 3,
        gone: newly_broken / 20,
        open: OpenByAge { under_1_day, under_7_days, under_30_days, older },
    }
}

pub fn cohort(week: NaiveDate, opened: u64, gone: u64) -> Cohort {
    let weeks = (monday() - week).num_weeks();
    let back = |share: u64, days: i64| {
        if weeks * 7 < days || opened == 0 {
            return CameBack { recovered: 0, rate: None };
        }
        let recovered = opened * (share + u64::try_from(weeks * 5 % 11).unwrap()) / 100;
        CameBack { recovered, rate: Some(ratio(recovered, opened)) }
    };
    Cohort {
        week,
        opened,
        gone,
        within_1_day: back(22, 1),
        within_3_days: back(45, 3),
        within_7_days: back(62, 7),
        within_30_days: back(79, 30),
    }
}

#[expect(clippy::cast_precision_loss, reason = "hours of a quarter of a year")]
pub fn curve() -> Vec<CurvePoint> {
    let back = |hours: u64| 0.93 * (1.0 - (-(hours as f64) / 65.0).exp());
    let hours = (0..24 * 30).step_by(4).chain([24 * 84]);
    hours.map(|hours| CurvePoint { after_seconds: hours * 3600, back: back(hours) }).collect()
}

pub fn health(channel: &str, planned: u64) -> ChannelHealth {
    let (dead, cancelled, pending) = (planned / 50, planned / 30, planned / 60);
    let delivered = planned - dead - cancelled - pending;
    ChannelHealth { channel: channel.to_owned(), planned, delivered, dead, cancelled, pending }
}
