//! `[schedule]`: when each job is due, on whose clocks, and how far it may be spread.

use chrono_tz::Tz;

use super::Absent::Default;
use super::Checker;
use crate::config::errors::{Fault, fault};
use crate::config::raw;
use crate::config::value::length::{CATCH_UP, JITTER, shown};
use crate::config::value::policy::timezone;
use crate::domain::JobName;
use crate::schedule::{CronExpression, JobSchedule, Timetable};

/// In place of a schedule: this job is not the daemon's.
const OFF: &str = "off";

/// A job's keys as they were given, and what holds without them.
struct Keys {
    job: JobName,
    expression: Option<String>,
    timezone: Option<String>,
    jitter: Option<String>,
    default: &'static str,
    default_jitter: &'static str,
}

impl Checker<'_> {
    pub(super) fn schedule(&mut self, raw: raw::Schedule) -> Option<Timetable> {
        let utc = Default("UTC".to_owned());
        let zone = self.value("schedule.timezone", raw.timezone, utc, |text| timezone(&text));
        let catch_up = self.length("schedule.catch_up", raw.catch_up, "6h", CATCH_UP);
        let jobs = [
            // Hourly, at no round minute; spread, because everybody's provider and directory are asked then.
            Keys {
                job: JobName::Audit,
                expression: raw.audit,
                timezone: raw.audit_timezone,
                jitter: raw.audit_jitter,
                default: "17 * * * *",
                default_jitter: "10m",
            },
            Keys {
                job: JobName::Deliver,
                expression: raw.deliver,
                timezone: raw.deliver_timezone,
                jitter: raw.deliver_jitter,
                default: "*/5 * * * *",
                default_jitter: "0s",
            },
            Keys {
                job: JobName::Report,
                expression: raw.report,
                timezone: raw.report_timezone,
                jitter: raw.report_jitter,
                default: "0 7 * * mon",
                default_jitter: "0s",
            },
            Keys {
                job: JobName::Retention,
                expression: raw.retention,
                timezone: raw.retention_timezone,
                jitter: raw.retention_jitter,
                default: "40 3 * * *",
                default_jitter: "0s",
            },
        ];
        // Every job is checked before any of them is missed.
        let jobs = jobs.map(|keys| self.job(keys, zone));
        let jobs: Option<Vec<_>> = jobs.into_iter().collect();
        Some(Timetable { jobs: jobs?.into_iter().flatten().collect(), catch_up: catch_up? })
    }

    /// `Some(None)` for a job that is off.
    fn job(&mut self, keys: Keys, zone: Option<Tz>) -> Option<Option<JobSchedule>> {
        let path = format!("schedule.{}", keys.job.code());
        let own = keys.timezone.is_some();
        let own_zone = self.optional(&format!("{path}_timezone"), keys.timezone, |text| timezone(&text));
        let given = keys.jitter.is_some();
        let jitter_path = format!("{path}_jitter");
        let jitter = self.length(&jitter_path, keys.jitter, keys.default_jitter, JITTER);
        if keys.expression.as_deref().is_some_and(|text| text.trim().eq_ignore_ascii_case(OFF)) {
            return Some(None);
        }
        let default = Default(keys.default.to_owned());
        let expression = self.value(&path, keys.expression, default, |text| expression(&text))?;
        let shortest = expression.shortest_gap();
        let jitter = match jitter? {
            jitter if jitter < shortest => jitter,
            _ if given => {
                let what = format!("not shorter than the shortest time between two instants, {}", shown(shortest));
                self.fault(&jitter_path, fault(what, "shorten it, or let the job come more rarely"));
                return None;
            }
            // The default gives way to a schedule that is closer than the one it was made for.
            _ => shortest / 6,
        };
        let timezone = if own { own_zone? } else { zone? };
        Some(Some(JobSchedule { job: keys.job, expression, timezone, jitter }))
    }
}

fn expression(text: &str) -> Result<CronExpression, Fault> {
    CronExpression::parse(text).map_err(|refused| fault(refused.what, refused.remedy))
}
