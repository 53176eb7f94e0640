//! Audit events. They are added and read; the database itself refuses to change or remove them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::clock::Timestamp;

use super::connection::on_either;
use super::error::StoreError;
use super::schema::{audit_events, audit_pending};
use super::sql::Statement;
use super::walk::{self, Walked};
use super::{DatabaseConnection, SqlDialect};

/// A recorded event; times are in milliseconds since the epoch, `detail` is the text of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, QueryableByName, Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false)]
pub struct AuditEventRow {
    /// Its identifier; later ones sort after earlier ones.
    pub id: String,
    /// When.
    pub at: i64,
    /// What was done.
    pub action: String,
    /// In which directory.
    pub directory_id: Option<String>,
    /// By what kind of credential, or `command_line`, or `system`.
    pub actor_kind: String,
    /// By which credential.
    pub actor_credential_id: Option<String>,
    /// By whom.
    pub actor_person_id: Option<String>,
    /// What they were called.
    pub actor_name: Option<String>,
    /// What kind of thing was changed.
    pub target_type: Option<String>,
    /// Which one.
    pub target_id: Option<String>,
    /// What it was called.
    pub target_name: Option<String>,
    /// `success` or `refused`.
    pub outcome: String,
    /// From which address.
    pub source_ip: Option<String>,
    /// More about it.
    pub detail: String,
}

/// Which events a list holds: those that are all of what is said here.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those about this thing.
    pub target_id: Option<String>,
    /// Those of this action.
    pub action: Option<String>,
    /// Those in this directory.
    pub directory_id: Option<String>,
    /// Those by this person.
    pub actor_person_id: Option<String>,
    /// Those by this person or about them.
    pub person_id: Option<String>,
    /// Those by this credential or about it.
    pub credential_id: Option<String>,
    /// Those with this outcome.
    pub outcome: Option<String>,
    /// Those at this instant or later.
    pub since: Option<Timestamp>,
    /// Those before this instant.
    pub until: Option<Timestamp>,
}

impl Selection {
    /// As conditions on the table `audit_events`, each with `AND` before it.
    pub(super) fn conditions(&self) -> Statement {
        let equal = [
            ("target_id", &self.target_id),
            ("action", &self.action),
            ("directory_id", &self.directory_id),
            ("actor_person_id", &self.actor_person_id),
            ("outcome", &self.outcome),
        ];
        let either = [
            ("actor_person_id", &self.person_id),
            ("actor_credential_id", &self.credential_id),
        ];
        let bounds = [(">=", self.since), ("<", self.until)];
        let mut conditions = Statement::default();
        for (column, value) in equal {
            if let Some(value) = value {
                conditions = conditions
                    .push(format!(" AND audit_events.{column} = "))
                    .text(value);
            }
        }
        for (column, value) in either {
            if let Some(value) = value {
                conditions = conditions
                    .push(format!(" AND (audit_events.{column} = "))
                    .text(value)
                    .push(" OR audit_events.target_id = ")
                    .text(value)
                    .push(")");
            }
        }
        for (comparison, at) in bounds {
            if let Some(at) = at {
                conditions = conditions
                    .push(format!(" AND audit_events.at {comparison} "))
                    .integer(at.as_millis());
            }
        }
        conditions
    }
}

/// Adds an event, which waits to be chained.
///
/// # Errors
/// When the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    event: &AuditEventRow,
) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(_) = connection {
        let statement = Statement::sql("WITH ").append(adding(event, ""));
        statement.cached().execute(connection)?;
        return Ok(());
    }
    let statement = diesel::insert_into(audit_events::table).values(event);
    on_either!(connection, connection => statement.execute(connection))?;
    let statement = diesel::insert_into(audit_pending::table)
        .values(audit_pending::event_id.eq(event.id.as_str()));
    on_either!(connection, connection => statement.execute(connection))?;
    Ok(())
}

/// The event and its wait in one statement of PostgreSQL or as the end of one, as often as there are rows `from`
/// something: each statement is a message there and back.
pub(super) fn adding(event: &AuditEventRow, from: &str) -> Statement {
    let texts = [
        Some(event.action.as_str()),
        event.directory_id.as_deref(),
        Some(event.actor_kind.as_str()),
        event.actor_credential_id.as_deref(),
        event.actor_person_id.as_deref(),
        event.actor_name.as_deref(),
        event.target_type.as_deref(),
        event.target_id.as_deref(),
        event.target_name.as_deref(),
        Some(event.outcome.as_str()),
        event.source_ip.as_deref(),
        Some(event.detail.as_str()),
    ];
    let begun = Statement::sql(
        "event AS (INSERT INTO audit_events (id, at, action, directory_id, actor_kind, \
         actor_credential_id, actor_person_id, actor_name, target_type, target_id, target_name, outcome, \
         source_ip, detail) SELECT ",
    )
    .text(event.id.as_str())
    .push(", ")
    .integer(event.at);
    texts
        .into_iter()
        .fold(begun, |statement, text| {
            statement.push(", ").optional_text(text)
        })
        .push(from)
        .push(" RETURNING id) INSERT INTO audit_pending (event_id) SELECT id FROM event")
}

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

    /// Whether each of them is looked at by itself, as no index has what is asked.
    fn looks_through(&self) -> bool {
        let by_directory = self.directory_id.is_some() && self.order() == Order::Time;
        !self.is_of_one() && (self.action.is_some() || self.outcome.is_some() || by_directory)
    }

    /// What is walked down where they are looked through.
    fn walked(&self) -> Self {
        let directory_id = match self.order() {
            Order::Identifier => self.directory_id.clone(),
            Order::Time => None,
        };
        Self {
            directory_id,
            since: self.since,
            until: self.until,
            ..Self::default()
        }
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
        let places: Vec<Place> = Statement::sql("SELECT id, at FROM audit_events WHERE TRUE")
            .append(selection.walked().conditions())
            .append(from.clone())
            .push(order.newest_first())
            .push(" LIMIT 1 OFFSET ")
            .integer(steps.saturating_sub(1))
            .load(connection)?;
        stop = places.into_iter().next();
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
    use super::super::{Database, DatabaseUrl};
    use super::*;

    #[derive(Debug, QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    #[test]
    fn what_somebody_did_or_had_done_to_them_is_walked_down_by_their_indexes() {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
        let database = Database::migrate_and_open(url, 1).unwrap();
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
            let explained = Statement::sql("EXPLAIN QUERY PLAN ").append(search);
            let steps: Vec<Step> = database
                .read_now(|connection| explained.load::<Step>(connection))
                .unwrap();
            let begin = "SEARCH audit_events USING INDEX audit_events_by_";
            let walked: Vec<&str> = steps
                .iter()
                .filter_map(|step| step.detail.strip_prefix(begin))
                .collect();
            assert_eq!(walked.len(), expected.len(), "{steps:?}");
            for (walked, expected) in walked.iter().zip(expected) {
                assert!(walked.starts_with(expected), "{steps:?}");
            }
            let sorts = steps.iter().filter(|step| step.detail.contains("B-TREE"));
            // What was found of each is put in order, and nothing that was not.
            assert_eq!(sorts.count(), walked.len(), "{steps:?}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
