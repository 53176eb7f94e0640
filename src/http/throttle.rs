//! Failed sign-ins are counted, in memory and for each node, and refused beyond a number: by user name and
//! address, and by address alone, so that neither one account nor one guesser gets on.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::policies::rate_limits::Exceeded;

use super::caller::rate_limit_headers;
use super::problem::{Problem, ProblemKind};

/// How long a failure counts.
const WINDOW_SECONDS: i64 = 900;
/// How many user names one address may try as often as it may try one.
const NAMES_PER_ADDRESS: u32 = 10;
/// How many counts are kept at most; beyond it, those that have run out are dropped, or else the oldest half.
const CAPACITY: usize = 20_000;

/// Who wants to sign in, from where.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    by_name: Key,
    by_address: Key,
}

type Key = (Option<String>, Option<IpAddr>);

impl Attempt {
    pub(super) fn new(directory: Option<&str>, user_name: &str, address: Option<IpAddr>) -> Self {
        let address = address.map(network);
        // No name is longer than what is compared of it.
        let name: String = format!("{}\n{user_name}", directory.unwrap_or_default())
            .to_lowercase()
            .chars()
            .take(400)
            .collect();
        Self {
            by_name: (Some(name), address),
            by_address: (None, address),
        }
    }

    /// A password of somebody who is signed in: whoever has their session shall not guess it, from wherever.
    pub(super) fn of_confirmation(person: &str, address: Option<IpAddr>) -> Self {
        Self {
            by_name: (Some(format!("confirmation\n{person}")), None),
            by_address: (None, address.map(network)),
        }
    }

    /// A code of a person's second factor: whoever has come so far knows the password, and six digits are few,
    /// so that it counts from wherever they try.
    pub(super) fn of_second_factor(person: &str, address: Option<IpAddr>) -> Self {
        Self {
            by_name: (Some(format!("second factor\n{person}")), None),
            by_address: (None, address.map(network)),
        }
    }
}

/// Whoever has one IPv6 address has the others of its /64 too.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        address @ IpAddr::V4(_) => address,
    }
}

struct Count {
    since: Timestamp,
    times: u32,
}

impl Count {
    fn new(since: Timestamp) -> Self {
        Self { since, times: 0 }
    }
}

/// The counts of one node.
pub struct Throttle {
    /// What is counted: the name of the policy, and for people.
    what: (&'static str, &'static str),
    limit: u32,
    counts: Mutex<HashMap<Key, Count>>,
}

impl Throttle {
    /// For so many failures of one user name from one address.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self::of("sign-in", "failed sign-ins", limit)
    }

    /// For so many of something else: the name of the policy, and what people are told it is.
    pub(super) fn of(policy: &'static str, counted: &'static str, limit: u32) -> Self {
        Self {
            what: (policy, counted),
            limit,
            counts: Mutex::default(),
        }
    }

    /// Counts an attempt as failed until [`Throttle::forget`] says otherwise.
    ///
    /// # Errors
    /// 429 where there were too many.
    pub(super) fn admit(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Problem> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= CAPACITY {
            make_room(&mut counts, now);
        }
        let limits = [
            (&attempt.by_name, self.limit),
            (
                &attempt.by_address,
                self.limit.saturating_mul(NAMES_PER_ADDRESS),
            ),
        ];
        // What is refused is not counted: no flood of names fills the memory.
        for (key, limit) in limits {
            if let Some(count) = counts.get(key)
                && count.times >= limit
                && remaining(count, now) > 0
            {
                return Err(too_many(self.what, limit, remaining(count, now)));
            }
        }
        for (key, _) in limits {
            let count = counts.entry(key.clone()).or_insert(Count::new(now));
            if remaining(count, now) <= 0 {
                *count = Count::new(now);
            }
            count.times += 1;
        }
        Ok(())
    }

    /// The attempt came to nothing for a reason of ours: whoever is told to come again has not failed.
    pub(super) fn take_back(&self, attempt: &Attempt) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in [&attempt.by_name, &attempt.by_address] {
            if let Some(count) = counts.get_mut(key) {
                count.times = count.times.saturating_sub(1);
            }
        }
    }

    /// The attempt has succeeded.
    pub(super) fn forget(&self, attempt: &Attempt) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&attempt.by_name);
        if let Some(count) = counts.get_mut(&attempt.by_address) {
            count.times = count.times.saturating_sub(1);
        }
    }
}

