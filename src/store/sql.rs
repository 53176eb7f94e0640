//! SQL in the making: text and bound parameters side by side, run on either database.

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::LoadQuery;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Double, HasSqlType, Nullable, Text, Untyped};
use diesel::sqlite::Sqlite;

use super::connection::on_either;
use super::error::StoreError;
use super::{DatabaseConnection, SqlDialect};

/// A value that goes to the database beside the text, never in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// Text.
    Text(String),
    /// Text, or none.
    OptionalText(Option<String>),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Sql(String),
    Bound(Bound),
}

/// A statement, or a part of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statement {
    pieces: Vec<Piece>,
    cached: bool,
}

impl Statement {
    /// From SQL that holds no value of a request.
    pub fn sql(text: impl Into<String>) -> Self {
        Self::default().push(text)
    }

    /// From fixed SQL with a `?` for each text parameter; prepared once a connection.
    #[must_use]
    pub fn fixed(sql: &'static str, values: &[&str]) -> Self {
        let mut values = values.iter();
        let mut statement = Self::default();
        for (index, part) in sql.split('?').enumerate() {
            if index > 0
                && let Some(value) = values.next()
            {
                statement = statement.text(*value);
            }
            statement = statement.push(part);
        }
        statement.cached()
    }

    /// Adds SQL that holds no value of a request.
    #[must_use]
    pub fn push(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.pieces.last_mut() {
            Some(Piece::Sql(last)) => last.push_str(&text),
            _ => self.pieces.push(Piece::Sql(text)),
        }
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn bind(mut self, value: Bound) -> Self {
        self.pieces.push(Piece::Bound(value));
        self
    }

    /// Adds a text parameter.
    #[must_use]
    pub fn text(self, value: impl Into<String>) -> Self {
        self.bind(Bound::Text(value.into()))
    }

    /// Adds a text parameter that may be absent.
    #[must_use]
    pub fn optional_text(self, value: Option<&str>) -> Self {
        self.bind(Bound::OptionalText(value.map(str::to_owned)))
    }

    /// Adds a whole number as a parameter.
    #[must_use]
    pub fn integer(self, value: i64) -> Self {
        self.bind(Bound::Integer(value))
    }

    /// Adds another part.
    #[must_use]
    pub fn append(mut self, other: Self) -> Self {
        for piece in other.pieces {
            match piece {
                Piece::Sql(text) => self = self.push(text),
                Piece::Bound(value) => self = self.bind(value),
            }
        }
        self
    }

    /// A list of texts, for `IN`: one parameter however many there are, so that the statement stays the same.
    #[must_use]
    pub fn list(dialect: SqlDialect, values: &[String]) -> Self {
        let (front, end) = match dialect {
            SqlDialect::Sqlite => ("(SELECT value FROM json_each(", "))"),
            SqlDialect::Postgres => ("(SELECT json_array_elements_text(CAST(", " AS JSON)))"),
        };
        let values = serde_json::Value::from(values).to_string();
        Self::sql(front).text(values).push(end)
    }

    /// The parts in parentheses, with a word between them.
    #[must_use]
    pub fn join(parts: Vec<Self>, word: &str) -> Self {
        let mut joined = Self::sql("(");
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                joined = joined.push(word);
            }
            joined = joined.append(part);
        }
        joined.push(")")
    }

    /// Keeps the prepared statement for the next time: only for the few forms that come again and again,
    /// since what is kept is never dropped.
    #[must_use]
    pub fn cached(mut self) -> Self {
        self.cached = true;
        self
    }

    /// Runs it and reads the rows.
    ///
    /// # Errors
    /// When the database fails.
    pub fn load<R>(self, connection: &mut DatabaseConnection) -> Result<Vec<R>, StoreError>
    where
        Self: for<'a> LoadQuery<'a, SqliteConnection, R> + for<'a> LoadQuery<'a, PgConnection, R>,
    {
        Ok(
            on_either!(connection, connection => self.internal_load(connection)?.collect::<Result<_, _>>()?),
        )
    }
}

impl Statement {
    /// Runs it and counts the rows that it changed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn execute(self, connection: &mut DatabaseConnection) -> Result<usize, StoreError> {
        Ok(self.run(connection)?)
    }

    /// The same, for whom the driver's own error says more.
    ///
    /// # Errors
    /// When the database fails.
    pub fn run(self, connection: &mut DatabaseConnection) -> QueryResult<usize> {
        on_either!(connection, connection => connection.execute_returning_count(&self))
    }
}

impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}

impl<Connection> RunQueryDsl<Connection> for Statement {}

impl QueryFragment<Sqlite> for Statement {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        walk(self, out)
    }
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        walk(self, out)
    }
}

fn walk<'b, DB>(statement: &'b Statement, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt> + HasSqlType<Double>,
    String: ToSql<Text, DB>,
    Option<String>: ToSql<Nullable<Text>, DB>,
    i64: ToSql<BigInt, DB>,
    f64: ToSql<Double, DB>,
{
    if !statement.cached {
        out.unsafe_to_cache_prepared();
    }
    for piece in &statement.pieces {
        match piece {
            Piece::Sql(text) => out.push_sql(text),
            Piece::Bound(Bound::Text(text)) => out.push_bind_param::<Text, _>(text)?,
            Piece::Bound(Bound::OptionalText(text)) => {
                out.push_bind_param::<Nullable<Text>, _>(text)?;
            }
            Piece::Bound(Bound::Integer(number)) => out.push_bind_param::<BigInt, _>(number)?,
            Piece::Bound(Bound::Decimal(number)) => out.push_bind_param::<Double, _>(number)?,
        }
    }
    Ok(())
}

/// The first text after all those with this prefix, in the order of bytes; `None` where there is none.
#[must_use]
pub fn after_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_after_a_prefix_is_beyond_all_that_begin_with_it() {
        assert_eq!(after_prefix("abc").as_deref(), Some("abd"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
