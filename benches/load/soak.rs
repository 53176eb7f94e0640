//! The mixed load at a steady rate for a long time, and far more of it than can be served: a sample each few
//! seconds, as a line of JSON.
//!
//! At a steady rate each request has its time, and its latency counts from then: a server that stands still for a
//! second is seen in all that should have been asked in that second.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::LoadError;
use crate::credentials::Authority;
use crate::http::{Connection, Endpoint, Request};
use crate::measure::{Bench, quantile};
use crate::mixed::{Answered, Count, Counts, Mixed};

/// Threads that send at a steady rate: enough that none of them is waited for.
const SENDERS: usize = 24;
/// Clients that ask as fast as they are answered, to see how much that is.
const SATURATING: usize = 32;
/// What a thread of a client needs, of which there are thousands.
const STACK: usize = 192 * 1024;
/// How often health is asked for.
const PROBES: Duration = Duration::from_millis(200);

/// How the load is.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// So many requests a second.
    Steady(f64),
    /// So many clients, each of which asks again as soon as it is answered.
    Clients(usize),
}

/// What is run: the load, whom it is about, and how often it is sampled.
pub struct Run<'a> {
    pub bench: &'a Bench,
    pub authority: &'a Authority<'a>,
    pub mixed: &'a Mixed<'a>,
    /// Between samples.
    pub every: Duration,
}

impl Run<'_> {
    /// So many requests a second, for so long.
    ///
    /// # Errors
    /// Where results cannot be written, or a token was accepted whose owner had left.
    pub fn soak(&self, rate: f64, duration: Duration) -> Result<(), LoadError> {
        let next = AtomicU64::new(0);
        let totals = self.phase("soak", Shape::Steady(rate), duration, &next, Instant::now())?;
        for (name, count) in totals {
            let mut line = figures(&count);
            line.insert("kind".to_owned(), json!(name));
            self.line("soak: total", line)?;
        }
        self.nobody_survived()
    }

    /// A steady rate; then so many clients at once; then the steady rate again. Each for so long.
    ///
    /// # Errors
    /// As [`Run::soak`].
    pub fn overload(&self, rate: f64, clients: usize, duration: Duration) -> Result<(), LoadError> {
        let next = AtomicU64::new(0);
        let started = Instant::now();
        let brief = duration.min(Duration::from_secs(20));
        for (name, shape, duration) in [
            ("before", Shape::Steady(rate), brief),
            ("saturated", Shape::Clients(SATURATING), brief),
            ("settling", Shape::Steady(rate), brief / 4),
            ("overload", Shape::Clients(clients), duration),
            ("after", Shape::Steady(rate), duration.max(brief)),
        ] {
            let began = started.elapsed();
            let totals = self.phase(name, shape, duration, &next, started)?;
            let mut all = Count::default();
            for count in totals.into_values() {
                add(&mut all, count);
            }
            let mut line = figures(&all);
            line.insert("phase".to_owned(), json!(name));
            line.insert("began".to_owned(), json!(began.as_secs_f64()));
            line.insert(
                "seconds".to_owned(),
                json!(started.elapsed().saturating_sub(began).as_secs_f64()),
            );
            self.line("overload: phase", line)?;
        }
        self.nobody_survived()
    }

    fn nobody_survived(&self) -> Result<(), LoadError> {
        let survived = self
            .mixed
            .survived
            .lock()
            .map_err(|_| LoadError::Poisoned)?;
        match survived.first() {
            None => Ok(()),
            Some(answer) => Err(LoadError::Survived(answer.clone())),
        }
    }

    /// Runs one load and samples it; gives the totals.
    fn phase(
        &self,
        name: &str,
        shape: Shape,
        duration: Duration,
        next: &AtomicU64,
        origin: Instant,
    ) -> Result<BTreeMap<&'static str, Count>, LoadError> {
        let (counts, health) = (Counts::default(), Counts::default());
        let is_over = AtomicBool::new(false);
        let began = Instant::now();
        let outbox = Mutex::new(None);
        let mut totals = BTreeMap::new();
        let (counts, health, is_over, outbox) = (&counts, &health, &is_over, &outbox);
        let sample = |totals: &mut BTreeMap<_, _>, began: Instant| {
            let sampled = counts.take();
            let watched = (&health.take(), outbox.lock().ok().and_then(|age| *age));
            self.sample(name, (began, origin), &sampled, watched)?;
            merge(totals, sampled);
            Ok::<(), LoadError>(())
        };
        let last = thread::scope(|threads| {
            let first = next.load(Ordering::Relaxed);
            let clients = match shape {
                Shape::Steady(_) => SENDERS,
                Shape::Clients(clients) => clients,
            };
            let send = move || match shape {
                Shape::Steady(rate) => {
                    self.send_steadily(rate, first, next, counts, (began, duration));
                }
                Shape::Clients(_) => self.send_at_once(next, counts, (began, duration)),
            };
            for _ in 0..clients {
                let client = thread::Builder::new().stack_size(STACK);
                client.spawn_scoped(threads, send)?;
            }
            for path in ["/healthz", "/readyz"] {
                threads.spawn(move || self.probe(path, health, is_over));
            }
            // Whoever samples must not wait for a server that is slow to answer.
            threads.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let found = outbox_age(&self.authority.endpoint);
                    if let Ok(mut age) = outbox.lock() {
                        *age = found;
                    }
                    thread::sleep(PROBES);
                }
            });
            let mut last = began;
            while began.elapsed() < duration {
                thread::sleep(self.every.min(duration.saturating_sub(began.elapsed())));
                sample(&mut totals, last)?;
                last = Instant::now();
            }
            is_over.store(true, Ordering::Relaxed);
            Ok::<Instant, LoadError>(last)
        })?;
        // What was still on its way when the time was over.
        sample(&mut totals, last)?;
        Ok(totals)
    }

    fn send_steadily(
        &self,
        rate: f64,
        first: u64,
        next: &AtomicU64,
        counts: &Counts,
        (began, duration): (Instant, Duration),
    ) {
        let mut connection = Connection::new(&self.authority.endpoint);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let order = u32::try_from(number - first).unwrap_or(u32::MAX);
            let due = Duration::from_secs_f64(f64::from(order) / rate);
            if due >= duration {
                return;
            }
            thread::sleep(due.saturating_sub(began.elapsed()));
            // What it was late by counts for the first answer, and only for that.
            let mut late = began.elapsed().saturating_sub(due);
            self.mixed
                .ask(&mut connection, number, &mut |outcome, taken| {
                    counts.add(outcome, taken + std::mem::take(&mut late));
                });
        }
    }

    fn send_at_once(
        &self,
        next: &AtomicU64,
        counts: &Counts,
        (began, duration): (Instant, Duration),
    ) {
        let mut connection = Connection::new(&self.authority.endpoint);
        while began.elapsed() < duration {
            let number = next.fetch_add(1, Ordering::Relaxed);
            self.mixed
                .ask(&mut connection, number, &mut |outcome, taken| {
                    counts.add(outcome, taken);
                });
        }
    }

    /// Asks for health as an orchestrator does, on a connection of its own each time.
    fn probe(&self, path: &'static str, health: &Counts, is_over: &AtomicBool) {
        let request = Request {
            method: "GET",
            path: path.to_owned(),
            ..Request::default()
        };
        while !is_over.load(Ordering::Relaxed) {
            let started = Instant::now();
            let outcome = match Connection::new(&self.authority.endpoint).send(&request) {
                Ok(answer) if answer.status == 200 => Ok(Answered::Served),
                Ok(answer) => Err(format!("{} {}", answer.status, answer.text())),
                Err(error) => Err(format!("{error:?}")),
            };
            health.add((path, outcome), started.elapsed());
            thread::sleep(PROBES.saturating_sub(started.elapsed()));
        }
    }

    fn sample(
        &self,
        phase: &str,
        (began, origin): (Instant, Instant),
        counts: &BTreeMap<&'static str, Count>,
        (health, outbox): (&BTreeMap<&'static str, Count>, Option<f64>),
    ) -> Result<(), LoadError> {
        let by_name = |counts: &BTreeMap<&'static str, Count>| -> Map<String, Value> {
            let named = counts.iter();
            named
                .map(|(name, count)| ((*name).to_owned(), Value::Object(figures(count))))
                .collect()
        };
        let mut all = Count::default();
        for count in counts.values() {
            all.latencies.extend(&count.latencies);
            all.shed += count.shed;
            all.untold += count.untold;
            all.failures += count.failures;
            all.failure = count.failure.clone().or(all.failure);
        }
        let mut line = figures(&all);
        line.insert("phase".to_owned(), json!(phase));
        let (at, seconds) = (origin.elapsed(), began.elapsed());
        line.insert("at".to_owned(), json!(at.as_secs_f64()));
        line.insert("seconds".to_owned(), json!(seconds.as_secs_f64()));
        line.insert("kinds".to_owned(), Value::Object(by_name(counts)));
        line.insert("health".to_owned(), Value::Object(by_name(health)));
        let server = self.bench.server;
        line.insert(
            "resident_kib".to_owned(),
            json!(server.and_then(crate::process::Process::resident_kib)),
        );
        line.insert(
            "descriptors".to_owned(),
            json!(server.and_then(crate::process::Process::descriptors)),
        );
        line.insert("outbox_seconds".to_owned(), json!(outbox));
        self.line("sample", line)
    }

    fn line(&self, name: &str, figures: Map<String, Value>) -> Result<(), LoadError> {
        if let Some(failure) = figures.get("failure") {
            println!("{name}: {failure}");
        }
        self.bench.write_line(name, figures)
    }
}

