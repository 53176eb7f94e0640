//! Going through the chain: what was changed, is missing, was inserted or stands elsewhere.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::sealed::Sealer;
use crate::store::audit_chain::{self, AnchorRow, ChainRow};
use crate::store::audit_events::AuditEventRow;
use crate::store::{DatabaseConnection, StoreError};

use super::{ChainError, ChainKey};

/// Positions read at a time.
const PAGE: i64 = 1_000;
/// How many findings are named; the others are counted.
const NAMED: usize = 100;
/// An event that is older by so much than one chained before it is remarked on.
const LATE_MILLIS: i64 = 3_600_000;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChainFindingKind)]
pub enum FindingKind {
    /// An event, or its entry in the chain, is not as it was.
    Changed,
    /// An event or an entry is not there any more.
    Missing,
    /// An event or an entry was not made by Portcullis.
    Inserted,
    /// An entry stands at another place.
    Reordered,
    /// An event claims a time long before those that were there already. A clock that was set back does that,
    /// and so does somebody who adds to the past; it is no proof.
    Backdated,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChainFinding)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// Where in the chain; null for what is not part of it.
    #[schema(required)]
    pub position: Option<i64>,
    /// Which event.
    #[schema(required)]
    pub event_id: Option<String>,
    /// In words.
    pub detail: String,
}

/// A position and its hash: noted elsewhere, it shows later that nothing before it was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChainPlace)]
pub struct Place {
    /// The position.
    pub position: i64,
    /// Its hash.
    pub hash: String,
}

/// What was removed by retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RemovedEvents)]
pub struct Removed {
    /// The last position that was removed.
    pub through_position: i64,
    /// All that was removed happened before.
    pub before: Timestamp,
}

/// What going through the chain has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChainReport)]
pub struct Report {
    /// Whether all is as it was written, and the noted head is part of it.
    pub verified: bool,
    /// How many positions were checked.
    pub checked: i64,
    /// The last of them.
    #[schema(required)]
    pub head: Option<Place>,
    /// Where the head stands that was noted elsewhere; null where none was given, or it is not there.
    #[schema(required)]
    pub noted_head_position: Option<i64>,
    /// How many events are not chained yet.
    pub not_chained: i64,
    /// What retention has removed.
    #[schema(required)]
    pub removed: Option<Removed>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How many more are wrong than are named.
    pub further_findings: usize,
}

/// Goes through the chain. `noted` is the hash of a head that was noted earlier, elsewhere: where it is no part
/// of the chain, what it stood for was replaced or cut off.
///
/// # Errors
/// When the key cannot be used or the database fails.
pub fn verify(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    noted: Option<&str>,
) -> Result<Report, ChainError> {
    loop {
        let anchor = audit_chain::newest_anchor(connection)?;
        let report = go_through(connection, sealer, anchor.as_ref(), noted)?;
        // Retention may have moved the beginning meanwhile.
        if audit_chain::newest_anchor(connection)? == anchor {
            return Ok(report);
        }
    }
}

fn go_through(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    anchor: Option<&AnchorRow>,
    noted: Option<&str>,
) -> Result<Report, ChainError> {
    let mut walk = Walk::new(noted);
    // Counted first: what is chained meanwhile is checked as well.
    let not_chained = audit_chain::count_pending(connection)?;
    match ChainKey::find(connection, sealer)? {
        Some(key) => walk.whole_chain(connection, &key, anchor)?,
        None if audit_chain::last(connection)?.is_some() || anchor.is_some() => {
            walk.add(
                FindingKind::Missing,
                None,
                None,
                "the key of the chain is gone",
            );
        }
        None => {}
    }
    walk.beside_the_chain(connection)?;
    if noted.is_some() && walk.noted_at.is_none() {
        let detail = "the noted head is no part of the chain: what it stood for was replaced, cut off, or \
                      removed by retention";
        walk.add(FindingKind::Missing, None, None, detail);
    }
    Ok(Report {
        verified: walk.proofs == 0,
        checked: walk.checked,
        head: walk.head,
        noted_head_position: walk.noted_at,
        not_chained,
        removed: anchor.map(|anchor| Removed {
            through_position: anchor.position,
            before: Timestamp::from_millis(anchor.removed_before),
        }),
        findings: walk.findings,
        further_findings: walk.further,
    })
}

/// What is known half-way.
struct Walk<'a> {
    noted: Option<&'a str>,
    noted_at: Option<i64>,
    checked: i64,
    head: Option<Place>,
    newest: i64,
    findings: Vec<Finding>,
    further: usize,
    proofs: usize,
}

impl<'a> Walk<'a> {
    fn new(noted: Option<&'a str>) -> Self {
        Self {
            noted,
            noted_at: None,
            checked: 0,
            head: None,
            newest: i64::MIN,
            findings: Vec::new(),
            further: 0,
            proofs: 0,
        }
    }

