//! Pages of resources: filtered, sorted, by index or after a position.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable, Text};

use crate::scim::condition::{Condition, Target};
use crate::scim::cursor::{Position, SortKey};
use crate::scim::schema::AttributeKind;

use super::error::StoreError;
use super::filter::{Compiler, Expression};
use super::functions;
use super::id::DirectoryId;
use super::layout::Layout;
use super::resource_counts;
use super::resources::{Resource, Row};
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect};

/// The resources of one type that a query asks for.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where its attributes are kept.
    pub layout: Arc<Layout>,
    /// Which ones; all where there is none.
    pub condition: Option<Condition>,
}

/// What a query asks for, within one directory.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The directory.
    pub directory: DirectoryId,
    /// One part for each resource type.
    pub parts: Vec<Part>,
    /// The order; that of the identifiers, which is the order of creation, where there is none.
    pub sort: Option<Sort>,
    /// How long a query may take that no index helps.
    pub time_limit: Duration,
}

/// The order of a list (RFC 7644 section 3.4.2.3).
#[derive(Debug, Clone)]
pub struct Sort {
    /// What is sorted by.
    pub target: Target,
    /// From the last to the first.
    pub descending: bool,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Nullable<Text>, column_name = key_text)]
    text: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>, column_name = key_integer)]
    integer: Option<i64>,
    #[diesel(sql_type = Nullable<Double>, column_name = key_decimal)]
    decimal: Option<f64>,
}

/// How many resources the selection holds.
///
/// # Errors
/// [`StoreError::TimeLimit`] where counting takes too long; when the database fails.
pub fn count(
    connection: &mut DatabaseConnection,
    selection: &Selection,
) -> Result<i64, StoreError> {
    if selection.parts.iter().all(|part| part.condition.is_none()) {
        let mut total = 0;
        for part in &selection.parts {
            total += resource_counts::count(
                connection,
                &selection.directory,
                &part.layout.resource_type,
            )?;
        }
        return Ok(total);
    }
    let query = Query::new(connection, selection);
    let statement = Statement::sql("SELECT COUNT(*) AS count FROM resources r WHERE ")
        .append(query.condition());
    let rows: Vec<CountRow> = query.run(connection, |connection| statement.load(connection))?;
    Ok(rows.first().map_or(0, |row| row.count))
}

