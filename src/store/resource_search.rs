//! Resources found by how something of them begins: user name, display name, external id, e-mail address.
//!
//! Each of the four is a range of an index, walked no further than is shown. What is found is in the order of what
//! was matched and then of the identifier; whatever matches by several is shown once, by the least of them.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::CHUNK;
use super::error::StoreError;
use super::id::{DirectoryId, PolicyId, ResourceId};
use super::resources::{self, Resource};
use super::schema::indexed_values;
use super::sql::{Statement, after_prefix};
use super::{DatabaseConnection, SqlDialect};

/// The attribute whose values are looked at beside the columns, where the settings have it indexed.
const EMAIL: &str = "emails.value";
/// How many directories one statement looks through, at four parts for each type: SQLite takes 500 parts in one.
const AT_ONCE: usize = 60;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Within these directories.
    pub directories: Vec<DirectoryId>,
    /// Of these resource types, two at most.
    pub resource_types: Vec<String>,
    /// How it begins; in capitals or not, but for an external id.
    pub text: String,
    /// Those only that are named by this.
    pub within: Option<Within>,
}

/// What names people and groups.
#[derive(Debug, Clone)]
pub enum Within {
    /// A group: those that are in it by themselves.
    Group(ResourceId),
    /// A policy.
    Policy(PolicyId),
}

/// Up to how many there are, SQLite looks at whoever is named by something one by one; beyond, at all that begins so.
/// PostgreSQL knows by itself which are fewer.
const FEW: i64 = 2_000;

impl Within {
    /// Table, the column of what names, and its identifier.
    fn place(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Group(group) => ("memberships", "group_id", group.as_str()),
            Self::Policy(policy) => ("policy_members", "policy_id", policy.as_str()),
        }
    }

    /// Whether whoever it names is looked at one by one.
    fn names_few(&self, connection: &mut DatabaseConnection) -> Result<bool, StoreError> {
        if connection.dialect() == SqlDialect::Postgres {
            return Ok(false);
        }
        let (table, holder, value) = self.place();
        let found: Vec<Number> = Statement::sql(format!(
            "SELECT COUNT(*) AS number FROM (SELECT 1 FROM {table} WHERE {holder} = "
        ))
        .text(value)
        .push(" LIMIT ")
        .integer(FEW + 1)
        .push(") AS counted")
        .cached()
        .load(connection)?;
        Ok(found.first().is_some_and(|found| found.number <= FEW))
    }

    /// The rows of a table that are of those, of whom there are few: one by one, by what the table has of each.
    fn one_by_one(&self, table: &str, id: &str) -> Statement {
        let (members, holder, value) = self.place();
        // With `CROSS JOIN` SQLite begins at the few, and it takes no index for a column with a sign before it.
        Statement::sql(format!(
            " FROM (SELECT member_id FROM {members} WHERE {holder} = "
        ))
        .text(value)
        .push(format!(
            ") AS few CROSS JOIN {table} WHERE {table}.{id} = few.member_id AND +directory_id = "
        ))
    }

    /// The condition that a row with this column names one of those. A primary key answers it.
    fn condition(&self, id: &str) -> Statement {
        let (table, holder, value) = self.place();
        Statement::sql(format!(
            " AND EXISTS (SELECT 1 FROM {table} m WHERE m.{holder} = "
        ))
        .text(value)
        .push(format!(" AND m.member_id = {id})"))
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// A place in what was found: what was matched, and of whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The text that begins so, folded where case means nothing.
    pub matched: String,
    /// The resource that has it.
    pub id: String,
}

#[derive(QueryableByName)]
struct Match {
    #[diesel(sql_type = Text)]
    matched: String,
    #[diesel(sql_type = Text)]
    id: String,
}

