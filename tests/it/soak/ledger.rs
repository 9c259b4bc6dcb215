//! The account that is drawn up at the end: every instant against its row, every row against what was done.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use reconnectd::domain::{JobName, OccurrenceState, Timestamp};
use reconnectd::schedule::{JobSchedule, Timetable};
use reconnectd::store::{OccurrenceRow, Store};

use super::watch::Entry;

/// One job's part of the account.
struct Account<'a> {
    schedule: &'a JobSchedule,
    rows: BTreeMap<Timestamp, OccurrenceRow>,
    journal: &'a [Entry],
}

/// Whether all is explained; says what was found.
pub async fn draw_up(
    store: &Store,
    timetable: &Timetable,
    (start, end): (Timestamp, Timestamp),
    journal: &[Entry],
) -> String {
    let mut said = Vec::new();
    for schedule in &timetable.jobs {
        let mut work = store.begin_read().await.unwrap();
        let rows = work.occurrences(schedule.job, end + TimeDelta::days(4000), 1_000_000).await.unwrap();
        work.roll_back();
        let rows = rows.into_iter().map(|row| (row.scheduled_at, row)).collect();
        let account = Account { schedule, rows, journal };
        account.every_row_is_an_instant_and_says_why();
        let passed_over = account.what_has_no_row_was_passed_over(start, end);
        account.nothing_is_done_twice();
        let count = |state| account.rows.values().filter(|row| row.state == state).count();
        let done = count(OccurrenceState::Done);
        said.push(format!(
            "{}: {done} done, {} failed, {} skipped, {passed_over} passed over",
            schedule.job,
            count(OccurrenceState::Failed),
            count(OccurrenceState::Skipped)
        ));
        assert!(done * 5 >= account.rows.len(), "little was done; {}", said.join("; "));
    }
    said.join("; ")
}

