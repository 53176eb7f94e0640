//! A simulation, without a database: what the promise that revocation is immediate would be worth if
//! credentials were checked where answers may be old. `docs/scale.md` quotes what it prints; the same numbers
//! come out each time.
//!
//! A credential is revoked at the primary. From the instant that this is answered, somebody goes on using it
//! against nodes chosen at random, each of which checks it where the row of the table says.

use std::time::Duration;

/// How many credentials are revoked.
const REVOCATIONS: usize = 2_000;
/// For how long each is tried afterwards.
const WATCHED: Duration = Duration::from_secs(60);
/// How often, on average.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// How many replicas there are, each with nodes of its own.
const REPLICAS: usize = 3;
/// How long an answer is remembered by whoever remembers it.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How far behind replicas are.
#[derive(Clone, Copy)]
enum Lag {
    /// A network within one place, and nothing to do: a few milliseconds.
    Quiet,
    /// Load: some tens of milliseconds, seldom a second.
    Busy,
    /// The same, but one replica in a hundred stands still for half a minute: a long query, a full disk, a
    /// network that is cut.
    Stalls,
}

/// Where a credential is checked, and what the revocation waits for before it is answered.
#[derive(Clone, Copy)]
enum Check {
    Primary,
    Replica,
    /// One replica of them has applied the revocation.
    ReplicaOfQuorum,
    /// Every replica has applied the revocation.
    ReplicaOfAll,
    /// The primary, whose answer is remembered.
    Remembered,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    tries: u64,
    accepted: u64,
    /// After how long a try was still accepted, at most.
    longest: f64,
    /// What the revocation waited for, in seconds.
    waits: Vec<f64>,
}

/// Numbers that look random and are the same each time (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default();
        (f64::from(bits) + 0.5) / (f64::from(u32::MAX) + 1.0)
    }

    /// With this mean.
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.next().ln()
    }
}

impl Lag {
    /// After how many seconds a replica has applied what is committed now.
    fn sample(self, chance: &mut Chance) -> f64 {
        match self {
            Self::Quiet => 0.001 + chance.exponential(0.003),
            Self::Busy => 0.005 + chance.exponential(0.05) * (1.0 + chance.exponential(1.0)),
            Self::Stalls if chance.next() < 0.01 => 30.0,
            Self::Stalls => Self::Busy.sample(chance),
        }
    }
}

impl Check {
    /// How long the revocation waits for replicas that apply it after so long.
    fn wait(self, applied: &[f64; REPLICAS]) -> f64 {
        let first = applied.iter().copied().fold(f64::INFINITY, f64::min);
        let last = applied.iter().copied().fold(0.0, f64::max);
        match self {
            Self::Primary | Self::Replica | Self::Remembered => 0.0,
            Self::ReplicaOfQuorum => first,
            Self::ReplicaOfAll => last,
        }
    }
}

fn simulate(check: Check, lag: Lag) -> Outcome {
    let mut chance = Chance(1);
    let mut outcome = Outcome::default();
    for _ in 0..REVOCATIONS {
        let applied: [f64; REPLICAS] = std::array::from_fn(|_| lag.sample(&mut chance));
        let answered = check.wait(&applied);
        outcome.waits.push(answered);
        // A node remembers its last answer from some instant before the revocation.
        let forgets: [f64; REPLICAS] =
            std::array::from_fn(|_| REMEMBERED.as_secs_f64() * chance.next());
        let mut after = 0.0;
        loop {
            after += chance.exponential(BETWEEN_TRIES.as_secs_f64());
            if after > WATCHED.as_secs_f64() {
                break;
            }
            let place = chance.next();
            let ends = match check {
                Check::Primary => 0.0,
                Check::Remembered => at(&forgets, place),
                Check::Replica | Check::ReplicaOfQuorum | Check::ReplicaOfAll => {
                    at(&applied, place) - answered
                }
            };
            outcome.tries += 1;
            if after < ends {
                outcome.accepted += 1;
                outcome.longest = outcome.longest.max(after);
            }
        }
    }
    outcome.waits.sort_by(f64::total_cmp);
    outcome
}

/// The one of three that a number between 0 and 1 chooses.
fn at([first, second, third]: &[f64; REPLICAS], place: f64) -> f64 {
    if place < 1.0 / 3.0 {
        *first
    } else if place < 2.0 / 3.0 {
        *second
    } else {
        *third
    }
}

fn main() {
    let checks = [
        ("the primary (what Portcullis does)", Check::Primary),
        ("a replica", Check::Replica),
        (
            "a replica; one of three has applied it",
            Check::ReplicaOfQuorum,
        ),
        ("a replica; all three have applied it", Check::ReplicaOfAll),
        ("the primary, remembered for a minute", Check::Remembered),
    ];
    let lags = [
        ("quiet", Lag::Quiet),
        ("busy", Lag::Busy),
        ("stalls", Lag::Stalls),
    ];
    println!(
        "| where a credential is checked | replicas | accepted after the answer, of a million | latest, after | \
         the answer waits, median | 99 of 100 |\n|---|---|---|---|---|---|"
    );
    for (name, check) in checks {
        for (replicas, lag) in lags {
            let outcome = simulate(check, lag);
            let per_million = outcome.accepted * 1_000_000 / outcome.tries.max(1);
            let wait = |share: usize| {
                let place = outcome.waits.len() * share / 100;
                outcome.waits.get(place).copied().unwrap_or_default() * 1_000.0
            };
            println!(
                "| {name} | {replicas} | {per_million} | {:.2} s | {:.0} ms | {:.0} ms |",
                outcome.longest,
                wait(50),
                wait(99),
            );
        }
    }
}