/// Drops counts until half of the room is free, so that it is seldom done.
fn make_room(counts: &mut HashMap<Key, Count>, now: Timestamp) {
    counts.retain(|_, count| remaining(count, now) > 0);
    let mut to_go = counts.len().saturating_sub(CAPACITY / 2);
    if to_go == 0 {
        return;
    }
    let mut begun: Vec<i64> = counts
        .values()
        .map(|count| count.since.as_millis())
        .collect();
    let (_, &mut last_to_go, _) = begun.select_nth_unstable(to_go - 1);
    counts.retain(|_, count| {
        let goes = to_go > 0 && count.since.as_millis() <= last_to_go;
        to_go -= usize::from(goes);
        !goes
    });
}

/// Seconds until a count has run out.
fn remaining(count: &Count, now: Timestamp) -> i64 {
    let until = count.since.plus_seconds(WINDOW_SECONDS);
    (until.as_millis() - now.as_millis() + 999) / 1_000
}

fn too_many((policy, counted): (&str, &str), limit: u32, seconds: i64) -> Problem {
    let exceeded = Exceeded {
        quota: limit,
        window_seconds: WINDOW_SECONDS.try_into().unwrap_or(u32::MAX),
        retry_after_seconds: seconds.try_into().unwrap_or_default(),
    };
    let problem = Problem::new(
        ProblemKind::TooManyRequests,
        format!("too many {counted}; try again in {seconds} seconds"),
    );
    rate_limit_headers(policy, &exceeded)
        .into_iter()
        .fold(problem, |problem, (name, value)| {
            problem.with_header(name, value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(name: &str, address: &str) -> Attempt {
        Attempt::new(None, name, address.parse().ok())
    }

    #[test]
    fn the_next_failure_beyond_the_number_is_refused_until_the_window_ends() {
        let throttle = Throttle::new(2);
        let now = Timestamp::from_millis(0);
        let ada = attempt("ada", "192.0.2.1");
        assert!(throttle.admit(&ada, now).is_ok());
        assert!(throttle.admit(&attempt("ADA", "192.0.2.1"), now).is_ok());
        assert!(throttle.admit(&ada, now).is_err());
        assert!(throttle.admit(&attempt("ada", "192.0.2.2"), now).is_ok());
        assert!(throttle.admit(&attempt("bob", "192.0.2.1"), now).is_ok());
        assert!(
            throttle
                .admit(&ada, now.plus_seconds(WINDOW_SECONDS))
                .is_ok()
        );
    }

    #[test]
    fn a_success_clears_the_count() {
        let throttle = Throttle::new(1);
        let now = Timestamp::from_millis(0);
        let ada = attempt("ada", "192.0.2.1");
        for _ in 0..20 {
            assert!(throttle.admit(&ada, now).is_ok());
            throttle.forget(&ada);
        }
    }

    #[test]
    fn what_is_taken_back_was_no_failure_and_leaves_those_before_it() {
        let throttle = Throttle::new(2);
        let now = Timestamp::from_millis(0);
        let ada = attempt("ada", "192.0.2.1");
        assert!(throttle.admit(&ada, now).is_ok());
        for _ in 0..20 {
            assert!(throttle.admit(&ada, now).is_ok());
            throttle.take_back(&ada);
        }
        assert!(throttle.admit(&ada, now).is_ok());
        assert!(throttle.admit(&ada, now).is_err());
    }

    #[test]
    fn one_address_does_not_get_on_by_trying_many_names() {
        let throttle = Throttle::new(1);
        let now = Timestamp::from_millis(0);
        let admitted = (0..50).filter(|name| {
            throttle
                .admit(&attempt(&name.to_string(), "192.0.2.1"), now)
                .is_ok()
        });
        assert_eq!(admitted.count(), 10);
        assert!(throttle.admit(&attempt("ada", "2001:db8::1"), now).is_ok());
        assert!(throttle.admit(&attempt("ada", "2001:db8::2"), now).is_err());
    }

    #[test]
    fn what_is_kept_is_bounded_whoever_tries() {
        let throttle = Throttle::new(1);
        let now = Timestamp::from_millis(0);
        let kept = || throttle.counts.lock().unwrap().len();
        for name in 0..1_000 {
            let _ = throttle.admit(&attempt(&name.to_string(), "192.0.2.1"), now);
        }
        assert_eq!(kept(), 11);
        for address in 0..2 * u32::try_from(CAPACITY).unwrap() {
            let address = std::net::Ipv4Addr::from_bits(address).to_string();
            let _ = throttle.admit(&attempt("ada", &address), now);
        }
        assert!(kept() <= CAPACITY + 1, "{}", kept());
    }
}
