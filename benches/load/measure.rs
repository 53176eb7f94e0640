//! A closed loop: clients that each send a request, wait for the answer and send the next; every latency is
//! kept. Writes what was measured as lines of JSON. Knows nothing of what is asked.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::LoadError;
use crate::http::{Answer, Connection, Endpoint, Request};
use crate::process::Process;

/// The part of the time that reads run for before they are measured.
const WARM_UP: f64 = 8.0;

/// What is measured, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The name in the results.
    pub name: &'static str,
    /// How many clients ask at once.
    pub clients: u64,
    /// For how long, in seconds.
    pub seconds: f64,
    /// After how many requests at the latest.
    pub at_most: u64,
    /// Whether it may run for a moment before it is measured, because it changes nothing.
    pub warms_up: bool,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Measurement {
    latencies: Vec<Duration>,
    first_bytes: Vec<Duration>,
    bytes: usize,
    failures: u64,
    /// An answer that was not expected.
    failure: Option<String>,
    elapsed: Duration,
    server_cpu: Option<u64>,
    database_cpu: Option<u64>,
    resident: Option<u64>,
}

/// Numbers that look random (xorshift64*).
pub struct Chance(u64);

impl Chance {
    /// With a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One below this bound, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
    }
}

/// Where loops run, and where results go.
pub struct Bench {
    /// The server's process.
    pub server: Option<Process>,
    /// That of the database, where it has one of its own.
    pub database: Option<Process>,
    /// What every line of the results says.
    pub labels: Map<String, Value>,
    /// The results.
    pub output: Mutex<File>,
}

impl Bench {
    /// Runs a loop and writes a line. `request` gets the number of the request, which it alone has.
    ///
    /// # Errors
    /// Where the results cannot be written. Answers that are not expected are counted.
    pub fn run(
        &self,
        endpoint: &Endpoint,
        plan: &Plan,
        request: impl Fn(u64, &mut Chance) -> Request + Sync,
        expected: impl Fn(&Answer) -> bool + Sync,
    ) -> Result<Measurement, LoadError> {
        if plan.warms_up {
            let warm_up = Plan {
                seconds: plan.seconds / WARM_UP,
                ..*plan
            };
            drive(endpoint, &warm_up, &request, &expected);
        }
        let cpu = |process: Option<Process>| process.and_then(Process::cpu_micros);
        let before = (cpu(self.server), cpu(self.database));
        let mut measurement = drive(endpoint, plan, &request, &expected);
        let spent = |before: Option<u64>, process| Some(cpu(process)?.saturating_sub(before?));
        measurement.server_cpu = spent(before.0, self.server);
        measurement.database_cpu = spent(before.1, self.database);
        measurement.resident = self.server.and_then(Process::resident_kib);
        self.write(plan.name, plan.clients, &measurement, Map::new())?;
        Ok(measurement)
    }

    /// Writes a line of these figures alone.
    ///
    /// # Errors
    /// Where that fails.
    pub fn write_line(&self, name: &str, figures: Map<String, Value>) -> Result<(), LoadError> {
        let mut line = self.labels.clone();
        line.insert("name".to_owned(), json!(name));
        line.extend(figures);
        let mut output = self.output.lock().map_err(|_| LoadError::Poisoned)?;
        writeln!(output, "{}", Value::Object(line))?;
        Ok(())
    }

    /// Writes a line, with whatever else there is to say.
    ///
    /// # Errors
    /// Where that fails.
    pub fn write(
        &self,
        name: &str,
        clients: u64,
        measurement: &Measurement,
        more: Map<String, Value>,
    ) -> Result<(), LoadError> {
        let mut line = self.labels.clone();
        line.insert("name".to_owned(), json!(name));
        line.insert("clients".to_owned(), json!(clients));
        line.extend(measurement.figures());
        line.extend(more);
        let line = Value::Object(line);
        println!("{}", told(&line));
        let mut output = self.output.lock().map_err(|_| LoadError::Poisoned)?;
        writeln!(output, "{line}")?;
        Ok(())
    }
}

