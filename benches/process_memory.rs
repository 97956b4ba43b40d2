//! Reads how much memory a process uses, on Linux.

/// Returns the peak of a process's resident memory in bytes. `process` is a process id or `self`.
pub(crate) fn peak(process: &str) -> Option<u64> {
    read_bytes(process, "VmHWM:")
}

/// Returns a process's current resident memory in bytes.
#[allow(dead_code, reason = "the benchmarks only read the peak")]
pub(crate) fn resident(process: &str) -> Option<u64> {
    read_bytes(process, "VmRSS:")
}

fn read_bytes(process: &str, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
