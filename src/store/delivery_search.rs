//! Deliveries as people look for them, the newest first: those to one receiver, and those to all of them. What is done
//! with them is in [`super::deliveries`].

use super::deliveries::{DeliveryRow, FAILED, PENDING, WITHHELD};
use super::error::StoreError;
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect, walk};

/// The ways that there are.
const CHANNELS: [&str; 2] = ["mail", "webhook"];

/// A page of the deliveries to a receiver before an id, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    target: &str,
    state: Option<&str>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let ended = Ended::of(state);
    let column = ended.beside("target", connection.dialect());
    let condition = ended
        .condition(state)
        .push(format!(" AND {column} = "))
        .text(target);
    page(ended, connection.dialect(), condition, before, limit).load(connection)
}

/// Which of the indexes that have deliveries of one state alone holds those that are looked for. What is in them is
/// little: all else that is asked of it is looked at row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Failed,
    Pending,
    Withheld,
    Otherwise,
}

impl Ended {
    fn of(state: Option<&str>) -> Self {
        match state {
            Some(FAILED) => Self::Failed,
            Some(PENDING) => Self::Pending,
            Some(WITHHELD) => Self::Withheld,
            _ => Self::Otherwise,
        }
    }

    /// The condition, word for word that of the index where there is one.
    fn condition(self, state: Option<&str>) -> Statement {
        match (self, state) {
            (Self::Failed, _) => Statement::sql("state = 'failed'"),
            (Self::Pending, _) => Statement::sql("state = 'pending'"),
            (Self::Withheld, _) => Statement::sql("state = 'withheld'"),
            (Self::Otherwise, Some(state)) => Statement::sql("state = ").text(state),
            (Self::Otherwise, None) => Statement::sql("TRUE"),
        }
    }

    /// A column by which that index is not left for another: SQLite knows neither how many are in which, and takes no
    /// index for a column with a sign before it.
    fn beside(self, column: &str, dialect: SqlDialect) -> String {
        if dialect == SqlDialect::Sqlite && self != Self::Otherwise {
            format!("+{column}")
        } else {
            column.to_owned()
        }
    }
}

fn page(
    ended: Ended,
    dialect: SqlDialect,
    condition: Statement,
    before: Option<&str>,
    limit: i64,
) -> Statement {
    // The index of those on their way has them by when they are due.
    let id = match ended {
        Ended::Pending => ended.beside("id", dialect),
        Ended::Failed | Ended::Withheld | Ended::Otherwise => "id".to_owned(),
    };
    let mut statement = Statement::sql("SELECT * FROM deliveries WHERE ").append(condition);
    if let Some(before) = before {
        statement = statement.push(format!(" AND {id} < ")).text(before);
    }
    statement
        .push(format!(" ORDER BY {id} DESC LIMIT "))
        .integer(limit)
}

/// Which deliveries a list holds: those that are all of what is said here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// By `mail` or by `webhook`.
    pub channel: Option<String>,
    /// One of [`super::deliveries::STATES`].
    pub state: Option<String>,
    /// Of notices of this kind.
    pub kind: Option<String>,
}

/// A page of the deliveries to all receivers before an id, newest first.
///
/// # Errors
/// When the database fails.
pub fn search(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let found = searched(connection, selection, before, limit)?;
    found.load(connection)
}

fn searched(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
) -> Result<Statement, StoreError> {
    let dialect = connection.dialect();
    let Selection {
        channel,
        state,
        kind,
    } = selection;
    let ended = Ended::of(state.as_deref());
    let narrows = kind.is_some() || channel.is_some();
    if ended != Ended::Otherwise || !narrows {
        let mut condition = ended.condition(state.as_deref());
        for (column, value) in [("channel", channel), ("kind", kind)] {
            if let Some(value) = value {
                let column = ended.beside(column, dialect);
                condition = condition.push(format!(" AND {column} = ")).text(value);
            }
        }
        return Ok(page(ended, dialect, condition, before, limit));
    }
    let kinds = match kind {
        Some(kind) => vec![kind.clone()],
        None => walk::kinds(connection, "deliveries", "TRUE")?,
    };
    let channels = CHANNELS
        .into_iter()
        .filter(|known| channel.as_deref().is_none_or(|wanted| wanted == *known));
    let mut parts = Vec::new();
    for (channel, kind) in
        channels.flat_map(|channel| kinds.iter().map(move |kind| (channel, kind)))
    {
        let mut part = Statement::sql("kind = ")
            .text(kind)
            .push(" AND channel = ")
            .text(channel);
        if let Some(state) = state {
            part = part.push(" AND state = ").text(state);
        }
        if let Some(before) = before {
            part = part.push(" AND id < ").text(before);
        }
        parts.push(part);
    }
    Ok(walk::newest_of("deliveries", parts, limit))
}

#[cfg(test)]
mod tests {
    use super::super::deliveries::DELIVERED;
    use super::super::temporary::Temporary;
    use super::*;

    #[test]
    fn the_table_is_not_read_through_whatever_is_looked_for() {
        let temporary = Temporary::create();
        for (state, channel, kind, expected) in [
            (Some(FAILED), None, Some("a"), "deliveries_failed"),
            (Some(FAILED), Some("mail"), None, "deliveries_failed"),
            (Some(PENDING), None, Some("a"), "deliveries_due"),
            (Some(WITHHELD), None, None, "deliveries_withheld"),
            (
                Some(WITHHELD),
                Some("mail"),
                Some("a"),
                "deliveries_withheld",
            ),
            (
                None,
                None,
                Some("a"),
                "deliveries_by_kind (kind=? AND channel=?",
            ),
            (
                Some(DELIVERED),
                Some("mail"),
                Some("a"),
                "deliveries_by_kind (kind=? AND channel=?",
            ),
        ] {
            let selection = Selection {
                channel: channel.map(str::to_owned),
                state: state.map(str::to_owned),
                kind: kind.map(str::to_owned),
            };
            for before in [None, Some("b")] {
                let search = temporary
                    .database
                    .read_now(|connection| searched(connection, &selection, before, 50))
                    .unwrap();
                let mut of_table = temporary.plan(search);
                of_table.retain(|step| step.contains("deliveries"));
                assert!(!of_table.is_empty());
                assert!(
                    of_table.iter().all(|step| step.contains(expected)),
                    "{selection:?}: {of_table:?}"
                );
            }
        }
    }
}
