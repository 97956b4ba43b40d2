//! How much memory a process has, and has had.

/// The high water mark of a process's resident memory in bytes, as Linux tells
/// it; the process is a number or `self`.
pub(crate) fn peak(process: &str) -> Option<u64> {
    read_bytes(process, "VmHWM:")
}

/// The same of what it has now.
#[allow(dead_code, reason = "the benchmarks only ask for the most")]
pub(crate) fn resident(process: &str) -> Option<u64> {
    read_bytes(process, "VmRSS:")
}

fn read_bytes(process: &str, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