/// Resources from an offset on. Their identifiers are sought first, so that what is skipped is not read.
///
/// # Errors
/// [`StoreError::TimeLimit`] where it takes too long; when the database fails.
pub fn page_by_index(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    offset: i64,
    limit: i64,
) -> Result<Vec<Resource>, StoreError> {
    let query = Query::new(connection, selection);
    let statement = if offset == 0 {
        query.select("r.*").push(" LIMIT ").integer(limit)
    } else {
        let order = query.order();
        Statement::sql("SELECT r.* FROM (")
            .append(query.select("r.id"))
            .push(" LIMIT ")
            .integer(limit)
            .push(" OFFSET ")
            .integer(offset)
            .push(") AS p JOIN resources r ON r.id = p.id ORDER BY ")
            .push(order)
    };
    let statement = if query.comes_again() {
        statement.cached()
    } else {
        statement
    };
    let rows: Vec<Row> = query.run(connection, |connection| statement.load(connection))?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Resources after a position, or from the first on, with what each is sorted by.
///
/// # Errors
/// [`StoreError::TimeLimit`] where it takes too long; when the database fails.
pub fn page_after(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    position: Option<&Position>,
    limit: i64,
) -> Result<Vec<(Resource, SortKey)>, StoreError> {
    let query = Query::new(connection, selection);
    let mut statement = Statement::sql(format!(
        "SELECT r.*, {} FROM resources r WHERE ",
        query.keys()
    ))
    .append(query.condition());
    if let Some(position) = position {
        statement = statement.push(" AND ").append(query.after(position));
    }
    let statement = statement
        .push(" ORDER BY ")
        .push(query.order())
        .push(" LIMIT ")
        .integer(limit);
    let statement = if query.comes_again() {
        statement.cached()
    } else {
        statement
    };
    let rows: Vec<(Row, KeyRow)> =
        query.run(connection, |connection| statement.load(connection))?;
    Ok(rows
        .into_iter()
        .map(|(row, key)| (row.read(), key.read()))
        .collect())
}

impl KeyRow {
    fn read(self) -> SortKey {
        match (self.text, self.integer, self.decimal) {
            (Some(text), _, _) => SortKey::Text(text),
            (_, Some(number), _) => SortKey::Integer(number),
            (_, _, Some(number)) => SortKey::Decimal(number),
            _ => SortKey::Null,
        }
    }
}

/// One query in the making.
struct Query<'a> {
    selection: &'a Selection,
    dialect: SqlDialect,
    sort: Option<(Expression, &'a Sort)>,
    /// Whether the sort alone says the order, by an index.
    is_by_key: bool,
    /// By the system's clock, in milliseconds; `None` where an index answers the query.
    deadline: Option<i64>,
}

impl<'a> Query<'a> {
    fn new(connection: &DatabaseConnection, selection: &'a Selection) -> Self {
        let dialect = connection.dialect();
        let sort = selection.sort.as_ref().and_then(|sort| {
            let layout = &selection.parts.first()?.layout;
            let compiler = Compiler::new(dialect, &selection.directory, layout);
            Some((compiler.sort_expression(&sort.target), sort))
        });
        let is_by_key = match (selection.parts.as_slice(), &selection.sort) {
            ([part], Some(sort)) => {
                Compiler::new(dialect, &selection.directory, &part.layout).is_key(&sort.target)
            }
            _ => false,
        };
        let narrow = selection.parts.iter().all(|part| {
            part.condition.as_ref().map_or(sort.is_none(), |condition| {
                Compiler::new(dialect, &selection.directory, &part.layout).is_narrow(condition)
            })
        });
        let limit = i64::try_from(selection.time_limit.as_millis()).unwrap_or(i64::MAX);
        let deadline =
            (!narrow).then(|| chrono::Utc::now().timestamp_millis().saturating_add(limit));
        Self {
            selection,
            dialect,
            sort,
            is_by_key,
            deadline,
        }
    }

    fn select(&self, columns: &str) -> Statement {
        Statement::sql(format!("SELECT {columns} FROM resources r WHERE "))
            .append(self.condition())
            .push(" ORDER BY ")
            .push(self.order())
    }

    fn condition(&self) -> Statement {
        let mut statement =
            Statement::sql("r.directory_id = ").text(self.selection.directory.as_str());
        if let (Some(deadline), SqlDialect::Sqlite) = (self.deadline, self.dialect) {
            statement = statement
                .push(" AND abs(time_left(")
                .integer(deadline)
                .push(", r.version)) = 1");
        }
        // The index holds no others.
        if self.is_by_key
            && let Some((expression, _)) = &self.sort
        {
            statement = statement.push(format!(" AND {} IS NOT NULL", expression.sql()));
        }
        let parts: Vec<Statement> = self
            .selection
            .parts
            .iter()
            .map(|part| self.part(part))
            .collect();
        statement.push(" AND ").append(match parts.len() {
            0 => Statement::sql("1 = 0"),
            1 => parts.into_iter().next().unwrap_or_default(),
            _ => Statement::join(parts, " OR "),
        })
    }

    fn part(&self, part: &Part) -> Statement {
        let kind = Statement::sql("(r.resource_type = ").text(&part.layout.resource_type);
        let kind = match &part.condition {
            None => kind,
            Some(condition) => kind.push(" AND ").append(
                Compiler::new(self.dialect, &self.selection.directory, &part.layout)
                    .compile(condition),
            ),
        };
        kind.push(")")
    }

    /// Absent values are last in ascending order and first in descending (RFC 7644 section 3.4.2.3).
    fn order(&self) -> String {
        match &self.sort {
            None => "r.id".to_owned(),
            Some((expression, sort)) => {
                let sql = expression.sql();
                let direction = if sort.descending { "DESC" } else { "ASC" };
                if self.is_by_key {
                    return format!("{sql} {direction}");
                }
                format!("({sql} IS NULL) {direction}, {sql} {direction}, r.id")
            }
        }
    }

    /// The columns of [`KeyRow`].
    fn keys(&self) -> String {
        let (text, integer, decimal) = match &self.sort {
            None => ("NULL", "NULL", "NULL"),
            Some((expression, sort)) => match sort.target.kind {
                AttributeKind::Integer => ("NULL", expression.sql(), "NULL"),
                AttributeKind::Decimal => ("NULL", "NULL", expression.sql()),
                AttributeKind::DateTime if expression.is_millis() => {
                    ("NULL", expression.sql(), "NULL")
                }
                _ => (expression.sql(), "NULL", "NULL"),
            },
        };
        let double = match self.dialect {
            SqlDialect::Sqlite => "REAL",
            SqlDialect::Postgres => "DOUBLE PRECISION",
        };
        format!(
            "CAST({text} AS TEXT) AS key_text, CAST({integer} AS BIGINT) AS key_integer, CAST({decimal} AS {double}) AS key_decimal"
        )
    }

    fn after(&self, position: &Position) -> Statement {
        let later = |front: String| Statement::sql(front).text(&position.id).push(")");
        let Some((expression, sort)) = &self.sort else {
            return later("(r.id > ".to_owned());
        };
        let sql = expression.sql();
        let position_key = position.sort_key.as_ref().unwrap_or(&SortKey::Null);
        let key = |statement: Statement| match position_key {
            SortKey::Null => statement.push("NULL"),
            SortKey::Text(text) => statement.text(text),
            SortKey::Integer(number) => statement.integer(*number),
            SortKey::Decimal(number) => statement.bind(super::sql::Bound::Decimal(*number)),
        };
        match (position_key, sort.descending) {
            (SortKey::Null, false) => later(format!("({sql} IS NULL AND r.id > ")),
            (SortKey::Null, true) => later(format!("({sql} IS NOT NULL OR r.id > ")),
            (_, descending) if self.is_by_key => {
                let symbol = if descending { "<" } else { ">" };
                key(Statement::sql(format!("({sql} {symbol} "))).push(")")
            }
            (_, descending) => {
                let (symbol, absent) = if descending {
                    ("<", String::new())
                } else {
                    (">", format!(" OR {sql} IS NULL"))
                };
                let beyond = key(Statement::sql(format!("({sql} {symbol} ")));
                let beside = key(beyond.push(format!("{absent} OR ({sql} = ")));
                beside.push(" AND r.id > ").text(&position.id).push("))")
            }
        }
    }

    /// Look-ups by one value, which identity providers send all day.
    fn comes_again(&self) -> bool {
        let plain = |condition: &Option<Condition>| {
            condition
                .as_ref()
                .is_none_or(|condition| matches!(condition, Condition::Compare { .. }))
        };
        self.sort.is_none()
            && self.selection.parts.len() == 1
            && self
                .selection
                .parts
                .iter()
                .all(|part| plain(&part.condition))
    }

    /// Runs it under its time limit.
    fn run<T>(
        &self,
        connection: &mut DatabaseConnection,
        body: impl FnOnce(&mut DatabaseConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.deadline.is_none() {
            return body(connection);
        }
        let limit = self.selection.time_limit;
        let started = Instant::now();
        limit_statements(connection, Some(limit))?;
        let outcome = body(connection);
        limit_statements(connection, None)?;
        match outcome {
            Err(error) if functions::is_over_time(&error) => Err(StoreError::TimeLimit),
            // The text of PostgreSQL's error depends on its language.
            Err(StoreError::Query(_))
                if self.dialect == SqlDialect::Postgres && started.elapsed() >= limit =>
            {
                Err(StoreError::TimeLimit)
            }
            outcome => outcome,
        }
    }
}

/// Without a limit, that which the server has for this user holds again. SQLite is limited by the statement itself.
fn limit_statements(
    connection: &mut DatabaseConnection,
    limit: Option<Duration>,
) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(connection) = connection {
        connection.batch_execute(&match limit {
            Some(limit) => format!("SET statement_timeout = {}", limit.as_millis()),
            None => "RESET statement_timeout".to_owned(),
        })?;
    }
    Ok(())
}
