//! Lists of audit events, newest first, by what they are about, who did it, or when: walked down by an index, or looked
//! through so far and no further.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::audit_events::{AuditEventRow, Selection};
use super::error::StoreError;
use super::schema::audit_events;
use super::sql::Statement;
use super::walk::{self, Walked};
use super::{DatabaseConnection, SqlDialect};

/// The order of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By identifier, as the indexes of what events are about have them.
    Identifier,
    /// By when, where they are narrowed by that alone.
    Time,
}

#[derive(Debug, QueryableByName)]
struct Place {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

impl Order {
    fn newest_first(self) -> &'static str {
        match self {
            Self::Identifier => " ORDER BY audit_events.id DESC",
            Self::Time => " ORDER BY audit_events.at DESC, audit_events.id DESC",
        }
    }

    /// Where an event stands; `None` where it is gone, and when it was decides that.
    fn place(
        self,
        connection: &mut DatabaseConnection,
        id: &str,
    ) -> Result<Option<Place>, StoreError> {
        let at = match self {
            Self::Identifier => Some(0),
            Self::Time => audit_events::table
                .find(id)
                .select(audit_events::at)
                .first(connection)
                .optional()?,
        };
        let id = id.to_owned();
        Ok(at.map(|at| Place { id, at }))
    }

    /// The condition that an event comes after a place.
    fn older_than(self, place: &Place) -> Statement {
        match self {
            Self::Identifier => Statement::sql(" AND audit_events.id < ").text(&place.id),
            Self::Time => Statement::sql(" AND audit_events.at <= ")
                .integer(place.at)
                .push(" AND (audit_events.at < ")
                .integer(place.at)
                .push(" OR audit_events.id < ")
                .text(&place.id)
                .push(")"),
        }
    }

    /// The condition that an event comes before a place, or is there.
    fn down_to(self, place: &Place) -> Statement {
        match self {
            Self::Identifier => Statement::sql(" AND audit_events.id >= ").text(&place.id),
            Self::Time => Statement::sql(" AND audit_events.at >= ")
                .integer(place.at)
                .push(" AND (audit_events.at > ")
                .integer(place.at)
                .push(" OR audit_events.id >= ")
                .text(&place.id)
                .push(")"),
        }
    }
}

impl Selection {
    /// Whether all of them are about or by one, of whom there is an index.
    fn is_of_one(&self) -> bool {
        self.target_id.is_some()
            || self.actor_person_id.is_some()
            || self.person_id.is_some()
            || self.credential_id.is_some()
    }

    /// The same as [`Selection::conditions`] in parts, each of which an index has in the order of identifiers: who acted
    /// and who was acted on are in two, and a SCIM key may have acted a million times.
    fn parts(&self, dialect: SqlDialect) -> Vec<Statement> {
        let rest = Self {
            person_id: None,
            credential_id: None,
            directory_id: None,
            ..self.clone()
        };
        let mut common = Statement::sql("TRUE").append(rest.conditions());
        if let Some(directory) = &self.directory_id {
            // SQLite would take the index of the directory for that of one, and takes none for a column with a sign.
            let sign = match dialect {
                SqlDialect::Sqlite if self.is_of_one() => "+",
                _ => "",
            };
            common = common
                .push(format!(" AND {sign}audit_events.directory_id = "))
                .text(directory);
        }
        let mut parts = vec![common];
        for (column, value) in [
            ("actor_person_id", &self.person_id),
            ("actor_credential_id", &self.credential_id),
        ] {
            let Some(value) = value else {
                continue;
            };
            let acted = |part: &Statement| {
                let part = part.clone();
                part.push(format!(" AND audit_events.{column} = "))
                    .text(value)
            };
            let was_acted_on = |part: &Statement| {
                part.clone()
                    .push(" AND audit_events.target_id = ")
                    .text(value)
                    .push(format!(
                        " AND (audit_events.{column} IS NULL OR audit_events.{column} <> "
                    ))
                    .text(value)
                    .push(")")
            };
            parts = parts
                .iter()
                .flat_map(|part| [acted(part), was_acted_on(part)])
                .collect();
        }
        parts
    }

    fn order(&self) -> Order {
        let by_time = self.since.is_some() || self.until.is_some();
        if by_time && !self.is_of_one() {
            Order::Time
        } else {
            Order::Identifier
        }
    }

