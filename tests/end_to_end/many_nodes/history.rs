//! What was asked of any node and answered, with the times of one clock, and what may never be in it.
//!
//! A statement is about one subject: "this token is accepted", "this user exists". Each begins to hold once,
//! ends at most once, and is looked at by anybody meanwhile. A request acts at some instant between its
//! beginning and its end; whatever order of those instants there was, some answers are impossible.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What a request has shown about a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// It holds from now on: that was acknowledged.
    Made,
    /// It holds no more: that was acknowledged.
    Ended,
    /// It was to end, and nobody knows: there was no answer.
    MayHaveEnded,
    /// It held.
    Held,
    /// It did not hold.
    DidNotHold,
}

/// One request, as far as one subject is concerned.
#[derive(Debug, Clone)]
pub struct Entry {
    pub subject: String,
    pub fact: Fact,
    pub node: usize,
    pub begun: Duration,
    pub ended: Duration,
}

/// Everything that was seen.
pub struct History {
    origin: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl History {
    pub fn begin() -> Self {
        Self {
            origin: Instant::now(),
            entries: Mutex::new(Vec::new()),
        }
    }

    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Notes what a request has shown that began then and ends now.
    pub fn note(&self, subject: &str, fact: Fact, node: usize, begun: Duration) {
        let entry = Entry {
            subject: subject.to_owned(),
            fact,
            node,
            begun,
            ended: self.now(),
        };
        self.entries.lock().expect("nobody panicked").push(entry);
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().expect("nobody panicked").clone()
    }
}

/// What is impossible in a history, as sentences.
pub fn violations(entries: &[Entry]) -> Vec<String> {
    let mut subjects: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        subjects.entry(&entry.subject).or_default().push(entry);
    }
    let of_subject = |(subject, entries): (&&str, &Vec<&Entry>)| violations_of(subject, entries);
    subjects.iter().flat_map(of_subject).collect()
}

fn violations_of(subject: &str, entries: &[&Entry]) -> Vec<String> {
    let facts = |wanted: &'static [Fact]| {
        let entries = entries.iter().copied();
        entries.filter(move |entry| wanted.contains(&entry.fact))
    };
    let Some(made) = facts(&[Fact::Made]).map(|entry| entry.ended).min() else {
        return Vec::new();
    };
    // Once this was answered, it holds for nobody any more.
    let over = facts(&[Fact::Ended, Fact::DidNotHold])
        .filter(|entry| entry.begun >= made)
        .map(|entry| entry.ended)
        .min();
    // Until this was asked, it holds for everybody.
    let ending = facts(&[Fact::Ended, Fact::MayHaveEnded])
        .map(|entry| entry.begun)
        .min();
    let seen = |entry: &Entry| {
        let Entry {
            node, begun, ended, ..
        } = entry;
        format!("node {node} was asked at {begun:?} and answered at {ended:?}")
    };
    let held_on = facts(&[Fact::Held])
        .filter(|entry| over.is_some_and(|over| entry.begun >= over))
        .map(|entry| format!("{subject}: over at {over:?}, held when {}", seen(entry)));
    let was_lost = facts(&[Fact::DidNotHold])
        .filter(|entry| entry.begun >= made && ending.is_none_or(|ending| entry.ended <= ending))
        .map(|entry| format!("{subject}: made at {made:?}, lost when {}", seen(entry)));
    held_on.chain(was_lost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fact: Fact, begun: u64, ended: u64) -> Entry {
        Entry {
            subject: "token".to_owned(),
            fact,
            node: 0,
            begun: Duration::from_millis(begun),
            ended: Duration::from_millis(ended),
        }
    }

    #[test]
    fn what_may_be_by_some_order_is_no_violation() {
        let history = [
            entry(Fact::Made, 0, 10),
            entry(Fact::Held, 10, 20),
            // Both while the request that ends it is under way.
            entry(Fact::Held, 25, 26),
            entry(Fact::DidNotHold, 24, 34),
            entry(Fact::Ended, 22, 30),
            entry(Fact::Held, 29, 40),
            entry(Fact::DidNotHold, 30, 50),
        ];
        assert_eq!(violations(&history), Vec::<String>::new());
    }

    #[test]
    fn what_is_accepted_after_its_end_was_answered_is_found() {
        let history = [
            entry(Fact::Made, 0, 10),
            entry(Fact::Ended, 20, 30),
            entry(Fact::Held, 31, 40),
        ];
        assert_eq!(violations(&history).len(), 1);
    }

    #[test]
    fn what_one_node_refuses_and_another_accepts_later_is_found() {
        let history = [
            entry(Fact::Made, 0, 10),
            entry(Fact::MayHaveEnded, 15, 60),
            entry(Fact::DidNotHold, 20, 30),
            entry(Fact::Held, 31, 40),
        ];
        assert_eq!(violations(&history).len(), 1);
    }

    #[test]
    fn what_is_gone_before_anybody_asked_for_that_is_found() {
        let history = [
            entry(Fact::Made, 0, 10),
            entry(Fact::DidNotHold, 11, 20),
            entry(Fact::MayHaveEnded, 21, 30),
        ];
        assert_eq!(violations(&history).len(), 1);
        assert_eq!(violations(&history[..2]).len(), 1);
    }
}
