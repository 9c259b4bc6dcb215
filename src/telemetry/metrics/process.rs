//! What the kernel says of this process, under Prometheus' standard names. Linux only; elsewhere nothing.

use std::fs;

/// The unit of times in `/proc`: `USER_HZ`, 100 on every architecture Rust supports (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: f64 = 100.0;

/// See the module.
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: f64,
    pub(super) open_fds: f64,
    pub(super) started_at_seconds: f64,
}

/// None where `/proc` is not there, or not readable.
pub(super) fn read() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let fds = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1); // Without the one that reads.
    let (user, kernel, started) = times(&stat)?;
    Some(Process {
        cpu_seconds: (user + kernel) / TICKS_PER_SECOND,
        resident_bytes: line(&status, "VmRSS:")? * 1_024.0,
        open_fds: f64::from(u32::try_from(fds).unwrap_or(u32::MAX)),
        started_at_seconds: line(&system, "btime ")? + started / TICKS_PER_SECOND,
    })
}

/// User time, kernel time and start in ticks: fields 14, 15 and 22 of `/proc/self/stat` (proc(5)), of which the second
/// is the program's name in brackets and may hold blanks.
fn times(stat: &str) -> Option<(f64, f64, f64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse().ok();
    Some((field(14)?, field(15)?, field(22)?))
}

/// The first number of the line that begins with `key`.
fn line(text: &str, key: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 4 0 8800 100 200";
        assert_eq!(times(stat), Some((150.0, 50.0, 8_800.0)));
    }

    #[test]
    fn this_process_uses_memory_and_descriptors() {
        let process = read().unwrap();
        assert!(process.resident_bytes > 1e6 && process.open_fds >= 3.0);
        assert!(process.cpu_seconds >= 0.0 && process.started_at_seconds > 1.7e9);
    }
}
