//! The process itself, under the names that Prometheus's own clients use. What the system does not tell is left out.

use std::fs;

use crate::clock::Timestamp;

use super::exposition::{Exposition, Kind};

pub(super) fn expose(text: &mut Exposition, started_at: Timestamp) {
    text.single(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the process has started.",
        started_at.as_millis() / 1_000,
    );
    if let Some(bytes) = resident_bytes() {
        text.single(
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Memory that the process holds.",
            bytes,
        );
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        text.single(
            "process_open_fds",
            Kind::Gauge,
            "Files and connections that are open.",
            files.count(),
        );
    }
}

/// From `VmRSS`, which Linux gives in kibibytes.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1_024)
}
