//! What `/proc` knows of a process and its descendants: CPU time and memory. Linux only; elsewhere it knows
//! nothing.

use std::fs;

/// How many ticks of CPU time are a second, on every Linux that Rust runs on (`USER_HZ`).
const TICKS_A_SECOND: u64 = 100;

/// A process, by its id.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// CPU time of it, its descendants, and those that have ended, in microseconds.
    pub fn cpu_micros(self) -> Option<u64> {
        let everyone: Vec<Stat> = fs::read_dir("/proc")
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(Stat::of)
            .collect();
        let mut family = vec![self.0];
        let mut ticks = 0;
        let mut next = 0;
        while let Some(&id) = family.get(next) {
            next += 1;
            for stat in &everyone {
                if stat.id == id {
                    ticks += stat.ticks;
                } else if stat.parent == id {
                    family.push(stat.id);
                }
            }
        }
        Some(ticks * (1_000_000 / TICKS_A_SECOND))
    }

    /// Memory of the process alone that is in use now, in KiB.
    pub fn resident_kib(self) -> Option<u64> {
        fs::read_to_string(format!("/proc/{}/status", self.0))
            .ok()?
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    }

    /// Files and connections that the process alone has open.
    pub fn descriptors(self) -> Option<usize> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.0)).ok()?;
        Some(open.count())
    }
}

/// A line of `/proc/*/stat`.
struct Stat {
    id: u32,
    parent: u32,
    /// Of the process, and of its children that have been waited for.
    ticks: u64,
}

impl Stat {
    fn of(id: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name stands in parentheses, and may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            id,
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        })
    }
}
