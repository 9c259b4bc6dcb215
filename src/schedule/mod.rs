//! When each job is due, and the right to do it once.
//!
//! Turns a schedule, the clock and what the state database knows of the past into a [`Turn`]: an occurrence that is
//! ours to do, somebody else's to wait for, or the instant to wake at. Guarantees: an instant is taken on once by one of
//! any number of processes, a job never overlaps itself, and of what was missed the newest is done once where it is not
//! older than `catch_up`. A crash leaves a `running` row and a lease that lapses; the next look takes it on again.
//!
//! The scheduler crate behind [`crate::ports::Alarm`] decides none of this; it wakes us, and a look that comes too early
//! or too late finds the same answer. Its known faults are kept out by these tests:
//!
//! | Fault | Test |
//! |---|---|
//! | jobs with a zone an hour off after a clock change (issue 107) | `schedule::days::nine_o_clock_stays_nine_o_clock_through_both_changes` |
//! | an hour of `*/5` lost when clocks go back (croner 3) | `cron_tests.rs::every_five_minutes_has_48_slots_over_the_hour_that_comes_twice` |
//! | jobs that stop for ever after a delay (pull request 114) | `schedule::days::a_process_that_was_stopped_for_hours_goes_on` |
//! | no guard against overlap | `schedule::days::a_run_that_takes_longer_than_its_interval_never_overlaps_itself` |
//! | no catching up | `schedule::days::what_was_missed_while_down_happens_once_at_start` |

mod claim;
mod cron;
mod fields;
mod settling;
mod slots;
mod timetable;

pub use claim::{Claims, Turn};
pub use cron::{CronExpression, CronFault};
pub use slots::{Look, MOST_COUNTED, Past, look};
pub use timetable::{JobSchedule, Timetable};