/// What begins so after a place, at most so many.
///
/// # Errors
/// When the database fails.
pub fn beginning(
    connection: &mut DatabaseConnection,
    wanted: &Beginning,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<(Resource, Place)>, StoreError> {
    let is_among_few = match &wanted.within {
        Some(within) => within.names_few(connection)?,
        None => false,
    };
    each_once(
        connection,
        after,
        limit,
        |connection, after, fetch| matches(connection, wanted, is_among_few, after, fetch),
        |connection, matches| with_keys(connection, wanted, matches),
    )
}

/// So many of what is matched after a place, each by the least of what begins so: `matches` gives what follows a place,
/// and `with_keys` what that is, with the least of each.
pub(super) fn each_once<T>(
    connection: &mut DatabaseConnection,
    after: Option<&Place>,
    limit: usize,
    matches: impl Fn(&mut DatabaseConnection, Option<&Place>, usize) -> Result<Vec<Place>, StoreError>,
    with_keys: impl Fn(
        &mut DatabaseConnection,
        &[Place],
    ) -> Result<HashMap<String, (T, String)>, StoreError>,
) -> Result<Vec<(T, Place)>, StoreError> {
    let mut found = Vec::new();
    let mut after = after.cloned();
    // Whoever matches by their name and by their address is found twice, and shown once.
    let fetch = limit.saturating_mul(2).max(1);
    loop {
        let matches = matches(connection, after.as_ref(), fetch)?;
        let is_last = matches.len() < fetch;
        let mut known = with_keys(connection, &matches)?;
        after = matches.last().cloned().or(after);
        for place in matches {
            let is_first = known
                .get(&place.id)
                .is_some_and(|(_, least)| *least == place.matched);
            if is_first && let Some((found_one, _)) = known.remove(&place.id) {
                found.push((found_one, place));
            }
            if found.len() == limit {
                return Ok(found);
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// The places that a statement gives.
pub(super) fn places(
    connection: &mut DatabaseConnection,
    statement: Statement,
) -> Result<Vec<Place>, StoreError> {
    let rows: Vec<Match> = statement.load(connection)?;
    let places = rows.into_iter().map(|row| Place {
        matched: row.matched,
        id: row.id,
    });
    Ok(places.collect())
}

fn matches(
    connection: &mut DatabaseConnection,
    wanted: &Beginning,
    is_among_few: bool,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Place>, StoreError> {
    let mut found: Vec<Place> = Vec::new();
    for some in wanted.directories.chunks(AT_ONCE) {
        let statement = statement(some, wanted, is_among_few, after, limit);
        found.extend(places(connection, statement)?);
    }
    found.sort_unstable();
    found.truncate(limit);
    Ok(found)
}

fn statement(
    directories: &[DirectoryId],
    wanted: &Beginning,
    is_among_few: bool,
    after: Option<&Place>,
    limit: usize,
) -> Statement {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let folded = wanted.text.to_lowercase();
    let columns = [
        ("user_name_folded", folded.as_str()),
        ("display_name_folded", folded.as_str()),
        ("external_id", wanted.text.as_str()),
    ];
    let mut parts = Vec::new();
    let of_types = |directory| {
        let types = wanted.resource_types.iter();
        types.map(move |resource_type| (directory, resource_type))
    };
    for (directory, resource_type) in directories.iter().flat_map(of_types) {
        let within = |table: &str, id: &str| {
            let few = wanted.within.as_ref().filter(|_| is_among_few);
            let many = wanted.within.as_ref().filter(|_| !is_among_few);
            let rows = match few {
                Some(few) => few
                    .one_by_one(table, id)
                    .text(directory.as_str())
                    .push(" AND +resource_type = "),
                None => Statement::sql(format!(" FROM {table} WHERE directory_id = "))
                    .text(directory.as_str())
                    .push(" AND resource_type = "),
            };
            let rows = rows.text(resource_type);
            match many {
                Some(many) => rows.append(many.condition(&format!("{table}.{id}"))),
                None => rows,
            }
        };
        for (column, begins) in columns {
            let part = Statement::sql(format!("SELECT {column} AS matched, id"))
                .append(within("resources", "id"))
                .append(range(column, "id", begins, after, limit));
            parts.push(part);
        }
        let part = Statement::sql("SELECT value AS matched, resource_id AS id")
            .append(within("indexed_values", "resource_id"))
            .push(" AND attribute = ")
            .text(EMAIL)
            .append(range("value", "resource_id", &folded, after, limit));
        parts.push(part);
    }
    in_order(parts, limit)
}

/// What the parts hold, each once, in order.
pub(super) fn in_order(parts: Vec<Statement>, limit: i64) -> Statement {
    let mut union = Statement::sql("SELECT matched, id FROM (");
    for (number, part) in parts.into_iter().enumerate() {
        if number > 0 {
            union = union.push(" UNION ");
        }
        union = union
            .push("SELECT matched, id FROM (")
            .append(part)
            .push(format!(") AS part_{number}"));
    }
    union
        .push(") AS found ORDER BY matched, id LIMIT ")
        .integer(limit)
}

/// The part of an index that begins so, after a place.
pub(super) fn range(
    column: &str,
    id: &str,
    begins: &str,
    after: Option<&Place>,
    limit: i64,
) -> Statement {
    let from = after.map_or(begins, |place| begins.max(place.matched.as_str()));
    let mut statement = Statement::sql(format!(" AND {column} >= ")).text(from);
    if let Some(end) = after_prefix(begins) {
        statement = statement.push(format!(" AND {column} < ")).text(end);
    }
    if let Some(place) = after {
        statement = statement
            .push(format!(" AND ({column} > "))
            .text(&place.matched)
            .push(format!(" OR {id} > "))
            .text(&place.id)
            .push(")");
    }
    statement
        .push(format!(" ORDER BY {column}, {id} LIMIT "))
        .integer(limit)
}

/// Those that were found, each with the least of what begins so.
fn with_keys(
    connection: &mut DatabaseConnection,
    wanted: &Beginning,
    matches: &[Place],
) -> Result<HashMap<String, (Resource, String)>, StoreError> {
    let ids: HashSet<&str> = matches.iter().map(|place| place.id.as_str()).collect();
    let ids: Vec<ResourceId> = ids.into_iter().map(ResourceId::new).collect();
    let folded = wanted.text.to_lowercase();
    let mut addresses: HashMap<String, Vec<String>> = HashMap::new();
    for some in ids.chunks(CHUNK) {
        let rows: Vec<(String, String)> = indexed_values::table
            .filter(indexed_values::resource_id.eq_any(some.iter().map(ResourceId::as_str)))
            .filter(indexed_values::attribute.eq(EMAIL))
            .select((indexed_values::resource_id, indexed_values::value))
            .load(connection)?;
        for (id, value) in rows {
            addresses.entry(id).or_default().push(value);
        }
    }
    let mut known = HashMap::new();
    for resource in resources::find_all(connection, &ids)? {
        let fold = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
        let keys = [fold(&resource.user_name), fold(&resource.display_name)];
        let own = addresses.remove(resource.id.as_str()).unwrap_or_default();
        let keys = keys.into_iter().flatten().chain(own);
        let keys = keys.filter(|key| key.starts_with(&folded));
        let external = resource.external_id.clone();
        let external = external.filter(|key| key.starts_with(&wanted.text));
        if let Some(least) = keys.chain(external).min() {
            known.insert(resource.id.to_string(), (resource, least));
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::super::temporary::Temporary;
    use super::*;

    #[test]
    fn no_table_is_read_through_to_find_how_something_begins() {
        let temporary = Temporary::create();
        let wanted = Beginning {
            directories: vec![DirectoryId::new("one"), DirectoryId::new("other")],
            resource_types: vec!["User".to_owned()],
            text: "ada".to_owned(),
            within: None,
        };
        let in_a_group = Beginning {
            within: Some(Within::Group(ResourceId::new("group"))),
            ..wanted.clone()
        };
        let place = Place {
            matched: "adam".to_owned(),
            id: "1".to_owned(),
        };
        for (wanted, after) in [
            (&wanted, None),
            (&wanted, Some(&place)),
            (&in_a_group, None),
        ] {
            let search = statement(&wanted.directories, wanted, false, after, 50);
            let mut steps = temporary.plan(search);
            steps.retain(|step| step.contains("resources") || step.contains("indexed_values"));
            assert_eq!(steps.len(), 8, "{steps:?}");
            for (index, column) in [
                ("resources_user_name", "user_name_folded"),
                ("resources_display_name", "display_name_folded"),
                ("resources_external_id", "external_id"),
                ("indexed_values_look_up", "value"),
            ] {
                let walked = steps.iter().filter(|step| {
                    step.starts_with("SEARCH")
                        && step.contains(index)
                        && step.contains(&format!("{column}>?"))
                });
                assert_eq!(walked.count(), 2, "{index}: {steps:?}");
            }
        }
        let search = statement(&in_a_group.directories, &in_a_group, true, None, 50);
        let steps = temporary.plan(search);
        for (step, times) in [
            ("SEARCH memberships USING PRIMARY KEY (group_id=?)", 8),
            (
                "SEARCH resources USING INDEX sqlite_autoindex_resources_1 (id=?)",
                6,
            ),
            (
                "SEARCH indexed_values USING PRIMARY KEY (resource_id=? AND attribute=? AND value>? AND value<?)",
                2,
            ),
        ] {
            let found = steps.iter().filter(|found| *found == step);
            assert_eq!(found.count(), times, "{step}: {steps:?}");
        }
    }
}