/// For whoever watches.
fn told(line: &Value) -> String {
    let figure = |name: &str| line.get(name).map_or_else(String::new, Value::to_string);
    let failures = line.get("failure").map_or_else(String::new, |failure| {
        format!("  {} failures: {failure}", figure("failures"))
    });
    format!(
        "{:<34} {:>9}/s  p50 {:>8} µs  p99 {:>8} µs  server {:>8} µs{failures}",
        line.get("name").and_then(Value::as_str).unwrap_or_default(),
        figure("per_second"),
        figure("p50_us"),
        figure("p99_us"),
        figure("server_cpu_us"),
    )
}

impl Measurement {
    /// Of latencies that were taken one by one.
    pub fn of(latencies: Vec<Duration>) -> Self {
        Self {
            elapsed: latencies.iter().sum(),
            latencies,
            ..Self::default()
        }
    }

    /// That every request was answered as expected.
    ///
    /// # Errors
    /// Where one was not.
    pub fn without_failures(&self) -> Result<(), LoadError> {
        match &self.failure {
            None => Ok(()),
            Some(failure) => Err(LoadError::Missing(failure.clone())),
        }
    }

    /// How many requests were answered as expected.
    pub fn requests(&self) -> usize {
        self.latencies.len()
    }

    fn figures(&self) -> Map<String, Value> {
        let requests = self.latencies.len();
        let per_request = |total: Option<u64>| {
            let requests = u64::try_from(requests).ok()?;
            total?.checked_div(requests)
        };
        let mut figures = Map::new();
        let mut put = |name: &str, value: Value| {
            figures.insert(name.to_owned(), value);
        };
        put("requests", json!(requests));
        put("seconds", json!(rounded(self.elapsed.as_secs_f64())));
        let count = u32::try_from(requests).unwrap_or(u32::MAX);
        let rate = f64::from(count) / self.elapsed.as_secs_f64().max(f64::EPSILON);
        put("per_second", json!(rounded(rate)));
        put("p50_us", json!(quantile(&self.latencies, 50)));
        put("p99_us", json!(quantile(&self.latencies, 99)));
        put("first_byte_us", json!(quantile(&self.first_bytes, 50)));
        put("bytes", json!(self.bytes.checked_div(requests)));
        put("server_cpu_us", json!(per_request(self.server_cpu)));
        put("database_cpu_us", json!(per_request(self.database_cpu)));
        put("resident_kib", json!(self.resident));
        put("failures", json!(self.failures));
        if let Some(failure) = &self.failure {
            put("failure", json!(failure));
        }
        figures
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.first_bytes.extend(other.first_bytes);
        self.bytes += other.bytes;
        self.failures += other.failures;
        self.failure = self.failure.take().or(other.failure);
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// The latency that so many of a hundred do not exceed, in microseconds.
pub fn quantile(latencies: &[Duration], percent: usize) -> Option<u128> {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(at).map(Duration::as_micros)
}

/// Runs a loop without writing anything.
pub fn drive(
    endpoint: &Endpoint,
    plan: &Plan,
    request: &(impl Fn(u64, &mut Chance) -> Request + Sync),
    expected: &(impl Fn(&Answer) -> bool + Sync),
) -> Measurement {
    let next = AtomicU64::new(0);
    let duration = Duration::from_secs_f64(plan.seconds);
    let started = Instant::now();
    let client = |number: u64| {
        let mut connection = Connection::new(endpoint);
        let mut chance = Chance::new(number + 1);
        let mut found = Measurement::default();
        while started.elapsed() < duration {
            let sequence = next.fetch_add(1, Ordering::Relaxed);
            if sequence >= plan.at_most {
                break;
            }
            match connection.send(&request(sequence, &mut chance)) {
                Ok(answer) if expected(&answer) => {
                    found.latencies.push(answer.whole);
                    found.first_bytes.push(answer.first_byte);
                    found.bytes += answer.body.len();
                }
                Ok(answer) => {
                    let text: String = answer.text().chars().take(300).collect();
                    found.failures += 1;
                    found.failure = Some(format!("{} {text}", answer.status));
                }
                Err(error) => {
                    found.failures += 1;
                    found.failure = Some(format!("{error:?}"));
                }
            }
        }
        found
    };
    let mut all = Measurement::default();
    thread::scope(|threads| {
        let clients: Vec<_> = (0..plan.clients)
            .map(|number| threads.spawn(move || client(number)))
            .collect();
        for found in clients.into_iter().filter_map(|client| client.join().ok()) {
            all.add(found);
        }
    });
    all.elapsed = started.elapsed();
    all
}
