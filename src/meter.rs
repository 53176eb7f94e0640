//! Counting without locks: how often something took how long, or was how large. What is counted, and under which
//! name it is shown, is not known here.

use std::sync::atomic::{AtomicU64, Ordering};

/// Microseconds that a request or a commit usually takes, and some that it should not.
pub const MICROS: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// How many values were at most as large as each of some bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// For each bound how many values were not above it.
    pub buckets: Vec<(u64, u64)>,
    /// How many there were.
    pub count: u64,
    /// Of all values.
    pub sum: u64,
}

impl Histogram {
    /// With these bounds, which ascend.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub fn note(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut count = 0;
        let mut totals = self.counts.iter().map(|one| {
            count += one.load(Ordering::Relaxed);
            count
        });
        let buckets = self.bounds.iter().copied().zip(totals.by_ref()).collect();
        let all = totals.last();
        Snapshot {
            buckets,
            count: all.unwrap_or_default(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_at_each_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[10, 20, 30]);
        for value in [1, 10, 11, 30, 31, 1_000] {
            histogram.note(value);
        }
        let expected = Snapshot {
            buckets: vec![(10, 2), (20, 3), (30, 4)],
            count: 6,
            sum: 1_083,
        };
        assert_eq!(histogram.snapshot(), expected);
    }
}
