//! One comparison: what is compared, how, and with what.

use chrono::DateTime;

use crate::scim::condition::{Operand, Target};
use crate::scim::filter::Operator;
use crate::scim::schema::AttributeKind;
use crate::store::SqlDialect;
use crate::store::sql::{Bound, Statement};

use super::json::Json;

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Text, ready to be compared.
    Text,
    /// A number.
    Number,
    /// Milliseconds, which stand for an instant.
    Millis,
}

/// An SQL expression whose value is compared or sorted by.
#[derive(Debug, Clone)]
pub struct Expression {
    sql: String,
    form: Form,
    dialect: SqlDialect,
}

impl Expression {
    /// A value in a document.
    pub fn json(json: &Json, target: &Target, dialect: SqlDialect) -> Self {
        let ready = |sql: String, form| Self { sql, form, dialect };
        match target.kind {
            AttributeKind::Boolean => ready(json.boolean(), Form::Text),
            AttributeKind::Integer | AttributeKind::Decimal => ready(json.number(), Form::Number),
            AttributeKind::DateTime | AttributeKind::Binary => {
                Self::text(json.text(), true, dialect)
            }
            _ => Self::text(json.text(), target.case_exact, dialect),
        }
    }

    /// Text that is folded here unless its case matters; compared byte by byte on both databases.
    pub fn text(sql: String, case_exact: bool, dialect: SqlDialect) -> Self {
        let sql = match (case_exact, dialect) {
            (true, SqlDialect::Sqlite) => sql,
            (true, SqlDialect::Postgres) => format!("({sql} COLLATE \"C\")"),
            (false, SqlDialect::Sqlite) => format!("fold({sql})"),
            (false, SqlDialect::Postgres) => {
                format!("(lower({sql} COLLATE \"und-x-icu\") COLLATE \"C\")")
            }
        };
        Self {
            sql,
            form: Form::Text,
            dialect,
        }
    }

    /// Text that is folded already, or need not be.
    pub fn folded(sql: &str, dialect: SqlDialect) -> Self {
        Self {
            sql: sql.to_owned(),
            form: Form::Text,
            dialect,
        }
    }

    /// Milliseconds.
    pub fn millis(sql: &str, dialect: SqlDialect) -> Self {
        Self {
            sql: sql.to_owned(),
            form: Form::Millis,
            dialect,
        }
    }

    /// What is never there.
    pub fn nothing(dialect: SqlDialect) -> Self {
        // PostgreSQL sorts by no bare constant.
        Self::folded("CAST(NULL AS TEXT)", dialect)
    }

    /// The SQL.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether it gives milliseconds, which stand for an instant.
    pub fn is_millis(&self) -> bool {
        self.form == Form::Millis
    }

    /// The same form of another expression.
    pub fn with_sql(self, sql: String) -> Self {
        Self { sql, ..self }
    }

    /// Whether there is a value.
    pub fn exists(&self) -> String {
        format!("({} IS NOT NULL)", self.sql)
    }
}

/// A comparison that may give `NULL` where there is no value, but for `ne`, which is then true.
pub fn comparison(left: &Expression, operator: Operator, operand: &Operand) -> Statement {
    let sql = &left.sql;
    let symbol = match operator {
        Operator::Equal => "=",
        Operator::NotEqual => {
            return Statement::sql(format!("({sql} IS NULL OR {sql} <> "))
                .bind(bound(left, operand))
                .push(")");
        }
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            return part(left, operator, operand);
        }
    };
    Statement::sql(format!("({sql} {symbol} "))
        .bind(bound(left, operand))
        .push(")")
}

/// Never `NULL`.
pub fn dense(statement: Statement) -> Statement {
    Statement::sql("COALESCE(")
        .append(statement)
        .push(", FALSE)")
}

/// `co`, `sw`, `ew`, without patterns, so that nothing in the value has a meaning of its own.
fn part(left: &Expression, operator: Operator, operand: &Operand) -> Statement {
    let Operand::Text(value) = operand else {
        return Statement::sql("(1 = 0)");
    };
    let sql = &left.sql;
    if value.is_empty() {
        return Statement::sql(left.exists());
    }
    let length = value.chars().count();
    let sqlite = left.dialect == SqlDialect::Sqlite;
    match operator {
        Operator::Contains if sqlite => Statement::sql(format!("(instr({sql}, "))
            .text(value)
            .push(") > 0)"),
        Operator::Contains => Statement::sql(format!("(strpos({sql}, "))
            .text(value)
            .push(") > 0)"),
        Operator::StartsWith => Statement::sql(format!("(substr({sql}, 1, {length}) = "))
            .text(value)
            .push(")"),
        _ if sqlite => Statement::sql(format!("(substr({sql}, -{length}) = "))
            .text(value)
            .push(")"),
        _ => Statement::sql(format!("(right({sql}, {length}) = "))
            .text(value)
            .push(")"),
    }
}

fn bound(left: &Expression, operand: &Operand) -> Bound {
    match (left.form, operand) {
        (Form::Millis, Operand::Text(instant)) => Bound::Integer(
            DateTime::parse_from_rfc3339(instant).map_or(0, |instant| instant.timestamp_millis()),
        ),
        (_, Operand::Text(text)) => Bound::Text(text.clone()),
        (_, Operand::Boolean(flag)) => Bound::Text(flag.to_string()),
        (_, Operand::Integer(number)) => Bound::Integer(*number),
        (_, Operand::Decimal(number)) => Bound::Decimal(*number),
    }
}