    fn add(
        &mut self,
        kind: FindingKind,
        position: Option<i64>,
        event_id: Option<&str>,
        detail: impl Into<String>,
    ) {
        self.proofs += usize::from(kind != FindingKind::Backdated);
        if self.findings.len() >= NAMED {
            self.further += 1;
            return;
        }
        self.findings.push(Finding {
            kind,
            position,
            event_id: event_id.map(str::to_owned),
            detail: detail.into(),
        });
    }

    fn note(&mut self, position: i64, hash: &str) {
        if self.noted == Some(hash) {
            self.noted_at = Some(position);
        }
    }

    fn whole_chain(
        &mut self,
        connection: &mut DatabaseConnection,
        key: &ChainKey,
        anchor: Option<&AnchorRow>,
    ) -> Result<(), StoreError> {
        let mut previous = match anchor {
            None => Place {
                position: 0,
                hash: key.beginning(),
            },
            Some(anchor) => {
                if anchor.seal != key.seal_of(anchor) {
                    let detail = "the anchor that retention left is not as it was";
                    self.add(FindingKind::Changed, Some(anchor.position), None, detail);
                }
                self.note(anchor.position, &anchor.hash);
                Place {
                    position: anchor.position,
                    hash: anchor.hash.clone(),
                }
            }
        };
        if anchor.is_none() && audit_chain::last(connection)?.is_none() {
            // The key is made together with the first position.
            let detail = "the chain has begun, and is not there any more";
            self.add(FindingKind::Missing, None, None, detail);
        }
        loop {
            // One more than is checked: whether an entry was inserted shows in the one after it.
            let mut rows = audit_chain::page(connection, previous.position, PAGE + 1)?;
            let next = if i64::try_from(rows.len()).unwrap_or(i64::MAX) > PAGE {
                rows.pop()
            } else {
                None
            };
            let events = audit_chain::events_of(connection, &rows)?;
            let after = rows.iter().skip(1).chain(&next).map(Some);
            for (row, after) in rows.iter().zip(after.chain(std::iter::repeat(None))) {
                self.entry(connection, key, row, after, &mut previous)?;
                self.event(key, row, &events);
                self.note(row.position, &row.hash);
                self.checked += 1;
            }
            if let Some(last) = rows.last() {
                self.head = Some(Place {
                    position: last.position,
                    hash: last.hash.clone(),
                });
            }
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether an entry was made by Portcullis and follows on the one before it.
    fn entry(
        &mut self,
        connection: &mut DatabaseConnection,
        key: &ChainKey,
        row: &ChainRow,
        after: Option<&ChainRow>,
        previous: &mut Place,
    ) -> Result<(), StoreError> {
        let place = Some(row.position);
        let event = Some(row.event_id.as_str());
        let gap = row.position - previous.position - 1;
        if gap > 0 {
            let detail = format!("{gap} entries of the chain are missing before this one");
            self.add(
                FindingKind::Missing,
                Some(previous.position + 1),
                None,
                detail,
            );
        }
        previous.position = row.position;
        if row.hash != key.hash(&row.previous_hash, &row.event_id, &row.digest) {
            if after.is_some_and(|after| after.previous_hash == previous.hash) {
                let detail = "this entry of the chain was not made with this deployment's key";
                self.add(FindingKind::Inserted, place, event, detail);
                return Ok(());
            }
            let detail = "this entry of the chain is not as it was written";
            self.add(FindingKind::Changed, place, event, detail);
        } else if row.previous_hash != previous.hash && gap <= 0 {
            if audit_chain::has_hash(connection, &row.previous_hash)? {
                let detail = "this entry of the chain stands elsewhere than it was written";
                self.add(FindingKind::Reordered, place, event, detail);
            } else {
                let detail = "the entry before this one is missing";
                self.add(FindingKind::Missing, place, event, detail);
            }
        }
        previous.hash.clone_from(&row.hash);
        Ok(())
    }

    /// Whether the event of an entry is there and as it was.
    fn event(&mut self, key: &ChainKey, row: &ChainRow, events: &HashMap<String, AuditEventRow>) {
        let (place, id) = (Some(row.position), Some(row.event_id.as_str()));
        let Some(event) = events.get(&row.event_id) else {
            self.add(
                FindingKind::Missing,
                place,
                id,
                "the event is not there any more",
            );
            return;
        };
        if key.digest(event) != row.digest {
            self.add(
                FindingKind::Changed,
                place,
                id,
                "the event is not as it was written",
            );
        }
        if event.at < self.newest.saturating_sub(LATE_MILLIS) {
            let detail = "the event claims a time long before those that were there already";
            self.add(FindingKind::Backdated, place, id, detail);
        }
        self.newest = self.newest.max(event.at);
    }

    fn beside_the_chain(&mut self, connection: &mut DatabaseConnection) -> Result<(), StoreError> {
        let limit = i64::try_from(NAMED).unwrap_or(i64::MAX);
        for id in audit_chain::unchained(connection, limit)? {
            let detail = "the event was not recorded by Portcullis";
            self.add(FindingKind::Inserted, None, Some(&id), detail);
        }
        for id in audit_chain::pending_without_event(connection, limit)? {
            let detail = "the event was removed before it was chained";
            self.add(FindingKind::Missing, None, Some(&id), detail);
        }
        Ok(())
    }
}