/// The age of the oldest notice that is still to be delivered, in seconds.
fn outbox_age(endpoint: &Endpoint) -> Option<f64> {
    let request = Request {
        method: "GET",
        path: "/metrics".to_owned(),
        ..Request::default()
    };
    let answer = Connection::new(endpoint).send(&request).ok()?;
    let text = answer.text();
    let mut lines = text.lines();
    lines
        .find_map(|line| line.strip_prefix("portcullis_outbox_oldest_age_seconds "))?
        .trim()
        .parse()
        .ok()
}

fn merge(totals: &mut BTreeMap<&'static str, Count>, sampled: BTreeMap<&'static str, Count>) {
    for (name, count) in sampled {
        add(totals.entry(name).or_default(), count);
    }
}

fn add(total: &mut Count, count: Count) {
    total.latencies.extend(count.latencies);
    total.shed += count.shed;
    total.untold += count.untold;
    total.failures += count.failures;
    total.failure = count.failure.or(total.failure.take());
}

fn figures(count: &Count) -> Map<String, Value> {
    let mut figures = Map::new();
    let mut put = |name: &str, value: Value| {
        figures.insert(name.to_owned(), value);
    };
    put("served", json!(count.latencies.len()));
    for percent in [50, 99, 100] {
        put(
            &format!("p{percent}_us"),
            json!(quantile(&count.latencies, percent)),
        );
    }
    put("shed", json!(count.shed));
    put("untold", json!(count.untold));
    put("failures", json!(count.failures));
    if let Some(failure) = &count.failure {
        put("failure", json!(failure));
    }
    figures
}

/// How many files this process may have open: a client is a connection each.
pub fn descriptors_allowed() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
