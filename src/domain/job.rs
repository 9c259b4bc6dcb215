//! The jobs of the daemon's schedule, as a closed set.

/// Something that is done at set times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobName {
    /// One audit of all users, and what is due after it.
    Audit,
    /// Reminders and deliveries that are due between two audits.
    Deliver,
    /// The reconnect report.
    Report,
    /// Old rows are dropped.
    Retention,
}

impl JobName {
    /// All jobs, their codes (stored, logged, labels of metrics) and the lease that keeps a job from overlapping itself.
    pub const CODES: [(Self, &'static str, &'static str); 4] = [
        (Self::Audit, "audit", "job.audit"),
        (Self::Deliver, "deliver", "job.deliver"),
        (Self::Report, "report", "job.report"),
        (Self::Retention, "retention", "job.retention"),
    ];

    /// How it is stored, logged and counted.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, ..)| *known == self).map_or("", |(_, code, _)| code)
    }

    /// The job a code names.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::CODES.iter().find(|(_, known, _)| *known == code).map(|(job, ..)| *job)
    }

    /// The name of the lease that whoever does the job holds.
    pub fn lease(self) -> &'static str {
        Self::CODES.iter().find(|(known, ..)| *known == self).map_or("", |(.., lease)| lease)
    }
}

impl std::fmt::Display for JobName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// How far an occurrence, one instant at which a job is due, has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OccurrenceState {
    /// Somebody works on it, or died over it.
    Running,
    /// Done.
    Done,
    /// Given up.
    Failed,
    /// Left out knowingly.
    Skipped,
}

impl OccurrenceState {
    const CODES: [(Self, &'static str); 4] =
        [(Self::Running, "running"), (Self::Done, "done"), (Self::Failed, "failed"), (Self::Skipped, "skipped")];

    /// How it is stored.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, _)| *known == self).map_or("", |(_, code)| code)
    }

    /// The state a code names.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code).map(|(state, _)| *state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_and_every_state_finds_back_from_its_code() {
        for (job, code, lease) in JobName::CODES {
            assert_eq!((job.code(), job.lease(), JobName::from_code(code)), (code, lease, Some(job)));
        }
        for (state, code) in OccurrenceState::CODES {
            assert_eq!((state.code(), OccurrenceState::from_code(code)), (code, Some(state)));
        }
        assert_eq!((JobName::from_code("audits"), OccurrenceState::from_code("")), (None, None));
    }
}