impl Account<'_> {
    /// Instants without a row lie right before one with a row, and the log counted them when that was taken on. A process
    /// that died then, or whose database did, did not come to say it: the row was taken on again.
    fn what_has_no_row_was_passed_over(&self, start: Timestamp, end: Timestamp) -> u64 {
        let job = self.schedule.job;
        let mut without: Vec<Timestamp> = Vec::new();
        let mut passed_over = 0;
        for instant in self.schedule.after(start).take_while(|at| *at <= end) {
            let Some(row) = self.rows.get(&instant) else {
                without.push(instant);
                continue;
            };
            // Its own row says the same of one that was missed by too much.
            let own = row.detail.as_ref().is_some_and(|detail| detail.starts_with("missed by more than catch_up"));
            let counted = self.counted(instant).saturating_sub(u64::from(own));
            let missing = without.len() as u64;
            let unsaid = row.attempts > 1 || row.detail.as_ref().is_some_and(|detail| detail.contains("passed over"));
            assert!(
                counted >= missing || unsaid,
                "{job}: {without:?} have no row, and {counted} were passed over by {row:?}"
            );
            assert!(
                counted <= missing || self.was_set_back(),
                "{job}: {counted} passed over, {without:?} are without, {row:?}"
            );
            passed_over += missing;
            without.clear();
        }
        // What came while it stopped, and what waited for its jitter.
        let oldest = end - TimeDelta::from_std(self.schedule.jitter).unwrap() - TimeDelta::hours(2);
        assert!(without.first().is_none_or(|at| *at >= oldest), "{job}: nobody came for {without:?} by {end}");
        passed_over
    }

    fn counted(&self, instant: Timestamp) -> u64 {
        let counts = self.journal.iter().filter_map(|entry| match entry {
            Entry::PassedOver { job, at, count } if (*job, *at) == (self.schedule.job, instant) => Some(*count),
            _ => None,
        });
        counts.sum()
    }

    /// Whether the run the row names was begun for it.
    fn was_called(&self, row: &OccurrenceRow) -> bool {
        self.journal.iter().any(|entry| {
            matches!(entry, Entry::Called { job, at, run }
                if *job == row.job && *at == row.scheduled_at && Some(run) == row.run.as_ref())
        })
    }

    fn was_set_back(&self) -> bool {
        self.journal.iter().any(|entry| matches!(entry, Entry::SetBack))
    }

    fn every_row_is_an_instant_and_says_why(&self) {
        let last_called = self.journal.iter().rev().find_map(|entry| match entry {
            Entry::Called { job, at, .. } if *job == self.schedule.job => Some(*at),
            _ => None,
        });
        for row in self.rows.values() {
            let instant = self.schedule.next_after(row.scheduled_at - TimeDelta::seconds(1));
            assert_eq!(instant, Some(row.scheduled_at), "no instant: {row:?}");
            // What was at work at the end was given back: what the last process took on last.
            let given_back = row.state == OccurrenceState::Running && Some(row.scheduled_at) == last_called;
            assert!(row.state != OccurrenceState::Running || given_back, "{row:?}");
            let silent = row.detail.is_none() && row.state != OccurrenceState::Done && !given_back;
            assert!(!silent, "nobody says why: {row:?}");
            assert!(row.claimed_at >= row.scheduled_at, "begun too early: {row:?}");
        }
    }

    /// Exactly once where no process ended over it; where one did, once per time it was taken on at most.
    fn nothing_is_done_twice(&self) {
        let (mut times, mut lately) = (BTreeMap::<Timestamp, u32>::new(), BTreeSet::new());
        for entry in self.journal {
            match entry {
                Entry::Ended => lately.clear(),
                Entry::Done { job, at } if *job == self.schedule.job => {
                    *times.entry(*at).or_default() += 1;
                    assert!(lately.insert(*at), "{job} of {at} was done twice by one process");
                }
                _ => {}
            }
        }
        for row in self.rows.values() {
            let times = times.remove(&row.scheduled_at).unwrap_or(0);
            match (row.state, row.attempts) {
                (OccurrenceState::Done, 1) => assert_eq!(times, 1, "{row:?}"),
                // A process that died after its run had come to its end and before it could say so here: who took it on
                // afterwards found it done. That the run did, `runs_belong_to_occurrences` sees.
                (OccurrenceState::Done, attempts) if times == 0 => {
                    assert!(attempts > 1 && self.was_called(row), "done by nobody: {row:?}");
                }
                // A process that died between its work and its word is the one way to have done what is given up.
                (OccurrenceState::Skipped, _) => assert_eq!(times, 0, "left out, and done: {row:?}"),
                (_, attempts) => assert!(times <= attempts, "{times} times: {row:?}"),
            }
        }
        assert!(times.is_empty(), "done without a row: {times:?}");
    }
}

/// Every run that came to its end and learned of anybody is an audit that was due then, and no occurrence has more of them
/// than processes came to it.
pub fn runs_belong_to_occurrences(finished: &[String], audits: &[OccurrenceRow], journal: &[Entry]) {
    let mut runs: BTreeMap<Timestamp, u32> = BTreeMap::new();
    for finished in finished {
        let at = journal.iter().find_map(|entry| match entry {
            Entry::Called { job: JobName::Audit, at, run } if run.as_str() == finished => Some(*at),
            _ => None,
        });
        *runs.entry(at.unwrap_or_else(|| panic!("nobody called run {finished}"))).or_default() += 1;
    }
    for row in audits.iter().filter(|row| row.state == OccurrenceState::Done) {
        let run = row.run.as_ref().map(ToString::to_string);
        assert!(run.is_some_and(|run| finished.contains(&run)), "done by a run that did not come to its end: {row:?}");
    }
    for (at, count) in runs {
        let row = audits.iter().find(|row| row.scheduled_at == at);
        let row = row.unwrap_or_else(|| panic!("{count} runs for {at}, which has no row"));
        assert!(count <= row.attempts, "{count} runs came to their end for {row:?}");
    }
}