    /// Who or what they are about or by, each with the column of an index.
    fn ones(&self) -> Vec<(&'static str, &str)> {
        [
            ("target_id", &self.target_id),
            ("actor_person_id", &self.actor_person_id),
            ("actor_person_id", &self.person_id),
            ("target_id", &self.person_id),
            ("actor_credential_id", &self.credential_id),
            ("target_id", &self.credential_id),
        ]
        .into_iter()
        .filter_map(|(column, value)| Some((column, value.as_deref()?)))
        .collect()
    }

    /// Whether each of them is looked at by itself, as no index has what is asked.
    fn looks_through(&self) -> bool {
        if self.is_of_one() {
            let named = [
                &self.target_id,
                &self.actor_person_id,
                &self.person_id,
                &self.credential_id,
            ];
            let is_narrowed = self.action.is_some()
                || self.outcome.is_some()
                || self.directory_id.is_some()
                || self.since.is_some()
                || self.until.is_some();
            return is_narrowed || named.iter().filter(|one| one.is_some()).count() > 1;
        }
        let by_directory = self.directory_id.is_some() && self.order() == Order::Time;
        self.action.is_some() || self.outcome.is_some() || by_directory
    }

    /// The conditions of what is walked down where they are looked through, each of which an index has in this order:
    /// of one, all that is about or by it.
    fn walks(&self) -> Vec<Statement> {
        if self.is_of_one() {
            return self
                .ones()
                .into_iter()
                .map(|(column, value)| {
                    Statement::sql(format!(" AND audit_events.{column} = ")).text(value)
                })
                .collect();
        }
        let directory_id = match self.order() {
            Order::Identifier => self.directory_id.clone(),
            Order::Time => None,
        };
        let walked = Self {
            directory_id,
            since: self.since,
            until: self.until,
            ..Self::default()
        };
        vec![walked.conditions()]
    }
}

/// A page of events before an id, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<AuditEventRow>, StoreError> {
    Ok(list_within(connection, selection, before, limit, i64::MAX)?.found)
}

/// The same, looking through so many at most where they are narrowed by what no index has.
///
/// # Errors
/// When the database fails.
pub fn list_within(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
    steps: i64,
) -> Result<Walked<AuditEventRow, String>, StoreError> {
    let order = selection.order();
    let mut from = Statement::default();
    if let Some(id) = before {
        let Some(place) = order.place(connection, id)? else {
            // What is older than one that is gone is gone too.
            return Ok(Walked {
                found: Vec::new(),
                stopped_at: None,
            });
        };
        from = order.older_than(&place);
    }
    let mut stop = None;
    if steps < i64::MAX && selection.looks_through() {
        for walk in selection.walks() {
            let places: Vec<Place> = Statement::sql("SELECT id, at FROM audit_events WHERE TRUE")
                .append(walk)
                .append(from.clone())
                .push(order.newest_first())
                .push(" LIMIT 1 OFFSET ")
                .integer(steps.saturating_sub(1))
                .load(connection)?;
            // Of several walks, none goes on below where the first has stopped: the next page begins there.
            let stopped = stop.into_iter().chain(places);
            stop = stopped.max_by(|left, right| left.id.cmp(&right.id));
        }
    }
    let mut rest = from;
    if let Some(stop) = &stop {
        rest = rest.append(order.down_to(stop));
    }
    let found: Vec<AuditEventRow> = match order {
        Order::Identifier => {
            let parts = selection.parts(connection.dialect()).into_iter();
            let parts = parts.map(|part| part.append(rest.clone())).collect();
            walk::newest_of("audit_events", parts, limit).load(connection)?
        }
        Order::Time => Statement::sql("SELECT * FROM audit_events WHERE TRUE")
            .append(selection.conditions())
            .append(rest)
            .push(order.newest_first())
            .push(" LIMIT ")
            .integer(limit)
            .load(connection)?,
    };
    let is_short = i64::try_from(found.len()).is_ok_and(|number| number < limit);
    Ok(Walked {
        found,
        stopped_at: stop.filter(|_| is_short).map(|stop| stop.id),
    })
}

