//! How much memory a process holds, as the kernel counts it.

use std::io;

/// The resident set of this process, in bytes.
///
/// # Errors
///
/// Where there is no `/proc`.
pub fn resident_bytes() -> io::Result<u64> {
    resident_bytes_in(&std::fs::read_to_string("/proc/self/status")?)
}

/// The resident set of another process, in bytes.
///
/// # Errors
///
/// When there is no such process.
pub fn resident_bytes_of(pid: u32) -> io::Result<u64> {
    resident_bytes_in(&std::fs::read_to_string(format!("/proc/{pid}/status"))?)
}

fn resident_bytes_in(status: &str) -> io::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.map(|k| k << 10).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
