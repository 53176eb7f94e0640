//! The text format of Prometheus, version 0.0.4. What there is to show is not known here.

use std::fmt::{Display, Write};

use crate::meter::Snapshot;

/// The media type of the format.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a value means.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// A name and a value.
pub type Label<'a> = (&'a str, &'a str);

/// The text as it grows.
#[derive(Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a metric; its samples follow.
    pub fn metric(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One value.
    pub fn sample(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        self.text.push_str(name);
        self.labels(labels);
        let _ = writeln!(self.text, " {value}");
    }

    /// A metric with one value.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The samples of a histogram, whose values are divided by the scale.
    pub fn histogram(
        &mut self,
        name: &str,
        labels: &[Label<'_>],
        counted: &Snapshot,
        scale: Scale,
    ) {
        let bucket = format!("{name}_bucket");
        let mut below = |bound: &str, count: u64| {
            let mut labels = labels.to_vec();
            labels.push(("le", bound));
            self.sample(&bucket, &labels, count);
        };
        for (bound, count) in &counted.buckets {
            below(&scale.of(*bound), *count);
        }
        below("+Inf", counted.count);
        self.sample(&format!("{name}_sum"), labels, scale.of(counted.sum));
        self.sample(&format!("{name}_count"), labels, counted.count);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }

    fn labels(&mut self, labels: &[Label<'_>]) {
        if labels.is_empty() {
            return;
        }
        for (index, (name, value)) in labels.iter().enumerate() {
            let begin = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{begin}{name}=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    _ => self.text.push(character),
                }
            }
            self.text.push('"');
        }
        self.text.push('}');
    }
}

/// What is counted in, beside what is shown.
#[derive(Debug, Clone, Copy)]
pub enum Scale {
    /// As it is.
    One,
    /// Microseconds, shown as seconds.
    Micros,
}

impl Scale {
    /// A value as it is shown.
    pub fn of(self, value: u64) -> String {
        match self {
            Self::One => value.to_string(),
            Self::Micros => {
                let text = format!("{}.{:06}", value / 1_000_000, value % 1_000_000);
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Histogram;

    #[test]
    fn labels_are_escaped_and_histograms_cumulate() {
        let histogram = Histogram::new(&[500, 1_000_000]);
        histogram.note(400);
        histogram.note(2_500_000);
        let mut text = Exposition::default();
        text.single("a_total", Kind::Counter, "Of a.", 3);
        text.metric("b_seconds", Kind::Histogram, "Of b.");
        let labels = [("x", "a\"b\\c\nd")];
        text.histogram("b_seconds", &labels, &histogram.snapshot(), Scale::Micros);
        let expected = r#"# HELP a_total Of a.
# TYPE a_total counter
a_total 3
# HELP b_seconds Of b.
# TYPE b_seconds histogram
b_seconds_bucket{x="a\"b\\c\nd",le="0.0005"} 1
b_seconds_bucket{x="a\"b\\c\nd",le="1"} 1
b_seconds_bucket{x="a\"b\\c\nd",le="+Inf"} 2
b_seconds_sum{x="a\"b\\c\nd"} 2.5004
b_seconds_count{x="a\"b\\c\nd"} 2
"#;
        assert_eq!(text.into_text(), expected);
    }
}