#[cfg(test)]
mod tests {
    use super::super::audit_events::insert;
    use super::super::temporary::Temporary;
    use super::*;

    #[test]
    fn what_is_of_one_and_narrowed_is_looked_through_so_far_and_no_further() {
        let temporary = Temporary::create();
        temporary
            .database
            .write_blocking(|connection| {
                for number in 0..10 {
                    let text = |text: &str| Some(text.to_owned());
                    // The oldest about p is the one that is looked for; what p did lies between.
                    let event = AuditEventRow {
                        id: format!("{number:02}"),
                        at: number,
                        action: if number == 1 { "wanted" } else { "other" }.to_owned(),
                        directory_id: None,
                        actor_kind: "system".to_owned(),
                        actor_credential_id: None,
                        actor_person_id: (number % 2 == 0).then(|| "p".to_owned()),
                        actor_name: None,
                        target_type: text("User"),
                        target_id: text(if number % 2 == 0 { "q" } else { "p" }),
                        target_name: None,
                        outcome: "success".to_owned(),
                        source_ip: None,
                        detail: "{}".to_owned(),
                    };
                    insert(connection, &event)?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        let wanted = |person: Option<&str>, target: Option<&str>| Selection {
            person_id: person.map(str::to_owned),
            target_id: target.map(str::to_owned),
            action: Some("wanted".to_owned()),
            ..Selection::default()
        };
        for (selection, stops) in [
            (wanted(Some("p"), None), vec!["07", "04"]),
            (wanted(None, Some("p")), vec!["07", "03"]),
        ] {
            let mut before = None;
            let mut stopped = Vec::new();
            let found = loop {
                let walked = temporary
                    .database
                    .read_now(|connection| {
                        list_within(connection, &selection, before.as_deref(), 1, 2)
                    })
                    .unwrap();
                match walked.stopped_at {
                    Some(stop) if walked.found.is_empty() => stopped.push(stop.clone()),
                    _ => break walked.found,
                }
                before = stopped.last().cloned();
            };
            assert_eq!(stopped, stops);
            let found: Vec<&str> = found.iter().map(|event| event.id.as_str()).collect();
            assert_eq!(found, ["01"]);
        }
        // Without a narrowing, an index has all of it.
        let all = Selection {
            person_id: Some("p".to_owned()),
            ..Selection::default()
        };
        let walked = temporary
            .database
            .read_now(|connection| list_within(connection, &all, None, 50, 2))
            .unwrap();
        assert_eq!((walked.found.len(), walked.stopped_at), (10, None));
    }

    #[test]
    fn what_somebody_did_or_had_done_to_them_is_walked_down_by_their_indexes() {
        let temporary = Temporary::create();
        let some = |text: &str| Some(text.to_owned());
        let of_person = Selection {
            person_id: some("p"),
            directory_id: some("d"),
            ..Selection::default()
        };
        let of_credential = Selection {
            credential_id: some("k"),
            action: some("a"),
            ..Selection::default()
        };
        let of_target = Selection {
            target_id: some("t"),
            directory_id: some("d"),
            ..Selection::default()
        };
        for (selection, expected) in [
            (
                &of_person,
                vec!["actor (actor_person_id=?", "target (target_id=?"],
            ),
            (
                &of_credential,
                vec!["credential (actor_credential_id=?", "target (target_id=?"],
            ),
            (&of_target, vec!["target (target_id=?"]),
        ] {
            let parts = selection.parts(SqlDialect::Sqlite);
            let search = walk::newest_of("audit_events", parts, 50);
            let steps = temporary.plan(search);
            let begin = "SEARCH audit_events USING INDEX audit_events_by_";
            let walked: Vec<&str> = steps
                .iter()
                .filter_map(|step| step.strip_prefix(begin))
                .collect();
            assert_eq!(walked.len(), expected.len(), "{steps:?}");
            for (walked, expected) in walked.iter().zip(expected) {
                assert!(walked.starts_with(expected), "{steps:?}");
            }
            let sorts = steps.iter().filter(|step| step.contains("B-TREE"));
            // What was found of each of several is put in order, and nothing that was not.
            let expected_sorts = if walked.len() > 1 { walked.len() } else { 0 };
            assert_eq!(sorts.count(), expected_sorts, "{steps:?}");
        }
    }
}
